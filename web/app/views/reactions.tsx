import type { Reaction } from "@pg-parley/client";
import { me } from "../state/account";

interface ReactionsProps {
  reactions: readonly Reaction[];
  busy: boolean;
  toggle(emoji: string): void;
}

/** A press joins in, another takes it back. */
export function Reactions({ reactions, busy, toggle }: ReactionsProps) {
  const myId = me.value?.id ?? 0;
  return (
    <ul class="reactions" role="list" aria-label="Reactions">
      {reactions.map(({ emoji, count, user_ids }) => (
        <li key={emoji}>
          <button
            type="button"
            class="reaction"
            aria-label={`${emoji} ${count}`}
            aria-pressed={user_ids.includes(myId)}
            disabled={busy}
            onClick={() => toggle(emoji)}
          >
            {emoji} {count}
          </button>
        </li>
      ))}
    </ul>
  );
}
