import assert from "node:assert/strict";
import { test } from "node:test";
import { initialsOf, isolated, nameOf, visibleName } from "../state/naming";

const named = (display_name: string | null) => nameOf({ username: "alice", display_name });

test("a name without anything to be seen gives way to the user name", () => {
  const unseen = ["", "   ", "\u3164", "\u200b\u200b", "\u2800", "\u00ad", "\u115f", "\uffa0 \u2060"];
  for (const name of [...unseen, "\u180e", "\ufe0f", "\u{e0041}", "\u202e\u202c", "\u200d", null]) {
    assert.equal(named(name), "alice", JSON.stringify(name));
  }
});

test("nothing in a name turns other text around or hides in it", () => {
  assert.equal(named("\u202eecila"), "ecila");
  assert.equal(named("alice\u200b"), "alice");
  assert.equal(named("\u2067a\u2069\u200fb\u0007"), "ab");
});

test("what people really are called stays as it is", () => {
  const names = ["Ada L.", "محمد", "می\u200cخواهم", "👩\u200d👩\u200d👧", "O\u2019Neil", "e\u0301", "愛", "Zoë 🇩🇪", "❤\ufe0f"];
  for (const name of names) assert.equal(named(name), name);
  assert.equal(named("  Ada  "), "Ada");
});

test("a group without a visible name has none", () => {
  assert.equal(visibleName("\u3164"), null);
  assert.equal(visibleName("Choir"), "Choir");
});

test("a name in plain text keeps its direction to itself", () => {
  assert.equal(isolated("محمد"), "\u2068محمد\u2069");
});

test("initials of any script", () => {
  assert.equal(initialsOf("ada lovelace"), "AL");
  assert.equal(initialsOf("محمد"), "م");
  assert.equal(initialsOf("…"), "?");
});
