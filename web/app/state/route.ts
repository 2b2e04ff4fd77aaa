import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);

addEventListener("hashchange", () => (hash.value = location.hash));

/** The conversation that is shown, from the address: the Back button works, a reload keeps it. */
export const shown = computed<number | null>(() => {
  const match = /^#\/c\/(\d+)$/.exec(hash.value);
  return match === null ? null : Number(match[1]);
});

export function addressOf(conversationId: number): string {
  return `#/c/${conversationId}`;
}

export function show(conversationId: number): void {
  location.hash = addressOf(conversationId);
}

export function showList(): void {
  location.hash = "#/";
}
