import { signal } from "@preact/signals";
import type { Conversation, PositionEvent } from "@pg-parley/client";
import { chat } from "./client";

interface Position {
  read: number;
  delivered: number;
}

type OfMembers = ReadonlyMap<number, Position>;

/** How far everybody has come, by conversation. */
const positions = signal<ReadonlyMap<number, OfMembers>>(new Map());

function moved({ conversation_id, user_id, seq }: PositionEvent, kind: keyof Position): void {
  const members = positions.peek().get(conversation_id);
  const before = members?.get(user_id) ?? { read: 0, delivered: 0 };
  if (seq <= before[kind]) return;
  const changed = new Map(members).set(user_id, { ...before, [kind]: seq });
  positions.value = new Map(positions.peek()).set(conversation_id, changed);
}

chat.on("read", (event) => moved(event, "read"));
chat.on("delivered", (event) => moved(event, "delivered"));
// Who sends has read what is before it, and no event says so.
chat.on("message", ({ conversation_id, sender_id, seq }) =>
  moved({ conversation_id, user_id: sender_id, seq }, "read"),
);
chat.on("ended", () => (positions.value = new Map()));

/** What has become of a message of mine. */
export function fateOf(conversation: Conversation, seq: number, myId: number): string {
  const members = [...(positions.value.get(conversation.id) ?? [])];
  const others = members.filter(([id]) => id !== myId).map(([, position]) => position);
  const readers = others.filter(({ read }) => read >= seq).length;
  if (conversation.is_group) return readers === 0 ? "" : `Read by ${readers}`;
  if (readers > 0) return "Read";
  return others.some(({ delivered }) => delivered >= seq) ? "Delivered" : "";
}
