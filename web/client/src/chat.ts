import { Api } from "./api.js";
import { backoff, type Clock, systemClock } from "./clock.js";
import { Connection, type ConnectionState, type Socket } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Http } from "./http.js";
import { Outbox, type SendFrame } from "./outbox.js";
import { Problem } from "./problem.js";
import { ReadPositions } from "./read-positions.js";
import { Session } from "./session.js";
import { Timeline } from "./timeline.js";
import { memoryTokens, type TokenStore } from "./token-store.js";
import type {
  Ack,
  Conversation,
  Frame,
  MemberEvent,
  Message,
  Page,
  Profile,
  ReadEvent,
} from "./types.js";
import { uuid } from "./uuid.js";

const HEAL_PAGE = 200;
const CATCH_UP_CONVERSATIONS = 200;

export interface ChatOptions {
  /** Origin of the server; in a browser, that of the page by default. */
  url?: string;
  /** Where the refresh token is kept; in memory by default. */
  tokens?: TokenStore;
  fetch?: typeof fetch;
  /** Opens a WebSocket; for Node before 22, or tests. */
  socket?: (url: string, subprotocol: string) => Socket;
  clock?: Clock;
  /** For a REST call; 15 s by default. */
  timeoutMs?: number;
}

export interface ChatEvents {
  connection: ConnectionState;
  /**
   * The caller's conversations as of now, newest activity first: at the start and
   * after each (re)connect. `complete`: the caller has no others.
   */
  conversations: { list: Conversation[]; complete: boolean };
  /** One conversation that is new to the caller, or known better than before. */
  conversation: Conversation;
  /** The next message of a conversation: each once, in order. */
  message: Message;
  /** An open conversation moved on too far to be replayed: load its newest page again. */
  reset: number;
  read: ReadEvent;
  member: MemberEvent;
  /** The caller does not belong to this conversation any more. */
  left: number;
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
  private readonly clock: Clock;
  private readonly outbox: Outbox;
  private readonly reads: ReadPositions;
  private readonly timelines = new Map<number, Timeline>();
  private readonly open = new Set<number>();
  private running = false;
  /** The list of conversations is being read; it has to be read (again). */
  private catchingUp = false;
  private stale = false;
  private failures = 0;
  private cancelRetry: () => void = () => {};

  constructor(options: ChatOptions = {}) {
    super();
    const url = options.url ?? location.origin;
    const clock = (this.clock = options.clock ?? systemClock);
    const http = new Http({
      url,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      timeoutMs: options.timeoutMs ?? 15_000,
    });
    this.session = new Session(http, options.tokens ?? memoryTokens(), clock);
    this.api = new Api(this.session);
    this.connection = new Connection({
      url: `${url.replace(/^http/, "ws")}/ws`,
      open: options.socket ?? ((to, protocol) => new WebSocket(to, protocol) as Socket),
      token: () => this.session.token(),
      tokenRefused: (token) => this.session.discard(token),
      clock,
    });
    this.outbox = new Outbox({
      clock,
      send: (frame) => this.connection.send(frame),
      silent: () => this.connection.recycle(),
    });
    this.reads = new ReadPositions((conversation_id, seq) =>
      this.connection.send({ type: "read", conversation_id, seq }),
    );
    this.listen();
  }

  /** Connects; needs a session. `conversations` follows. */
  start(): void {
    this.running = true;
    this.connection.start();
    void this.catchUp();
  }

  stop(): void {
    this.running = false;
    this.cancelRetry();
    this.connection.stop();
    this.outbox.abandon(new Problem("stopped", "The connection was given up"));
    for (const timeline of this.timelines.values()) timeline.close();
    this.timelines.clear();
    this.open.clear();
  }

  /**
   * Starts to follow a conversation message by message, also over a lost
   * connection, and answers its newest page. `message` events may repeat what is
   * on the page; they never leave out what is not.
   */
  async follow(conversationId: number, limit = 50): Promise<Page> {
    this.open.add(conversationId);
    const timeline = this.timeline(conversationId);
    const page = await this.api.history(conversationId, { limit });
    const newest = page.messages[page.messages.length - 1]?.seq ?? 0;
    if (!timeline.known) timeline.skipTo(newest);
    else timeline.catchUp(newest);
    return page;
  }

  unfollow(conversationId: number): void {
    this.open.delete(conversationId);
  }

  /**
   * Resolves when the message is stored. It may be called again with the same id
   * as often as one likes: the message is stored once.
   */
  send(conversationId: number, content: string, id = uuid(), replyTo?: number): Promise<Ack> {
    const frame: SendFrame = { type: "message", id, conversation_id: conversationId, content };
    if (replyTo !== undefined) frame.reply_to = replyTo;
    return this.outbox.add(frame);
  }

  markRead(conversationId: number, seq: number): void {
    this.reads.mark(conversationId, seq);
  }

  /** Brings every known conversation to now. */
  private async catchUp(): Promise<void> {
    this.cancelRetry();
    this.stale = true;
    if (this.catchingUp) return;
    this.catchingUp = true;
    try {
      while (this.stale) await this.readConversations();
      this.failures = 0;
    } catch {
      const delay = backoff(++this.failures, this.clock);
      if (this.running) this.cancelRetry = this.clock.after(delay, () => void this.catchUp());
    } finally {
      this.catchingUp = false;
    }
    for (const [id, timeline] of this.timelines) if (!timeline.known) void this.discover(id);
  }

  private async readConversations(): Promise<void> {
    this.stale = false;
    const list = await this.api.conversations(CATCH_UP_CONVERSATIONS);
    if (!this.running) return;
    for (const conversation of list) this.adopt(conversation);
    this.emit("conversations", { list, complete: list.length < CATCH_UP_CONVERSATIONS });
  }

  private listen(): void {
    this.session.on("ended", (why) => {
      this.stop();
      this.emit("ended", why);
    });
    this.connection.on("ended", (code) => this.session.end(code));
    this.connection.on("state", (state) => this.emit("connection", state));
    this.connection.on("welcome", () => {
      this.outbox.resend();
      this.reads.resend();
      void this.catchUp();
    });
    this.connection.on("frame", (frame) => {
      const handler = this.handlers[frame.type];
      if (handler === undefined) this.emit("frame", frame);
      else handler(frame as never);
    });
  }

  private readonly handlers: Record<string, (frame: never) => void> = {
    ack: (frame: Ack & { id: string }) => this.outbox.settle(frame.id, frame),
    error: (frame: { id?: string | null; code: string; message: string }) => {
      const problem = new Problem(frame.code, frame.message);
      if (typeof frame.id === "string") this.outbox.refuse(frame.id, problem);
      else if (frame.code === "frame_too_large") this.outbox.refuseLargest(problem);
    },
    message: (message: Message) => {
      if (message.client_id !== null && message.sender_id === this.session.user?.id) {
        this.outbox.settle(message.client_id, message);
      }
      const timeline = this.timeline(message.conversation_id);
      timeline.accept(message);
      if (!timeline.known && !this.catchingUp) void this.discover(message.conversation_id);
    },
    read: (event: ReadEvent) => {
      if (event.user_id === this.session.user?.id) {
        this.reads.confirm(event.conversation_id, event.seq);
      }
      this.emit("read", event);
    },
    member: (event: MemberEvent) => this.memberChanged(event),
    user_updated: (event: { user: Profile }) => this.emit("user", event.user),
    gap: () => void this.catchUp(),
  };

  private memberChanged(event: MemberEvent): void {
    this.emit("member", event);
    if (event.user_id !== this.session.user?.id) return;
    if (event.state === "joined") void this.discover(event.conversation_id);
    else this.forget(event.conversation_id);
  }

  private forget(conversationId: number): void {
    this.timelines.get(conversationId)?.close();
    this.timelines.delete(conversationId);
    this.open.delete(conversationId);
    this.emit("left", conversationId);
  }

  /** A conversation that nobody has told about yet. */
  private async discover(conversationId: number): Promise<void> {
    try {
      const conversation = await this.api.conversation(conversationId);
      this.adopt(conversation);
      this.emit("conversation", conversation);
    } catch {
      // No longer a member, or no connection; catching up finds it again.
    }
  }

  private adopt(conversation: Conversation): void {
    const timeline = this.timeline(conversation.id);
    if (timeline.known && this.open.has(conversation.id)) timeline.catchUp(conversation.last_seq);
    else timeline.skipTo(conversation.last_seq);
  }

  private timeline(id: number): Timeline {
    let timeline = this.timelines.get(id);
    if (timeline === undefined) {
      timeline = new Timeline({
        clock: this.clock,
        fetchAfter: (after) => this.api.history(id, { after, limit: HEAL_PAGE }),
        deliver: (message) => this.emit("message", message),
        reset: () => this.emit("reset", id),
      });
      this.timelines.set(id, timeline);
    }
    return timeline;
  }
}
