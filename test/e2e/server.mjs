// The server under test, used without a browser: to prepare what a test needs.
export const serverUrl = process.env.PARLEY_URL.replace(/\/$/, "");
export const password = "correct horse battery";

let counter = 0;

/** A user name nobody had before, in this run or another. */
export function freshName(name) {
  counter++;
  return `${name}.${Date.now().toString(36)}${counter}`;
}

export async function call(method, path, { token, body } = {}) {
  const response = await fetch(`${serverUrl}/api/v1${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** An account, with its access token. */
export async function account(name, displayName) {
  const username = freshName(name);
  const body = { username, email: `${username}@example.org`, password, display_name: displayName };
  const grant = await call("POST", "/auth/signup", { body });
  const { email } = body;
  return { username, displayName, email, id: grant.user.id, token: grant.access_token };
}

export function direct(from, to) {
  return call("POST", `/conversations/direct/${to.username}`, { token: from.token });
}

export function send(from, conversationId, content) {
  return call("POST", `/conversations/${conversationId}/messages`, {
    token: from.token,
    body: { content },
  });
}

export function group(from, name, others) {
  const usernames = others.map(({ username }) => username);
  return call("POST", "/conversations", { token: from.token, body: { name, usernames } });
}

export function removeMember(by, conversationId, person) {
  return call("DELETE", `/conversations/${conversationId}/members/${person.id}`, {
    token: by.token,
  });
}

/** Ends all logins of a person. */
export function logOutAll(person) {
  return call("POST", "/auth/logout-all", { token: person.token });
}

/** A direct conversation in which both have spoken in turn, `count` messages in all. */
export async function conversationOf(one, other, count) {
  const { id } = await direct(one, other);
  for (let number = 1; number <= count; number++) {
    await send(number % 2 === 1 ? one : other, id, `message ${number}`);
  }
  return id;
}
