/**
 * The name of a key, or "" while the key belongs to an input method: an Enter that confirms a
 * Japanese word sends nothing, an Escape that takes it back closes nothing. Browsers mark such
 * keys with `isComposing`. Safari ends the composition before it reports the key, and marks it
 * with keyCode 229 alone (UI Events, section "keyCode").
 */
export function keyOf(event: KeyboardEvent): string {
  return event.isComposing || event.keyCode === 229 ? "" : event.key;
}

/** For a dialog: an Escape that belongs to an input method leaves it open. */
export function keepOpenWhileComposing(event: KeyboardEvent): void {
  if (event.key === "Escape" && keyOf(event) === "") event.preventDefault();
}
