// Text that people type with an input method.
import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  messages,
  pressAsSafari,
  pressWhileComposing,
  say,
  signIn,
  stored,
} from "./browser.mjs";
import { account, conversationOf, direct } from "./server.mjs";

browserTest("an Enter that confirms a word sends nothing", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await direct(ada, bob);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  await composer(page).focus();
  await pressWhileComposing(page, "にほん", "Enter");
  assert.equal(await composer(page).inputValue(), "にほん");
  await pressAsSafari(composer(page), "Enter");
  assert.equal(await composer(page).inputValue(), "にほん");
  assert.equal(await messages(page).count(), 0);
  await composer(page).press("Enter");
  await stored(page, "にほん");
  assert.equal(await messages(page).count(), 1);
});

browserTest("in an edit neither Enter nor Escape is taken from an input method", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await direct(ada, bob);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  await say(page, "にほ");
  await page.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  const input = page.getByRole("textbox", { name: "Edit message" });
  await input.fill("");
  for (const key of ["Enter", "Escape"]) {
    await pressWhileComposing(page, "ん", key);
    await pressAsSafari(input, key);
  }
  assert.equal(await input.inputValue(), "んん");
  await input.press("Enter");
  await stored(page, "んん");
});

browserTest("an Escape that takes a word back leaves a dialog open", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await conversationOf(ada, bob, 1);
  const page = await signIn(ada);
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("button", { name: "Make a group" }).click();
  const name = page.getByLabel("Group name");
  await name.focus();
  await pressWhileComposing(page, "ぐ", "Escape");
  assert.equal(await name.inputValue(), "ぐ");
  const open = await name.evaluate((element) => {
    const key = { key: "Escape", bubbles: true, cancelable: true };
    const event = new KeyboardEvent("keydown", key);
    Object.defineProperty(event, "keyCode", { get: () => 229 });
    element.dispatchEvent(event);
    return event.defaultPrevented;
  });
  assert.equal(open, true, "nor as Safari tells it");
  await name.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
});
