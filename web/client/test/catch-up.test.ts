import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change, Message } from "../src/index.js";
import { applyChange } from "../src/index.js";
import { event, fixture, message, settled } from "./fakes.js";

const edited = (seq: number, ver: number, content: string): Change => ({
  type: "message_updated",
  conversation_id: 7,
  seq,
  ver,
  content,
  edited_at: "2026-01-02T00:00:00.000000+00:00",
});

test("the first sync goes right behind the token, and has no cursors", async () => {
  const { chat, socket } = await fixture();
  chat.start();
  await settled();
  await socket().open();
  const [auth, sync] = socket().sent;
  assert.equal(auth?.["type"], "auth");
  assert.equal(sync?.["type"], "sync");
  assert.deepEqual(sync?.["cursors"], {});
  assert.equal(sync?.["only"], false);
});

test("at the start a conversation is told in one piece, from its newest messages on", async () => {
  const { chat, connect, seqs, server, socket } = await fixture();
  server.store(...Array.from({ length: 70 }, (_, index) => index + 1));
  const told: [number, number, boolean][] = [];
  chat.on("reset", (it) => told.push([it.messages[0]!.seq, it.messages.length, it.has_more]));
  await connect();
  assert.deepEqual(told, [[21, 50, true]]);
  assert.deepEqual(seqs, []);
  socket().receive(event(71));
  assert.deepEqual(seqs, [71]);
});

test("live messages are delivered in order and once", async () => {
  const { connect, socket, seqs, server } = await fixture();
  server.store(1, 2);
  await connect();
  socket().receive(event(3), event(4), event(3), event(2), event(5));
  assert.deepEqual(seqs, [3, 4, 5]);
  assert.equal(socket().frames("sync").length, 1);
});

test("a hole is synced, once and alone, before what comes after it is delivered", async () => {
  const { connect, socket, seqs, server, answerSync } = await fixture();
  server.store(1);
  await connect();
  server.store(2, 3, 4, 5);
  socket().receive(event(2), event(4), event(5));
  assert.deepEqual(seqs, [2]);
  assert.equal(socket().frames("sync").length, 2);
  const sync = socket().frames("sync")[1];
  assert.deepEqual(sync?.["cursors"], { 7: { seq: 2, ver: 0 } });
  assert.equal(sync?.["only"], true);
  await answerSync();
  assert.deepEqual(seqs, [2, 3, 4, 5]);
});

test("a sync that does not fill the hole is asked again, after a while", async () => {
  const { clock, connect, socket, seqs, server, answerSync } = await fixture();
  await connect();
  socket().receive(event(2));
  await answerSync();
  assert.deepEqual(seqs, []);
  assert.equal(socket().frames("sync").length, 2);
  server.store(1, 2);
  await clock.advance(1000);
  await answerSync();
  assert.deepEqual(seqs, [1, 2]);
});

test("from the sending of a sync to its end the version stands still", async () => {
  const { connect, comeBack, socket, server, chat } = await fixture();
  server.store(1, 2);
  await connect();
  server.change(edited(1, 1, "missed"));
  server.change(edited(2, 2, "seen"));
  socket().receive({ type: "gap", conversation_id: 7 });
  socket().receive(edited(2, 2, "seen"));
  await socket().cut();
  const texts: string[] = [];
  chat.on("change", (it) => texts.push((it as Partial<Message>).content ?? ""));
  await comeBack();
  assert.deepEqual(socket().frames("sync")[0]?.["cursors"], { 7: { seq: 2, ver: 0 } });
  assert.deepEqual(texts, ["missed", "seen"]);
  await socket().cut();
  await comeBack();
  assert.deepEqual(socket().frames("sync")[0]?.["cursors"], { 7: { seq: 2, ver: 2 } });
});

test("an error in place of synced: asked again, with the same cursors", async () => {
  const { clock, connect, socket, seqs, server, answerSync } = await fixture();
  await connect();
  server.store(1);
  socket().receive({ type: "gap", conversation_id: 7 });
  const { id } = socket().nextSync();
  socket().receive({ type: "error", id, code: "unavailable", message: "" });
  socket().receive(edited(1, 5, "versions stand still meanwhile"));
  await clock.advance(1000);
  const again = socket().frames("sync")[2];
  assert.deepEqual(again?.["cursors"], { 7: { seq: 0, ver: 0 } });
  await answerSync();
  assert.deepEqual(seqs, [1]);
});

test("a refused first sync is asked again in whole", async () => {
  const { chat, clock, socket, server, answerSync } = await fixture();
  server.store(1);
  chat.start();
  await settled();
  await socket().open();
  const { id } = socket().nextSync();
  socket().receive({ type: "error", id, code: "timeout", message: "" });
  await socket().welcome();
  await clock.advance(5000);
  const told: number[] = [];
  chat.on("reset", (it) => told.push(it.messages.length));
  await answerSync();
  assert.deepEqual(told, [1]);
});

test("a reconnect brings every conversation what it has missed, live events behind it", async () => {
  const { chat, connect, socket, seqs, server } = await fixture();
  server.store(1, 2);
  server.stored.set(8, [message(1, { conversation_id: 8 })]);
  await connect();
  await socket().cut();
  server.store(3, 4);
  server.stored.get(8)!.push(message(2, { conversation_id: 8 }));
  chat.connection.retryNow();
  await settled();
  await socket().open();
  socket().receive({ type: "welcome", timeline: "1-1" }, event(5));
  server.store(5);
  socket().receive(...server.sync(socket().nextSync()), event(6));
  assert.deepEqual(seqs, [3, 4, 5, 2, 6]);
});

test("a sync cut off in the middle goes on from where it was", async () => {
  const { chat, comeBack, socket, server, seqs } = await fixture();
  server.store(1, 2, 3);
  const told: number[][] = [];
  chat.on("reset", (it) => told.push(it.messages.map(({ seq }) => seq)));
  chat.start();
  await settled();
  await socket().welcome();
  socket().receive(...server.sync(socket().nextSync()).slice(0, 3));
  await socket().cut();
  await comeBack();
  assert.deepEqual(socket().frames("sync")[0]?.["cursors"], { 7: { seq: 2, ver: 0 } });
  assert.deepEqual(told, [[1, 2, 3]]);
  assert.deepEqual(seqs, []);
});

test("a server that is behind the cursor resets, and is taken at its word", async () => {
  const { chat, connect, comeBack, socket, server } = await fixture();
  server.store(1, 2, 3);
  await connect();
  await socket().cut();
  server.stored.set(7, [message(1)]);
  const told: number[][] = [];
  chat.on("reset", (it) => told.push(it.messages.map(({ seq }) => seq)));
  await comeBack();
  assert.deepEqual(told, [[1]]);
  assert.equal(server.calls("/conversations/7").length, 1, "its members are asked for again");
});

test("a long list is read page by page to its end, whatever was ever said", async () => {
  const { chat, connect, server } = await fixture();
  for (let id = 1; id <= 450; id++) server.stored.set(id, []);
  const lists: number[][] = [];
  chat.on("conversations", (all) => lists.push(all.map(({ id }) => id)));
  await connect();
  await settled();
  assert.equal(lists.length, 1);
  assert.equal(new Set(lists[0]).size, 450);
  assert.equal(server.calls("/conversations").length, 3);
});

test("after a failover the same numbers are other messages, whoever is ahead", async () => {
  const { chat, clock, connect, socket, server, comeBack } = await fixture();
  server.store(1, 2, 3);
  await connect();
  await socket().cut();
  server.stored.set(7, [1, 2, 3, 4].map((seq) => message(seq, { content: `other ${seq}` })));
  server.timeline = "1-2";
  const told: string[][] = [];
  chat.on("reset", (it) => told.push(it.messages.map(({ content }) => content)));
  chat.connection.retryNow();
  await settled();
  await socket().welcome(server.timeline);
  assert.equal(socket().frames("sync")[0]?.["timeline"], "1-1");
  await socket().cut(); // before the answer: the cursors are void already
  await clock.advance(0);
  await comeBack();
  assert.equal(socket().frames("sync")[0]?.["timeline"], "1-2");
  assert.deepEqual(told, [["other 1", "other 2", "other 3", "other 4"]]);
  await socket().cut();
  await comeBack();
  assert.equal(told.length, 1, "once");
});

test("after a very long absence everything begins again with its newest messages", async () => {
  const { chat, clock, connect, comeBack, socket, server, seqs } = await fixture();
  await connect();
  await socket().cut();
  server.store(...Array.from({ length: 500 }, (_, index) => index + 1));
  const told: number[] = [];
  chat.on("reset", (it) => told.push(it.messages[0]!.seq));
  chat.connection.stop();
  await clock.advance(13 * 3_600_000);
  chat.connection.start();
  await comeBack();
  assert.deepEqual(told, [451]);
  assert.deepEqual(seqs, []);
});

test("being made a member: synced from its newest messages, then introduced", async () => {
  const { chat, connect, socket, server, seqs, answerSync } = await fixture();
  await connect();
  server.stored.set(8, [message(1, { conversation_id: 8 })]);
  const told: string[] = [];
  chat.on("conversation", (it) => told.push(`met ${it.id} at ${it.last_seq}`));
  chat.on("reset", (it) => told.push(`reset ${it.conversation_id}`));
  chat.on("left", (id) => told.push(`left ${id}`));
  const change = { type: "member", conversation_id: 8, user_id: 1, role: "member", ver: 1 };
  socket().receive({ ...change, state: "joined" });
  socket().receive(event(1, { conversation_id: 8 }));
  assert.equal(socket().frames("sync").length, 2, "one sync for it");
  await answerSync();
  socket().receive(event(2, { conversation_id: 8 }));
  socket().receive({ ...change, state: "removed" });
  assert.deepEqual(told, ["reset 8", "met 8 at 1", "left 8"]);
  assert.deepEqual(seqs, [2]);
});

test("a snapshot that is older than what was delivered since is brought to now", async () => {
  const { chat, connect, socket, server, answerSync } = await fixture();
  await connect();
  server.stored.set(8, [message(1, { conversation_id: 8 })]);
  const release = server.hold();
  const lasts: [number, number][] = [];
  chat.on("conversation", (it) => lasts.push([it.last_seq, it.unread]));
  socket().receive(event(1, { conversation_id: 8 }));
  await answerSync();
  socket().receive(event(2, { conversation_id: 8 }));
  release();
  await settled();
  assert.deepEqual(lasts, [[2, 1]]);
});

test("a conversation that is gone is left", async () => {
  const { chat, connect, comeBack, socket, server } = await fixture();
  await connect();
  await socket().cut();
  server.stored.delete(7);
  const left: number[] = [];
  chat.on("left", (id) => left.push(id));
  await comeBack();
  assert.deepEqual(left, [7]);
});

test("older messages are brought to now by what came while they were read", async () => {
  const { chat, connect, socket, server } = await fixture();
  server.store(1, 2, 3);
  await connect();
  const release = server.hold();
  const page = chat.older(7, 3);
  await settled();
  socket().receive(edited(1, 1, "edited meanwhile"));
  socket().receive({ type: "message_deleted", conversation_id: 7, seq: 2, ver: 2 });
  release();
  const [first, second] = (await page).messages;
  assert.equal(first?.content, "edited meanwhile");
  assert.equal(second?.deleted, true);
});

test("a change applied twice is the same as once", () => {
  const on = { conversation_id: 7, seq: 1 };
  const reaction = { type: "reaction", ...on, ver: 1, user_id: 2, emoji: "👍" } as const;
  const plain = message(1);
  const liked = applyChange(plain, { ...reaction, added: true });
  assert.deepEqual(liked.reactions, [{ emoji: "👍", count: 1, user_ids: [2] }]);
  assert.deepEqual(applyChange(liked, { ...reaction, added: true }), liked);
  const other = applyChange(liked, { ...reaction, user_id: 3, added: true });
  assert.equal(other.reactions[0]?.count, 2);
  assert.deepEqual(applyChange(liked, { ...reaction, added: false }), plain);
  assert.deepEqual(applyChange(plain, { ...reaction, added: false }), plain);
  const gone = applyChange(liked, { type: "message_deleted", ...on, ver: 2 });
  assert.deepEqual([gone.content, gone.deleted, gone.reactions], ["", true, []]);
});

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  return (sides) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 16) % sides;
  };
}

test("whatever is lost, repeated, late or cut off: in the end all is there, once, in order", async () => {
  for (let seed = 1; seed <= 40; seed++) await storm(seed);
});

async function storm(seed: number): Promise<void> {
  const roll = dice(seed);
  const { chat, clock, connect, socket, server } = await fixture();
  let shown: Message[] = [];
  chat.on("reset", ({ messages }) => (shown = messages));
  chat.on("message", (it) => shown.push(it));
  chat.on("change", (change) => {
    shown = shown.map((it) => (it.seq === change.seq ? applyChange(it, change) : it));
  });
  await connect();
  const answer = () => socket().receive(...server.sync(socket().nextSync()));
  let unanswered = 0;
  const sent = () => socket().frames("sync").length;
  let answered = 1;
  const catchUp = () => {
    for (; answered < sent(); answered++) answer();
  };
  for (let step = 0; step < 120; step++) {
    const count = server.stored.get(7)!.length;
    const frames: object[] = [];
    if (roll(3) > 0 || count === 0) {
      server.store(count + 1);
      frames.push(event(count + 1));
    } else {
      const change = edited(1 + roll(count), server.ver(7) + 1, `edit ${step}`);
      server.change(change);
      frames.push(change);
    }
    const fate = roll(10);
    if (fate === 0) frames.pop(); // lost; a gap tells of it, sooner or later
    if (fate === 1) frames.push(...frames);
    socket().receive(...frames);
    if (fate === 0) socket().receive({ type: "gap", conversation_id: 7 });
    unanswered = roll(4) === 0 ? 0 : unanswered + 1;
    if (unanswered === 0) catchUp();
    if (roll(25) === 0) {
      await socket().cut([1006, 4000, 4003, 4004][roll(4)]);
      answered = 0;
      chat.connection.retryNow();
      await settled();
      await socket().welcome();
    }
  }
  catchUp();
  await clock.advance(60_000);
  catchUp();
  await settled();
  const all = server.stored.get(7)!;
  const tail = all.slice(all.length - shown.length);
  assert.deepEqual(
    shown.map((it) => [it.seq, it.content]),
    tail.map((it) => [it.seq, it.content]),
    `seed ${seed}`,
  );
  assert.equal(shown[shown.length - 1]?.seq, all.length, `seed ${seed}`);
}
