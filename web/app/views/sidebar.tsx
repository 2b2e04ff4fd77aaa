import { useRef } from "preact/hooks";
import { logOut, me } from "../state/account";
import { hasUnsent } from "../state/client";
import { conversations, loaded } from "../state/conversations";
import { nameOf } from "../state/naming";
import { Avatar } from "./avatar";
import { Brand } from "./brand";
import { ConversationLink } from "./conversation-link";
import { Icon } from "./icon";
import { keyOf } from "./keys";
import { NewConversation } from "./new-conversation";

export function Sidebar() {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <aside class="sidebar" aria-label="Conversations">
      <header class="sidebar-head">
        <Brand />
        <button
          type="button"
          class="button button-small"
          onClick={() => dialog.current?.showModal()}
        >
          <Icon name="compose" />
          New conversation
        </button>
      </header>
      <ConversationList />
      <AccountBar />
      <NewConversation dialog={dialog} />
    </aside>
  );
}

/** Arrow keys go from one conversation to the next. */
function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[keyOf(event)];
  if (step === undefined) return;
  const links = [...event.currentTarget.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  event.preventDefault();
}

function ConversationList() {
  const list = conversations.value;
  if (list.length === 0) {
    return (
      <p class="sidebar-empty">
        {loaded.value ? "No conversations yet. Find someone and say hello." : "Loading…"}
      </p>
    );
  }
  return (
    <nav class="conversations" aria-label="Conversation list" onKeyDown={moveFocus}>
      <ul role="list">
        {list.map((conversation) => (
          <ConversationLink key={conversation.id} conversation={conversation} />
        ))}
      </ul>
    </nav>
  );
}

const LOSS = "What you have written and not sent will be lost. Sign out?";

function AccountBar() {
  const user = me.value;
  if (user === null) return null;
  return (
    <footer class="account">
      <Avatar id={user.id} name={nameOf(user)} small />
      <span class="account-name">
        <bdi class="account-title">{nameOf(user)}</bdi>
        <bdi class="account-handle">@{user.username}</bdi>
      </span>
      <button
        type="button"
        class="icon-button"
        aria-label="Sign out"
        title="Sign out"
        onClick={() => {
          if (!hasUnsent() || confirm(LOSS)) void logOut();
        }}
      >
        <Icon name="leave" />
      </button>
    </footer>
  );
}
