import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  messages,
  openPage,
  signIn,
  stored,
} from "./browser.mjs";
import { contrasts, faults } from "./inspect.mjs";
import { account, conversationOf, password, send, serverUrl } from "./server.mjs";

async function inspect(page) {
  assert.deepEqual(await page.evaluate(faults), []);
  assert.deepEqual(await page.evaluate(contrasts), []);
}

for (const colorScheme of ["light", "dark"]) {
  browserTest(`every screen has names, roles and contrast (${colorScheme})`, async () => {
    const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
    const id = await conversationOf(ada, bob, 3);
    const door = await openPage({ colorScheme, reducedMotion: "reduce" });
    await door.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await inspect(door);
    await door.getByRole("button", { name: "Create an account" }).click();
    await inspect(door);

    const page = await signIn(ada, { colorScheme, reducedMotion: "reduce" });
    await send(bob, id, "unread one");
    await conversation(page, "Bob").getByTestId("unread").waitFor();
    await page.mouse.move(0, 0);
    await inspect(page);
    await conversation(page, "Bob").hover();
    await inspect(page);
    await conversation(page, "Bob").click();
    await stored(page, "unread one");
    await inspect(page);
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByLabel("Find people").fill(bob.username);
    await page.getByRole("button", { name: bob.username }).waitFor();
    await inspect(page);
    await page.getByRole("button", { name: "Make a group" }).click();
    await inspect(page);
  });
}

browserTest("a conversation can be had with the keyboard alone", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await conversationOf(ada, bob, 1);
  const page = await openPage();
  await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "login");
  await page.keyboard.type(ada.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await conversation(page, "Bob").waitFor();

  const focused = (text) =>
    page.waitForFunction((wanted) => {
      const element = document.activeElement;
      return (element.ariaLabel ?? element.textContent).includes(wanted);
    }, text);
  while (!(await page.evaluate(() => document.activeElement.dataset.testid === "conversation"))) {
    await page.keyboard.press("Tab");
    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement).outlineStyle,
    );
    assert.notEqual(outline, "none", "focus can be seen");
  }
  await page.keyboard.press("Enter");
  await focused("Message to Bob");
  await page.keyboard.type("first line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second line");
  await page.keyboard.press("Enter");
  await stored(page, "second line");
  assert.equal(await messages(page).last().innerText(), "first line\nsecond line");
  assert.equal(await composer(page).inputValue(), "");

  await page.getByRole("button", { name: "New conversation" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.getAttribute("type") === "search");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await focused("New conversation");
});

browserTest("the page comes with a policy that lets in nothing from elsewhere", async () => {
  const response = await fetch(serverUrl);
  const policy = response.headers.get("Content-Security-Policy") ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-(inline|eval)/);
  const html = await response.text();
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style| style=| on\w+=/);
  assert.match(html, /<html lang="en">/);
});
