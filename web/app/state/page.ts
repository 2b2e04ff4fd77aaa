import { signal } from "@preact/signals";

/** Somebody may be looking. */
export const pageVisible = signal(!document.hidden);

document.addEventListener("visibilitychange", () => (pageVisible.value = !document.hidden));
