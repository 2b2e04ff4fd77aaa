import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { keyOf } from "../views/keys";

const press = (key: string, keyCode: number, isComposing: boolean) =>
  keyOf({ key, keyCode, isComposing } as KeyboardEvent);

test("a key means what it says, except to an input method", () => {
  assert.equal(press("Enter", 13, false), "Enter");
  assert.equal(press("Enter", 229, true), "", "Chromium and Firefox");
  assert.equal(press("Enter", 13, true), "", "Gecko before 65");
  assert.equal(press("Enter", 229, false), "", "Safari, after the end of the composition");
  assert.equal(press("Escape", 229, false), "");
});

test("no view reads a key by itself", () => {
  for (const name of readdirSync("app/views").filter((it) => it !== "keys.ts")) {
    const text = readFileSync(`app/views/${name}`, "utf8");
    assert.equal(/\bevent\.(key|keyCode|code|which)\b|isComposing/.exec(text)?.[0], undefined, name);
  }
});
