import { shown } from "../state/route";
import { ChatPane } from "./chat-pane";
import { ConnectionBanner } from "./connection-banner";
import { Sidebar } from "./sidebar";

/** The two columns; on a phone one of them at a time. */
export function Workspace() {
  const id = shown.value;
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
      <p class="nothing-title">Pick up a conversation</p>
      <p>or start a new one. Everything you say is kept, in order.</p>
    </main>
  );
}
