import { connection, offline, reconnect, troubled } from "../state/connection";
import { stopped } from "../state/wording";

function words(): string {
  const state = connection.value;
  if (state.phase === "stopped") return stopped(state.reason);
  if (offline.value) return "You are offline. Messages go out when you are back.";
  return "Connection lost. Reconnecting…";
}

/** Tells that the live connection is away; silent when all is well. */
export function ConnectionBanner() {
  const bad = troubled.value;
  return (
    <div
      class="banner-slot"
      role="status"
      data-testid="connection"
      data-phase={connection.value.phase}
    >
      {bad && (
        <div class="banner">
          <span>{words()}</span>
          <button type="button" class="banner-action" onClick={reconnect}>
            Try now
          </button>
        </div>
      )}
    </div>
  );
}
