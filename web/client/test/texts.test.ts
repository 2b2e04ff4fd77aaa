import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, localTexts, memoryTexts, webLocks } from "../src/index.js";
import { FakeBrowser } from "./fakes.js";

/** As much of localStorage as is needed, with room for so many characters. */
class FakeStorage {
  private readonly items = new Map<string, string>();

  constructor(private readonly room: number) {}

  get length(): number {
    return this.items.size;
  }

  key(at: number): string | null {
    return [...this.items.keys()][at] ?? null;
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, text: string): void {
    if (text.length > this.room) throw new Error("QuotaExceededError");
    this.items.set(key, text);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}

function withStorage(storage: FakeStorage | null, work: () => void): void {
  const get = () => {
    if (storage === null) throw new Error("SecurityError");
    return storage;
  };
  Object.defineProperty(globalThis, "localStorage", { get, configurable: true });
  try {
    work();
  } finally {
    Reflect.deleteProperty(globalThis, "localStorage");
  }
}

test("texts are stored under their names, and no other is touched", () => {
  const storage = new FakeStorage(100);
  withStorage(storage, () => {
    storage.setItem("parley.refresh", "token");
    const texts = localTexts();
    texts.save("a", "1");
    texts.save("b", "2");
    texts.save("a", null);
    assert.deepEqual(texts.names(), ["b"]);
    assert.equal(texts.load("b"), "2");
    assert.equal(texts.load("a"), null);
    assert.ok(texts.lasting);
    assert.deepEqual(localTexts().names(), ["b"], "the next page has them, too");
    assert.equal(storage.getItem("parley.refresh"), "token");
  });
});

test("what does not fit is kept in memory, and says so", () => {
  withStorage(new FakeStorage(5), () => {
    const texts = localTexts();
    texts.save("a", "small");
    texts.save("a", "too large");
    assert.equal(texts.load("a"), "too large");
    assert.deepEqual(texts.names(), ["a"]);
    assert.equal(texts.lasting, false);
    texts.save("a", null);
    assert.equal(texts.load("a"), null);
    assert.equal(texts.lasting, true);
  });
});

test("where storage is switched off everything is kept in memory", () => {
  withStorage(null, () => {
    const texts = localTexts();
    texts.save("a", "1");
    assert.equal(texts.load("a"), "1");
    assert.deepEqual(texts.names(), ["a"]);
    assert.equal(texts.lasting, false);
    texts.save("a", null);
    assert.deepEqual(texts.names(), []);
  });
});

test("a draft is one account's, and none once it is empty", () => {
  const texts = memoryTexts();
  const drafts = new Drafts(texts);
  drafts.set("message.7", "before anybody has signed in");
  assert.deepEqual(texts.names(), []);
  drafts.open(1);
  drafts.set("message.7", "one");
  drafts.set("edit.7.3", "two");
  assert.equal(drafts.get("message.7"), "one");
  assert.deepEqual(drafts.names("edit.7."), ["edit.7.3"]);
  drafts.open(11);
  assert.equal(drafts.get("message.7"), "");
  assert.deepEqual(drafts.names(), []);
  drafts.open(1);
  drafts.set("message.7", "");
  assert.deepEqual(texts.names(), ["1.draft.edit.7.3"]);
});

test("a change in another tab is told with what was there before", () => {
  const browser = new FakeBrowser();
  const [here, there] = [browser.open(), browser.open()].map(({ texts }) => new Drafts(texts));
  const told: object[] = [];
  here!.open(1);
  there!.open(1);
  here!.on("changed", (change) => told.push(change));
  here!.set("message.7", "mine");
  there!.set("message.7", "theirs");
  there!.set("message.7", "");
  here!.open(2);
  there!.set("message.7", "unheard");
  assert.deepEqual(told, [
    { name: "message.7", text: "theirs", before: "mine" },
    { name: "message.7", text: "", before: "theirs" },
  ]);
});

test("where there are no locks, every page is taken to have gone", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const locks = webLocks();
  let done = false;
  locks.hold("a");
  await locks.inherit("a", () => (done = true));
  assert.ok(done);
});
