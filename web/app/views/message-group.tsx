import type { Conversation } from "@pg-parley/client";
import { me } from "../state/account";
import type { Bubble } from "../state/grouping";
import { nameIn } from "../state/naming";
import { fateOf } from "../state/positions";
import type { Thread } from "../state/thread";
import { clockTime, fullTime } from "../state/time";
import { Avatar } from "./avatar";
import { MessageBubble } from "./message-bubble";

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
  const fate =
    mine && last.seq !== null && last.seq === conversation.last_seq
      ? fateOf(conversation, last.seq, last.senderId)
      : "";
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
          {fate !== "" && <span data-testid="fate"> · {fate}</span>}
        </p>
      </div>
    </li>
  );
}
