import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** This close to the end counts as being there. */
const END_PX = 48;
/** This close to the start, older messages are fetched. */
const START_PX = 600;

export interface Scrolling {
  box: RefObject<HTMLDivElement>;
  atEnd: Signal<boolean>;
  toEnd(): void;
  onScroll(): void;
}

/**
 * Keeps a list of messages where its reader left it: at the end while they are
 * there, else on the message they look at, whatever is added above or below.
 * `first` is the key of the first row, `rows` changes with every change, `sentAt` is when they
 * last said something themselves, which brings them to the end.
 */
export function useScrolling(
  first: string,
  rows: unknown,
  sentAt: string,
  nearStart: () => void,
): Scrolling {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useSignal(true);
  const before = useRef({ first: "", height: 0, sentAt: "" });

  const toEnd = () => {
    const element = box.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
    atEnd.value = true;
  };

  const onScroll = () => {
    const element = box.current;
    if (element === null) return; // the event came after the list had gone
    atEnd.value = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
    if (element.scrollTop < START_PX) nearStart();
  };

  useLayoutEffect(() => {
    const element = box.current!;
    const { first: firstBefore, height, sentAt: sentBefore } = before.current;
    if (first !== "" && firstBefore === "") showStart(element, toEnd);
    else if (atEnd.peek() || sentAt > sentBefore) toEnd();
    else if (first !== firstBefore) element.scrollTop += element.scrollHeight - height;
    before.current = {
      first,
      height: element.scrollHeight,
      sentAt: sentAt > sentBefore ? sentAt : sentBefore,
    };
    if (first !== "") onScroll();
  }, [first, rows]);

  // A keyboard that comes up, or a window made smaller, must not hide the newest message.
  useEffect(() => {
    const observer = new ResizeObserver(() => atEnd.peek() && toEnd());
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  return { box, atEnd, toEnd, onScroll };
}

/** A conversation opens at its first unread message, where one is in sight. */
function showStart(element: HTMLElement, toEnd: () => void): void {
  toEnd();
  const unread = element.querySelector<HTMLElement>("[data-unread]");
  if (unread === null) return;
  const above = unread.getBoundingClientRect().top - element.getBoundingClientRect().top;
  if (above < 0) element.scrollTop += above - 16;
}
