import type { Clock } from "./clock.js";

/** Said again this often while it goes on; the server forgets it a little later. */
const REPEAT_MS = 3000;

/** Tells that the user types, not with every key. */
export class Typing {
  private readonly toldAt = new Map<number, number>();

  constructor(
    private readonly clock: Clock,
    private readonly send: (conversationId: number, isTyping: boolean) => void,
  ) {}

  tell(conversationId: number, isTyping: boolean): void {
    const toldAt = this.toldAt.get(conversationId);
    if (!isTyping) {
      if (this.toldAt.delete(conversationId)) this.send(conversationId, false);
    } else if (toldAt === undefined || this.clock.now() - toldAt >= REPEAT_MS) {
      this.toldAt.set(conversationId, this.clock.now());
      this.send(conversationId, true);
    }
  }

  /** The server ends it by itself: with a message, or with the connection. */
  forget(conversationId: number): void {
    this.toldAt.delete(conversationId);
  }

  clear(): void {
    this.toldAt.clear();
  }
}
