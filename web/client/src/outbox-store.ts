import type { PageLocks } from "./page-locks.js";
import type { TextStore } from "./text-store.js";
import { uuid } from "./uuid.js";

/** A message that waits to be sent, or that failed, as it is stored. */
export interface OutboxRecord {
  /** The client id. */
  id: string;
  conversation_id: number;
  content: string;
  reply_to: number | null;
  /** Milliseconds since 1970; the order of the messages of one page. */
  at: number;
  /** The page that sends it. */
  owner: string;
  /** Why it was given back to its sender; null: it waits. */
  problem: { code: string; message: string } | null;
}

export interface OutboxStoreOptions {
  texts: TextStore;
  locks: PageLocks;
  /** These have become this page's to send, oldest first. */
  inherited(records: OutboxRecord[]): void;
  /** Another tab has sent or discarded it. */
  gone(id: string): void;
}

/**
 * The messages of one account that are not stored on the server yet. Each belongs to one page,
 * which sends it; when a page goes (a reload, a crash), another one of the same account inherits
 * what it has left, at once or when it is opened.
 */
export class OutboxStore {
  private readonly page = uuid();
  private prefix: string | null = null;
  private holds = false;
  /** Pages whose messages are waited for. */
  private readonly followed = new Set<string>();
  private unwatch: () => void = () => {};

  constructor(private readonly options: OutboxStoreOptions) {}

  /** Resolves when everything has been inherited that can be now. */
  async open(accountId: number): Promise<void> {
    const { locks, texts } = this.options;
    this.close();
    const prefix = (this.prefix = `${accountId}.outbox.`);
    if (!this.holds && texts.lasting) {
      this.holds = true;
      locks.hold(this.page);
    }
    this.unwatch = texts.watch((name, text) => {
      if (!name.startsWith(prefix)) return;
      if (text === null) this.options.gone(name.slice(prefix.length));
      else if (locks.known) void this.follow(parse(text)?.owner ?? this.page);
    });
    this.inherit(this.page);
    const owners = new Set(this.records().map(({ owner }) => owner));
    await Promise.all([...owners].map((owner) => this.follow(owner)));
  }

  close(): void {
    this.unwatch();
    this.prefix = null;
    this.followed.clear();
  }

  save(record: Omit<OutboxRecord, "owner">): void {
    if (this.prefix === null) return;
    const text = JSON.stringify({ ...record, owner: this.page });
    this.options.texts.save(this.prefix + record.id, text);
  }

  remove(id: string): void {
    if (this.prefix !== null) this.options.texts.save(this.prefix + id, null);
  }

  private async follow(owner: string): Promise<void> {
    const { prefix } = this;
    if (owner === this.page || this.followed.has(owner)) return;
    this.followed.add(owner);
    await this.options.locks.inherit(owner, () => {
      if (prefix === this.prefix && this.followed.delete(owner)) this.inherit(owner);
    });
  }

  private inherit(owner: string): void {
    const records = this.records().filter((record) => record.owner === owner);
    for (const record of records) this.save(record);
    if (records.length > 0) this.options.inherited(records);
  }

  private records(): OutboxRecord[] {
    const { texts } = this.options;
    const { prefix } = this;
    if (prefix === null) return [];
    return texts
      .names()
      .filter((name) => name.startsWith(prefix))
      .map((name) => parse(texts.load(name)))
      .filter((record) => record !== null)
      .sort((a, b) => a.at - b.at);
  }
}

/** null for what this version has not written. */
function parse(text: string | null): OutboxRecord | null {
  try {
    const record = JSON.parse(text ?? "null") as Partial<OutboxRecord> | null;
    const isOne =
      typeof record?.id === "string" &&
      typeof record.conversation_id === "number" &&
      typeof record.content === "string" &&
      typeof record.at === "number" &&
      typeof record.owner === "string";
    return isOne ? ({ reply_to: null, problem: null, ...record } as OutboxRecord) : null;
  } catch {
    return null;
  }
}
