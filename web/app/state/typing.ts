import { signal } from "@preact/signals";
import type { TypingEvent } from "@pg-parley/client";
import { chat } from "./client";

/** The server tells when it ends; if that gets lost, so long is long enough. */
const FORGET_MS = 12_000;

interface Typist {
  conversationId: number;
  userId: number;
  username: string;
}

/** Everybody who types just now. */
export const typists = signal<readonly Typist[]>([]);
const timers = new Map<string, ReturnType<typeof setTimeout>>();

function quiet(conversationId: number, userId: number): void {
  const key = `${conversationId} ${userId}`;
  clearTimeout(timers.get(key));
  if (!timers.delete(key)) return;
  typists.value = typists
    .peek()
    .filter((it) => it.conversationId !== conversationId || it.userId !== userId);
}

chat.on("typing", ({ conversation_id, user_id, username, is_typing }: TypingEvent) => {
  const key = `${conversation_id} ${user_id}`;
  if (!is_typing) return quiet(conversation_id, user_id);
  if (!timers.has(key)) {
    const typist = { conversationId: conversation_id, userId: user_id, username };
    typists.value = [...typists.peek(), typist];
  }
  clearTimeout(timers.get(key));
  timers.set(
    key,
    setTimeout(() => quiet(conversation_id, user_id), FORGET_MS),
  );
});

chat.on("connection", ({ phase }) => {
  if (phase === "online") return;
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  typists.value = [];
});
