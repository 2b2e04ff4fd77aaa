import { backoff, type Clock } from "./clock.js";
import { closeRule } from "./close-codes.js";
import { Emitter } from "./emitter.js";
import { asProblem } from "./problem.js";
import type { Frame } from "./types.js";

export const SUBPROTOCOL = "chat.v1";

/** From opening the socket to `welcome`. */
const WELCOME_MS = 10_000;
/** A connection that lived this long was a good one: the next failure counts as the first. */
const SETTLED_MS = 10_000;

/** As much of a WebSocket as is needed here. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: (() => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type ConnectionState =
  | { phase: "idle" }
  | { phase: "connecting" }
  | { phase: "online" }
  /** Cut off; the next attempt is at `retryAt` (milliseconds since 1970). */
  | { phase: "waiting"; retryAt: number }
  /** Refused by the server; `reason` is the name of the close code. */
  | { phase: "stopped"; reason: string };

export interface ConnectionEvents {
  state: ConnectionState;
  /** Authenticated; whatever is committed from now on will be sent. */
  welcome: Frame;
  /** It was authenticated, and is no more. */
  lost: void;
  /** Any other frame. */
  frame: Frame;
  /** The server says that the login is over; the name of the close code. */
  ended: string;
}

export interface ConnectionOptions {
  url: string;
  open(url: string, subprotocol: string): Socket;
  /** A good access token, or a Problem: `signed_out` ends the connection, others are tried again. */
  token(): Promise<string>;
  /** The server refused this token. */
  tokenRefused(token: string): void;
  /** What goes right behind the token, ahead of all events. */
  greeting(): readonly object[];
  clock: Clock;
}

/** A WebSocket that authenticates with its first frame and comes back by itself. */
export class Connection extends Emitter<ConnectionEvents> {
  state: ConnectionState = { phase: "idle" };
  private socket: Socket | null = null;
  private token = "";
  private failures = 0;
  private refusedOnce = false;
  /** Told apart by number, so that what an earlier attempt still brings is not taken for news. */
  private attempt = 0;
  private cancelTimer: () => void = () => {};
  /** The server goes, and has said when it wants us back. */
  private invitedAt: number | null = null;
  private cancelInvitation: () => void = () => {};

  constructor(private readonly options: ConnectionOptions) {
    super();
  }

  start(): void {
    if (this.state.phase === "idle" || this.state.phase === "stopped") void this.connect();
  }

  stop(): void {
    this.drop();
    this.change({ phase: "idle" });
  }

  /** Does not wait for the back-off to run out. */
  retryNow(): void {
    if (this.state.phase === "waiting" || this.state.phase === "stopped") void this.connect();
  }

  /** Gives up a socket that may be dead and opens another. */
  recycle(): void {
    if (this.state.phase === "online") void this.connect();
  }

  /** False when there is no live connection; nothing is queued here. */
  send(frame: object): boolean {
    if (this.state.phase !== "online" || this.socket === null) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  private async connect(): Promise<void> {
    this.drop();
    const attempt = this.attempt;
    this.change({ phase: "connecting" });
    try {
      const token = await this.options.token();
      if (attempt === this.attempt) this.open(token);
    } catch (error) {
      if (attempt !== this.attempt) return;
      if (asProblem(error).code === "signed_out") this.stop();
      else this.retryLater();
    }
  }

  private open(token: string): void {
    const socket = this.options.open(this.options.url, SUBPROTOCOL);
    this.socket = socket;
    this.token = token;
    socket.onopen = () => {
      for (const frame of [{ type: "auth", token }, ...this.options.greeting()])
        socket.send(JSON.stringify(frame));
    };
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = (event) => this.closed(event.code);
    this.cancelTimer = this.options.clock.after(WELCOME_MS, () => this.retryLater());
  }

  /** A text frame holds one or more objects, a line each. */
  private receive(socket: Socket, data: unknown): void {
    for (const line of String(data).split("\n")) {
      if (socket !== this.socket) return; // a listener has closed it
      if (line === "") continue;
      try {
        this.handle(JSON.parse(line) as Frame);
      } catch (error) {
        console.error("frame not understood", error);
      }
    }
  }

  private handle(frame: Frame): void {
    if (frame.type === "welcome") this.welcomed(frame);
    else if (frame.type === "expiring") void this.renew();
    else if (frame.type === "reconnect") this.invited(frame);
    else this.emit("frame", frame);
  }

  /** A later one answers a renewed token. */
  private welcomed(frame: Frame): void {
    if (this.state.phase !== "connecting") return;
    this.refusedOnce = false;
    this.cancelTimer();
    this.cancelTimer = this.options.clock.after(SETTLED_MS, () => (this.failures = 0));
    this.change({ phase: "online" });
    this.emit("welcome", frame);
  }

  /** It closes by then; each client is given a moment of its own, so that none has to guess. */
  private invited({ after_ms }: Frame): void {
    const { clock } = this.options;
    const delay = Math.max(0, Number(after_ms) || 0);
    this.invitedAt = clock.now() + delay;
    this.cancelInvitation();
    this.cancelInvitation = clock.after(delay, () => void this.connect());
  }

  /** A server that announces the end of a token takes the next one on the live connection. */
  private async renew(): Promise<void> {
    this.options.tokenRefused(this.token);
    try {
      this.token = await this.options.token();
      this.send({ type: "auth", token: this.token });
    } catch {
      // The server will close with `token_expired`, and the next connection tries again.
    }
  }

  private closed(code: number): void {
    const rule = closeRule(code);
    switch (rule.action) {
      case "renew":
        this.options.tokenRefused(this.token);
        return this.retryLater();
      case "renew_once":
        if (this.refusedOnce) return this.signedOut(rule.name);
        this.refusedOnce = true;
        this.options.tokenRefused(this.token);
        return this.retryLater();
      case "sign_out":
        return this.signedOut(rule.name);
      case "stop":
        this.drop();
        return this.change({ phase: "stopped", reason: rule.name });
      case "reconnect":
        return this.retryLater();
    }
  }

  private signedOut(reason: string): void {
    this.stop();
    this.emit("ended", reason);
  }

  private retryLater(): void {
    const { clock } = this.options;
    const { invitedAt } = this;
    this.drop();
    const delay =
      invitedAt === null ? backoff(this.failures++, clock) : Math.max(0, invitedAt - clock.now());
    this.cancelTimer = clock.after(delay, () => void this.connect());
    this.change({ phase: "waiting", retryAt: clock.now() + delay });
  }

  /** Forgets the socket, the timer, and any attempt under way. */
  private drop(): void {
    this.attempt++;
    this.cancelTimer();
    this.cancelInvitation();
    this.invitedAt = null;
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    socket.close(1000);
  }

  private change(state: ConnectionState): void {
    const lost = this.state.phase === "online" && state.phase !== "online";
    this.state = state;
    if (lost) this.emit("lost", undefined);
    this.emit("state", state);
  }
}
