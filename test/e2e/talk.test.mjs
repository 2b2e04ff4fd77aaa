// What becomes of messages, who is there, and who belongs.
import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  messages,
  say,
  signIn,
  stored,
  until,
} from "./browser.mjs";
import { contrasts, faults } from "./inspect.mjs";
import { account, call, conversationOf, direct, group, send } from "./server.mjs";

const row = (page, text) => page.locator(".bubble-row").filter({ hasText: text });
const more = (page, text) => row(page, text).getByRole("button", { name: /^Actions for/ });
const tools = (page) => page.getByRole("group", { name: "Message actions" });
const reaction = (page, name) => page.getByRole("button", { name, exact: true });

/** Both at the same conversation, with a message from ada. */
async function two(text) {
  const [ada, bob] = [await account("ada", "Ada"), await account("bob", "Bob")];
  const { id } = await direct(ada, bob);
  await send(ada, id, text);
  const [left, right] = [await signIn(ada), await signIn(bob)];
  await conversation(left, "Bob").click();
  await conversation(right, "Ada").click();
  await stored(left, text);
  await stored(right, text);
  return { ada, bob, left, right, id };
}

async function inspect(page) {
  assert.deepEqual(await page.evaluate(faults), []);
  assert.deepEqual(await page.evaluate(contrasts), []);
}

browserTest("a message is edited by who said it, for both to see", async () => {
  const { left, right } = await two("teh plan");
  await more(left, "teh plan").click();
  await tools(left).getByRole("button", { name: "Edit" }).click();
  const input = left.getByRole("textbox", { name: "Edit message" });
  await inspect(left);
  await input.fill("the plan");
  await input.press("Enter");
  for (const page of [left, right]) {
    await messages(page).filter({ hasText: "the plan" }).filter({ hasText: "edited" }).waitFor();
    await messages(page).filter({ hasText: "teh plan" }).waitFor({ state: "detached" });
  }
  await conversation(right, "the plan").waitFor();
  await more(right, "the plan").click();
  await tools(right).waitFor();
  assert.equal(await tools(right).getByRole("button", { name: "Edit" }).count(), 0, "not by others");
});

browserTest("a deleted message leaves its place behind, after a second thought", async () => {
  const { left, right } = await two("a secret");
  await more(left, "a secret").click();
  await tools(left).getByRole("button", { name: "Delete", exact: true }).click();
  await tools(left).getByRole("button", { name: "Really delete?" }).click();
  for (const page of [left, right]) {
    await messages(page).filter({ hasText: "Message deleted" }).waitFor();
    await messages(page).filter({ hasText: "a secret" }).waitFor({ state: "detached" });
    await conversation(page, "Message deleted").waitFor();
    await inspect(page);
  }
  await left.reload();
  await messages(left).filter({ hasText: "Message deleted" }).waitFor();
});

browserTest("reactions are given and taken back, by keyboard and by pointer", async () => {
  const { left, right } = await two("good news");
  await more(right, "good news").focus();
  await right.keyboard.press("Enter");
  await until(right, () => document.activeElement.ariaLabel === "React with 👍");
  await right.keyboard.press("ArrowRight");
  await until(right, () => document.activeElement.ariaLabel === "React with ❤️");
  await right.keyboard.press("Enter");
  await reaction(left, "❤️ 1").waitFor();
  await tools(right).waitFor({ state: "detached" });
  await until(right, () => document.activeElement.ariaLabel?.startsWith("Actions for"));
  await reaction(left, "❤️ 1").click();
  for (const page of [left, right]) await reaction(page, "❤️ 2").waitFor();
  await until(left, () => document.querySelector(".reaction").ariaPressed === "true");
  await inspect(left);
  await reaction(right, "❤️ 2").click();
  await reaction(left, "❤️ 1").click();
  for (const page of [left, right]) {
    await page.getByRole("list", { name: "Reactions" }).waitFor({ state: "detached" });
  }
  await more(right, "good news").click();
  await tools(right).waitFor();
  await right.keyboard.press("Escape");
  await tools(right).waitFor({ state: "detached" });
});

browserTest("who types is seen typing, until they send or stop", async () => {
  const { left, right } = await two("well?");
  const typing = right.getByTestId("typing");
  await composer(left).fill("let me thi");
  await typing.getByText("Ada is typing…").waitFor();
  await composer(left).fill("");
  await until(right, () => document.querySelector('[data-testid="typing"]').textContent === "");
  await composer(left).fill("let me think");
  await typing.getByText("Ada is typing…").waitFor();
  await composer(left).press("Enter");
  await stored(right, "let me think");
  await until(right, () => document.querySelector('[data-testid="typing"]').textContent === "");
});

browserTest("what was said is delivered, then read; who is there is online, then was", async () => {
  const [ada, bob] = [await account("ada", "Ada"), await account("bob", "Bob")];
  await conversationOf(ada, bob, 2);
  const left = await signIn(ada);
  await conversation(left, "Bob").click();
  await say(left, "are you there?");
  const right = await signIn(bob);
  await left.getByTestId("fate").getByText("Delivered").waitFor();
  await left.getByTestId("about").getByText("online").waitFor();
  await left.locator(".conversation .avatar-dot").waitFor();
  await conversation(right, "Ada").click();
  await left.getByTestId("fate").getByText("Read").waitFor();
  await inspect(left);
  await right.close();
  await left.getByTestId("about").getByText("last seen").waitFor();
  await left.locator(".conversation .avatar-dot").waitFor({ state: "detached" });
});

browserTest("an owner adds and removes members; members may only leave", async () => {
  const [ada, bob, cyd] = [
    await account("ada", "Ada"),
    await account("bob", "Bob"),
    await account("cyd", "Cyd"),
  ];
  await group(ada, "Choir", [bob]);
  const [left, right] = [await signIn(ada), await signIn(bob)];
  await conversation(left, "Choir").click();
  await conversation(right, "Choir").click();
  await left.getByTestId("about").getByText("2 online").waitFor();
  assert.equal(await left.locator(".person .avatar-dot").count(), 2, "as many as the list shows");
  await left.getByRole("button", { name: "Members", exact: true }).click();
  const member = (page, name) => page.getByTestId("member").filter({ hasText: name });
  await member(left, "Bob").waitFor();
  await inspect(left);
  await left.getByRole("button", { name: "Add a member" }).click();
  await left.getByRole("searchbox", { name: "Find people" }).fill(cyd.username);
  await left.getByRole("button", { name: `@${cyd.username}` }).click();
  await member(left, "Cyd").waitFor();
  await left.getByRole("heading", { name: "3 members" }).waitFor();

  await right.getByRole("button", { name: "Members", exact: true }).click();
  await member(right, "Cyd").waitFor();
  assert.equal(await right.getByRole("button", { name: /^Remove/ }).count(), 0);
  assert.equal(await right.getByRole("button", { name: "Add a member" }).count(), 0);

  await left.getByRole("button", { name: "Remove Cyd" }).click();
  await left.getByRole("button", { name: "Really remove Cyd?" }).click();
  for (const page of [left, right]) await member(page, "Cyd").waitFor({ state: "detached" });
  await right.getByRole("button", { name: "Leave the group" }).click();
  await right.getByRole("button", { name: "Really leave?" }).click();
  await conversation(right, "Choir").waitFor({ state: "detached" });
  await member(left, "Bob").waitFor({ state: "detached" });
  await left.getByRole("button", { name: "Leave the group" }).click();
  await left.getByRole("button", { name: "Really leave?" }).click();
  await conversation(left, "Choir").waitFor({ state: "detached" });
});

browserTest("what became of messages while one was away is there when one is back", async () => {
  const { ada, bob, right, id } = await two("before");
  await right.goto("about:blank");
  const path = `/conversations/${id}/messages/1`;
  await call("PATCH", path, { token: ada.token, body: { content: "after" } });
  await call("PUT", `${path}/reactions/${encodeURIComponent("🎉")}`, { token: ada.token });
  await right.goBack();
  await messages(right).filter({ hasText: "after" }).filter({ hasText: "edited" }).waitFor();
  await reaction(right, "🎉 1").waitFor();
  await send(bob, id, "and on");
  await stored(right, "and on");
});
