import { backoff, type Clock } from "./clock.js";
import { OutboxStore, type OutboxRecord } from "./outbox-store.js";
import type { PageLocks } from "./page-locks.js";
import { Problem } from "./problem.js";
import type { TextStore } from "./text-store.js";
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

/** What has become of a message on its way to the server. */
export interface Outgoing {
  /** The client id. */
  id: string;
  conversation_id: number;
  content: string;
  reply_to: number | null;
  created_at: string;
  /** `failed`: send it again with the same id, or discard it. */
  state: "waiting" | "sent" | "failed" | "discarded";
  /** Why it failed. */
  problem: Problem | null;
}

interface Entry {
  record: Omit<OutboxRecord, "owner">;
  promise: Promise<Ack>;
  resolve(ack: Ack): void;
  reject(problem: Problem): void;
  attempts: number;
  /** `aboard`: sent ahead of the welcome; `sent`: to be answered in time. */
  way: "here" | "aboard" | "sent";
  cancelTimer(): void;
}

export interface OutboxOptions {
  clock: Clock;
  /** False when there is no connection. */
  send(frame: SendFrame): boolean;
  /** Nothing came back in time. */
  silent(): void;
  changed(outgoing: Outgoing): void;
  texts: TextStore;
  locks: PageLocks;
  /** What failed stays until it is sent again or discarded; else only its promise tells of it. */
  keepsFailed: boolean;
}

/**
 * Messages that are not acknowledged, in order; sent again with the same id on a new connection
 * and, where the store lasts, by a later page.
 */
export class Outbox {
  /** Those that wait, and those that failed. */
  private readonly entries = new Map<string, Entry>();
  private readonly store: OutboxStore;
  /** False while it is not known what an earlier page has left to be sent first. */
  private ready = true;
  private lastAt = 0;
  /** Conversations whose server asked for a pause, with what ends it. */
  private readonly pauses = new Map<number, () => void>();

  constructor(private readonly options: OutboxOptions) {
    this.store = new OutboxStore({
      texts: options.texts,
      locks: options.locks,
      inherited: (records) => this.inherit(records),
      gone: (id) => this.discard(id),
    });
  }

  /** Takes up what the account has left in the store, ahead of all that is added meanwhile. */
  async open(accountId: number): Promise<void> {
    this.ready = false;
    const opened = this.store.open(accountId);
    for (const { record } of this.entries.values()) this.store.save(record);
    await opened;
    this.ready = true;
    this.pump();
  }

  close(): void {
    this.store.close();
    this.ready = true;
  }

  /** One that failed is tried again under the same id. */
  add(frame: SendFrame): Promise<Ack> {
    const known = this.entries.get(frame.id);
    if (known !== undefined && known.record.problem === null) return known.promise;
    const { id, conversation_id, content, reply_to = null } = frame;
    const at = (this.lastAt = Math.max(this.options.clock.now(), this.lastAt + 1));
    this.entries.delete(id);
    const entry = this.put({ id, conversation_id, content, reply_to, at, problem: null });
    this.store.save(entry.record);
    this.tell(entry, "waiting");
    this.pump();
    return entry.promise;
  }

  discard(id: string): void {
    const entry = this.take(id);
    if (entry === undefined) return;
    entry.reject(new Problem("discarded", "The message was discarded"));
    this.tell(entry, "discarded");
  }

  discardAll(conversationId: number): void {
    for (const { record } of [...this.entries.values()]) {
      if (record.conversation_id === conversationId) this.discard(record.id);
    }
  }

  /** For the first flight of a new connection, ahead of its welcome. */
  flight(): SendFrame[] {
    for (const end of this.pauses.values()) end();
    this.pauses.clear();
    const waiting = this.waiting();
    for (const entry of waiting) {
      entry.cancelTimer();
      entry.way = this.ready ? "aboard" : "here";
    }
    return this.ready ? waiting.map(frameOf) : [];
  }

  /** A new connection is up: what was aboard has arrived, and waits for its answer. */
  welcomed(): void {
    for (const entry of this.waiting()) if (entry.way === "aboard") this.expectAnswer(entry);
    this.pump();
  }

  settle(id: string, ack: Ack): void {
    const entry = this.take(id);
    if (entry === undefined) return;
    entry.resolve(ack);
    this.tell(entry, "sent");
  }

  /** The server would not take it: where that may pass, it is asked again. */
  refuse(id: string, problem: Problem): void {
    const entry = this.entries.get(id);
    if (entry === undefined || entry.record.problem !== null) return;
    entry.cancelTimer();
    entry.way = "here";
    if (!problem.transient || entry.attempts >= MAX_ATTEMPTS) return this.give(entry, problem);
    this.pause(entry);
  }

  /** A frame was too large to be read, so its refusal has no id: it can only be the largest. */
  refuseLargest(problem: Problem): void {
    const sent = this.waiting().filter(({ way }) => way !== "here");
    const sizes = sent.map(({ record }) => record.content.length);
    const largest = sent[sizes.indexOf(Math.max(...sizes))];
    if (largest !== undefined) this.give(largest, problem);
  }

  /** Nobody will answer any more. What is stored stays so. */
  abandon(problem: Problem): void {
    for (const entry of this.entries.values()) {
      entry.cancelTimer();
      entry.reject(problem);
    }
    for (const end of this.pauses.values()) end();
    this.entries.clear();
    this.pauses.clear();
  }

  private inherit(records: OutboxRecord[]): void {
    const here = [...this.entries.values()];
    this.lastAt = Math.max(this.lastAt, ...records.map(({ at }) => at));
    const unknown = records.filter(({ id }) => !this.entries.has(id));
    const added = unknown.map((record) => this.put(record));
    const inOrder = [...here, ...added].sort((a, b) => a.record.at - b.record.at);
    this.entries.clear();
    for (const entry of inOrder) this.entries.set(entry.record.id, entry);
    for (const entry of added) {
      this.tell(entry, entry.record.problem === null ? "waiting" : "failed");
    }
    this.pump();
  }

  private put(record: Entry["record"]): Entry {
    let resolve!: Entry["resolve"];
    let reject!: Entry["reject"];
    const promise = new Promise<Ack>((yes, no) => ((resolve = yes), (reject = no)));
    promise.catch(() => {}); // `changed` tells of it, too
    const fresh = { attempts: 0, way: "here", cancelTimer: () => {} } as const;
    const entry: Entry = { record, promise, resolve, reject, ...fresh };
    this.entries.set(record.id, entry);
    return entry;
  }

  private waiting(): Entry[] {
    return [...this.entries.values()].filter(({ record }) => record.problem === null);
  }

  private pump(): void {
    if (!this.ready) return;
    for (const entry of this.waiting()) {
      if (entry.way !== "here" || this.pauses.has(entry.record.conversation_id)) continue;
      if (!this.options.send(frameOf(entry))) return;
      this.expectAnswer(entry);
    }
  }

  private expectAnswer(entry: Entry): void {
    entry.way = "sent";
    entry.attempts++;
    entry.cancelTimer();
    entry.cancelTimer = this.options.clock.after(ANSWER_MS, () => this.unanswered(entry));
  }

  /** What comes behind it in the conversation waits, too, so that the order holds. */
  private pause({ attempts, record: { conversation_id } }: Entry): void {
    if (this.pauses.has(conversation_id)) return;
    const { clock } = this.options;
    const end = clock.after(backoff(attempts, clock), () => {
      this.pauses.delete(conversation_id);
      this.pump();
    });
    this.pauses.set(conversation_id, end);
  }

  private unanswered(entry: Entry): void {
    entry.way = "here";
    if (entry.attempts >= MAX_ATTEMPTS) {
      this.give(entry, new Problem("timeout", "The server does not answer"));
    }
    this.options.silent();
  }

  /** Back to its sender, who may try again or discard it. */
  private give(entry: Entry, problem: Problem): void {
    const { code, message } = problem;
    entry.cancelTimer();
    entry.record = { ...entry.record, problem: { code, message } };
    if (this.options.keepsFailed) this.store.save(entry.record);
    else this.take(entry.record.id);
    entry.reject(problem);
    this.tell(entry, "failed");
  }

  private take(id: string): Entry | undefined {
    const entry = this.entries.get(id);
    if (entry === undefined) return undefined;
    entry.cancelTimer();
    this.entries.delete(id);
    this.store.remove(id);
    return entry;
  }

  private tell({ record }: Entry, state: Outgoing["state"]): void {
    const { id, conversation_id, content, reply_to, at, problem } = record;
    this.options.changed({
      id,
      conversation_id,
      content,
      reply_to,
      created_at: new Date(at).toISOString(),
      state,
      problem: problem === null ? null : new Problem(problem.code, problem.message),
    });
  }
}

function frameOf({ record }: Entry): SendFrame {
  const { id, conversation_id, content, reply_to } = record;
  const frame: SendFrame = { type: "message", id, conversation_id, content };
  if (reply_to !== null) frame.reply_to = reply_to;
  return frame;
}
