// What people typed outlives the page: drafts, edits, and messages that wait to be sent.
import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  messages,
  openPage,
  say,
  signIn,
  stored,
  texts,
  until,
} from "./browser.mjs";
import { account, conversationOf, direct, password, send } from "./server.mjs";

/** From the next page on there is no live connection, only REST. */
async function cutLive(context) {
  await context.routeWebSocket(/\/ws$/, (socket) => socket.close({ code: 1013 }));
}

/** Returns what kinds of frames the next page sends before it hears anything. */
async function mendLive(context) {
  const ahead = [];
  await context.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer();
    let heard = false;
    near.onMessage((text) => {
      if (!heard) ahead.push(JSON.parse(text).type);
      far.send(text);
    });
    far.onMessage((text) => {
      heard = true;
      near.send(text);
    });
  });
  return ahead;
}

const states = (page) => messages(page).evaluateAll((all) => all.map((it) => it.dataset.state));

browserTest("a draft is there after a reload, each with its conversation", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  const cyd = await account("cyd", "Cyd");
  await conversationOf(ada, bob, 1);
  await conversationOf(ada, cyd, 1);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  await composer(page).fill("one\ntwo\nthree");
  await page.reload();
  const draft = () => document.querySelector(".composer textarea")?.value === "one\ntwo\nthree";
  await until(page, draft);
  await conversation(page, "Cyd").click();
  assert.equal(await page.getByRole("textbox", { name: "Message to Cyd" }).inputValue(), "");
  await conversation(page, "Bob").click();
  await composer(page).press("Enter");
  await stored(page, "three");
  await page.reload();
  await stored(page, "three");
  assert.equal(await composer(page).inputValue(), "", "what was sent is no draft any more");
});

browserTest("an edit that was begun is gone on with after a reload", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await direct(ada, bob);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  await say(page, "teh plan");
  await page.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  const input = page.getByRole("textbox", { name: "Edit message" });
  await input.fill("the plan, in full");
  await page.reload();
  await input.waitFor();
  assert.equal(await input.inputValue(), "the plan, in full");
  await input.press("Enter");
  await stored(page, "the plan, in full");
  await page.reload();
  await stored(page, "the plan, in full");
  assert.equal(await input.count(), 0);
});

browserTest("messages that wait are shown after a reload and sent in order, each once", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  const id = await conversationOf(ada, bob, 1);
  const page = await signIn(ada, { expected: /WebSocket/ });
  await conversation(page, "Bob").click();
  await stored(page, "message 1");
  await cutLive(page.context());
  await page.reload();
  for (const text of ["first", "second", "third"]) {
    await composer(page).fill(text);
    await composer(page).press("Enter");
  }
  assert.deepEqual(await states(page), ["sending", "sending", "sending"]);
  await page.reload();
  await until(page, () => document.querySelectorAll('[data-state="sending"]').length === 3);
  assert.deepEqual(await texts(page), ["first", "second", "third"]);
  assert.equal(await composer(page).inputValue(), "");
  await send(bob, id, "meanwhile");
  const ahead = await mendLive(page.context());
  await page.reload();
  await stored(page, "third");
  const flight = ["auth", "sync", "message", "message", "message"];
  assert.deepEqual(ahead, flight, "without waiting for the welcome");
  assert.deepEqual(await texts(page), ["message 1", "meanwhile", "first", "second", "third"]);
  await page.reload();
  await stored(page, "third");
  assert.equal(await messages(page).count(), 5);
});

browserTest("what a closed tab has left is sent by another, and no message twice", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await conversationOf(ada, bob, 1);
  const page = await signIn(ada, { expected: /WebSocket/ });
  await conversation(page, "Bob").click();
  await stored(page, "message 1");
  const tab = await page.context().newPage();
  await tab.routeWebSocket(/\/ws$/, (socket) => socket.close({ code: 1013 }));
  await tab.goto(page.url());
  for (const text of ["first", "second"]) {
    await composer(tab).fill(text);
    await composer(tab).press("Enter");
  }
  await until(tab, () => document.querySelectorAll('[data-state="sending"]').length === 2);
  assert.equal(await messages(page).count(), 1, "a tab that lives sends its own");
  await tab.close();
  await stored(page, "second");
  assert.deepEqual(await texts(page), ["message 1", "first", "second"]);
});

browserTest("what failed is there after a reload, to be tried again or discarded", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await direct(ada, bob);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  for (const letter of ["x", "y"]) {
    await composer(page).fill(letter.repeat(20_000));
    await composer(page).press("Enter");
  }
  await until(page, () => document.querySelectorAll('[role="alert"]').length === 2);
  await page.reload();
  await until(page, () => document.querySelectorAll('[data-state="failed"]').length === 2);
  await page.getByRole("button", { name: "Discard" }).first().click();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("alert").filter({ hasText: "too long" }).waitFor();
  await page.reload();
  await until(page, () => document.querySelectorAll('[data-state="failed"]').length === 1);
  assert.match((await texts(page))[0], /^y/);
});

browserTest("two tabs have one draft, until they part", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await direct(ada, bob);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  await composer(page).fill("begun here");
  const tab = await page.context().newPage();
  await tab.goto(page.url());
  await until(tab, () => document.querySelector(".composer textarea")?.value === "begun here");
  await composer(tab).fill("ended there");
  await until(page, () => document.querySelector(".composer textarea").value === "ended there");
  await composer(tab).press("Enter");
  await stored(tab, "ended there");
  await until(page, () => document.querySelector(".composer textarea").value === "");
});

browserTest("signing out asks, forgets what was typed, and shows it to nobody else", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  const cyd = await account("cyd");
  await direct(ada, bob);
  await direct(cyd, bob);
  const page = await signIn(ada);
  await conversation(page, "Bob").click();
  await composer(page).fill("for bob only");
  const answer = (accept) =>
    page.once("dialog", (dialog) => (accept ? dialog.accept() : dialog.dismiss()));
  answer(false);
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await composer(page).inputValue(), "for bob only", "a no is a no");
  answer(true);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("User name or e-mail").fill(cyd.username);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await conversation(page, "Bob").click();
  assert.equal(await composer(page).inputValue(), "");
});

browserTest("where nothing can be stored, the page asks before it goes", async () => {
  const [ada, bob] = [await account("ada"), await account("bob", "Bob")];
  await direct(ada, bob);
  const page = await openPage();
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await page.reload();
  await page.getByLabel("User name or e-mail").fill(ada.username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await conversation(page, "Bob").click();
  await composer(page).pressSequentially("kept in memory");
  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const question = await asked;
  assert.equal(question.type(), "beforeunload");
  await question.dismiss();
  await composer(page).press("Enter");
  await stored(page, "kept in memory");
  const gone = page.waitForEvent("close");
  await page.close({ runBeforeUnload: true });
  await gone; // with nothing left to lose it goes unasked
});

browserTest("the name of a group stays until it is made, also when its dialog is closed", async () => {
  const ada = await account("ada");
  const page = await signIn(ada);
  const begin = async () => {
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByRole("button", { name: "Make a group" }).click();
  };
  const name = page.getByLabel("Group name");
  await begin();
  await name.fill("Boat trip");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await begin();
  assert.equal(await name.inputValue(), "Boat trip");
  await page.reload();
  await begin();
  assert.equal(await name.inputValue(), "Boat trip");
});

browserTest("a sign-up form keeps what was typed, after an error and beside the other", async () => {
  const taken = await account("ben");
  const page = await openPage({ expected: /409/ });
  await page.getByRole("button", { name: "Create an account" }).click();
  const fields = {
    "User name": taken.username,
    "Name to show": "Ben",
    "E-mail": "ben@example.org",
  };
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label).fill(text);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Somebody already has that name").waitFor();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("User name or e-mail").fill("ben");
  await page.getByRole("button", { name: "Create an account" }).click();
  for (const [label, text] of Object.entries(fields)) {
    assert.equal(await page.getByLabel(label).inputValue(), text);
  }
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.equal(await page.getByLabel("User name or e-mail").inputValue(), "ben");
});
