import type { Chat } from "./chat.js";

/** After this long out of sight (or asleep) a quiet connection may be a dead one. */
const ASLEEP_MS = 5 * 60_000;

/**
 * Follows the life of a browser page: reconnects at once when the network is
 * back or the page is looked at again. "offline" alone closes nothing: a server
 * on the same machine is still there. Returns the function that ends it.
 */
export function followPage(chat: Chat): () => void {
  let wasOffline = false;
  let hiddenAt = Date.now();
  const online = () => {
    if (wasOffline) chat.connection.recycle();
    wasOffline = false;
    chat.connection.retryNow();
  };
  const offline = () => void (wasOffline = true);
  const visibility = () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (chat.connection.state.phase === "waiting") chat.connection.retryNow();
    else if (Date.now() - hiddenAt > ASLEEP_MS) chat.connection.recycle();
  };
  addEventListener("online", online);
  addEventListener("offline", offline);
  document.addEventListener("visibilitychange", visibility);
  return () => {
    removeEventListener("online", online);
    removeEventListener("offline", offline);
    document.removeEventListener("visibilitychange", visibility);
  };
}
