import { signal } from "@preact/signals";
import type { ConnectionState } from "@pg-parley/client";
import { chat } from "./client";

export const connection = signal<ConnectionState>(chat.connection.state);
/** The connection has been away long enough to be worth a word. */
export const troubled = signal(false);
/** What the browser believes; it can be wrong, so it only chooses words. */
export const offline = signal(!navigator.onLine);

/** A reconnect quicker than this goes unnoticed. */
const PATIENCE_MS = 1200;
let timer: ReturnType<typeof setTimeout> | undefined;

chat.on("connection", (state) => {
  connection.value = state;
  const well = state.phase === "online" || state.phase === "idle";
  if (well || state.phase === "stopped") {
    clearTimeout(timer);
    timer = undefined;
    troubled.value = !well;
  } else {
    timer ??= setTimeout(() => (troubled.value = true), PATIENCE_MS);
  }
});

addEventListener("online", () => (offline.value = false));
addEventListener("offline", () => (offline.value = true));

export function reconnect(): void {
  chat.connection.retryNow();
}
