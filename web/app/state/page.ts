import { signal } from "@preact/signals";

/** A window that is visible beside another one is not being read: that takes the focus, too. */
const hasReader = () => !document.hidden && document.hasFocus();

/** Somebody looks at this page, as far as can be told. */
export const attended = signal(hasReader());

const look = () => (attended.value = hasReader());

document.addEventListener("visibilitychange", look);
addEventListener("focus", look);
addEventListener("blur", look);
