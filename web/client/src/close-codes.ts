/**
 * What a client does when the server has closed the socket with a code:
 *
 *   reconnect   come back, after a while
 *   renew       come back with a new access token
 *   renew_once  the same, but give up if the new token is refused as well
 *   sign_out    the login is over
 *   stop        stay away until told otherwise
 */
export type CloseAction = "reconnect" | "renew" | "renew_once" | "sign_out" | "stop";

export interface CloseRule {
  name: string;
  action: CloseAction;
}

/** The server's own codes in doc/protocol.md. */
export const closeRules: Readonly<Record<number, CloseRule>> = {
  4000: { name: "server_shutdown", action: "reconnect" },
  4001: { name: "auth_timeout", action: "reconnect" },
  4002: { name: "token_expired", action: "renew" },
  4003: { name: "slow_consumer", action: "reconnect" },
  4004: { name: "feed_reset", action: "reconnect" },
  4005: { name: "unavailable", action: "reconnect" },
  4500: { name: "unauthenticated", action: "renew_once" },
  4501: { name: "session_revoked", action: "sign_out" },
  4502: { name: "account_closed", action: "sign_out" },
  4503: { name: "not_a_member", action: "stop" },
  4504: { name: "too_many_connections", action: "stop" },
};

/** Codes not in the table go by their range: 4500–4999 "do not reconnect", all others "do". */
export function closeRule(code: number): CloseRule {
  const range: CloseAction = code >= 4500 && code <= 4999 ? "stop" : "reconnect";
  return closeRules[code] ?? { name: `code_${code}`, action: range };
}
