import type { Conversation } from "@pg-parley/client";
import { nameIn } from "../state/naming";
import { typists } from "../state/typing";
import { Names } from "./names";

/** Who types; the line is there when nobody does, so that nothing moves. */
export function TypingLine({ conversation }: { conversation: Conversation }) {
  const names = typists.value
    .filter(({ conversationId }) => conversationId === conversation.id)
    .map(({ userId, username }) => nameIn(conversation, userId, username));
  return (
    <p class="typing-line" data-testid="typing">
      {names.length > 0 && (
        <>
          {names.length > 3 ? `${names.length} people` : <Names names={names} />}
          {names.length === 1 ? " is typing…" : " are typing…"}
        </>
      )}
    </p>
  );
}
