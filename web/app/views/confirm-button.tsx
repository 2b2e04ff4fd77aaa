import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface ConfirmButtonProps {
  label: ComponentChildren;
  /** What it says when it has been pressed once. */
  question: ComponentChildren;
  class: string;
  disabled?: boolean;
  confirm(): void;
}

/** Pressed twice it does what cannot be undone; looking away is a no. */
export function ConfirmButton(props: ConfirmButtonProps) {
  const asked = useSignal(false);
  return (
    <button
      type="button"
      class={props.class}
      disabled={props.disabled}
      onBlur={() => (asked.value = false)}
      onClick={() => {
        if (asked.value) props.confirm();
        asked.value = !asked.value;
      }}
    >
      {asked.value ? props.question : props.label}
    </button>
  );
}
