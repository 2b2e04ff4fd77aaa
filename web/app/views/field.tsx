import type { Signal } from "@preact/signals";
import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: Signal<string>;
  hint?: string;
  error?: string | null;
  input?: InputHTMLAttributes;
  children?: ComponentChildren;
}

/** A text input with its label, and with its hint and error told to screen readers. */
export function Field({ label, value, hint, error, input, children }: FieldProps) {
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-box">
        <input
          {...input}
          id={id}
          value={value.value}
          onInput={(event) => (value.value = event.currentTarget.value)}
          aria-invalid={error ? "true" : undefined}
          aria-describedby={about || undefined}
        />
        {children}
      </div>
      {hint && !error && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}
