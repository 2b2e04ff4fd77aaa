import { type Signal, useSignal } from "@preact/signals";
import { Field } from "./field";

interface PasswordFieldProps {
  value: Signal<string>;
  autoComplete: "current-password" | "new-password";
  hint?: string;
  error?: string | null;
}

export function PasswordField({ value, autoComplete, hint, error }: PasswordFieldProps) {
  const visible = useSignal(false);
  return (
    <Field
      label="Password"
      value={value}
      hint={hint}
      error={error}
      input={{
        name: "password",
        type: visible.value ? "text" : "password",
        autoComplete,
        required: true,
      }}
    >
      <button
        type="button"
        class="field-action"
        aria-pressed={visible.value}
        aria-label="Show password"
        onClick={() => (visible.value = !visible.value)}
      >
        {visible.value ? "Hide" : "Show"}
      </button>
    </Field>
  );
}
