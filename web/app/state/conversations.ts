import { batch, computed, signal } from "@preact/signals";
import { applyChange, type Conversation, type Member, type Message } from "@pg-parley/client";
import { me } from "./account";
import { chat } from "./client";
import { shown, showList } from "./route";

type ById = ReadonlyMap<number, Conversation>;

const byId = signal<ById>(new Map());
/** When a conversation came up here by itself, not with the list. */
const metAt = new Map<number, number>();

/** Unread messages that were deleted, as far as it was told. */
const goneUnread = new Map<number, Set<number>>();

/** False until the first list is here. */
export const loaded = signal(false);

/** Newest activity first. */
export const conversations = computed(() =>
  [...byId.value.values()].sort((a, b) => activity(b) - activity(a) || b.id - a.id),
);

export const unreadTotal = computed(() =>
  conversations.value.reduce((sum, conversation) => sum + conversation.unread, 0),
);

export const shownConversation = computed(() => {
  const id = shown.value;
  return id === null ? null : (byId.value.get(id) ?? null);
});

export function conversationOf(id: number): Conversation | undefined {
  return byId.value.get(id);
}

/** Everything up to this seq has been seen. */
export function markRead(id: number, seq: number): void {
  const conversation = byId.peek().get(id);
  if (conversation === undefined || seq <= conversation.read_seq) return;
  chat.markRead(id, seq);
  readUpTo(conversation, seq);
}

export async function openDirect(username: string): Promise<number> {
  return met(await chat.api.direct(username));
}

export async function createGroup(name: string, usernames: string[]): Promise<number> {
  return met(await chat.api.createGroup(name, usernames));
}

export async function addMember(id: number, username: string): Promise<void> {
  await chat.api.addMember(id, username);
}

export async function removeMember(id: number, accountId: number): Promise<void> {
  await chat.api.removeMember(id, accountId);
}

export async function leave(id: number): Promise<void> {
  await chat.api.leave(id);
}

function met(conversation: Conversation): number {
  metAt.set(conversation.id, Date.now());
  put(merge(conversation));
  return conversation.id;
}

/** A list that was read while these came up need not have them yet. */
function justMet(): [number, Conversation][] {
  return [...byId.peek()].filter(([id]) => Date.now() - (metAt.get(id) ?? 0) < 30_000);
}

/** An empty conversation goes by when it came up. */
function activity(conversation: Conversation): number {
  const last = conversation.last_message;
  return last === null ? (metAt.get(conversation.id) ?? 0) : Date.parse(last.created_at);
}

function put(...changed: Conversation[]): void {
  const next = new Map(byId.peek());
  for (const conversation of changed) next.set(conversation.id, conversation);
  byId.value = next;
}

/** A snapshot may be older than what live events have told since. */
function merge(snapshot: Conversation): Conversation {
  const here = byId.peek().get(snapshot.id);
  if (here === undefined || here.last_seq < snapshot.last_seq) return snapshot;
  const { last_message, last_seq, read_seq } = here;
  const sameEnd = last_seq === snapshot.last_seq;
  if (sameEnd && read_seq < snapshot.read_seq) return snapshot;
  // Between the same two positions messages only become fewer, by deletions.
  const sameSpan = sameEnd && read_seq === snapshot.read_seq;
  const unread = sameSpan ? Math.min(here.unread, snapshot.unread) : here.unread;
  return { ...snapshot, last_message, last_seq, unread, read_seq };
}

function readUpTo(conversation: Conversation, seq: number): void {
  if (seq <= conversation.read_seq) return;
  const gone = goneOf(conversation.id);
  for (const it of gone) if (it <= seq) gone.delete(it);
  const unread = Math.min(conversation.unread, conversation.last_seq - seq - gone.size);
  put({ ...conversation, read_seq: seq, unread: Math.max(0, unread) });
}

function messageCame(message: Message): void {
  const conversation = byId.peek().get(message.conversation_id);
  if (conversation === undefined || message.seq <= conversation.last_seq) return;
  const mine = message.sender_id === me.peek()?.id;
  put({
    ...conversation,
    last_message: message,
    last_seq: message.seq,
    read_seq: mine ? message.seq : conversation.read_seq,
    unread: mine ? 0 : conversation.unread + (message.deleted ? 0 : 1),
  });
}

/** Taken back: nobody has to read it any more. It may be told twice, and counts once. */
function messageGone(id: number, seq: number): void {
  const conversation = byId.peek().get(id)!;
  const gone = goneOf(id);
  if (seq <= conversation.read_seq || gone.has(seq)) return;
  gone.add(seq);
  put({ ...conversation, unread: Math.max(0, conversation.unread - 1) });
}

function goneOf(id: number): Set<number> {
  let gone = goneUnread.get(id);
  if (gone === undefined) goneUnread.set(id, (gone = new Set()));
  return gone;
}

chat.on("conversations", (list) => {
  const next = new Map(justMet());
  for (const conversation of list) next.set(conversation.id, merge(conversation));
  batch(() => {
    byId.value = next;
    loaded.value = true;
    if (shown.peek() !== null && !next.has(shown.peek()!)) showList();
  });
});

chat.on("conversation", (conversation) => void met(conversation));
chat.on("message", messageCame);

chat.on("change", (change) => {
  const conversation = byId.peek().get(change.conversation_id);
  if (conversation === undefined) return;
  const { last_message: last } = conversation;
  if (last?.seq === change.seq) put({ ...conversation, last_message: applyChange(last, change) });
  if (change.type === "message_deleted") messageGone(change.conversation_id, change.seq);
});

chat.on("group", ({ id, name, is_public }) => {
  const conversation = byId.peek().get(id);
  if (conversation !== undefined) put({ ...conversation, name, is_public });
});

chat.on("read", ({ conversation_id, user_id, seq }) => {
  const conversation = byId.peek().get(conversation_id);
  if (conversation !== undefined && user_id === me.peek()?.id) readUpTo(conversation, seq);
});

/** What is being read anew, and whether more has changed since it was asked for. */
const refreshing = new Map<number, boolean>();

/** One question at a time: of two answers the older one could come last. */
async function refresh(id: number): Promise<void> {
  const underWay = refreshing.has(id);
  refreshing.set(id, underWay);
  if (underWay) return;
  try {
    do {
      refreshing.set(id, false);
      const fresh = await chat.api.conversation(id);
      if (byId.peek().has(id)) put(merge(fresh));
    } while (refreshing.get(id));
  } catch {
    // Who comes back reads the list anew.
  } finally {
    refreshing.delete(id);
  }
}

chat.on("member", ({ conversation_id, user_id }) => {
  if (user_id === me.peek()?.id || !byId.peek().has(conversation_id)) return;
  void refresh(conversation_id);
});

chat.on("left", (id) => {
  const next = new Map(byId.peek());
  next.delete(id);
  byId.value = next;
  if (shown.peek() === id) showList();
});

/** Somebody is another, wherever they are a member. */
function renewMember(id: number, news: Partial<Member>): void {
  const renew = (member: Member) => (member.id === id ? { ...member, ...news } : member);
  const changed = [...byId.peek().values()].filter((it) => it.members.some((m) => m.id === id));
  put(...changed.map((it) => ({ ...it, members: it.members.map(renew) })));
}

chat.on("user", (profile) => renewMember(profile.id, profile));
chat.on("status", ({ user_id, is_online, last_seen }) =>
  renewMember(user_id, { is_online, last_seen }),
);

chat.on("ended", () => {
  byId.value = new Map();
  metAt.clear();
  goneUnread.clear();
  loaded.value = false;
});
