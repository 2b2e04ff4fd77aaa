import { backoff, type Clock } from "./clock.js";
import { applyChange, concerns } from "./change.js";
import type { Change, Cursor, Message, SyncedFrame } from "./types.js";
import { uuid } from "./uuid.js";

/** Ahead of any server: what is synced from here is reset to its newest messages. */
const NOWHERE: Cursor = { seq: Number.MAX_SAFE_INTEGER, ver: Number.MAX_SAFE_INTEGER };
/** Fits into a frame. */
const MAX_CURSORS = 1000;
/** Messages after a reset that are kept until they are told. */
const MAX_FILLING = 200;

export interface SyncFrame {
  type: "sync";
  id: string;
  /** Of the cursors. */
  timeline: string | null;
  cursors: Record<string, Cursor>;
  only: boolean;
}

/** A conversation from its newest messages on; whatever one had of it is void. */
export interface Reset {
  conversation_id: number;
  /** Oldest first, and the newest there are. */
  messages: Message[];
  /** There are older ones. */
  has_more: boolean;
}

export interface CatchUpOptions {
  clock: Clock;
  /** False when there is no connection. */
  send(frame: SyncFrame): boolean;
  deliver(message: Message): void;
  reset(reset: Reset): void;
  /** These were synced without a cursor, or in spite of one. */
  met(conversationIds: number[]): void;
  /** So many conversations are known that what is new besides must be found by the list. */
  listNeeded(): void;
}

interface Place extends Cursor {
  /** After a reset: what came since. */
  filling: Message[] | null;
  /** The greatest seq that came too early. */
  early: number;
  /** The newest message. */
  last: Message | null;
}

/** Of all conversations, or of some. */
type Scope = "all" | readonly number[];

/**
 * Where the client is in each conversation, and how it comes from there to now:
 * the rules of "Catching up" in doc/protocol.md. All frames of conversations go
 * through here, so that each message is delivered once and in order.
 */
export class CatchUp {
  private readonly places = new Map<number, Place>();
  /** Syncs that were not answered yet, by their ids. */
  private readonly pending = new Map<string, Scope>();
  private failures = 0;
  /** Which server's numbers, and since when: of the last `welcome`. */
  private timeline: string | null = null;
  /** Syncs to be sent again, by what calls them off. */
  private readonly retries = new Map<() => void, Scope>();

  constructor(private readonly options: CatchUpOptions) {}

  /** What a new connection asks first: everything since the cursors, and all that is new. */
  greeting(): SyncFrame[] {
    this.disconnected();
    const ids = [...this.places.keys()];
    if (ids.length <= MAX_CURSORS) return [this.frame("all")];
    this.options.listNeeded();
    return inPieces(ids, MAX_CURSORS).map((piece) => this.frame(piece));
  }

  disconnected(): void {
    this.pending.clear();
    this.cancelRetries();
  }

  /** On another timeline the same numbers are those of other messages: all that is known is void. */
  welcomed(timeline: string): void {
    if (this.timeline !== null && this.timeline !== timeline) {
      for (const place of this.places.values()) Object.assign(place, NOWHERE);
    }
    this.timeline = timeline;
  }

  /** Away for so long that the newest messages are worth more than all that was missed. */
  forgetAll(): void {
    this.places.clear();
  }

  stop(): void {
    this.disconnected();
    this.forgetAll();
    this.failures = 0;
  }

  knows(conversationId: number): boolean {
    return this.places.has(conversationId);
  }

  /** The newest message that was delivered, as it is now. */
  last(conversationId: number): Message | null {
    return this.places.get(conversationId)?.last ?? null;
  }

  /** From the cursor, where there is one; else from the newest messages. */
  sync(ids: readonly number[]): void {
    for (const piece of inPieces(ids, MAX_CURSORS)) this.send(piece);
  }

  /** Unless a sync that is under way will tell of it. */
  discover(conversationId: number): void {
    if (!this.knows(conversationId) && !this.isUnderWay(conversationId)) this.sync([conversationId]);
  }

  message(message: Message): void {
    const id = message.conversation_id;
    const place = this.places.get(id);
    if (place === undefined) return this.discover(id);
    if (message.seq <= place.seq) return;
    if (message.seq > place.seq + 1) {
      place.early = Math.max(place.early, message.seq);
      if (!this.isUnderWay(id)) this.sync([id]);
      return;
    }
    place.seq = message.seq;
    place.last = message;
    if (place.filling === null) return this.options.deliver(message);
    place.filling.push(message);
    if (place.filling.length > MAX_FILLING) place.filling.shift();
  }

  /** `ver` moves on, except between the sending of a sync and its end. */
  version(conversationId: number, ver: number): void {
    const place = this.places.get(conversationId);
    if (place !== undefined && ver > place.ver && !this.isUnderWay(conversationId)) place.ver = ver;
  }

  change(change: Change): void {
    this.version(change.conversation_id, change.ver);
    const place = this.places.get(change.conversation_id);
    if (place === undefined) return;
    const changed = (it: Message) => (concerns(change, it) ? applyChange(it, change) : it);
    if (place.last !== null) place.last = changed(place.last);
    if (place.filling !== null) place.filling = place.filling.map(changed);
  }

  reset(frame: { conversation_id: number } & Cursor): void {
    const { conversation_id, seq, ver } = frame;
    this.places.set(conversation_id, { seq, ver, filling: [], early: 0, last: null });
  }

  /** Not, or no longer, one of the user's. */
  forget(conversationId: number): void {
    this.places.delete(conversationId);
  }

  synced(frame: SyncedFrame): void {
    if (frame.id === null || !this.pending.delete(frame.id)) return;
    this.failures = 0;
    const met: number[] = [];
    const behind: number[] = [];
    for (const [key, told] of Object.entries(frame.conversations)) {
      const id = Number(key);
      if (told.status === "gone") this.forget(id);
      const place = this.places.get(id);
      if (place === undefined) continue;
      if (!this.isUnderWay(id)) place.ver = told.ver;
      if (this.tellFilling(id, place)) met.push(id);
      if (place.seq < Math.max(told.seq, place.early) && !this.isUnderWay(id)) behind.push(id);
      else place.early = 0;
    }
    if (met.length > 0) this.options.met(met);
    if (behind.length > 0) this.later(behind);
  }

  /** An `error` in place of `synced`. False: it is about something else. */
  refused(syncId: string): boolean {
    const scope = this.pending.get(syncId);
    if (scope === undefined) return false;
    this.pending.delete(syncId);
    this.later(scope);
    return true;
  }

  private tellFilling(conversation_id: number, place: Place): boolean {
    const messages = place.filling;
    if (messages === null) return false;
    place.filling = null;
    const has_more = (messages[0]?.seq ?? place.seq + 1) > 1;
    this.options.reset({ conversation_id, messages, has_more });
    return true;
  }

  private later(scope: Scope): void {
    const delay = backoff(++this.failures, this.options.clock);
    const cancel = this.options.clock.after(delay, () => {
      this.retries.delete(cancel);
      this.send(scope);
    });
    this.retries.set(cancel, scope);
  }

  private cancelRetries(): void {
    for (const cancel of this.retries.keys()) cancel();
    this.retries.clear();
  }

  private isUnderWay(conversationId: number): boolean {
    for (const scope of [...this.pending.values(), ...this.retries.values()]) {
      if (scope === "all" || scope.includes(conversationId)) return true;
    }
    return false;
  }

  private send(scope: Scope): void {
    const frame = this.frame(scope);
    if (this.options.send(frame)) return;
    this.pending.delete(frame.id);
    this.later(scope);
  }

  private frame(scope: Scope): SyncFrame {
    const id = uuid();
    this.pending.set(id, scope);
    const ids = scope === "all" ? [...this.places.keys()] : scope;
    const cursors = Object.fromEntries(ids.map((it) => [it, this.cursorOf(it)]));
    return { type: "sync", id, timeline: this.timeline, cursors, only: scope !== "all" };
  }

  private cursorOf(conversationId: number): Cursor {
    const { seq, ver } = this.places.get(conversationId) ?? NOWHERE;
    return { seq, ver };
  }
}

function inPieces<T>(list: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < list.length; at += size) pieces.push(list.slice(at, at + size));
  return pieces;
}
