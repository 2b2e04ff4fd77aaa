import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  openPage,
  say,
  signIn,
  stored,
  until,
} from "./browser.mjs";
import { account, conversationOf } from "./server.mjs";

const phone = { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true };

const sticksOut = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

browserTest("on a phone the list and the chat are two screens, with a way back", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await conversationOf(ada, bob, 4);
  const page = await signIn(ada, phone);
  const entry = conversation(page, bob.username);
  await entry.waitFor();
  assert.equal(await sticksOut(page), 0);
  await entry.click();
  await stored(page, "message 4");
  await entry.waitFor({ state: "hidden" });
  assert.equal(await sticksOut(page), 0);
  await say(page, `a long one: ${"unbreakable".repeat(30)}`);
  assert.equal(await sticksOut(page), 0);
  await page.getByRole("button", { name: "Back to conversations" }).click();
  await composer(page).waitFor({ state: "hidden" });
  await entry.waitFor();
  await until(page, () => document.activeElement.dataset.testid === "conversation");
  await entry.click();
  await page.goBack();
  await entry.waitFor();
});

browserTest("on a phone everything to be touched is large enough", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await conversationOf(ada, bob, 2);
  const page = await signIn(ada, phone);
  const small = () =>
    page.evaluate(() =>
      [...document.querySelectorAll("button, a, input, textarea")]
        .map((it) => ({ name: it.textContent || it.ariaLabel, box: it.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
        .map(({ name, box }) => `${name} ${box.width}x${box.height}`),
    );
  await conversation(page, bob.username).waitFor();
  assert.deepEqual(await small(), []);
  await conversation(page, bob.username).click();
  await stored(page, "message 2");
  assert.deepEqual(await small(), []);
});

browserTest("on a desk the list and the chat stand side by side", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await conversationOf(ada, bob, 2);
  const page = await signIn(ada, { viewport: { width: 1280, height: 800 } });
  await conversation(page, bob.username).click();
  await stored(page, "message 2");
  const list = await conversation(page, bob.username).boundingBox();
  const chat = await page.getByTestId("messages").boundingBox();
  assert.ok(list.x + list.width <= chat.x);
  assert.equal(await sticksOut(page), 0);
  const bottom = await composer(page).boundingBox();
  assert.ok(bottom.y + bottom.height <= 800);
});

browserTest("it is dark where the system is dark, and light where it is light", async () => {
  const brightness = (page) =>
    page.evaluate(() => {
      const [r, g, b] = getComputedStyle(document.documentElement)
        .backgroundColor.match(/\d+/g)
        .map(Number);
      return 0.299 * r + 0.587 * g + 0.114 * b;
    });
  assert.ok((await brightness(await openPage({ colorScheme: "light" }))) > 200);
  assert.ok((await brightness(await openPage({ colorScheme: "dark" }))) < 60);
});

browserTest("nothing moves for those who asked for that", async () => {
  const page = await openPage({ reducedMotion: "reduce" });
  await until(page, () => document.querySelector(".button") !== null);
  const longest = await page.evaluate(() =>
    Math.max(
      ...[...document.querySelectorAll("*")].flatMap((element) => {
        const style = getComputedStyle(element);
        return [style.transitionDuration, style.animationDuration].map((text) => parseFloat(text));
      }),
    ),
  );
  assert.ok(longest <= 0.001);
});
