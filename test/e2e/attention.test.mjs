// What is unread, and when it counts as read.
import assert from "node:assert/strict";
import { browserTest, conversation, messages, signIn, stored, until } from "./browser.mjs";
import { account, call, conversationOf, direct, send } from "./server.mjs";

/** Another window has the focus, or has it no more; this one stays visible. */
function setFocus(page, on) {
  return page.evaluate((focused) => {
    document.hasFocus = () => focused;
    dispatchEvent(new Event(focused ? "focus" : "blur"));
  }, on);
}

browserTest("what lies open in a window behind another one is delivered, not read", async () => {
  const [ada, bob] = [await account("ada", "Ada"), await account("bob", "Bob")];
  const id = await conversationOf(ada, bob, 2);
  const [left, right] = [await signIn(ada), await signIn(bob)];
  await conversation(left, "Bob").click();
  await conversation(right, "Ada").click();
  await stored(right, "message 2");
  await setFocus(right, false);
  await send(ada, id, "are you looking?");
  await stored(right, "are you looking?");
  await left.getByTestId("fate").getByText("Delivered").waitFor();
  await conversation(right, "Ada").getByTestId("unread").waitFor();
  const { read_seq, unread } = await call("GET", `/conversations/${id}`, { token: bob.token });
  assert.deepEqual({ read_seq, unread }, { read_seq: 2, unread: 1 });
  assert.match(await right.title(), /^\(1\)/);
  await setFocus(right, true);
  await left.getByTestId("fate").getByText("Read").waitFor();
  await conversation(right, "Ada").getByTestId("unread").waitFor({ state: "detached" });
});

browserTest("badge and title count down when what is unread is taken back", async () => {
  const [ada, bob] = [await account("ada", "Ada"), await account("bob", "Bob")];
  const { id } = await direct(ada, bob);
  const page = await signIn(bob);
  const badge = conversation(page, "Ada").getByTestId("unread");
  const shows = (number) => badge.filter({ hasText: new RegExp(`^${number} unread$`) }).waitFor();
  const takeBack = (seq) =>
    call("DELETE", `/conversations/${id}/messages/${seq}`, { token: ada.token });
  for (const text of ["one", "two", "three"]) await send(ada, id, text);
  await shows(3);
  await takeBack(1);
  await shows(2);
  await until(page, () => document.title.startsWith("(2)"));
  await takeBack(3);
  await shows(1);
  await takeBack(2);
  await badge.waitFor({ state: "detached" });
  await until(page, () => !document.title.startsWith("("));
  await send(ada, id, "four");
  await shows(1);
  await conversation(page, "Ada").click();
  await badge.waitFor({ state: "detached" });
  await messages(page).filter({ hasText: "four" }).waitFor();
  await takeBack(4);
  await messages(page).filter({ hasText: "four" }).waitFor({ state: "detached" });
  await send(ada, id, "five");
  await stored(page, "five");
  assert.doesNotMatch(await page.title(), /^\(/, "what was read and taken back counts for nothing");
});
