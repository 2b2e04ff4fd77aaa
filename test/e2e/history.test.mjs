import assert from "node:assert/strict";
import {
  browserTest,
  conversation,
  messages,
  say,
  signIn,
  stored,
  texts,
  until,
} from "./browser.mjs";
import { account, conversationOf, send } from "./server.mjs";

const scrollTo = (page, top) =>
  page.getByTestId("messages").evaluate((element, to) => void (element.scrollTop = to), top);

const place = (page, seq) =>
  page.locator(`[data-seq="${seq}"]`).evaluate((element) => element.getBoundingClientRect().top);

browserTest("earlier messages come page by page, and the reader stays where they are", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  await conversationOf(ada, bob, 130);
  const page = await signIn(ada);
  await conversation(page, bob.username).click();
  await stored(page, "message 130");
  const first = () => page.evaluate(() => Number(document.querySelector("[data-seq]").dataset.seq));
  assert.equal(await first(), 81);

  await scrollTo(page, 700);
  const before = await place(page, 84);
  await scrollTo(page, 590);
  await until(page, () => document.querySelector("[data-seq]").dataset.seq === "31");
  const moved = (await place(page, 84)) - before;
  assert.ok(Math.abs(moved - 110) < 2, `moved by ${moved}, not by the 110 that were scrolled`);

  await scrollTo(page, 0);
  await page.getByText("This is where it began").waitFor();
  const all = await texts(page);
  assert.deepEqual(
    all,
    Array.from({ length: 130 }, (_, number) => `message ${number + 1}`),
  );
});

browserTest("new messages do not move a reader of old ones; a pill leads to them", async () => {
  const [ada, bob] = [await account("ada"), await account("bob")];
  const id = await conversationOf(ada, bob, 40);
  const page = await signIn(ada);
  await conversation(page, bob.username).click();
  await stored(page, "message 40");
  await scrollTo(page, 100);
  await page.getByTestId("to-end").waitFor();
  const before = await place(page, 5);
  await send(bob, id, "news one");
  await send(bob, id, "news two");
  await page.getByRole("button", { name: "2 new messages" }).waitFor();
  assert.equal(await place(page, 5), before);
  await conversation(page, bob.username).getByTestId("unread").waitFor();

  await page.getByTestId("to-end").click();
  await page.getByTestId("to-end").waitFor({ state: "detached" });
  assert.ok(await messages(page).last().isVisible());
  await conversation(page, bob.username).getByTestId("unread").waitFor({ state: "detached" });

  await scrollTo(page, 100);
  await page.getByTestId("to-end").waitFor();
  await say(page, "so be it");
  await page.getByTestId("to-end").waitFor({ state: "detached" });

  await send(bob, id, "news three");
  await stored(page, "news three");
  await until(page, () => {
    const box = document.querySelector('[data-testid="messages"]');
    return box.scrollHeight - box.scrollTop - box.clientHeight < 2;
  });
});

browserTest(
  "a line shows where reading stopped, and reading carries over to another device",
  async () => {
    const [ada, bob] = [await account("ada"), await account("bob")];
    const id = await conversationOf(ada, bob, 5);
    const desk = await signIn(ada);
    const phone = await signIn(ada);
    await send(bob, id, "while you were out");
    for (const page of [desk, phone]) {
      await conversation(page, "while you were out").getByTestId("unread").waitFor();
    }
    await conversation(desk, bob.username).click();
    await desk.getByText("New", { exact: true }).waitFor();
    const follower = desk.locator("[data-unread] + li [data-seq]").first();
    assert.equal(await follower.innerText(), "while you were out");
    await conversation(phone, bob.username).getByTestId("unread").waitFor({ state: "detached" });
  },
);

browserTest(
  "the conversation that moved last is on top, its last words beside its name",
  async () => {
    const [ada, bob, cem] = [
      await account("ada"),
      await account("bob", "Bob"),
      await account("cem", "Cem"),
    ];
    const first = await conversationOf(bob, ada, 1);
    await conversationOf(cem, ada, 1);
    const page = await signIn(ada);
    const top = () => page.getByTestId("conversation").first();
    await top().filter({ hasText: "Cem" }).waitFor();
    await send(bob, first, "me again");
    await top().filter({ hasText: "Bob" }).filter({ hasText: "me again" }).waitFor();
    await top().click();
    await say(page, "I see");
    await top().filter({ hasText: "You: I see" }).waitFor();
  },
);
