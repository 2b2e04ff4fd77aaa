import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../src/clock.js";
import { FakeClock, fixture, settled } from "./fakes.js";

test("the first frame carries the token, and welcome makes it online", async () => {
  const { chat, socket } = await fixture();
  chat.start();
  await settled();
  await socket().open();
  assert.deepEqual(socket().sent, [{ type: "auth", token: "access-1" }]);
  assert.equal(chat.connection.state.phase, "connecting");
  await socket().welcome();
  assert.equal(chat.connection.state.phase, "online");
});

test("back-off doubles up to a limit, with full jitter", () => {
  const clock = new FakeClock();
  clock.chance = 0.9999;
  const limits = [0, 1, 2, 3, 10].map((attempt) => backoff(attempt, clock));
  assert.deepEqual(limits, [500, 1000, 2000, 4000, 29997]);
  clock.chance = 0;
  assert.equal(backoff(5, clock), 0);
});

test("a cut connection comes back, later each time, until it has lasted", async () => {
  const { chat, clock, connect, socket, sockets } = await fixture();
  await connect();
  await socket().cut();
  assert.equal(chat.connection.state.phase, "waiting");
  await clock.advance(500);
  assert.equal(sockets.length, 2);
  await socket().cut();
  await clock.advance(500);
  assert.equal(sockets.length, 2, "the second wait is longer");
  await clock.advance(500);
  assert.equal(sockets.length, 3);
  await socket().welcome();
  await clock.advance(10_000);
  await socket().cut();
  await clock.advance(500);
  assert.equal(sockets.length, 4, "after a good connection the wait is short again");
});

test("codes from 4000 to 4499 reconnect, from 4500 to 4999 do not", async () => {
  for (const code of [4000, 4001, 4003, 4004, 4321, 1001, 1011]) {
    const { chat, connect, socket } = await fixture();
    await connect();
    await socket().cut(code);
    assert.equal(chat.connection.state.phase, "waiting", String(code));
  }
  for (const code of [4503, 4504, 4999]) {
    const { chat, connect, socket } = await fixture();
    await connect();
    await socket().cut(code);
    assert.equal(chat.connection.state.phase, "stopped", String(code));
  }
});

test("4002 token_expired: a new token, then a new connection", async () => {
  const { clock, connect, socket, server } = await fixture();
  await connect();
  await socket().cut(4002);
  await clock.advance(500);
  await socket().open();
  assert.deepEqual(socket().frames("auth"), [{ type: "auth", token: "access-2" }]);
  assert.equal(server.calls("/auth/refresh").length, 1);
});

test("4500 unauthenticated: one new token, then the login is over", async () => {
  const { chat, clock, connect, socket } = await fixture();
  const codes: string[] = [];
  chat.on("ended", ({ code }) => codes.push(code));
  await connect();
  await socket().cut(4500);
  await clock.advance(500);
  await socket().open();
  assert.deepEqual(socket().frames("auth"), [{ type: "auth", token: "access-2" }]);
  assert.deepEqual(codes, []);
  await socket().cut(4500);
  assert.deepEqual(codes, ["unauthenticated"]);
  assert.equal(chat.connection.state.phase, "idle");
});

test("4501 session_revoked ends the login", async () => {
  const { chat, connect, socket, sockets, clock } = await fixture();
  const codes: string[] = [];
  chat.on("ended", ({ code }) => codes.push(code));
  await connect();
  await socket().cut(4501);
  await clock.advance(60_000);
  assert.deepEqual(codes, ["session_revoked"]);
  assert.equal(sockets.length, 1);
});

test("a server that says nothing is left for another attempt", async () => {
  const { chat, clock, socket, sockets } = await fixture();
  chat.start();
  await settled();
  await socket().open();
  await clock.advance(10_000);
  assert.ok(sockets[0]!.closedByClient);
  assert.equal(chat.connection.state.phase, "waiting");
});

test("retryNow does not wait; stop lets nothing come back", async () => {
  const { chat, clock, connect, socket, sockets } = await fixture();
  await connect();
  await socket().cut();
  chat.connection.retryNow();
  await settled();
  assert.equal(sockets.length, 2);
  chat.stop();
  await clock.advance(120_000);
  assert.equal(sockets.length, 2);
  assert.equal(chat.connection.state.phase, "idle");
});

test("an expiring token is renewed on the live connection", async () => {
  const { connect, socket, sockets } = await fixture();
  await connect();
  socket().receive({ type: "expiring", in_s: 60 });
  await settled();
  assert.deepEqual(
    socket()
      .frames("auth")
      .map((frame) => frame["token"]),
    ["access-1", "access-2"],
  );
  assert.equal(sockets.length, 1);
});

test("no network while renewing the token is a reason to wait, not to sign out", async () => {
  const { chat, clock, connect, socket, server, sockets } = await fixture();
  await connect();
  server.reachable = false;
  await socket().cut(4002);
  await clock.advance(500);
  assert.equal(chat.connection.state.phase, "waiting");
  server.reachable = true;
  await clock.advance(1000);
  assert.equal(sockets.length, 2);
  assert.equal(chat.session.user?.username, "alice");
});
