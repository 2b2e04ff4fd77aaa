import assert from "node:assert/strict";
import { test } from "node:test";
import type { FakePage } from "./fakes.js";
import { event, FakeBrowser, FakeServer, fixture, settled } from "./fakes.js";

const ack = (id: string, seq: number) => ({
  type: "ack",
  id,
  conversation_id: 7,
  seq,
  created_at: "2026-01-01T00:00:00.000000+00:00",
});

/** A page of the browser with a chat client, signed in as that account. */
async function open(browser: FakeBrowser, userId = 1, hasLocks = true) {
  const page: FakePage = browser.open();
  const server = new FakeServer();
  server.userId = userId;
  const texts = page.texts;
  const locks = hasLocks ? page.locks : page.noLocks;
  const client = await fixture({ texts, locks }, server);
  const sent = () => client.socket().frames("message").map((frame) => frame["id"]);
  return { page, sent, ...client };
}

test("one flight: token, sync, messages and positions go out ahead of the welcome", async () => {
  const { chat, socket, connect } = await fixture();
  await connect();
  const sends = ["id-a", "id-b"].map((id) => chat.send(7, id, id));
  chat.markRead(7, 3);
  await socket().cut();
  chat.connection.retryNow();
  await settled();
  await socket().open();
  const flight = ["auth", "sync", "message", "message", "read"];
  assert.deepEqual(socket().sent.map((frame) => frame["type"]), flight);
  await socket().welcome();
  assert.deepEqual(socket().sent.map((frame) => frame["type"]), flight, "nothing twice");
  socket().receive(ack("id-a", 1), ack("id-b", 2));
  assert.equal((await Promise.all(sends)).length, 2);
});

test("a flight that meets no welcome is no attempt", async () => {
  const { chat, clock, connect, socket } = await fixture();
  await connect();
  let failed = false;
  chat.send(7, "hi", "id-a").catch(() => (failed = true));
  for (let round = 0; round < 10; round++) {
    await socket().cut();
    chat.connection.retryNow();
    await settled();
    await socket().open();
  }
  assert.deepEqual(socket().frames("message").map((frame) => frame["id"]), ["id-a"]);
  await socket().welcome();
  await clock.advance(9_999);
  assert.equal(failed, false);
  socket().receive(ack("id-a", 1));
});

test("what is said behind the flight follows the welcome, once and in order", async () => {
  const { chat, socket } = await fixture();
  void chat.send(7, "one", "id-a");
  chat.start();
  await settled();
  await socket().open();
  void chat.send(7, "two", "id-b");
  const ids = () => socket().frames("message").map((frame) => frame["id"]);
  assert.deepEqual(ids(), ["id-a"]);
  await socket().welcome();
  assert.deepEqual(ids(), ["id-a", "id-b"]);
});

test("behind a message that is refused for the moment its conversation waits", async () => {
  const { chat, clock, connect, socket } = await fixture();
  await connect();
  void chat.send(7, "one", "id-a");
  socket().receive({ type: "error", id: "id-a", code: "conversation_busy", message: "" });
  void chat.send(7, "two", "id-b");
  void chat.send(8, "elsewhere", "id-c");
  const ids = () => socket().frames("message").map((frame) => frame["id"]);
  assert.deepEqual(ids(), ["id-a", "id-c"]);
  await clock.advance(2000);
  assert.deepEqual(ids(), ["id-a", "id-c", "id-a", "id-b"]);
});

test("what waits is sent by the next page, in order, with the same ids", async () => {
  const browser = new FakeBrowser();
  const first = await open(browser);
  for (const id of ["id-c", "id-a", "id-b"]) void first.chat.send(7, `text ${id}`, id, 5);
  await first.connect();
  first.socket().receive(ack("id-c", 6));
  first.page.close();

  const next = await open(browser);
  next.chat.start();
  void next.chat.send(7, "typed at once", "id-d");
  await settled();
  await next.socket().welcome();
  assert.deepEqual(next.sent(), ["id-a", "id-b", "id-d"]);
  assert.deepEqual(next.socket().frames("message")[0], {
    type: "message",
    id: "id-a",
    conversation_id: 7,
    content: "text id-a",
    reply_to: 5,
  });
  const waiting = next.outgoing.filter(({ state }) => state === "waiting");
  assert.deepEqual(waiting.map(({ id }) => id).sort(), ["id-a", "id-b", "id-d"]);
  next.socket().receive(ack("id-a", 7), event(8, { sender_id: 1, client_id: "id-b" }), ack("id-d", 9));
  assert.deepEqual([...browser.texts.keys()], []);
});

test("of two pages each sends its own; what one leaves the other inherits when it goes", async () => {
  const browser = new FakeBrowser();
  const [one, two] = [await open(browser), await open(browser)];
  await one.connect();
  await two.connect();
  void one.chat.send(7, "from one", "id-1");
  void two.chat.send(7, "from two", "id-2");
  await settled();
  assert.deepEqual([one.sent(), two.sent()], [["id-1"], ["id-2"]]);
  const third = await open(browser);
  await third.connect();
  assert.deepEqual(third.sent(), [], "nor does a third take what somebody looks after");

  one.page.close();
  await settled();
  assert.deepEqual([...two.sent(), ...third.sent()].sort(), ["id-1", "id-2"], "by one of them");
  const heir = two.sent().length === 2 ? two : third;
  heir.socket().receive(ack("id-1", 1));
  assert.ok(!browser.texts.has("1.outbox.id-1"));
});

test("without locks each page sends its own, and a new one what it finds, too", async () => {
  const browser = new FakeBrowser();
  const [one, two] = [await open(browser, 1, false), await open(browser, 1, false)];
  await one.connect();
  await two.connect();
  void one.chat.send(7, "from one", "id-1");
  void two.chat.send(7, "from two", "id-2");
  await settled();
  assert.deepEqual([one.sent(), two.sent()], [["id-1"], ["id-2"]]);
  const third = await open(browser, 1, false);
  await third.connect();
  assert.deepEqual(third.sent(), ["id-1", "id-2"]);
  assert.deepEqual([one.sent(), two.sent()], [["id-1"], ["id-2"]], "nobody takes it back");
});

test("what failed stays, for a later page to try again or discard", async () => {
  const browser = new FakeBrowser();
  const first = await open(browser);
  await first.connect();
  const refuse = (id: string) =>
    first.socket().receive({ type: "error", id, code: "muted", message: "Muted" });
  for (const id of ["id-a", "id-b"]) {
    const sent = first.chat.send(7, id, id);
    refuse(id);
    await assert.rejects(sent, (error) => error.code === "muted");
  }
  first.page.close();

  const next = await open(browser);
  await next.connect();
  assert.deepEqual(
    next.outgoing.map(({ id, state, problem }) => [id, state, problem?.code]),
    [
      ["id-a", "failed", "muted"],
      ["id-b", "failed", "muted"],
    ],
  );
  assert.deepEqual(next.sent(), []);
  next.chat.discard("id-b");
  assert.equal(next.outgoing[2]?.state, "discarded");
  const again = next.chat.send(7, "id-a", "id-a");
  assert.deepEqual(next.sent(), ["id-a"]);
  next.socket().receive(ack("id-a", 1));
  assert.equal((await again).seq, 1);
  assert.deepEqual([...browser.texts.keys()], []);
});

test("what one page sent or discarded is gone in the others", async () => {
  const browser = new FakeBrowser();
  const first = await open(browser);
  void first.chat.send(7, "x", "id-a");
  await first.connect();
  browser.texts.delete("1.outbox.id-a");
  const other = browser.open();
  other.texts.save("1.outbox.id-a", "{}");
  other.texts.save("1.outbox.id-a", null);
  assert.equal(first.outgoing[first.outgoing.length - 1]?.state, "discarded");
});

test("nobody sees or sends what another account has left", async () => {
  const browser = new FakeBrowser();
  const alice = await open(browser, 1);
  void alice.chat.send(7, "private", "id-a");
  alice.chat.drafts.set("message.7", "half a thought");
  await alice.connect();
  alice.socket().cut(1006);
  alice.page.close();
  const bob = await open(browser, 2);
  bob.chat.start();
  await settled();
  await bob.socket().open();
  assert.deepEqual(bob.sent(), []);
  assert.deepEqual(bob.outgoing, []);
  assert.equal(bob.chat.drafts.get("message.7"), "");
  bob.chat.drafts.set("message.7", "another");
  const again = await open(browser, 1);
  assert.equal(again.chat.drafts.get("message.7"), "half a thought");
});

test("signing out forgets all of it; a login that merely ran out keeps it", async () => {
  for (const [end, left] of [
    [(it: Awaited<ReturnType<typeof open>>) => it.chat.session.logOut(), 0],
    [(it: Awaited<ReturnType<typeof open>>) => it.socket().cut(4501), 0],
    [(it: Awaited<ReturnType<typeof open>>) => it.chat.session.end("token_expired"), 2],
  ] as const) {
    const browser = new FakeBrowser();
    const client = await open(browser);
    await client.connect();
    void client.chat.send(7, "waits", "id-a");
    client.chat.drafts.set("message.8", "typed");
    browser.texts.set("2.draft.message.8", "of somebody else");
    await end(client);
    assert.equal(browser.texts.size - 1, left);
    assert.ok(browser.texts.has("2.draft.message.8"));
  }
});

test("after a removal from a conversation nothing waits for it any more", async () => {
  const browser = new FakeBrowser();
  const { chat, connect, socket, outgoing } = await open(browser);
  await connect();
  void chat.send(7, "too late", "id-a");
  socket().receive({ type: "gone", conversation_id: 7 });
  assert.equal(outgoing[outgoing.length - 1]?.state, "discarded");
  assert.deepEqual([...browser.texts.keys()], []);
});

test("what a store holds that this version has not written does no harm", async () => {
  const browser = new FakeBrowser();
  for (const [at, text] of ["", "{", "null", "7", '{"id":"x"}', "[]"].entries()) {
    browser.texts.set(`1.outbox.${at}`, text);
  }
  const { chat, connect, sent } = await open(browser);
  await connect();
  void chat.send(7, "fine", "id-a");
  assert.deepEqual(sent(), ["id-a"]);
});

test("without a store a failed message is not kept", async () => {
  const { chat, connect, socket, outgoing } = await fixture();
  await connect();
  const sent = chat.send(7, "x", "id-a");
  socket().receive({ type: "error", id: "id-a", code: "muted", message: "Muted" });
  await assert.rejects(sent, (error) => error.code === "muted");
  chat.discard("id-a");
  assert.deepEqual(outgoing.map(({ state }) => state), ["waiting", "failed"]);
});
