import { signal } from "@preact/signals";
import { me } from "./account";
import { chat } from "./client";
import { conversationOf } from "./conversations";
import { isolated, nameIn, titleOf } from "./naming";
import { shown } from "./route";

/** Spoken by screen readers, seen by nobody. */
export const announcement = signal("");

chat.on("message", (message) => {
  if (message.sender_id === me.peek()?.id) return;
  const conversation = conversationOf(message.conversation_id);
  if (conversation === undefined) return;
  const sender = nameIn(conversation, message.sender_id, message.sender);
  const where = conversation.is_group ? ` in ${isolated(titleOf(conversation, 0))}` : "";
  announcement.value =
    shown.peek() === conversation.id
      ? `${isolated(sender)}: ${isolated(message.content)}`
      : `New message from ${isolated(sender)}${where}`;
});
