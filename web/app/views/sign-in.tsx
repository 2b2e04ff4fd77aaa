import { useSignal } from "@preact/signals";
import { notice } from "../state/account";
import { Brand } from "./brand";
import { LogInForm } from "./log-in-form";
import { SignUpForm } from "./sign-up-form";

export function SignIn() {
  const isNew = useSignal(false);
  const login = useSignal("");
  const entry = { name: useSignal(""), username: useSignal(""), email: useSignal("") };
  return (
    <main class="door">
      <section class="door-card">
        <Brand />
        <h1>{isNew.value ? "Make yourself known" : "Good to see you"}</h1>
        {notice.value && (
          <p class="note" role="status">
            {notice.value}
          </p>
        )}
        {isNew.value ? <SignUpForm entry={entry} /> : <LogInForm login={login} />}
        <p class="door-switch">
          {isNew.value ? "Been here before?" : "New here?"}{" "}
          <button type="button" class="link" onClick={() => (isNew.value = !isNew.value)}>
            {isNew.value ? "Sign in" : "Create an account"}
          </button>
        </p>
      </section>
      <p class="door-foot">Your words, in order, in PostgreSQL.</p>
    </main>
  );
}
