import { useEffect, useRef } from "preact/hooks";
import type { Conversation } from "@pg-parley/client";
import { me } from "../state/account";
import { shownConversation } from "../state/conversations";
import { nameOf, partnerIn, titleOf } from "../state/naming";
import { showList } from "../state/route";
import { threadOf } from "../state/thread";
import { Avatar } from "./avatar";
import { Composer } from "./composer";
import { Icon } from "./icon";
import { MessageList } from "./message-list";

/** One conversation: who it is with, what was said, what to say. */
export function ChatPane({ id }: { id: number }) {
  const conversation = shownConversation.value;
  if (conversation === null) {
    return <main class="chat" aria-busy="true" aria-label="Loading" />;
  }
  return <LoadedChat key={id} conversation={conversation} />;
}

function LoadedChat({ conversation }: { conversation: Conversation }) {
  const thread = threadOf(conversation.id);
  const title = titleOf(conversation, me.value?.id ?? 0);

  return (
    <main class="chat" aria-label={`Conversation with ${title}`}>
      <ChatHead conversation={conversation} title={title} />
      <MessageList thread={thread} conversation={conversation} title={title} />
      <Composer thread={thread} title={title} />
    </main>
  );
}

function subtitleOf(conversation: Conversation, myId: number): string {
  const partner = partnerIn(conversation, myId);
  if (partner !== undefined) return `@${partner.username}`;
  const names = conversation.members.map((member) => (member.id === myId ? "you" : nameOf(member)));
  return names.length > 6 ? `${conversation.member_count} people` : names.join(", ");
}

function ChatHead({ conversation, title }: { conversation: Conversation; title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const myId = me.value?.id ?? 0;

  // With a touch screen the focus goes here rather than to the input, whose keyboard would cover
  // half of what one came to read.
  useEffect(() => {
    if (matchMedia("(pointer: coarse)").matches) heading.current?.focus();
  }, []);

  return (
    <header class="chat-head">
      <button
        type="button"
        class="icon-button chat-back"
        aria-label="Back to conversations"
        onClick={showList}
      >
        <Icon name="back" />
      </button>
      <Avatar
        id={partnerIn(conversation, myId)?.id ?? conversation.id}
        name={title}
        group={conversation.is_group}
      />
      <div class="chat-names">
        <h1 ref={heading} tabIndex={-1}>
          <bdi>{title}</bdi>
        </h1>
        <p>
          <bdi>{subtitleOf(conversation, myId)}</bdi>
        </p>
      </div>
    </header>
  );
}
