import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { chat } from "../state/client";
import type { Thread } from "../state/thread";
import { Icon } from "./icon";
import { keyOf } from "./keys";

const MAX_HEIGHT_PX = 200;

/** Enter sends, Shift+Enter breaks the line; what is typed stays with its conversation. */
export function Composer({ thread, title }: { thread: Thread; title: string }) {
  const input = useRef<HTMLTextAreaElement>(null);
  const draft = thread.draft;
  const empty = useSignal(draft.peek().trim() === "");

  useEffect(() => {
    if (!matchMedia("(pointer: coarse)").matches) input.current?.focus();
  }, [thread]);

  useLayoutEffect(() => {
    const area = input.current!;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, MAX_HEIGHT_PX)}px`;
    empty.value = draft.value.trim() === "";
  }, [draft.value]);

  const send = () => {
    const content = draft.peek().trim();
    if (content === "") return;
    thread.send(content);
    thread.type("");
    input.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (keyOf(event) !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={input}
        rows={1}
        dir="auto"
        value={draft.value}
        onInput={(event) => {
          thread.type(event.currentTarget.value);
          chat.typing(thread.conversationId, draft.peek().trim() !== "");
        }}
        onKeyDown={onKeyDown}
        placeholder="Write a message"
        aria-label={`Message to ${title}`}
        enterkeyhint="send"
        autoComplete="off"
      />
      <button class="send" aria-label="Send" title="Send" aria-disabled={empty.value}>
        <Icon name="send" />
      </button>
    </form>
  );
}
