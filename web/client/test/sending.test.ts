import assert from "node:assert/strict";
import { test } from "node:test";
import { event, fixture, settled } from "./fakes.js";

const ack = (id: unknown, seq: number) => ({
  type: "ack",
  id,
  conversation_id: 7,
  seq,
  created_at: "2026-01-01T00:00:00.000000+00:00",
});

test("a send resolves with its ack", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  const sent = chat.send(7, "hi");
  const [frame] = socket().frames("message");
  assert.equal(frame?.["content"], "hi");
  socket().receive(ack(frame?.["id"], 1));
  assert.equal((await sent).seq, 1);
});

test("acks find their sends in any order", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  const sends = [chat.send(7, "a", "id-a"), chat.send(7, "b", "id-b")];
  socket().receive(ack("id-b", 1), ack("id-a", 2));
  assert.deepEqual(
    (await Promise.all(sends)).map(({ seq }) => seq),
    [2, 1],
  );
});

test("sends without an ack go out again with the same id, in order", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  const sends = ["id-a", "id-b", "id-c"].map((id) => chat.send(7, id, id));
  socket().receive(ack("id-b", 1));
  await socket().cut();
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  assert.deepEqual(
    socket()
      .frames("message")
      .map((frame) => frame["id"]),
    ["id-a", "id-c"],
  );
  socket().receive(ack("id-a", 2), ack("id-c", 3));
  assert.equal((await Promise.all(sends)).length, 3);
});

test("a send while cut off waits for the connection", async () => {
  const { chat, connect, socket } = await fixture();
  chat.send(7, "early", "id-early");
  await connect();
  assert.deepEqual(
    socket()
      .frames("message")
      .map((frame) => frame["id"]),
    ["id-early"],
  );
});

test("the message itself is as good as its ack", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  const sent = chat.send(7, "hi", "id-a");
  socket().receive(event(1, { sender_id: 1, client_id: "id-a" }));
  assert.equal((await sent).seq, 1);
});

test("somebody else's message with the same client id is not taken for ours", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  let done = false;
  void chat.send(7, "hi", "id-a").then(() => (done = true));
  socket().receive(event(1, { sender_id: 2, client_id: "id-a" }));
  await settled();
  assert.equal(done, false);
});

test("a refused send fails with the code, and is not sent again", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  const sent = chat.send(7, "", "id-a");
  socket().receive({ type: "error", id: "id-a", code: "invalid_content", message: "No" });
  await assert.rejects(sent, (error) => error.code === "invalid_content");
  await socket().cut();
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  assert.equal(socket().frames("message").length, 0);
});

test("a refusal that may pass is asked again, but not for ever", async () => {
  const { chat, clock, connect, socket } = await fixture();
  await connect();
  const sent = chat.send(7, "hi", "id-a");
  for (let attempt = 1; attempt <= 4; attempt++) {
    assert.equal(socket().frames("message").length, attempt);
    socket().receive({ type: "error", id: "id-a", code: "unavailable", message: "Restarting" });
    await clock.advance(8000);
  }
  await assert.rejects(sent, (error) => error.code === "unavailable");
});

test("a frame too large to be read is refused without its id, and found by its size", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  void chat.send(7, "small", "id-a");
  const sent = chat.send(7, "large".repeat(20_000), "id-b");
  socket().receive({ type: "error", id: null, code: "frame_too_large", message: "Too large" });
  await assert.rejects(sent, (error) => error.code === "frame_too_large");
});

test("no answer in time: the connection is taken for dead", async () => {
  const { chat, clock, connect, socket, sockets } = await fixture();
  await connect();
  void chat.send(7, "hi", "id-a");
  await clock.advance(10_000);
  assert.equal(sockets.length, 2);
  assert.ok(sockets[0]!.closedByClient);
  await socket().welcome();
  assert.deepEqual(
    socket()
      .frames("message")
      .map((frame) => frame["id"]),
    ["id-a"],
  );
});

test("a message that no connection gets answered is given back", async () => {
  const { chat, clock, connect, socket, sockets } = await fixture();
  await connect();
  const sent = chat.send(7, "hi", "id-a");
  for (let attempt = 1; attempt <= 4; attempt++) {
    await clock.advance(10_000);
    await socket().welcome();
  }
  await assert.rejects(sent, (error) => error.code === "timeout");
  assert.equal(sockets.length, 5);
});

test("read positions go forward only, and again until confirmed", async () => {
  const { chat, connect, socket } = await fixture();
  await connect();
  chat.markRead(7, 3);
  chat.markRead(7, 2);
  chat.markRead(7, 3);
  assert.deepEqual(
    socket()
      .frames("read")
      .map((frame) => frame["seq"]),
    [3],
  );
  await socket().cut();
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  assert.deepEqual(
    socket()
      .frames("read")
      .map((frame) => frame["seq"]),
    [3],
  );
  socket().receive({ type: "read", conversation_id: 7, user_id: 1, seq: 3 });
  await socket().cut();
  chat.connection.retryNow();
  await settled();
  await socket().welcome();
  assert.equal(socket().frames("read").length, 0);
});

test("a frame that is not JSON does no harm", async () => {
  const { connect, socket, seqs } = await fixture();
  await connect();
  const complain = console.error;
  console.error = () => {};
  socket().onmessage?.({ data: "{nonsense\n" + JSON.stringify(event(1)) });
  console.error = complain;
  assert.deepEqual(seqs, [1]);
});
