import { backoff, type Clock } from "./clock.js";
import { asProblem } from "./problem.js";

/** Work that is tried, later each time, until it is done, or refused for good, or called off. */
export class Persistence {
  private readonly waits = new Set<() => void>();
  private round = 0;

  constructor(private readonly clock: Clock) {}

  async until<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { round } = this;
    for (let failures = 1; round === this.round; failures++) {
      try {
        const result = await work();
        return round === this.round ? result : undefined;
      } catch (error) {
        const problem = asProblem(error);
        if (!problem.transient && problem.status !== 429) return undefined;
        if (round === this.round) await this.pause(backoff(failures, this.clock));
      }
    }
    return undefined;
  }

  callOff(): void {
    this.round++;
    for (const end of [...this.waits]) end();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.waits.delete(end);
        resolve();
      };
      const cancel = this.clock.after(ms, end);
      this.waits.add(end);
    });
  }
}
