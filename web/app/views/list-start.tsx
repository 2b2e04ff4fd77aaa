import type { Thread } from "../state/thread";

/** Above the first message: more to come, the very beginning, or trouble. */
export function ListStart({ thread }: { thread: Thread }) {
  if (thread.phase.value === "loading") return <p class="list-start">Loading messages…</p>;
  if (thread.hasOlder.value) {
    return (
      <p class="list-start">
        {thread.trouble.value && <span role="alert">{thread.trouble.value} </span>}
        <button type="button" class="link" onClick={() => void thread.loadOlder()}>
          {thread.loadingOlder.value ? "Loading…" : "Show earlier messages"}
        </button>
      </p>
    );
  }
  const empty = thread.messages.value.length === 0 && thread.outgoing.value.length === 0;
  return (
    <p class="list-start">
      {empty ? "Nothing said yet. The first word is yours." : "This is where it began."}
    </p>
  );
}
