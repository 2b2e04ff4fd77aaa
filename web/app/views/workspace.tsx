import { useEffect, useRef } from "preact/hooks";
import { addressOf, shown } from "../state/route";
import { ChatPane } from "./chat-pane";
import { ConnectionBanner } from "./connection-banner";
import { Sidebar } from "./sidebar";

/** The two columns; on a phone one of them at a time. */
export function Workspace() {
  const id = shown.value;
  const before = useRef(id);

  // Back from a conversation, the focus is on it in the list.
  useEffect(() => {
    if (id === null && before.current !== null) {
      document.querySelector<HTMLElement>(`a[href="${addressOf(before.current)}"]`)?.focus();
    }
    before.current = id;
  }, [id]);

  return (
    <div class={id === null ? "workspace" : "workspace workspace-chat"}>
      <ConnectionBanner />
      <Sidebar />
      {id === null ? <NothingShown /> : <ChatPane key={id} id={id} />}
    </div>
  );
}

function NothingShown() {
  return (
    <main class="nothing">
      <h1 class="nothing-title">Pick up a conversation</h1>
      <p>or start a new one. Everything you say is kept, in order.</p>
    </main>
  );
}
