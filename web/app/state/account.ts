import { effect, signal } from "@preact/signals";
import { asProblem, type SignUp, type User } from "@pg-parley/client";
import { chat } from "./client";
import { farewell } from "./wording";

/** `unreachable`: there is a login to take up, but no server to ask. */
export type Phase = "starting" | "unreachable" | "signed_out" | "signed_in";

export const phase = signal<Phase>("starting");
export const me = signal<User | null>(null);
/** Why the login ended, where the user did not end it. */
export const notice = signal<string | null>(null);

const RETRY_MS = 4000;

/** Takes up the login of an earlier visit, trying until the server has answered. */
export async function restore(): Promise<void> {
  try {
    const user = await chat.session.restore();
    if (user === null && phase.value !== "signed_in") phase.value = "signed_out";
  } catch (error) {
    const problem = asProblem(error);
    phase.value = "unreachable";
    setTimeout(() => void restore(), (problem.retryAfter ?? 0) * 1000 || RETRY_MS);
  }
}

export async function logIn(login: string, password: string): Promise<void> {
  await chat.session.logIn(login, password);
}

export async function signUp(form: SignUp): Promise<void> {
  await chat.session.signUp(form);
}

export async function logOut(): Promise<void> {
  await chat.session.logOut();
}

chat.session.on("started", (user) => {
  me.value = user;
  notice.value = null;
  phase.value = "signed_in";
  chat.start();
});

chat.on("ended", ({ code }) => {
  if (code === "other_user") return location.reload();
  me.value = null;
  notice.value = farewell(code);
  phase.value = "signed_out";
});

chat.on("user", (profile) => {
  const user = me.peek();
  if (user !== null && user.id === profile.id) me.value = { ...user, ...profile };
});

effect(() => {
  if (phase.value === "signed_out" && location.hash !== "") location.replace("#/");
});
