import { useEffect, useRef } from "preact/hooks";
import type { Conversation } from "@pg-parley/client";
import { me } from "../state/account";
import { shownConversation } from "../state/conversations";
import { nameOf, partnerIn, titleOf } from "../state/naming";
import { onlineIn, presenceOf } from "../state/presence";
import { showList } from "../state/route";
import { threadOf } from "../state/thread";
import { Avatar } from "./avatar";
import { Composer } from "./composer";
import { Icon } from "./icon";
import { Members } from "./members";
import { MessageList } from "./message-list";
import { Names } from "./names";
import { TypingLine } from "./typing-line";

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
      <TypingLine conversation={conversation} />
      <Composer thread={thread} title={title} />
    </main>
  );
}

/** Of a person the user name, of a group its members; and who is there. */
function About({ conversation, myId }: { conversation: Conversation; myId: number }) {
  const partner = partnerIn(conversation, myId);
  if (partner !== undefined) {
    const parts = [`@${partner.username}`, presenceOf(partner)];
    return <>{parts.filter((part) => part !== "").join(" · ")}</>;
  }
  const names = conversation.members.map((member) => (member.id === myId ? "you" : nameOf(member)));
  const online = onlineIn(conversation);
  return (
    <>
      {names.length > 6 ? `${conversation.member_count} people` : <Names names={names} />}
      {online > 0 && ` · ${online} online`}
    </>
  );
}

function ChatHead({ conversation, title }: { conversation: Conversation; title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const members = useRef<HTMLDialogElement>(null);
  const myId = me.value?.id ?? 0;
  const partner = partnerIn(conversation, myId);

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
        id={partner?.id ?? conversation.id}
        name={title}
        group={conversation.is_group}
        online={partner?.is_online}
      />
      <div class="chat-names">
        <h1 ref={heading} tabIndex={-1}>
          <bdi>{title}</bdi>
        </h1>
        <p>
          <bdi data-testid="about">
            <About conversation={conversation} myId={myId} />
          </bdi>
        </p>
      </div>
      {conversation.is_group && (
        <>
          <button
            type="button"
            class="icon-button"
            aria-label="Members"
            title="Members"
            onClick={() => members.current?.showModal()}
          >
            <Icon name="people" />
          </button>
          <Members conversation={conversation} dialog={members} />
        </>
      )}
    </header>
  );
}
