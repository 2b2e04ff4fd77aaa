import { Api } from "./api.js";
import { Calls } from "./calls.js";
import { CatchUp, type Reset } from "./catch-up.js";
import { RecentChanges } from "./change.js";
import { type Clock, systemClock } from "./clock.js";
import { Connection, type ConnectionState, type Socket } from "./connection.js";
import { Drafts } from "./drafts.js";
import { Emitter } from "./emitter.js";
import { Http } from "./http.js";
import { Outbox, type Outgoing, type SendFrame } from "./outbox.js";
import { type PageLocks, webLocks } from "./page-locks.js";
import { Persistence } from "./persist.js";
import { Positions } from "./positions.js";
import { Problem } from "./problem.js";
import { Session } from "./session.js";
import { memoryTexts, type TextStore } from "./text-store.js";
import { memoryTokens, type TokenStore } from "./token-store.js";
import { Typing } from "./typing.js";
import type {
  Ack,
  Change,
  Conversation,
  ConversationEvent,
  Cursor,
  Frame,
  MemberEvent,
  Message,
  Page,
  PositionEvent,
  PresenceEvent,
  Profile,
  StatusEvent,
  SyncedFrame,
  TypingEvent,
  User,
} from "./types.js";
import { uuid } from "./uuid.js";

/** A longer absence is not replayed: every conversation begins again with its newest messages. */
const MAX_ABSENCE_MS = 12 * 3_600_000;
const LIST_PAGE = 200;
const MAX_LIST_PAGES = 50;
/** What is received within it is reported together. */
const DELIVERED_MS = 1000;
/** After a reconnect, within it: who is online and called how is not urgent, and many come at once. */
const RELIST_MS = 10_000;
/** A login that somebody has ended takes along what was typed; one that ran out does not. */
const DELIBERATE = new Set(["logged_out", "session_revoked", "account_closed", "refresh_reused"]);

export interface ChatOptions {
  /** Origin of the server; in a browser, that of the page by default. */
  url?: string;
  /** Where the refresh token is kept; in memory by default. */
  tokens?: TokenStore;
  /** Where drafts are kept, and messages until they are sent; in memory by default. */
  texts?: TextStore;
  /** Which of several pages with the same `texts` sends a message; by the Web Locks API. */
  locks?: PageLocks;
  fetch?: typeof fetch;
  /** Opens a WebSocket; for Node before 22, or tests. */
  socket?: (url: string, subprotocol: string) => Socket;
  clock?: Clock;
  /** For a REST call; 15 s by default. */
  timeoutMs?: number;
}

export interface ChatEvents {
  connection: ConnectionState;
  /** All conversations of the caller, newest activity first. */
  conversations: Conversation[];
  /** One conversation that is new to the caller, or known better than before. */
  conversation: Conversation;
  /**
   * A conversation begins here: at the start, and after an absence too long to be
   * replayed. What one had of it before is void.
   */
  reset: Reset;
  /** The next message of a conversation: each once, in order. */
  message: Message;
  /** What became of a message; `applyChange` carries it out. Possibly twice. */
  change: Change;
  /** A message of the caller's on its way, also one that an earlier page has left. */
  outgoing: Outgoing;
  /** Everything that was missed has been told. */
  synced: void;
  read: PositionEvent;
  delivered: PositionEvent;
  member: MemberEvent;
  /** A group was renamed, opened or closed. */
  group: ConversationEvent;
  /** The caller does not belong to this conversation any more. */
  left: number;
  typing: TypingEvent;
  status: StatusEvent;
  presence: PresenceEvent;
  user: Profile;
  /** Any frame that has no event of its own. */
  frame: Frame;
  /** The login is over. */
  ended: { code: string };
}

/** The whole client: a session, its REST calls, and the live connection. */
export class Chat extends Emitter<ChatEvents> {
  readonly session: Session;
  readonly api: Api;
  readonly connection: Connection;
  /** What was typed and not sent; of the account that is signed in. */
  readonly drafts: Drafts;
  private readonly texts: TextStore;
  private readonly clock: Clock;
  private readonly outbox: Outbox;
  private readonly calls: Calls;
  private readonly catchUp: CatchUp;
  private readonly reads: Positions;
  private readonly deliveries: Positions;
  private readonly writing: Typing;
  private readonly changes: RecentChanges;
  private readonly persistence: Persistence;
  /** Conversations whose names and members have been told, and up to which message. */
  private readonly listed = new Map<number, number>();
  private listing: Promise<void> = Promise.resolve();
  private running = false;
  private lostAt: number | null = null;
  private cancelDelivered: (() => void) | null = null;
  private cancelRelist: () => void = () => {};

  constructor(options: ChatOptions = {}) {
    super();
    const url = options.url ?? location.origin;
    const timeoutMs = options.timeoutMs ?? 15_000;
    const clock = (this.clock = options.clock ?? systemClock);
    const http = new Http({
      url,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      timeoutMs,
    });
    this.texts = options.texts ?? memoryTexts();
    this.drafts = new Drafts(this.texts);
    this.session = new Session(http, options.tokens ?? memoryTokens(), clock);
    this.api = new Api(this.session);
    this.connection = new Connection({
      url: `${url.replace(/^http/, "ws")}/ws`,
      open: options.socket ?? ((to, protocol) => new WebSocket(to, protocol) as Socket),
      token: () => this.session.token(),
      tokenRefused: (token) => this.session.discard(token),
      greeting: () => this.greeting(),
      clock,
    });
    const send = (frame: object) => this.connection.send(frame);
    this.outbox = new Outbox({
      clock,
      send,
      silent: () => this.connection.recycle(),
      changed: (outgoing) => this.emit("outgoing", outgoing),
      texts: this.texts,
      locks: options.locks ?? webLocks(),
      keepsFailed: options.texts !== undefined,
    });
    this.calls = new Calls({ clock, send, timeoutMs });
    this.catchUp = new CatchUp({
      clock,
      send,
      deliver: (message) => this.deliver(message),
      reset: (reset) => this.begin(reset),
      met: (ids) => void this.meet(ids),
      listNeeded: () => this.list(),
    });
    this.reads = new Positions((id, seq) => send(position("read", id, seq)));
    this.deliveries = new Positions((id, seq) => send(position("delivered", id, seq)));
    this.writing = new Typing(clock, (conversation_id, is_typing) =>
      send({ type: "typing", conversation_id, is_typing }),
    );
    this.changes = new RecentChanges(() => clock.now());
    this.persistence = new Persistence(clock);
    this.listen();
  }

  /** Connects; needs a session. `conversations` follows, and a `reset` for each. */
  start(): void {
    if (this.running) return;
    this.running = true;
    if (this.session.user !== null) void this.outbox.open(this.session.user.id);
    this.connection.start();
    this.list();
  }

  stop(): void {
    this.running = false;
    this.persistence.callOff();
    this.connection.stop();
    this.lostAt = null;
    this.outbox.abandon(new Problem("stopped", "The connection was given up"));
    this.outbox.close();
    this.cancelDelivered?.();
    this.cancelDelivered = null;
    this.catchUp.stop();
    this.listed.clear();
    for (const all of [this.reads, this.deliveries, this.writing]) all.clear();
  }

  /** Messages before `before`, as they are now. */
  async older(conversationId: number, before: number, limit = 50): Promise<Page> {
    const asked = this.clock.now();
    const page = await this.api.history(conversationId, { before, limit });
    return { ...page, messages: this.changes.applyTo(page.messages, asked) };
  }

  /**
   * Resolves when the message is stored. It may be called again with the same id
   * as often as one likes: the message is stored once. With `texts` that last, a message that
   * a page cannot send any more is sent by the next one; `outgoing` tells of it.
   */
  send(conversationId: number, content: string, id = uuid(), replyTo?: number): Promise<Ack> {
    const frame: SendFrame = { type: "message", id, conversation_id: conversationId, content };
    if (replyTo !== undefined) frame.reply_to = replyTo;
    this.writing.forget(conversationId);
    return this.outbox.add(frame);
  }

  /** Gives up a message that waits or has failed. One that was sent already may be stored. */
  discard(id: string): void {
    this.outbox.discard(id);
  }

  /** Any operation of the server by its name (doc/protocol.md), over the live connection. */
  call<T>(method: string, params: object = {}): Promise<T> {
    return this.calls.call<T>(method, params);
  }

  markRead(conversationId: number, seq: number): void {
    this.reads.mark(conversationId, seq);
  }

  /** To be called as often as one likes while somebody types. */
  typing(conversationId: number, isTyping = true): void {
    this.writing.tell(conversationId, isTyping);
  }

  // ---- the list

  /** Reads names and members of all conversations, until it has succeeded. */
  private list(): void {
    this.listing = this.persistence
      .until(() => this.readList())
      .then((list) => {
        if (list === undefined || !this.running) return;
        this.emit("conversations", list.map((it) => this.adopt(it)));
        // What came up between the sync and the list.
        if (this.connection.state.phase === "online")
          for (const { id } of list) this.catchUp.discover(id);
      });
  }

  private async readList(): Promise<Conversation[]> {
    const list = new Map<number, Conversation>();
    let last: Conversation | undefined;
    for (let page = 0; page < MAX_LIST_PAGES; page++) {
      const part = await this.api.conversations(LIST_PAGE, last);
      for (const conversation of part) list.set(conversation.id, conversation);
      last = part[part.length - 1];
      if (part.length < LIST_PAGE) break;
    }
    return [...list.values()];
  }

  /** Conversations have begun: who is not on the list, or went on since it was read, is asked for. */
  private async meet(ids: number[]): Promise<void> {
    await this.listing;
    for (const id of ids) {
      if (!this.running) return;
      const { seq } = this.catchUp.last(id) ?? { seq: 0 };
      if (seq > (this.listed.get(id) ?? -1)) await this.introduce(id);
    }
  }

  private async introduce(id: number): Promise<void> {
    const conversation = await this.persistence.until(() => this.api.conversation(id));
    if (conversation === undefined || !this.running) return;
    this.emit("conversation", this.adopt(conversation));
  }

  /** A snapshot may be older than what has been delivered since. */
  private adopt(snapshot: Conversation): Conversation {
    const last = this.catchUp.last(snapshot.id);
    this.listed.set(snapshot.id, Math.max(snapshot.last_seq, last?.seq ?? 0));
    if (last === null || last.seq <= snapshot.last_seq) return snapshot;
    const newer = { ...snapshot, last_message: last, last_seq: last.seq, active_at: last.created_at };
    if (last.sender_id === this.session.user?.id) return { ...newer, unread: 0, read_seq: last.seq };
    return { ...newer, unread: snapshot.unread + last.seq - snapshot.last_seq };
  }

  private forget(conversationId: number): void {
    this.catchUp.forget(conversationId);
    this.listed.delete(conversationId);
    for (const all of [this.reads, this.deliveries, this.writing]) all.forget(conversationId);
    this.outbox.discardAll(conversationId);
    this.emit("left", conversationId);
  }

  // ---- the connection

  /** All that a new connection is told in one flight, behind the token. */
  private greeting(): readonly object[] {
    if (this.lostAt !== null && this.clock.now() - this.lostAt > MAX_ABSENCE_MS) {
      this.catchUp.forgetAll();
      this.list();
    }
    return [
      ...this.catchUp.greeting(),
      ...this.outbox.flight(),
      ...this.reads.flight().map(([id, seq]) => position("read", id, seq)),
      ...this.deliveries.flight().map(([id, seq]) => position("delivered", id, seq)),
    ];
  }

  private connectionChanged(state: ConnectionState): void {
    if (state.phase !== "online") {
      this.cancelRelist();
      this.catchUp.disconnected();
      this.writing.clear();
      this.calls.abandon(new Problem("network", "The connection was lost"));
    }
    this.emit("connection", state);
  }

  private welcomed({ user, timeline }: Frame): void {
    this.catchUp.welcomed(timeline as string);
    this.emit("user", user as User);
    this.outbox.welcomed();
    this.reads.flush();
    this.deliveries.flush();
    if (this.lostAt === null) return;
    const delay = this.clock.random() * RELIST_MS;
    this.cancelRelist = this.clock.after(delay, () => this.list());
    this.lostAt = null;
  }

  private listen(): void {
    let accountId = 0;
    this.session.on("started", ({ id }) => this.drafts.open((accountId = id)));
    this.session.on("ended", (why) => {
      this.stop();
      this.drafts.close();
      if (DELIBERATE.has(why.code)) this.forgetTexts(accountId);
      this.emit("ended", why);
    });
    this.connection.on("ended", (code) => this.session.end(code));
    this.connection.on("state", (state) => this.connectionChanged(state));
    this.connection.on("lost", () => (this.lostAt = this.clock.now()));
    this.connection.on("welcome", (frame) => this.welcomed(frame));
    this.connection.on("frame", (frame) => {
      const handler = this.handlers[frame.type];
      if (handler === undefined) this.emit("frame", frame);
      else handler(frame as never);
    });
  }

  private forgetTexts(accountId: number): void {
    const ours = this.texts.names().filter((name) => name.startsWith(`${accountId}.`));
    for (const name of ours) this.texts.save(name, null);
  }

  // ---- frames

  private readonly handlers: Record<string, (frame: never) => void> = {
    ack: (frame: Ack & { id: string }) => this.outbox.settle(frame.id, frame),
    result: (frame: { id: string; result: unknown }) => this.calls.settle(frame.id, frame.result),
    error: (frame: { id?: string | null; code: string; message: string }) => this.refused(frame),
    message: (message: Message) => {
      if (message.client_id !== null && message.sender_id === this.session.user?.id) {
        this.outbox.settle(message.client_id, message);
      }
      this.catchUp.message(message);
    },
    message_updated: (change: Change) => this.changed(change),
    message_deleted: (change: Change) => this.changed(change),
    reaction: (change: Change) => this.changed(change),
    reset: (frame: { conversation_id: number } & Cursor) => {
      // In spite of a cursor: names and members may have changed unseen, too.
      if (this.catchUp.knows(frame.conversation_id)) this.listed.delete(frame.conversation_id);
      this.catchUp.reset(frame);
    },
    gone: (frame: { conversation_id: number }) => this.forget(frame.conversation_id),
    synced: (frame: SyncedFrame) => {
      this.catchUp.synced(frame);
      this.emit("synced", undefined);
    },
    gap: (frame: { conversation_id: number }) => this.catchUp.sync([frame.conversation_id]),
    read: (event: PositionEvent) => {
      if (event.user_id === this.session.user?.id) {
        this.reads.confirm(event.conversation_id, event.seq);
        this.deliveries.confirm(event.conversation_id, event.seq);
      }
      this.emit("read", event);
    },
    delivered: (event: PositionEvent) => {
      if (event.user_id === this.session.user?.id) {
        this.deliveries.confirm(event.conversation_id, event.seq);
      }
      this.emit("delivered", event);
    },
    member: (event: MemberEvent) => this.memberChanged(event),
    conversation: (event: ConversationEvent) => {
      this.catchUp.version(event.id, event.ver);
      this.emit("group", event);
    },
    typing: (event: TypingEvent) => this.emit("typing", event),
    user_status: (event: StatusEvent) => this.emit("status", event),
    presence: (event: PresenceEvent) => this.emit("presence", event),
    user_updated: (event: { user: Profile }) => this.emit("user", event.user),
  };

  private refused({ id, code, message }: { id?: string | null; code: string; message: string }) {
    const problem = new Problem(code, message);
    if (typeof id === "string") {
      if (this.catchUp.refused(id)) return;
      this.outbox.refuse(id, problem);
      this.calls.refuse(id, problem);
    } else if (code === "frame_too_large") {
      this.outbox.refuseLargest(problem);
    }
  }

  private begin(reset: Reset): void {
    this.emit("reset", reset);
    const last = this.catchUp.last(reset.conversation_id);
    if (last !== null) this.received(last);
  }

  private deliver(message: Message): void {
    this.emit("message", message);
    this.received(message);
  }

  /** The senders learn that it has arrived here. */
  private received({ conversation_id, seq, sender_id }: Message): void {
    if (sender_id === this.session.user?.id || !this.deliveries.note(conversation_id, seq)) return;
    this.cancelDelivered ??= this.clock.after(DELIVERED_MS, () => {
      this.cancelDelivered = null;
      this.deliveries.flush();
    });
  }

  private changed(change: Change): void {
    this.catchUp.change(change);
    this.changes.add(change);
    this.emit("change", change);
  }

  private memberChanged(event: MemberEvent): void {
    const { conversation_id, user_id, state, ver } = event;
    const self = user_id === this.session.user?.id;
    this.catchUp.version(conversation_id, ver);
    this.emit("member", event);
    if (!self) return;
    if (state !== "joined") this.forget(conversation_id);
    else if (!this.catchUp.knows(conversation_id)) this.catchUp.sync([conversation_id]);
  }
}

function position(type: "read" | "delivered", conversation_id: number, seq: number): object {
  return { type, conversation_id, seq };
}
