import { useSignalEffect } from "@preact/signals";
import { announcement } from "../state/announcements";
import { phase } from "../state/account";
import { shownConversation, unreadTotal } from "../state/conversations";
import { me } from "../state/account";
import { isolated, titleOf } from "../state/naming";
import { Brand } from "./brand";
import { SignIn } from "./sign-in";
import { Workspace } from "./workspace";

export function App() {
  useSignalEffect(() => {
    const conversation = shownConversation.value;
    const count = unreadTotal.value === 0 ? "" : `(${unreadTotal.value}) `;
    const title = conversation && isolated(titleOf(conversation, me.value?.id ?? 0));
    document.title = `${count}${title === null ? "" : `${title} · `}Parley`;
  });

  return (
    <>
      <Screen />
      <div class="visually-hidden" aria-live="polite" data-testid="announcer">
        {announcement.value}
      </div>
    </>
  );
}

function Screen() {
  switch (phase.value) {
    case "signed_in":
      return <Workspace />;
    case "signed_out":
      return <SignIn />;
    case "starting":
      return <Waiting text="" />;
    case "unreachable":
      return <Waiting text="The server cannot be reached. Trying again…" />;
  }
}

function Waiting({ text }: { text: string }) {
  return (
    <main class="waiting">
      <Brand />
      <p role="status">{text}</p>
    </main>
  );
}
