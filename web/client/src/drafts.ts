import { Emitter } from "./emitter.js";
import type { TextStore } from "./text-store.js";

export interface DraftsEvents {
  /** Another tab has changed a draft. */
  changed: { name: string; text: string; before: string };
}

/**
 * What an account has typed and not sent, by names that the application gives. Kept with every
 * key, for nobody knows which one is the last before a crash.
 */
export class Drafts extends Emitter<DraftsEvents> {
  private prefix: string | null = null;
  private unwatch: () => void = () => {};

  constructor(private readonly store: TextStore) {
    super();
  }

  open(accountId: number): void {
    this.close();
    const prefix = (this.prefix = `${accountId}.draft.`);
    this.unwatch = this.store.watch((name, text, before) => {
      if (!name.startsWith(prefix)) return;
      const change = { name: name.slice(prefix.length), text: text ?? "", before: before ?? "" };
      this.emit("changed", change);
    });
  }

  close(): void {
    this.unwatch();
    this.prefix = null;
  }

  get(name: string): string {
    return this.prefix === null ? "" : (this.store.load(this.prefix + name) ?? "");
  }

  /** "" forgets it. */
  set(name: string, text: string): void {
    if (this.prefix !== null) this.store.save(this.prefix + name, text === "" ? null : text);
  }

  /** The names of all drafts that begin like this. */
  names(start = ""): string[] {
    const { prefix } = this;
    if (prefix === null) return [];
    return this.store
      .names()
      .filter((name) => name.startsWith(prefix + start))
      .map((name) => name.slice(prefix.length));
  }
}
