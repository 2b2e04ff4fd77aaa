import type { Change, Message, Reaction } from "./types.js";

/** The message after the change. Once or twice is the same; the message itself is left alone. */
export function applyChange(message: Message, change: Change): Message {
  switch (change.type) {
    case "message_updated": {
      const { type: _type, ver: _ver, ...news } = change;
      return { ...message, ...news };
    }
    case "message_deleted":
      return {
        ...message,
        content: "",
        deleted: true,
        reactions: [],
        pinned: false,
        attachments: [],
      };
    case "reaction":
      return { ...message, reactions: react(message.reactions, change) };
  }
}

function react(
  reactions: readonly Reaction[],
  { emoji, user_id, added }: { emoji: string; user_id: number; added: boolean },
): Reaction[] {
  const known = reactions.some((it) => it.emoji === emoji);
  const all = known ? reactions : [...reactions, { emoji, count: 0, user_ids: [] }];
  return all
    .map((it) => (it.emoji === emoji ? counted(it, user_id, added) : it))
    .filter((it) => it.count > 0);
}

/** `user_ids` may be cut short, so the count goes its own way. */
function counted(reaction: Reaction, userId: number, added: boolean): Reaction {
  const { count, user_ids } = reaction;
  if (user_ids.includes(userId) === added) return reaction;
  return added
    ? { ...reaction, count: count + 1, user_ids: [...user_ids, userId] }
    : { ...reaction, count: count - 1, user_ids: user_ids.filter((id) => id !== userId) };
}

/** So long a commit can be known from the feed before a page of history shows it, generously. */
const KEPT_MS = 10_000;
const KEPT = 256;

/**
 * The latest changes, for pages of history: a page that was read while a change
 * came may be older than the change.
 */
export class RecentChanges {
  private kept: { change: Change; at: number }[] = [];

  constructor(private readonly now: () => number) {}

  add(change: Change): void {
    if (this.kept.length >= KEPT) this.kept.shift();
    this.kept.push({ change, at: this.now() });
  }

  /** Messages as of a moment not before `since`, brought to now. */
  applyTo(messages: Message[], since: number): Message[] {
    const recent = this.kept.filter(({ at }) => at >= since - KEPT_MS);
    return messages.map((message) =>
      recent
        .filter(({ change }) => concerns(change, message))
        .reduce((now, { change }) => applyChange(now, change), message),
    );
  }
}

export function concerns(change: Change, message: Message): boolean {
  return change.seq === message.seq && change.conversation_id === message.conversation_id;
}
