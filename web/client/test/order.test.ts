import assert from "node:assert/strict";
import { test } from "node:test";
import { event, fixture, message, settled } from "./fakes.js";

test("live messages are delivered in order and once", async () => {
  const { connect, socket, seqs, server } = await fixture();
  server.store(1, 2);
  await connect();
  socket().receive(event(3), event(4), event(3), event(2), event(5));
  assert.deepEqual(seqs, [3, 4, 5]);
});

test("a hole is read from history before what comes after it is delivered", async () => {
  const { connect, socket, seqs, server } = await fixture();
  server.store(1);
  await connect();
  server.store(2, 3, 4);
  socket().receive(event(2), event(4));
  assert.deepEqual(seqs, [2]);
  await settled();
  assert.deepEqual(seqs, [2, 3, 4]);
  const query = server.calls("/conversations/7/messages")[0]?.query;
  assert.equal(query?.get("after"), "2");
});

test("what arrives while a hole is being healed keeps its place", async () => {
  const { connect, socket, seqs, server } = await fixture();
  await connect();
  server.store(1, 2, 3);
  socket().receive(event(3));
  socket().receive(event(4), event(5));
  await settled();
  assert.deepEqual(seqs, [1, 2, 3, 4, 5]);
});

test("a hole that opens while another is healed is healed too, not jumped over", async () => {
  const { connect, socket, seqs, server } = await fixture();
  await connect();
  server.store(1, 2);
  const release = server.hold();
  socket().receive(event(2));
  await settled();
  socket().receive(event(5));
  server.store(3, 4, 5);
  release();
  await settled();
  assert.deepEqual(seqs, [1, 2, 3, 4, 5]);
});

test("healing goes on over as many pages as it takes", async () => {
  const { chat, connect, socket, seqs, server } = await fixture();
  await connect();
  await chat.follow(7);
  await socket().cut();
  server.store(...Array.from({ length: 450 }, (_, index) => index + 1));
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  for (let turn = 0; turn < 10; turn++) await settled();
  assert.equal(seqs.length, 450);
  assert.deepEqual(
    seqs,
    [...seqs].sort((a, b) => a - b),
  );
});

test("a failed healing is tried again", async () => {
  const { connect, socket, seqs, server, clock } = await fixture();
  await connect();
  server.store(1, 2);
  server.reachable = false;
  socket().receive(event(2));
  await settled();
  assert.deepEqual(seqs, []);
  server.reachable = true;
  await clock.advance(1000);
  assert.deepEqual(seqs, [1, 2]);
});

test("what history does not hold below a message is no hole", async () => {
  const { connect, socket, seqs, server } = await fixture();
  await connect();
  server.store(10);
  socket().receive(event(10));
  await settled();
  assert.deepEqual(seqs, [10]);
});

test("a reconnect brings an open conversation what it has missed, in order", async () => {
  const { chat, connect, socket, seqs, server } = await fixture();
  server.store(1, 2);
  await connect();
  const page = await chat.follow(7);
  assert.deepEqual(
    page.messages.map((it) => it.seq),
    [1, 2],
  );
  await socket().cut();
  server.store(3, 4, 5);
  chat.connection.retryNow();
  await settled();
  await socket().open();
  socket().receive({ type: "welcome" }, event(6));
  server.store(6);
  await settled();
  assert.deepEqual(seqs, [3, 4, 5, 6]);
});

test("a conversation that is not open is told by its snapshot, not message by message", async () => {
  const { chat, connect, socket, seqs, server } = await fixture();
  server.store(1);
  await connect();
  await socket().cut();
  server.store(2, 3);
  const lasts: number[] = [];
  chat.on("conversations", ({ list }) => lasts.push(list[0]!.last_seq));
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  assert.deepEqual(seqs, []);
  assert.deepEqual(lasts, [3]);
  socket().receive(event(4));
  assert.deepEqual(seqs, [4]);
});

test("after a very long absence an open conversation is reset instead of replayed", async () => {
  const { chat, connect, socket, seqs, server } = await fixture();
  await connect();
  await chat.follow(7);
  await socket().cut();
  server.stored.get(7)!.push(message(5000));
  const resets: number[] = [];
  chat.on("reset", (id) => resets.push(id));
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  assert.deepEqual(resets, [7]);
  assert.deepEqual(seqs, []);
  socket().receive(event(5001));
  assert.deepEqual(seqs, [5001]);
});

test("a gap frame makes it look for what was dropped", async () => {
  const { chat, connect, socket, seqs, server } = await fixture();
  await connect();
  await chat.follow(7);
  server.store(1, 2);
  socket().receive({ type: "gap", conversation_id: 7, from: 1 });
  await settled();
  assert.deepEqual(seqs, [1, 2]);
});

test("a conversation nobody has told about is fetched once it speaks", async () => {
  const { chat, connect, socket, server } = await fixture();
  await connect();
  server.stored.set(8, [message(1, { conversation_id: 8 })]);
  const met: number[] = [];
  chat.on("conversation", ({ id }) => met.push(id));
  socket().receive(event(1, { conversation_id: 8 }));
  await settled();
  assert.deepEqual(met, [8]);
});

test("being made a member, and not being one any more", async () => {
  const { chat, connect, socket, server, seqs } = await fixture();
  await connect();
  server.stored.set(8, []);
  const told: string[] = [];
  chat.on("conversation", ({ id }) => told.push(`met ${id}`));
  chat.on("left", (id) => told.push(`left ${id}`));
  const change = { type: "member", conversation_id: 8, user_id: 1, role: "member", ver: 1 };
  socket().receive({ ...change, state: "joined" });
  await settled();
  socket().receive(event(1, { conversation_id: 8 }));
  socket().receive({ ...change, state: "removed" });
  assert.deepEqual(told, ["met 8", "left 8"]);
  assert.deepEqual(seqs, [1]);
});
