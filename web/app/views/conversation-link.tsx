import type { Conversation } from "@pg-parley/client";
import { me } from "../state/account";
import { nameIn, partnerIn, titleOf } from "../state/naming";
import { addressOf, shown } from "../state/route";
import { briefTime, fullTime } from "../state/time";
import { Avatar } from "./avatar";

/** Who said it where that is not plain, and what. */
function Preview({ conversation, myId }: { conversation: Conversation; myId: number }) {
  const last = conversation.last_message;
  if (last === null) return <span class="conversation-preview">No messages yet</span>;
  const mine = last.sender_id === myId;
  const sender = nameIn(conversation, last.sender_id, last.sender);
  return (
    <span class="conversation-preview">
      {mine && "You: "}
      {!mine && conversation.is_group && (
        <>
          <bdi>{sender}</bdi>:{" "}
        </>
      )}
      <bdi>{last.deleted ? "Message deleted" : last.content}</bdi>
    </span>
  );
}

export function ConversationLink({ conversation }: { conversation: Conversation }) {
  const myId = me.value?.id ?? 0;
  const title = titleOf(conversation, myId);
  const { last_message: last, unread } = conversation;
  const at = last === null ? null : Date.parse(last.created_at);
  const partner = partnerIn(conversation, myId);
  return (
    <li>
      <a
        class={unread > 0 ? "conversation conversation-unread" : "conversation"}
        href={addressOf(conversation.id)}
        aria-current={shown.value === conversation.id ? "page" : undefined}
        data-testid="conversation"
      >
        <Avatar
          id={partner?.id ?? conversation.id}
          name={title}
          group={conversation.is_group}
          online={partner?.is_online}
        />
        <span class="conversation-title">
          <bdi>{title}</bdi>
          {partner?.is_online && <span class="visually-hidden"> (online)</span>}
        </span>
        {at !== null && (
          <time class="conversation-time" dateTime={last!.created_at} title={fullTime(at)}>
            {briefTime(at)}
          </time>
        )}
        <Preview conversation={conversation} myId={myId} />
        {unread > 0 && (
          <span class="badge" data-testid="unread">
            {unread > 99 ? "99+" : unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
      </a>
    </li>
  );
}
