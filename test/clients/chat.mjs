// node chat.mjs LIBRARY URL URL: three people chat, two with the client library, one with a
// plain WebSocket, over wires that are cut again and again, at two servers that are restarted
// on the way.  In the end each must have everything, once, in order, and as the server has it.
//
// Prints TAP, and "# restart NUMBER" where it wants a server to be restarted.
import { openWire } from "./wire.mjs";
import { PlainClient } from "./plain.mjs";

const [library, ...servers] = process.argv.slice(2);
const { applyChange, Chat } = await import(library);
const PATIENCE_MS = 30_000;
const ROUNDS = 6;
const PER_ROUND = 10;

let tests = 0;
let failed = 0;

function ok(fine, name, more = "") {
  console.log(`${fine ? "ok" : "not ok"} ${++tests} - ${name}`);
  if (fine) return;
  failed++;
  if (more !== "") console.log(`# ${more}`);
}

function same(got, expected, name) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  ok(a === b, name, `got ${a.slice(0, 2000)}`);
  if (a !== b) console.log(`# expected ${b.slice(0, 2000)}`);
}

async function until(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      ok(false, `waited in vain until ${what}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Somebody with the library. */
class Reader {
  messages = new Map();
  complaints = [];
  #sends = [];
  #last = 0;

  constructor(url) {
    const socket = (to, protocol) => new WebSocket(to, protocol);
    this.chat = new Chat({ url, socket, timeoutMs: 5000 });
    this.chat.on("reset", ({ messages }) => {
      this.messages = new Map(messages.map((it) => [it.seq, it]));
      this.#last = messages[messages.length - 1]?.seq ?? 0;
    });
    this.chat.on("message", (message) => {
      if (message.seq !== this.#last + 1)
        this.complaints.push(`${message.seq} follows ${this.#last}`);
      this.#last = message.seq;
      this.messages.set(message.seq, message);
    });
    this.chat.on("change", (change) => {
      const message = this.messages.get(change.seq);
      if (message !== undefined) this.messages.set(change.seq, applyChange(message, change));
    });
    this.chat.on("ended", ({ code }) => this.complaints.push(`ended: ${code}`));
  }

  async signUp(username) {
    const email = `${username}@example.org`;
    await this.chat.session.signUp({ username, email, password: "correct horse battery" });
    this.chat.start();
  }

  send(conversationId, content) {
    const refused = (problem) => this.complaints.push(`not sent: ${problem.code}`);
    this.#sends.push(this.chat.send(conversationId, content).catch(refused));
  }

  /** Until the server has said yes: a call that was cut off is for the caller to repeat. */
  async insist(method, params) {
    for (;;) {
      try {
        return await this.chat.call(method, params);
      } catch (problem) {
        if (!problem.transient) throw problem;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  settled() {
    return Promise.all(this.#sends);
  }
}

const wires = await Promise.all(["ada", "bob", "cyd"].map(() => openWire(servers)));
const ada = new Reader(wires[0].url);
const bob = new Reader(wires[1].url);
const signUp = new Reader(servers[0]);
await Promise.all([ada.signUp("ada"), bob.signUp("bob"), signUp.signUp("cyd")]);
signUp.chat.stop();
const cyd = new PlainClient(wires[2].url, await signUp.chat.session.token());
const people = { ada, bob, cyd };
const everybody = Object.values(people);

const { id } = await ada.chat.api.createGroup("Three", ["bob", "cyd"]);
for (const person of everybody) person.send(id, "here");
await until(
  () => everybody.every((person) => person.messages.size === 3),
  "all three hear each other",
);

let count = 3;
const changes = [];
for (let round = 0; round < ROUNDS; round++) {
  for (let number = 0; number < PER_ROUND; number++) {
    for (const [name, person] of Object.entries(people)) {
      person.send(id, `${name} ${round} ${number}`);
      count++;
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (number === 3) wires[round % 3].cut();
    if (number === 6) for (const wire of wires) wire.cut();
  }
  if (round === 1 || round === 3) console.log(`# restart ${round === 1 ? 0 : 1}`);
  const mine = [...ada.messages.values()].filter((it) => it.sender === "ada" && !it.deleted);
  const { seq } = mine[mine.length - 1];
  const on = { conversation_id: id, seq };
  changes.push(
    ada.insist("edit", { ...on, content: `edited in round ${round}` }),
    bob.insist("react", { conversation_id: id, seq: 1, emoji: ["👍", "🎉"][round % 2] }),
  );
  if (round === 2)
    changes.push(bob.insist("unreact", { conversation_id: id, seq: 1, emoji: "👍" }));
  const least = Math.max(...everybody.map((person) => person.messages.size));
  await until(() => bob.messages.size >= least, "somebody goes on");
}
await Promise.all([...changes, ada.settled(), bob.settled()]);
const first = [...ada.messages.values()].find(({ sender }) => sender === "ada");
await ada.insist("delete", { conversation_id: id, seq: first.seq });
await until(() => cyd.idle, "all sends are acknowledged");

/** What one can see of the messages, in the order of seq. */
function visible(messages) {
  return [...messages]
    .sort((a, b) => a.seq - b.seq)
    .map(({ seq, sender, content, deleted, reactions }) => [
      seq,
      sender,
      content,
      deleted,
      reactions
        .map(({ emoji, user_ids }) => `${emoji} ${[...user_ids].sort()}`)
        .sort()
        .join(),
    ]);
}

async function stored() {
  const page = (after) => bob.insist("history", { conversation_id: id, after, limit: 200 });
  const messages = [];
  for (;;) {
    const { messages: part, has_more } = await page(messages[messages.length - 1]?.seq ?? 0);
    messages.push(...part);
    if (!has_more) return visible(messages);
  }
}

const there = await stored();
const text = JSON.stringify(there);
for (const person of everybody)
  await until(() => JSON.stringify(visible(person.messages.values())) === text, "it is complete");
same(there.length, count, "every message is there once");
for (const [name, person] of Object.entries(people)) {
  same(visible(person.messages.values()), there, `${name} has all, as the server has it`);
  same(person.complaints, [], `${name} has seen nothing that must not be`);
}

for (const person of [ada, bob]) person.chat.stop();
cyd.close();
for (const wire of wires) wire.close();
console.log(`1..${tests}`);
process.exitCode = failed === 0 ? 0 : 1;
