import type { Clock } from "./clock.js";
import { Problem } from "./problem.js";
import { uuid } from "./uuid.js";

interface Waiting {
  resolve(result: unknown): void;
  reject(problem: Problem): void;
  cancelTimer(): void;
}

export interface CallsOptions {
  clock: Clock;
  timeoutMs: number;
  /** False when there is no connection. */
  send(frame: object): boolean;
}

/**
 * Calls over the live connection. One that was cut off is not repeated: only the
 * caller knows whether it may be.
 */
export class Calls {
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly options: CallsOptions) {}

  call<T>(method: string, params: object): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      const id = uuid();
      if (!this.options.send({ type: "call", id, method, params })) {
        return reject(new Problem("network", "There is no connection"));
      }
      const slow = () => this.refuse(id, new Problem("timeout", "The server does not answer"));
      const cancelTimer = this.options.clock.after(this.options.timeoutMs, slow);
      this.waiting.set(id, { resolve, reject, cancelTimer });
    }) as Promise<T>;
  }

  settle(id: string, result: unknown): void {
    this.take(id)?.resolve(result);
  }

  refuse(id: string, problem: Problem): void {
    this.take(id)?.reject(problem);
  }

  /** Nobody will answer any more. */
  abandon(problem: Problem): void {
    for (const id of [...this.waiting.keys()]) this.refuse(id, problem);
  }

  private take(id: string): Waiting | undefined {
    const waiting = this.waiting.get(id);
    waiting?.cancelTimer();
    this.waiting.delete(id);
    return waiting;
  }
}
