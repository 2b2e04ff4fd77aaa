import { backoff, type Clock } from "./clock.js";
import { Problem } from "./problem.js";
import type { Ack } from "./types.js";

/** A connection that leaves a send unanswered this long is taken for dead. */
const ANSWER_MS = 10_000;
/** Sent this often without success, a message is given back to its sender. */
const MAX_ATTEMPTS = 4;

export interface SendFrame {
  type: "message";
  /** The client id: the server stores a message with the same one only once. */
  id: string;
  conversation_id: number;
  content: string;
  reply_to?: number;
}

interface Entry {
  frame: SendFrame;
  promise: Promise<Ack>;
  resolve(ack: Ack): void;
  reject(problem: Problem): void;
  attempts: number;
  cancelTimer(): void;
}

export interface OutboxOptions {
  clock: Clock;
  /** False when there is no connection. */
  send(frame: SendFrame): boolean;
  /** Nothing came back in time. */
  silent(): void;
}

/** Messages sent but not acknowledged, in order; sent again with the same id on a new connection. */
export class Outbox {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: OutboxOptions) {}

  add(frame: SendFrame): Promise<Ack> {
    const known = this.entries.get(frame.id);
    if (known !== undefined) return known.promise;
    let resolve!: Entry["resolve"];
    let reject!: Entry["reject"];
    const promise = new Promise<Ack>((yes, no) => ((resolve = yes), (reject = no)));
    const entry = { frame, promise, resolve, reject, attempts: 0, cancelTimer: () => {} };
    this.entries.set(frame.id, entry);
    this.transmit(entry);
    return promise;
  }

  /** A new connection is up. */
  resend(): void {
    for (const entry of this.entries.values()) this.transmit(entry);
  }

  settle(id: string, ack: Ack): void {
    this.take(id)?.resolve(ack);
  }

  /** The server would not take it: where that may pass, it is asked again. */
  refuse(id: string, problem: Problem): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    entry.cancelTimer();
    if (!problem.transient || entry.attempts >= MAX_ATTEMPTS) return this.give(id, problem);
    const delay = backoff(entry.attempts, this.options.clock);
    entry.cancelTimer = this.options.clock.after(delay, () => this.transmit(entry));
  }

  /** A frame was too large to be read, so its refusal has no id: it can only be the largest. */
  refuseLargest(problem: Problem): void {
    const entries = [...this.entries.values()];
    const sizes = entries.map(({ frame }) => frame.content.length);
    const largest = entries[sizes.indexOf(Math.max(...sizes))];
    if (largest !== undefined) this.give(largest.frame.id, problem);
  }

  /** Nobody will answer any more. */
  abandon(problem: Problem): void {
    for (const id of [...this.entries.keys()]) this.give(id, problem);
  }

  private transmit(entry: Entry): void {
    entry.cancelTimer();
    if (!this.options.send(entry.frame)) return;
    entry.attempts++;
    entry.cancelTimer = this.options.clock.after(ANSWER_MS, () => this.unanswered(entry));
  }

  private unanswered(entry: Entry): void {
    if (entry.attempts >= MAX_ATTEMPTS) {
      this.give(entry.frame.id, new Problem("timeout", "The server does not answer"));
    }
    this.options.silent();
  }

  private give(id: string, problem: Problem): void {
    this.take(id)?.reject(problem);
  }

  private take(id: string): Entry | undefined {
    const entry = this.entries.get(id);
    entry?.cancelTimer();
    this.entries.delete(id);
    return entry;
  }
}
