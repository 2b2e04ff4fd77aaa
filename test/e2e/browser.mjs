// The browser, and people who sit in front of it.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { password, serverUrl } from "./server.mjs";

let browser;
let contexts = [];
let problems = [];

async function theBrowser() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: [
      "--headless",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return browser;
}

export async function closeBrowser() {
  await browser?.close();
}

/** Everything a page may complain about is a failure, but for what `expected` matches. */
function watch(page, expected) {
  const note = (text) => expected?.test(text) || problems.push(text);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(message.text());
  });
  page.on("pageerror", (error) => note(`uncaught: ${error.message}`));
}

/** A page of its own for somebody: separate cookies, storage and sockets. */
export async function openPage({ url = serverUrl, expected, ...options } = {}) {
  const context = await (
    await theBrowser()
  ).newContext({
    viewport: { width: 1100, height: 720 },
    locale: "en-GB",
    ...options,
  });
  context.setDefaultTimeout(30_000);
  contexts.push(context);
  const page = await context.newPage();
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  watch(page, expected);
  await page.goto(url);
  return page;
}

/** Opens the page and signs in with an account made before. */
export async function signIn(person, options) {
  const page = await openPage(options);
  await page.getByLabel("User name or e-mail").fill(person.username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "attached" });
  return page;
}

/** A test with pages: closed at its end, after a look at what they complained about. */
export function browserTest(name, run) {
  test(name, async () => {
    contexts = [];
    problems = [];
    try {
      await run();
      assert.deepEqual(problems, [], "no errors in the console");
    } catch (error) {
      await takePictures(name);
      throw error;
    } finally {
      for (const context of contexts) await context.close();
    }
  });
}

async function takePictures(name) {
  const folder = process.env.PARLEY_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  for (const [index, context] of contexts.entries()) {
    for (const page of context.pages()) {
      const path = join(folder, `${name.replace(/\W+/g, "-")}-${index + 1}.png`);
      await page.screenshot({ path }).catch(() => {});
    }
  }
}

export const conversation = (page, name) =>
  page.getByTestId("conversation").filter({ hasText: name });
export const messages = (page) => page.getByTestId("message");
export const composer = (page) => page.getByRole("textbox", { name: /^Message to/ });

/** Writes in the conversation that is open, and waits until it is stored. */
export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await stored(page, text);
}

export async function stored(page, text) {
  await messages(page)
    .and(page.locator('[data-state="stored"]'))
    .filter({ hasText: text })
    .first()
    .waitFor();
}

/** Waits until `check`, run in the page, is true. */
export function until(page, check, argument) {
  return page.waitForFunction(check, argument);
}

export async function texts(page) {
  return messages(page).allInnerTexts();
}

/** A key as an input method leaves it: Chromium composes `text`, then the key goes by as 229. */
export async function pressWhileComposing(page, text, key) {
  const session = await page.context().newCDPSession(page);
  const at = text.length;
  await session.send("Input.imeSetComposition", { text, selectionStart: at, selectionEnd: at });
  const code = { key, code: key, windowsVirtualKeyCode: 229 };
  await session.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...code });
  await session.send("Input.dispatchKeyEvent", { type: "keyUp", ...code });
  await session.send("Input.insertText", { text });
  await session.detach();
}

/** The same as Safari tells it, after the end of the composition. */
export function pressAsSafari(locator, key) {
  return locator.evaluate((element, name) => {
    const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true });
    Object.defineProperty(event, "keyCode", { get: () => 229 });
    element.dispatchEvent(event);
  }, key);
}
