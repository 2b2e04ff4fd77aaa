/**
 * How far the user has read, per conversation: only ever forward, sent when the
 * server can hear it, and sent again on the next connection until it is confirmed.
 */
export class ReadPositions {
  private readonly wanted = new Map<number, number>();
  private readonly confirmed = new Map<number, number>();

  constructor(private readonly send: (conversationId: number, seq: number) => boolean) {}

  mark(conversationId: number, seq: number): void {
    if (seq <= (this.wanted.get(conversationId) ?? this.confirmed.get(conversationId) ?? 0)) return;
    this.wanted.set(conversationId, seq);
    this.send(conversationId, seq);
  }

  confirm(conversationId: number, seq: number): void {
    if (seq <= (this.confirmed.get(conversationId) ?? 0)) return;
    this.confirmed.set(conversationId, seq);
    if ((this.wanted.get(conversationId) ?? 0) <= seq) this.wanted.delete(conversationId);
  }

  resend(): void {
    for (const [conversationId, seq] of this.wanted) this.send(conversationId, seq);
  }
}
