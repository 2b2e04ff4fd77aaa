import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, settled } from "./fakes.js";

test("a call carries the access token", async () => {
  const { chat, server } = await fixture();
  await chat.api.me();
  assert.equal(server.calls("/auth/me")[0]?.token, "access-1");
});

test("a refused token is renewed once, by one refresh for all calls", async () => {
  const { chat, server } = await fixture();
  server.goodTokens = new Set();
  const answers = await Promise.all([chat.api.me(), chat.api.me(), chat.api.conversation(7)]);
  assert.equal(answers.length, 3);
  assert.equal(server.calls("/auth/refresh").length, 1);
  assert.equal(server.calls("/auth/refresh")[0]?.body["refresh_token"], "refresh-1");
});

test("a token about to expire is renewed before the call", async () => {
  const { chat, server, clock } = await fixture();
  await clock.advance(590_000);
  await chat.api.me();
  assert.deepEqual(
    server.calls("/auth/me").map((call) => call.token),
    ["access-2"],
  );
});

test("a call that is refused twice fails with the server's code", async () => {
  const { chat, server } = await fixture();
  server.goodTokens = new Set();
  server.goodTokens.add = () => server.goodTokens!;
  await assert.rejects(chat.api.me(), (error) => error.code === "token_expired");
  assert.equal(server.calls("/auth/me").length, 2);
});

test("a refresh whose answer was lost is tried again with the same token", async () => {
  const { chat, server } = await fixture();
  chat.session.discard("access-1");
  server.loseNextAnswer = true;
  await assert.rejects(chat.session.token(), (error) => error.code === "network");
  assert.equal(chat.session.user?.username, "alice");
  await chat.session.token();
  const tokens = server.calls("/auth/refresh").map((call) => call.body["refresh_token"]);
  assert.deepEqual(tokens, ["refresh-1", "refresh-1"]);
});

test("a refused refresh ends the session and says why", async () => {
  const { chat, server } = await fixture();
  const codes: string[] = [];
  chat.on("ended", ({ code }) => codes.push(code));
  server.goodTokens = new Set();
  server.refreshRefusal = [401, "session_revoked"];
  await assert.rejects(chat.api.me(), (error) => error.code === "signed_out");
  assert.deepEqual(codes, ["session_revoked"]);
  assert.equal(chat.session.user, null);
});

test("a server in trouble does not end the session", async () => {
  const { chat, server } = await fixture();
  server.goodTokens = new Set();
  server.refreshRefusal = [503, "unavailable"];
  await assert.rejects(chat.api.me(), (error) => error.code === "unavailable");
  assert.equal(chat.session.user?.username, "alice");
});

test("logging out forgets the login even when the server cannot be reached", async () => {
  const { chat, server } = await fixture();
  server.reachable = false;
  await chat.session.logOut();
  assert.equal(chat.session.user, null);
  server.reachable = true;
  assert.equal(await chat.session.restore(), null);
});

test("a stored login of somebody else is not used in this one's name", async () => {
  const { chat, server } = await fixture();
  const codes: string[] = [];
  chat.on("ended", ({ code }) => codes.push(code));
  server.goodTokens = new Set();
  server.userId = 99;
  await assert.rejects(chat.api.me(), (error) => error.code === "signed_out");
  await settled();
  assert.deepEqual(codes, ["other_user"]);
});

test("without a server a call fails as a network problem", async () => {
  const { chat, server } = await fixture();
  server.reachable = false;
  await assert.rejects(chat.api.me(), (error) => error.code === "network");
});
