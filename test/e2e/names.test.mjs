// Names that nobody can see, or that turn the text around them, wherever names are shown.
import assert from "node:assert/strict";
import { browserTest, conversation, messages, openPage, signIn, until } from "./browser.mjs";
import { account, direct, group, password, send } from "./server.mjs";

/** The server refuses such names; an older one, or another's, may still have them. */
async function signInAmong(person, names) {
  const page = await openPage();
  const renamed = (text) =>
    Object.entries(names).reduce(
      (all, [plain, hostile]) => all.replaceAll(JSON.stringify(plain), JSON.stringify(hostile)),
      text,
    );
  await page.route(/\/api\/v1\/(conversations|users)/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: renamed(await response.text()) });
  });
  await page.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer();
    far.onMessage((text) => near.send(renamed(text)));
  });
  await page.getByLabel("User name or e-mail").fill(person.username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "attached" });
  return page;
}

browserTest("a person nobody could see goes by the user name, a group by what it is", async () => {
  const [ada, bob] = [await account("ada", "Ada"), await account("bob", "Bob the Blank")];
  await send(ada, (await direct(ada, bob)).id, "to bob");
  const { id } = await group(ada, "Blank group", [bob]);
  await send(bob, id, "to all");
  const page = await signInAmong(ada, { "Bob the Blank": "\u3164", "Blank group": "\u200b\u200b" });

  const entry = conversation(page, "to bob");
  assert.equal(await entry.locator(".conversation-title bdi").innerText(), bob.username);
  await entry.click();
  await page.getByRole("heading", { name: bob.username }).waitFor();
  await until(page, (name) => document.title.includes(name), bob.username);
  assert.equal(await conversation(page, "to all").locator(".conversation-title").innerText(), "Group");
  await conversation(page, "to all").click();
  await page.getByRole("heading", { name: "Group", exact: true }).waitFor();
  assert.equal(await page.locator(".group-name").innerText(), bob.username);
  await page.getByRole("button", { name: "Members", exact: true }).click();
  await page.getByTestId("member").filter({ hasText: bob.username }).waitFor();
  await page.getByRole("button", { name: `Remove ${bob.username}`, exact: true }).waitFor();
});

browserTest("a name that runs backwards turns nothing else around", async () => {
  const [ada, bob] = [await account("ada", "Ada"), await account("bob", "Bob Backward")];
  const cyd = await account("cyd", "Cyd Right");
  const { id } = await group(ada, "(مجموعة)", [bob, cyd]);
  await send(bob, id, "hello");
  const page = await signInAmong(ada, {
    "Bob Backward": "\u202eecila",
    "Cyd Right": "محمد",
  });
  await conversation(page, "hello").click();
  await messages(page).filter({ hasText: "hello" }).waitFor();
  await page.getByRole("button", { name: "Members", exact: true }).click();
  const member = page.getByTestId("member").filter({ hasText: "ecila" });
  assert.equal(await member.locator(".person-name bdi").first().innerText(), "ecila");
  const about = page.getByTestId("about");
  assert.match(await about.innerText(), /ecila/);
  const turned = await page.evaluate(() => /[\u202a-\u202e]/.test(document.documentElement.outerHTML));
  assert.equal(turned, false, "no override reaches the page");
  assert.match(await page.title(), /^\u2068\(مجموعة\)\u2069 · Parley$/);
  // Every name is alone in a <bdi>: its neighbours keep their places.
  const alone = await about.evaluate((element) =>
    [...element.querySelectorAll("bdi")].map((it) => it.textContent),
  );
  assert.deepEqual(new Set(alone), new Set(["you", "ecila", "محمد"]));
});
