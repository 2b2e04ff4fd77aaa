import type {
  Change,
  ChatOptions,
  Clock,
  Conversation,
  Cursor,
  Message,
  Outgoing,
  PageLocks,
  Socket,
  TextStore,
  User,
} from "../src/index.js";
import { applyChange, Chat } from "../src/index.js";

/** Time that stands still until told; chance that is always the highest. */
export class FakeClock implements Clock {
  private time = 1_000_000;
  private timers: { at: number; call: () => void }[] = [];
  chance = 0.999;

  now(): number {
    return this.time;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((it) => it !== timer));
  }

  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((it) => it.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.time = due.at;
      this.timers = this.timers.filter((it) => it !== due);
      due.call();
      await settled();
    }
    this.time = end;
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closedByClient = false;
  private answered = 0;

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.closedByClient = true;
  }

  /** The first sync that was not answered yet. */
  nextSync(): SyncRequest {
    const sync = this.frames("sync")[this.answered++];
    if (sync === undefined) throw new Error("no sync was asked");
    return sync as unknown as SyncRequest;
  }

  frames(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame["type"] === type);
  }

  receive(...frames: object[]): void {
    this.onmessage?.({ data: frames.map((frame) => JSON.stringify(frame)).join("\n") });
  }

  async open(): Promise<void> {
    const opened = this.onopen;
    this.onopen = null;
    opened?.();
    await settled();
  }

  async welcome(timeline = "1-1"): Promise<void> {
    await this.open();
    this.receive({ type: "welcome", user, session_id: 1, heartbeat_s: 30, timeline });
    await settled();
  }

  async cut(code = 1006): Promise<void> {
    this.onclose?.({ code });
    await settled();
  }
}

export interface SyncRequest {
  id: string;
  timeline: string | null;
  cursors: Record<string, Cursor>;
  only: boolean;
}

export const user: User = {
  id: 1,
  username: "alice",
  display_name: null,
  avatar_url: null,
  bio: null,
  is_online: true,
  last_seen: null,
};

export function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    conversation_id: 7,
    seq,
    sender_id: 2,
    sender: "bob",
    content: `message ${seq}`,
    client_id: null,
    reply_to: null,
    created_at: "2026-01-01T00:00:00.000000+00:00",
    edited_at: null,
    deleted: false,
    reactions: [],
    thread: null,
    pinned: false,
    attachments: [],
    ...more,
  };
}

export function event(seq: number, more: Partial<Message> = {}): object {
  return { type: "message", ...message(seq, more) };
}

interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  token: string | null;
  body: Record<string, unknown>;
}

/** Answers REST calls from a handful of facts that a test may change at any time. */
export class FakeServer {
  readonly asked: Asked[] = [];
  readonly stored = new Map<number, Message[]>([[7, []]]);
  /** Tokens it takes; null: any. */
  goodTokens: Set<string> | null = null;
  reachable = true;
  /** Status and code that refresh answers, instead of a grant. */
  refreshRefusal: [number, string] | null = null;
  /** The next answer is lost on its way, after the server has acted. */
  loseNextAnswer = false;
  private issued = 0;
  private gate: Promise<void> = Promise.resolve();
  userId = user.id;

  readonly fetch = (async (input: string, init: RequestInit): Promise<Response> => {
    await Promise.resolve();
    if (!this.reachable) throw new TypeError("fetch failed");
    const url = new URL(input);
    const header = (init.headers as Record<string, string>)["Authorization"];
    const call: Asked = {
      method: init.method!,
      path: url.pathname.replace("/api/v1", ""),
      query: url.searchParams,
      token: header?.replace("Bearer ", "") ?? null,
      body: JSON.parse((init.body as string) ?? "{}"),
    };
    this.asked.push(call);
    const answer = this.answer(call);
    await this.gate;
    if (this.loseNextAnswer) {
      this.loseNextAnswer = false;
      throw new TypeError("fetch failed");
    }
    return answer;
  }) as unknown as typeof fetch;

  /** Answers, true as of now, stay on their way until released. */
  hold(): () => void {
    let release!: () => void;
    this.gate = new Promise((open) => (release = open));
    return release;
  }

  calls(path: string): Asked[] {
    return this.asked.filter((call) => call.path === path);
  }

  store(...seqs: number[]): void {
    for (const seq of seqs) this.stored.get(7)!.push(message(seq));
  }

  /** What became of messages, oldest first; their `ver` counts up in each conversation. */
  readonly changes: Change[] = [];

  change(change: Change): void {
    this.changes.push(change);
    const messages = this.stored.get(change.conversation_id)!;
    const at = messages.findIndex((it) => it.seq === change.seq);
    messages[at] = applyChange(messages[at]!, change);
  }

  ver(id: number): number {
    return Math.max(0, ...this.changes.filter((it) => it.conversation_id === id).map((it) => it.ver));
  }

  /** Another one after a failover. */
  timeline = "1-1";

  /** The frames that answer a sync, as of now. */
  sync({ id, timeline, cursors, only }: SyncRequest): object[] {
    const frames: object[] = [];
    const conversations: Record<string, object> = {};
    const good = timeline === null || timeline === this.timeline;
    const asked = Object.keys(cursors).map(Number);
    const others = only ? [] : [...this.stored.keys()].filter((it) => !asked.includes(it));
    for (const it of [...asked, ...others]) {
      conversations[it] = this.syncOne(it, good ? cursors[it] : undefined, frames);
    }
    return [...frames, { type: "synced", id, conversations }];
  }

  private syncOne(id: number, cursor: Cursor | undefined, frames: object[]): object {
    const messages = this.stored.get(id);
    if (messages === undefined) {
      frames.push({ type: "gone", conversation_id: id });
      return { ...cursor, status: "gone" };
    }
    const now = { seq: messages[messages.length - 1]?.seq ?? 0, ver: this.ver(id) };
    if (cursor === undefined || cursor.seq > now.seq || cursor.ver > now.ver) {
      const seq = Math.max(0, now.seq - 50);
      frames.push({ type: "reset", conversation_id: id, seq, ver: now.ver });
      frames.push(...messages.filter((it) => it.seq > seq).map((it) => ({ type: "message", ...it })));
      return { ...now, status: "reset" };
    }
    const isNew = (it: Message) => it.seq > cursor.seq;
    frames.push(...messages.filter(isNew).map((it) => ({ type: "message", ...it })));
    const missed = this.changes.filter((it) => it.conversation_id === id && it.ver > cursor.ver);
    for (const { seq, ver } of missed) {
      const message = messages.find((it) => it.seq === seq)!;
      if (!isNew(message)) frames.push({ type: "message_updated", ...message, ver });
    }
    return { ...now, status: "complete" };
  }

  private answer(call: Asked): Response {
    if (call.path === "/auth/refresh" && this.refreshRefusal !== null) {
      return problem(...this.refreshRefusal);
    }
    if (call.path.startsWith("/auth/") && call.path !== "/auth/me") return json(this.grant());
    if (this.goodTokens !== null && !this.goodTokens.has(call.token ?? "")) {
      return problem(401, "token_expired");
    }
    if (call.path === "/auth/me") return json(user);
    if (call.path === "/conversations") {
      return json(this.list(call));
    }
    const [, id, messages] = /^\/conversations\/(\d+)(\/messages)?$/.exec(call.path) ?? [];
    if (id === undefined || !this.stored.has(Number(id)))
      return problem(404, "conversation_not_found");
    return json(
      messages === undefined ? this.conversation(Number(id)) : this.page(Number(id), call),
    );
  }

  private grant(): object {
    this.issued++;
    const access_token = `access-${this.issued}`;
    this.goodTokens?.add(access_token);
    const refresh_token = `refresh-${this.issued}`;
    const holder = { ...user, id: this.userId };
    return { user: holder, access_token, refresh_token, token_type: "Bearer", expires_in: 600 };
  }

  /** All of them are of one moment. */
  private list(call: Asked): Conversation[] {
    const before = Number(call.query.get("before_id") ?? Infinity);
    return [...this.stored.keys()]
      .filter((id) => id < before)
      .sort((a, b) => b - a)
      .slice(0, Number(call.query.get("limit") ?? 50))
      .map((id) => this.conversation(id));
  }

  private page(id: number, call: Asked): object {
    const limit = Number(call.query.get("limit") ?? 50);
    const after = call.query.get("after");
    const before = Number(call.query.get("before") ?? Infinity);
    const all = this.stored.get(id)!.filter((it) => it.seq > Number(after) && it.seq < before);
    const messages = after === null ? all.slice(-limit) : all.slice(0, limit);
    return { messages, has_more: messages.length < all.length };
  }

  private conversation(id: number): Conversation {
    const messages = this.stored.get(id)!;
    const last = messages[messages.length - 1] ?? null;
    return {
      id,
      is_group: false,
      name: null,
      members: [],
      member_count: 2,
      last_message: last,
      last_seq: last?.seq ?? 0,
      unread: 0,
      read_seq: 0,
      mentions: 0,
      is_public: false,
      active_at: new Date(0).toISOString(),
    };
  }
}

function json(body: object): Response {
  return new Response(JSON.stringify(body), { status: 200 });
}

function problem(status: number, code: string): Response {
  const headers = { "Content-Type": "application/problem+json" };
  return new Response(JSON.stringify({ status, code, title: code }), { status, headers });
}

/** A chat client with everything around it faked, signed in but not yet connected. */
export async function fixture(options: Partial<ChatOptions> = {}, server = new FakeServer()) {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  const chat = new Chat({
    url: "http://parley.test",
    clock,
    fetch: server.fetch,
    socket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    ...options,
  });
  const outgoing: Outgoing[] = [];
  chat.on("outgoing", (it) => outgoing.push(it));
  const seqs: number[] = [];
  chat.on("message", (it) => seqs.push(it.seq));
  await chat.session.logIn("alice", "secret");
  const socket = () => sockets[sockets.length - 1]!;
  /** The server answers the sync that waits, as of now. */
  const answerSync = async () => {
    socket().receive(...server.sync(socket().nextSync()));
    await settled();
  };
  const connect = async () => {
    chat.start();
    await settled();
    await socket().welcome();
    await answerSync();
  };
  /** After a cut: back, and caught up. */
  const comeBack = async () => {
    chat.connection.retryNow();
    await settled();
    await socket().welcome(server.timeline);
    await answerSync();
  };
  return { chat, clock, server, sockets, socket, seqs, outgoing, answerSync, connect, comeBack };
}

/** Storage and locks of one browser; each page of it has a view of its own. */
export class FakeBrowser {
  readonly texts = new Map<string, string>();
  private readonly pages = new Set<FakePage>();

  open(): FakePage {
    const page = new FakePage(this);
    this.pages.add(page);
    return page;
  }

  othersOf(page: FakePage): FakePage[] {
    return [...this.pages].filter((it) => it !== page);
  }

  isHeld(name: string): boolean {
    return [...this.pages].some((page) => page.held.has(name));
  }

  close(page: FakePage): void {
    this.pages.delete(page);
    for (const other of this.pages) other.look();
  }
}

type Watcher = Parameters<TextStore["watch"]>[0];

export class FakePage {
  readonly held = new Set<string>();
  private readonly watchers = new Set<Watcher>();
  private waiting: { name: string; work(): void }[] = [];

  constructor(private readonly browser: FakeBrowser) {}

  /** As where there are no locks. */
  readonly noLocks: PageLocks = {
    known: false,
    hold() {},
    inherit: async (_name, work) => work(),
  };

  readonly texts: TextStore = {
    lasting: true,
    names: () => [...this.browser.texts.keys()],
    load: (name) => this.browser.texts.get(name) ?? null,
    save: (name, text) => {
      const before = this.browser.texts.get(name) ?? null;
      if (text === null) this.browser.texts.delete(name);
      else this.browser.texts.set(name, text);
      if (text === before) return;
      for (const other of this.browser.othersOf(this)) other.hear(name, text, before);
    },
    watch: (changed) => {
      this.watchers.add(changed);
      return () => this.watchers.delete(changed);
    },
  };

  readonly locks: PageLocks = {
    known: true,
    hold: (name) => void this.held.add(name),
    inherit: async (name, work) => {
      this.waiting.push({ name, work });
      this.look();
    },
  };

  /** Locks that are free now are this page's for as long as its work takes. */
  look(): void {
    const free = this.waiting.filter(({ name }) => !this.browser.isHeld(name));
    this.waiting = this.waiting.filter((it) => !free.includes(it));
    for (const { work } of free) work();
  }

  close(): void {
    this.browser.close(this);
  }

  private hear(...change: Parameters<Watcher>): void {
    for (const watcher of this.watchers) watcher(...change);
  }
}
