import { useRef } from "preact/hooks";
import { me } from "../state/account";
import type { Bubble } from "../state/grouping";
import type { Thread } from "../state/thread";
import { fullTime } from "../state/time";
import { wordsFor } from "../state/wording";
import { useSubmission } from "./form";
import { Icon } from "./icon";
import { MessageEdit } from "./message-edit";
import { MessageText } from "./message-text";
import { MessageTools } from "./message-tools";
import { Reactions } from "./reactions";

interface MessageBubbleProps {
  bubble: Bubble;
  thread: Thread;
}

/** One message, what people think of it, and what can be done with it. */
export function MessageBubble({ bubble, thread }: MessageBubbleProps) {
  const { busy, problem, submit } = useSubmission();
  const opener = useRef<HTMLButtonElement>(null);
  const { seq } = bubble;
  const act = (work: () => Promise<void>) => void submit(work);
  const editing = seq !== null && thread.editing.value === seq;
  const stopEditing = () => {
    thread.endEdit();
    requestAnimationFrame(() => opener.current?.focus());
  };

  return (
    <>
      <div class="bubble-row">
        {editing ? (
          <MessageEdit bubble={bubble} thread={thread} close={stopEditing} />
        ) : (
          <BubbleBody bubble={bubble} />
        )}
        {seq !== null && !bubble.deleted && !editing && (
          <More opener={opener} bubble={bubble} seq={seq} thread={thread} />
        )}
        {seq !== null && thread.toolsOf.value === seq && !bubble.deleted && (
          <MessageTools
            thread={thread}
            seq={seq}
            mine={bubble.senderId === me.value?.id}
            busy={busy.value}
            act={act}
            close={() => {
              thread.toolsOf.value = null;
              opener.current?.focus();
            }}
          />
        )}
      </div>
      {seq !== null && bubble.reactions.length > 0 && (
        <Reactions
          reactions={bubble.reactions}
          busy={busy.value}
          toggle={(emoji) => act(() => thread.react(seq, emoji))}
        />
      )}
      {problem.value && (
        <p class="failure" role="alert">
          {wordsFor(problem.value)}
        </p>
      )}
      {bubble.state === "failed" && <Failure bubble={bubble} thread={thread} />}
    </>
  );
}

function BubbleBody({ bubble }: { bubble: Bubble }) {
  return (
    <div
      class={`bubble bubble-${bubble.state}${bubble.deleted ? " bubble-deleted" : ""}`}
      data-testid="message"
      data-seq={bubble.seq ?? undefined}
      data-state={bubble.state}
      title={fullTime(bubble.at)}
    >
      {bubble.deleted ? "Message deleted" : <MessageText text={bubble.content} />}
      {bubble.edited && !bubble.deleted && <span class="bubble-note"> edited</span>}
    </div>
  );
}

interface MoreProps extends MessageBubbleProps {
  opener: { current: HTMLButtonElement | null };
  seq: number;
}

function More({ opener, bubble, seq, thread }: MoreProps) {
  const open = thread.toolsOf.value === seq;
  return (
    <button
      ref={opener}
      type="button"
      class="icon-button bubble-more"
      aria-label={`Actions for: ${bubble.content.slice(0, 40)}`}
      aria-expanded={open}
      onClick={() => (thread.toolsOf.value = open ? null : seq)}
    >
      <Icon name="more" />
    </button>
  );
}

function Failure({ bubble, thread }: MessageBubbleProps) {
  const id = bubble.clientId!;
  return (
    <p class="failure" role="alert">
      Not sent. {bubble.trouble}{" "}
      <button type="button" class="link" onClick={() => thread.retry(id)}>
        Try again
      </button>{" "}
      <button type="button" class="link" onClick={() => thread.discard(id)}>
        Discard
      </button>
    </p>
  );
}
