import { useLayoutEffect, useRef } from "preact/hooks";
import type { Thread } from "../state/thread";
import { ConfirmButton } from "./confirm-button";
import { keyOf } from "./keys";

const EMOJI = ["👍", "❤️", "😂", "🎉", "😮"];

interface MessageToolsProps {
  thread: Thread;
  seq: number;
  mine: boolean;
  busy: boolean;
  act(work: () => Promise<void>): void;
  close(): void;
}

/** What can be done with a message; Escape, or a look elsewhere, closes it. */
export function MessageTools({ thread, seq, mine, busy, act, close }: MessageToolsProps) {
  const box = useRef<HTMLDivElement>(null);

  // Before it is seen, so that no key is lost.  A tool that is disabled meanwhile takes no focus.
  useLayoutEffect(() => {
    const first = box.current?.querySelector("button");
    (first?.disabled ? box.current : first)?.focus();
  }, []);

  const perform = (work: () => Promise<void>) => {
    act(work);
    close();
  };
  const edit = () => {
    thread.toolsOf.value = null;
    thread.beginEdit(seq);
  };

  return (
    <div
      ref={box}
      class="tools"
      role="group"
      aria-label="Message actions"
      tabIndex={-1}
      onKeyDown={(event) => {
        if (keyOf(event) === "Escape") close();
        else moveFocus(event);
      }}
    >
      {EMOJI.map((emoji) => (
        <button
          key={emoji}
          type="button"
          class="tool"
          aria-label={`React with ${emoji}`}
          disabled={busy}
          onClick={() => perform(() => thread.react(seq, emoji))}
        >
          {emoji}
        </button>
      ))}
      {mine && (
        <>
          <button type="button" class="tool" onClick={edit}>
            Edit
          </button>
          <ConfirmButton
            class="tool tool-bad"
            label="Delete"
            question="Really delete?"
            confirm={() => perform(() => thread.remove(seq))}
          />
        </>
      )}
    </div>
  );
}

/** Arrow keys go from tool to tool. */
function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[keyOf(event)];
  if (step === undefined) return;
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
}
