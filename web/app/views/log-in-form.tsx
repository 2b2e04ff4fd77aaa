import { type Signal, useSignal } from "@preact/signals";
import type { TargetedSubmitEvent } from "preact";
import { logIn } from "../state/account";
import { wordsFor } from "../state/wording";
import { Field } from "./field";
import { useSubmission } from "./form";
import { PasswordField } from "./password-field";

export function LogInForm({ login }: { login: Signal<string> }) {
  const password = useSignal("");
  const { busy, problem, submit } = useSubmission();

  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void submit(() => logIn(login.value.trim(), password.value));
  };

  return (
    <form onSubmit={onSubmit} aria-label="Sign in">
      <Field
        label="User name or e-mail"
        value={login}
        input={{
          name: "login",
          autoComplete: "username",
          autoCapitalize: "none",
          required: true,
          autoFocus: true,
        }}
      />
      <PasswordField value={password} autoComplete="current-password" />
      {problem.value && (
        <p class="note note-bad" role="alert">
          {wordsFor(problem.value)}
        </p>
      )}
      <button class="button button-wide" disabled={busy.value}>
        {busy.value ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
