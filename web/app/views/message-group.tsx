import type { Conversation } from "@pg-parley/client";
import { me } from "../state/account";
import type { Bubble } from "../state/grouping";
import { nameIn } from "../state/naming";
import type { Thread } from "../state/thread";
import { clockTime, fullTime } from "../state/time";
import { Avatar } from "./avatar";
import { MessageText } from "./message-text";

interface MessageGroupProps {
  bubbles: readonly Bubble[];
  conversation: Conversation;
  thread: Thread;
}

/** What one person said in one go. */
export function MessageGroup({ bubbles, conversation, thread }: MessageGroupProps) {
  const last = bubbles[bubbles.length - 1]!;
  const mine = last.senderId === me.value?.id;
  const name = mine ? "You" : nameIn(conversation, last.senderId, last.sender);
  const withName = conversation.is_group && !mine;
  return (
    <li class={mine ? "group group-mine" : "group"}>
      {withName && <Avatar id={last.senderId} name={name} small />}
      <div class="group-body">
        <p class={withName ? "group-name" : "visually-hidden"}>
          <bdi>{name}</bdi>
        </p>
        {bubbles.map((bubble) => (
          <MessageBubble key={bubble.key} bubble={bubble} thread={thread} />
        ))}
        <p class="group-foot">
          <time dateTime={new Date(last.at).toISOString()} title={fullTime(last.at)}>
            {clockTime(last.at)}
          </time>
          {last.state === "sending" && <span> · Sending…</span>}
        </p>
      </div>
    </li>
  );
}

function MessageBubble({ bubble, thread }: { bubble: Bubble; thread: Thread }) {
  return (
    <>
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
      {bubble.state === "failed" && <Failure bubble={bubble} thread={thread} />}
    </>
  );
}

function Failure({ bubble, thread }: { bubble: Bubble; thread: Thread }) {
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
