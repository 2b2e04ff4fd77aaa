import type { Message, Reaction } from "@pg-parley/client";
import type { Outgoing } from "./thread";
import { dayNumber } from "./time";

/** What one bubble shows. */
export interface Bubble {
  /** From the client id where there is one: a message keeps its element when it is stored. */
  key: string;
  clientId: string | null;
  seq: number | null;
  senderId: number;
  sender: string;
  content: string;
  deleted: boolean;
  edited: boolean;
  reactions: readonly Reaction[];
  at: number;
  state: "stored" | Outgoing["state"];
  trouble: string | null;
}

export type Row =
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: string }
  | { kind: "group"; key: string; bubbles: Bubble[] };

/** Messages of one person closer than this stand together. */
const TOGETHER_MS = 5 * 60_000;

function keyOf(senderId: number, clientId: string): string {
  return `${senderId}-${clientId}`;
}

export function bubbleOf(message: Message): Bubble {
  return {
    key:
      message.client_id === null ? `${message.seq}` : keyOf(message.sender_id, message.client_id),
    clientId: message.client_id,
    seq: message.seq,
    senderId: message.sender_id,
    sender: message.sender,
    content: message.content,
    deleted: message.deleted,
    edited: message.edited_at !== null,
    reactions: message.reactions,
    at: Date.parse(message.created_at),
    state: "stored",
    trouble: null,
  };
}

export function outgoingBubble(message: Outgoing, me: { id: number; username: string }): Bubble {
  return {
    key: keyOf(me.id, message.id),
    clientId: message.id,
    seq: null,
    senderId: me.id,
    sender: me.username,
    content: message.content,
    deleted: false,
    edited: false,
    reactions: [],
    at: Date.parse(message.createdAt),
    state: message.state,
    trouble: message.trouble,
  };
}

/** Bubbles into groups, with a row between days and one before the first unread message. */
export function rowsOf(bubbles: readonly Bubble[], firstUnread: number | null): Row[] {
  const rows: Row[] = [];
  let before: Bubble | undefined;
  for (const bubble of bubbles) {
    const newDay = before === undefined || dayNumber(before.at) !== dayNumber(bubble.at);
    if (newDay)
      rows.push({ kind: "day", key: `day-${dayNumber(bubble.at)}-${bubble.key}`, at: bubble.at });
    const unread = firstUnread !== null && bubble.seq === firstUnread;
    if (unread) rows.push({ kind: "unread", key: "unread" });
    const last = rows[rows.length - 1];
    if (last?.kind === "group" && belongs(last.bubbles, bubble)) last.bubbles.push(bubble);
    else rows.push({ kind: "group", key: bubble.key, bubbles: [bubble] });
    before = bubble;
  }
  return rows;
}

function belongs(group: readonly Bubble[], bubble: Bubble): boolean {
  const last = group[group.length - 1]!;
  return last.senderId === bubble.senderId && bubble.at - last.at < TOGETHER_MS;
}
