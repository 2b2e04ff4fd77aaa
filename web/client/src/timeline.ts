import { backoff, type Clock } from "./clock.js";
import type { Message, Page } from "./types.js";

/** A longer absence is not replayed: whoever shows the conversation loads it afresh. */
const MAX_REPLAY = 1000;

export interface TimelineOptions {
  clock: Clock;
  /** The next messages after a seq, oldest first. */
  fetchAfter(seq: number): Promise<Page>;
  deliver(message: Message): void;
  /** Too far behind to be caught up message by message. */
  reset(): void;
}

/**
 * One conversation's messages, each once and in the order of seq, whatever the
 * connection lost, repeated or overtook. seq has no gaps, so a jump is a hole:
 * what came too early waits here until the hole has been read from history.
 */
export class Timeline {
  /** The last seq delivered or skipped; null until a snapshot told. */
  private position: number | null = null;
  private readonly early = new Map<number, Message>();
  private healing = false;
  private closed = false;
  private failures = 0;
  private cancelRetry: () => void = () => {};

  constructor(private readonly options: TimelineOptions) {}

  get known(): boolean {
    return this.position !== null;
  }

  get last(): number {
    return this.position ?? 0;
  }

  /** Takes a snapshot's last seq as read: nothing up to it will be delivered. Never goes back. */
  skipTo(seq: number): void {
    this.position = Math.max(this.position ?? 0, seq);
    for (const waiting of this.early.keys()) if (waiting <= seq) this.early.delete(waiting);
    this.drain();
  }

  /** A live message. */
  accept(message: Message): void {
    if (this.position !== null && message.seq <= this.position) return;
    this.early.set(message.seq, message);
    if (this.position === null) return;
    this.drain();
    if (this.early.size > 0) void this.heal();
  }

  /** The server holds messages up to `lastSeq`. */
  catchUp(lastSeq: number): void {
    if (this.position === null || lastSeq <= this.position) return;
    if (lastSeq - this.position > MAX_REPLAY) {
      this.skipTo(lastSeq);
      this.options.reset();
    } else {
      void this.heal();
    }
  }

  close(): void {
    this.closed = true;
    this.cancelRetry();
    this.early.clear();
  }

  private async heal(): Promise<void> {
    if (this.healing || this.closed) return;
    this.healing = true;
    this.cancelRetry();
    try {
      await this.replay();
      this.failures = 0;
    } catch {
      const delay = backoff(++this.failures, this.options.clock);
      this.cancelRetry = this.options.clock.after(delay, () => void this.heal());
    } finally {
      this.healing = false;
    }
  }

  private async replay(): Promise<void> {
    for (;;) {
      const waiting = Math.min(...this.early.keys());
      const page = await this.options.fetchAfter(this.last);
      for (const message of page.messages) this.advance(message);
      this.drain();
      if (page.has_more && page.messages.length > 0) continue;
      // History, asked after this one came, has nothing right below it: that is no hole
      // (the caller joined in between, say).
      if (this.early.has(waiting)) this.skipTo(waiting - 1);
      if (this.early.size === 0) return;
    }
  }

  private drain(): void {
    for (;;) {
      const message = this.early.get(this.last + 1);
      if (message === undefined) return;
      this.advance(message);
    }
  }

  private advance(message: Message): void {
    if (this.closed || message.seq <= this.last) return;
    this.early.delete(message.seq);
    this.position = message.seq;
    this.options.deliver(message);
  }
}
