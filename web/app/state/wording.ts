import { asProblem } from "@pg-parley/client";

/** What people read when something went wrong, by the code of the problem. */
const problems: Readonly<Record<string, string>> = {
  network: "The server cannot be reached. Check your connection and try again.",
  timeout: "The server took too long to answer. Please try again.",
  bad_answer: "The server answered something odd. Please try again.",
  signed_out: "You are signed out. Please sign in again.",
  unauthenticated: "Please sign in again.",
  token_invalid: "Please sign in again.",
  token_expired: "Please sign in again.",
  session_revoked: "This login was ended. Please sign in again.",
  invalid_credentials: "That name and password do not match.",
  forbidden: "You are not allowed to do that.",
  conversation_not_found: "This conversation is not there, or you do not belong to it.",
  user_not_found: "There is nobody with that name.",
  message_not_found: "This message is not there any more.",
  username_taken: "Somebody already has that name. Try another one.",
  email_taken: "There already is an account with that e-mail address.",
  already_member: "This person is in the group already.",
  invalid_username:
    "Please use up to 32 letters, digits, dots, dashes or underscores, a letter or digit first.",
  invalid_email: "This does not look like an e-mail address.",
  invalid_password: "Please use at least 8 characters.",
  invalid_content: "This message cannot be sent as it is.",
  content_too_long: "This message is too long. Please send it in parts.",
  payload_too_large: "This is too long. Please send it in parts.",
  frame_too_large: "This message is too long. Please send it in parts.",
  unavailable: "The server is busy or restarting. Please try again in a moment.",
  conversation_busy: "This conversation is busy. Please try again.",
  conflict_retry: "Somebody else was faster. Please try again.",
  internal: "The server has a problem. Please try again in a moment.",
  throttled: "That was a lot at once. Please wait a moment.",
  muted: "You are muted in this conversation.",
  banned: "You are banned from this conversation.",
  blocked: "One of you has blocked the other.",
  last_owner: "The last owner cannot go. Make somebody else an owner first.",
  message_deleted: "This message was deleted.",
  limit_reached: "There can be no more of these.",
  held: "This conversation is under a legal hold.",
};

/** A sentence for people. Problems we have no words for are told in the server's. */
export function wordsFor(error: unknown): string {
  const problem = asProblem(error);
  const known = problems[problem.code];
  if (known !== undefined) return known;
  if (problem.status >= 500) return "The server has a problem. Please try again in a moment.";
  return problem.message;
}

const farewells: Readonly<Record<string, string>> = {
  session_revoked: "This login was ended, here or on another device.",
  account_closed: "This account has been closed.",
  refresh_reused: "For your safety this login was ended. Please sign in again.",
};

/** null where the user knows why: they signed out. */
export function farewell(code: string): string | null {
  if (code === "logged_out") return null;
  return farewells[code] ?? "You were signed out. Please sign in again.";
}

const stops: Readonly<Record<string, string>> = {
  too_many_connections: "Too many windows are open with this account.",
};

/** Why the server wants no connection. */
export function stopped(reason: string): string {
  return stops[reason] ?? "The server has closed the connection.";
}
