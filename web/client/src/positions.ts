/**
 * How far the user has come (has read, or has received), per conversation: only
 * ever forward, sent when the server can hear it, and sent again on the next
 * connection until it is confirmed.
 */
export class Positions {
  private readonly wanted = new Map<number, number>();
  private readonly confirmed = new Map<number, number>();
  /** Wanted, but not said yet. */
  private readonly unsaid = new Set<number>();

  constructor(private readonly send: (conversationId: number, seq: number) => boolean) {}

  mark(conversationId: number, seq: number): void {
    if (this.note(conversationId, seq)) this.flush();
  }

  /** To be said with the next `flush`. False: nothing new. */
  note(conversationId: number, seq: number): boolean {
    const known = this.wanted.get(conversationId) ?? this.confirmed.get(conversationId) ?? 0;
    if (seq <= known) return false;
    this.wanted.set(conversationId, seq);
    this.unsaid.add(conversationId);
    return true;
  }

  confirm(conversationId: number, seq: number): void {
    if (seq <= (this.confirmed.get(conversationId) ?? 0)) return;
    this.confirmed.set(conversationId, seq);
    if ((this.wanted.get(conversationId) ?? 0) <= seq) this.wanted.delete(conversationId);
  }

  flush(): void {
    for (const id of this.unsaid) {
      const seq = this.wanted.get(id);
      if (seq === undefined || this.send(id, seq)) this.unsaid.delete(id);
    }
  }

  /** All that is not confirmed, to be said on a new connection: the last one may have lost it. */
  flight(): [conversationId: number, seq: number][] {
    this.unsaid.clear();
    return [...this.wanted];
  }

  forget(conversationId: number): void {
    this.wanted.delete(conversationId);
    this.confirmed.delete(conversationId);
  }

  clear(): void {
    this.wanted.clear();
    this.confirmed.clear();
    this.unsaid.clear();
  }
}
