import { useSignal } from "@preact/signals";
import { asProblem, type Problem } from "@pg-parley/client";

/** A form that talks to the server: one submission at a time, and the problem it met. */
export function useSubmission() {
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);

  async function submit(work: () => Promise<void>): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    problem.value = null;
    try {
      await work();
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  }

  return { busy, problem, submit };
}

/** Puts the focus on the first field that is marked as wrong, once it is. */
export function focusInvalid(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid]")?.focus());
}
