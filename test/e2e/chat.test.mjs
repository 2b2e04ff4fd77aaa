import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  messages,
  say,
  signIn,
  stored,
  texts,
  until,
} from "./browser.mjs";
import { account, direct, group, removeMember, send } from "./server.mjs";

async function find(page, person) {
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByLabel("Find people").fill(person.username);
  await page.getByRole("button", { name: person.username }).click();
}

browserTest("two people find each other and chat, live both ways", async () => {
  const [ada, bob] = [await account("ada", "Ada L."), await account("bob", "Bob M.")];
  const [left, right] = [await signIn(ada), await signIn(bob)];

  await find(left, bob);
  await say(left, "Hello Bob");

  const entry = conversation(right, "Ada L.");
  await entry.getByTestId("unread").waitFor();
  assert.match(await entry.innerText(), /Hello Bob/);
  await until(right, () => document.title.startsWith("(1)"));
  await entry.click();
  await stored(right, "Hello Bob");
  await entry.getByTestId("unread").waitFor({ state: "detached" });

  await say(right, "Hello Ada");
  await stored(left, "Hello Ada");
  assert.deepEqual(await texts(left), ["Hello Bob", "Hello Ada"]);
  assert.deepEqual(await texts(right), ["Hello Bob", "Hello Ada"]);
  await until(left, () =>
    document.querySelector('[data-testid="announcer"]').textContent.includes("Hello Ada"),
  );
});

browserTest("messages typed in a burst from both sides end in one order, each once", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await direct(ada, bob);
  const [left, right] = [await signIn(ada), await signIn(bob)];
  await conversation(left, bob.username).click();
  await conversation(right, ada.username).click();
  const burst = async (page, name) => {
    for (let number = 0; number < 15; number++) {
      await composer(page).fill(`${name} ${number}`);
      await composer(page).press("Enter");
    }
  };
  await Promise.all([burst(left, "left"), burst(right, "right")]);
  for (const page of [left, right]) {
    await until(page, () => document.querySelectorAll('[data-state="stored"]').length === 30);
  }
  const order = await texts(left);
  assert.deepEqual(await texts(right), order);
  assert.equal(new Set(order).size, 30);
  for (const name of ["left", "right"]) {
    const own = order.filter((text) => text.startsWith(name));
    assert.deepEqual(
      own,
      Array.from({ length: 15 }, (_, number) => `${name} ${number}`),
    );
  }
});

browserTest("a group is made, and all its members hear each other", async () => {
  const people = [
    await account("gia", "Gia"),
    await account("hal", "Hal"),
    await account("ivo", "Ivo"),
  ];
  const [gia, hal, ivo] = await Promise.all(people.map((person) => signIn(person)));
  await gia.getByRole("button", { name: "New conversation" }).click();
  await gia.getByRole("button", { name: "Make a group" }).click();
  await gia.getByLabel("Group name").fill("Boat trip");
  for (const person of people.slice(1)) {
    await gia.getByLabel("Find people").fill(person.username);
    await gia.getByRole("button", { name: `@${person.username}` }).click();
    await gia.getByRole("button", { name: `Remove ${person.displayName}` }).waitFor();
  }
  await gia.getByRole("button", { name: "Create group with 2 people" }).click();
  await say(gia, "Saturday?");
  for (const page of [hal, ivo]) {
    await conversation(page, "Boat trip").click();
    await stored(page, "Saturday?");
  }
  await say(hal, "I bring bread");
  await stored(ivo, "I bring bread");
  await stored(gia, "I bring bread");
  await ivo.locator(".group-name", { hasText: "Hal" }).waitFor();
});

browserTest("who is taken out of a group hears no more of it, and sees it no more", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  const { id } = await group(ada, "Inner circle", [bob]);
  const page = await signIn(bob);
  await conversation(page, "Inner circle").click();
  await send(ada, id, "welcome");
  await stored(page, "welcome");
  await removeMember(ada, id, bob);
  await conversation(page, "Inner circle").waitFor({ state: "detached" });
  await page.getByText("Pick up a conversation").waitFor();
  await send(ada, id, "among ourselves");
  await page.reload();
  await page.getByText("No conversations yet").waitFor();
});

browserTest("whatever is typed is shown as it was typed, and as nothing else", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await direct(ada, bob);
  const [left, right] = [await signIn(ada), await signIn(bob)];
  await conversation(left, bob.username).click();
  await conversation(right, ada.username).click();
  const hostile = [
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "'); DROP TABLE chat.message; --",
    "{{7*7}} ${7*7} &lt;b&gt; %00",
    "مرحبا (hello) ‮ reversed ‬ 1, 2",
    "👩‍👩‍👧‍👦 e\u0301 \u{1F1E9}\u{1F1EA}",
    "two  spaces\nand a second line",
  ];
  for (const text of hostile) {
    await composer(left).fill(text);
    await composer(left).press("Enter");
  }
  await until(
    right,
    (count) => document.querySelectorAll('[data-state="stored"]').length === count,
    hostile.length,
  );
  const shown = await messages(right).evaluateAll((all) => all.map((it) => it.textContent));
  assert.deepEqual(shown, hostile);
  assert.equal(await right.locator(".text img, .text script, .text b").count(), 0);
});

browserTest("an address in a message becomes a link that gives nothing away", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  const { id } = await direct(ada, bob);
  await send(ada, id, "see https://example.org/a?b=(c), or javascript:alert(1)");
  const page = await signIn(bob);
  await conversation(page, ada.username).click();
  const links = page.locator(".text a");
  await links.first().waitFor();
  assert.equal(await links.count(), 1);
  assert.match(await links.first().getAttribute("href"), /^https:\/\/example\.org\/a\?b=/);
  assert.match(await links.first().getAttribute("rel"), /noopener/);
});

browserTest("a message the server refuses says so, and can be discarded", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await direct(ada, bob);
  const page = await signIn(ada);
  await conversation(page, bob.username).click();
  await composer(page).fill("x".repeat(20_000));
  await composer(page).press("Enter");
  await page.getByRole("alert").filter({ hasText: "too long" }).waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await until(page, () => document.querySelectorAll('[data-testid="message"]').length === 0);
  await say(page, "shorter");
});
