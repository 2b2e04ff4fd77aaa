import { useEffect, useRef } from "preact/hooks";
import type { Bubble } from "../state/grouping";
import type { Thread } from "../state/thread";
import { wordsFor } from "../state/wording";
import { useSubmission } from "./form";
import { keyOf } from "./keys";

interface MessageEditProps {
  bubble: Bubble;
  thread: Thread;
  close(): void;
}

/** A message of one's own, to be said better: Enter saves, Escape leaves it. */
export function MessageEdit({ bubble, thread, close }: MessageEditProps) {
  const text = thread.edited;
  const input = useRef<HTMLTextAreaElement>(null);
  const { busy, problem, submit } = useSubmission();

  useEffect(() => {
    input.current?.focus();
    input.current?.setSelectionRange(text.peek().length, text.peek().length);
  }, []);

  const save = () =>
    submit(async () => {
      const content = text.peek().trim();
      if (content !== "" && content !== bubble.content) await thread.edit(bubble.seq!, content);
      close();
    });

  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <textarea
        ref={input}
        rows={Math.min(6, text.value.split("\n").length + 1)}
        dir="auto"
        value={text.value}
        aria-label="Edit message"
        onInput={(event) => thread.typeEdit(event.currentTarget.value)}
        onKeyDown={(event) => {
          const key = keyOf(event);
          if (key === "Escape") close();
          if (key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          void save();
        }}
      />
      {problem.value && (
        <p class="failure" role="alert">
          {wordsFor(problem.value)}
        </p>
      )}
      <p class="edit-buttons">
        <button type="button" class="link" onClick={close}>
          Cancel
        </button>
        <button class="button button-small" disabled={busy.value}>
          Save
        </button>
      </p>
    </form>
  );
}
