import { useComputed, useSignalEffect } from "@preact/signals";
import type { Conversation } from "@pg-parley/client";
import { useRef } from "preact/hooks";
import { me } from "../state/account";
import { markRead } from "../state/conversations";
import { bubbleOf, outgoingBubble, rowsOf } from "../state/grouping";
import { attended } from "../state/page";
import { lastOf, type Thread } from "../state/thread";
import { dayName } from "../state/time";
import { Icon } from "./icon";
import { ListStart } from "./list-start";
import { MessageGroup } from "./message-group";
import { useScrolling } from "./scrolling";

interface MessageListProps {
  thread: Thread;
  conversation: Conversation;
  title: string;
}

export function MessageList({ thread, conversation, title }: MessageListProps) {
  // Where reading began: the line stays there while the conversation is open.
  const firstUnread = useRef(conversation.unread > 0 ? conversation.read_seq + 1 : null).current;
  const seen = useRef(conversation.read_seq);

  const rows = useComputed(() => {
    const self = me.value ?? { id: 0, username: "" };
    const stored = thread.messages.value.map(bubbleOf);
    const outgoing = thread.outgoing.value.map((message) => outgoingBubble(message, self));
    return rowsOf([...stored, ...outgoing], firstUnread);
  }).value;
  const first = thread.messages.value[0]?.seq ?? (thread.outgoing.value.length > 0 ? 0 : "");
  const sentAt = lastOf(thread.outgoing.value)?.createdAt ?? "";
  const scrolling = useScrolling(String(first), rows, sentAt, () => void thread.loadOlder());

  // What is on the screen of a page that somebody looks at has been read.
  useSignalEffect(() => {
    const last = lastOf(thread.messages.value)?.seq;
    if (last === undefined || !scrolling.atEnd.value) return;
    seen.current = last;
    if (attended.value) markRead(thread.conversationId, last);
  });

  const below = scrolling.atEnd.value
    ? 0
    : thread.messages.value.filter((it) => it.seq > seen.current && it.sender_id !== me.value?.id)
        .length;

  return (
    <div class="messages-frame">
      <div
        class="messages"
        ref={scrolling.box}
        onScroll={scrolling.onScroll}
        role="region"
        aria-label={`Messages with ${title}`}
        tabIndex={0}
        data-testid="messages"
      >
        <ListStart thread={thread} />
        <ol class="thread" role="list">
          {rows.map((row) => {
            if (row.kind === "group") {
              return (
                <MessageGroup
                  key={row.key}
                  bubbles={row.bubbles}
                  conversation={conversation}
                  thread={thread}
                />
              );
            }
            return row.kind === "day" ? (
              <li key={row.key} class="day" data-testid="day">
                <span>{dayName(row.at)}</span>
              </li>
            ) : (
              <li key={row.key} class="unread-line" data-unread>
                <span>New</span>
              </li>
            );
          })}
        </ol>
      </div>
      {!scrolling.atEnd.value && (
        <button
          type="button"
          class={below > 0 ? "pill pill-new" : "pill"}
          onClick={scrolling.toEnd}
          data-testid="to-end"
        >
          <Icon name="down" />
          {below > 0 ? `${below} new ${below === 1 ? "message" : "messages"}` : "To the newest"}
        </button>
      )}
    </div>
  );
}
