import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { backoff } from "../src/clock.js";
import { closeRules } from "../src/close-codes.js";
import { event, FakeClock, fixture, settled } from "./fakes.js";

test("the first frame carries the token, and welcome makes it online", async () => {
  const { chat, socket } = await fixture();
  chat.start();
  await settled();
  await socket().open();
  assert.deepEqual(socket().sent[0], { type: "auth", token: "access-1" });
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

test("a server that goes says when it wants to be called again", async () => {
  const { chat, clock, connect, socket, sockets } = await fixture();
  await connect();
  socket().receive({ type: "reconnect", after_ms: 3000 });
  await clock.advance(1000);
  assert.equal(chat.connection.state.phase, "online", "until then it serves");
  await socket().cut(4000);
  await clock.advance(1999);
  assert.equal(sockets.length, 1);
  await clock.advance(1);
  assert.equal(sockets.length, 2);
  await socket().cut();
  await clock.advance(500);
  assert.equal(sockets.length, 3, "after that its own patience counts");
});

test("a server that goes and has not closed by then is left", async () => {
  const { clock, connect, socket, sockets } = await fixture();
  await connect();
  socket().receive({ type: "reconnect", after_ms: 3000 });
  await clock.advance(3000);
  assert.ok(sockets[0]!.closedByClient);
  assert.equal(sockets.length, 2);
});

/** The first cells of a table of doc/protocol.md. */
function documented(head: string): string[][] {
  const text = readFileSync("../doc/protocol.md", "utf8");
  const rows = text.split(`${head}\n`)[1]!.split("\n\n")[0]!.split("\n").slice(1);
  return rows.map((row) => row.split("|").map((cell) => cell.replace(/[\s`]/g, "")));
}

test("the close codes are those of the protocol, and do what it says", () => {
  const rows = documented("| code | name | what to do |");
  assert.deepEqual(
    rows
      .map(([, code, name]) => [code, name])
      .filter(([code]) => Number(code) >= 4000)
      .sort(),
    Object.entries(closeRules).map(([code, { name }]) => [code, name]).sort(),
  );
});

test("every frame of the protocol is understood", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  const strange: string[] = [];
  chat.on("frame", ({ type }) => strange.push(type));
  const types = documented("| type | when |").map((row) => row[1]!);
  assert.ok(types.length > 20);
  for (const type of types) {
    socket().receive({ type, id: "x", conversation_id: 9, seq: 1, user: {}, conversations: {} });
  }
  assert.deepEqual(strange, []);
});

test("a call is answered by its result, its error, or the loss of the connection", async () => {
  const { chat, clock, connect, socket } = await fixture();
  await assert.rejects(chat.call("me"), (error) => error.code === "network");
  await connect();
  const ids = () => socket().frames("call").map((frame) => frame["id"]);
  const stats = chat.call<{ unread: number }>("stats");
  socket().receive({ type: "result", id: ids()[0], result: { unread: 3 } });
  assert.equal((await stats).unread, 3);
  const refused = chat.call("conversation", { conversation_id: 9 });
  assert.deepEqual(socket().frames("call")[1]?.["params"], { conversation_id: 9 });
  socket().receive({ type: "error", id: ids()[1], code: "conversation_not_found", message: "" });
  await assert.rejects(refused, (error) => error.code === "conversation_not_found");
  const slow = chat.call("me");
  const lost = chat.call("me");
  void clock.advance(15_000);
  await assert.rejects(slow, (error) => error.code === "timeout");
  await assert.rejects(lost, (error) => error.code === "timeout");
  const cut = chat.call("me");
  void socket().cut();
  await assert.rejects(cut, (error) => error.code === "network");
});

test("who types says so now and then, not with every key, and no more once it is sent", async () => {
  const { chat, clock, connect, socket } = await fixture();
  await connect();
  const told = () => socket().frames("typing").map((frame) => frame["is_typing"]);
  for (let key = 0; key < 5; key++) {
    chat.typing(7);
    await clock.advance(1000);
  }
  assert.deepEqual(told(), [true, true]);
  chat.typing(7, false);
  chat.typing(7, false);
  assert.deepEqual(told(), [true, true, false]);
  chat.typing(7);
  void chat.send(7, "done");
  chat.typing(7, false);
  assert.deepEqual(told(), [true, true, false, true]);
});

test("what has been received is reported together, until it is confirmed", async () => {
  const { clock, connect, comeBack, socket, server } = await fixture();
  await connect();
  server.store(1, 2, 3);
  socket().receive(event(1), event(2), event(3, { sender_id: 1 }));
  await clock.advance(1000);
  const told = () => socket().frames("delivered").map((frame) => frame["seq"]);
  assert.deepEqual(told(), [2]);
  await socket().cut();
  await comeBack();
  assert.deepEqual(told(), [2], "not confirmed: said again");
  socket().receive({ type: "delivered", conversation_id: 7, user_id: 1, seq: 2 });
  await socket().cut();
  await comeBack();
  assert.deepEqual(told(), []);
});
