import { type Signal, useSignal } from "@preact/signals";
import type { TargetedSubmitEvent } from "preact";
import { signUp } from "../state/account";
import { wordsFor } from "../state/wording";
import { Field } from "./field";
import { focusInvalid, useSubmission } from "./form";
import { PasswordField } from "./password-field";

const fieldOf: Readonly<Record<string, "username" | "email" | "password">> = {
  invalid_username: "username",
  username_taken: "username",
  invalid_email: "email",
  email_taken: "email",
  invalid_password: "password",
};

/** What is typed stays with the one who made it, also while the other form is shown. */
export interface SignUpEntry {
  name: Signal<string>;
  username: Signal<string>;
  email: Signal<string>;
}

export function SignUpForm({ entry: { name, username, email } }: { entry: SignUpEntry }) {
  const password = useSignal("");
  const { busy, problem, submit } = useSubmission();

  const wrong = problem.value === null ? undefined : fieldOf[problem.value.code];
  const words = problem.value === null ? null : wordsFor(problem.value);
  const errorAt = (field: string) => (wrong === field ? words : null);

  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const display_name = name.value.trim() || undefined;
    const entry = { username: username.value.trim(), email: email.value.trim(), display_name };
    void submit(() => signUp({ ...entry, password: password.value })).then(() =>
      focusInvalid(form),
    );
  };

  return (
    <form onSubmit={onSubmit} aria-label="Create an account">
      <Field
        label="User name"
        value={username}
        hint="Others find you by it."
        error={errorAt("username")}
        input={{
          name: "username",
          autoComplete: "username",
          autoCapitalize: "none",
          required: true,
          autoFocus: true,
        }}
      />
      <Field
        label="Name to show (optional)"
        value={name}
        input={{ name: "display_name", autoComplete: "name" }}
      />
      <Field
        label="E-mail"
        value={email}
        error={errorAt("email")}
        input={{ name: "email", type: "email", autoComplete: "email", required: true }}
      />
      <PasswordField
        value={password}
        autoComplete="new-password"
        hint="At least 8 characters."
        error={errorAt("password")}
      />
      {words !== null && wrong === undefined && (
        <p class="note note-bad" role="alert">
          {words}
        </p>
      )}
      <button class="button button-wide" disabled={busy.value}>
        {busy.value ? "Creating…" : "Create account"}
      </button>
    </form>
  );
}
