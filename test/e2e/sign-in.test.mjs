import assert from "node:assert/strict";
import { browserTest, composer, conversation, openPage, say, signIn, stored } from "./browser.mjs";
import { account, direct, freshName, logOutAll, password } from "./server.mjs";

async function fillSignUp(page, username, displayName) {
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Name to show").fill(displayName);
  await page.getByLabel("E-mail").fill(`${username}@example.org`);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
}

browserTest("signing up leads into the application", async () => {
  const page = await openPage();
  const username = freshName("ann");
  await fillSignUp(page, username, "Ann Arbor");
  await page.getByText("No conversations yet").waitFor();
  await page.getByText(`@${username}`).waitFor();
});

browserTest("a taken name is said at its field, which gets the focus", async () => {
  const taken = await account("ben");
  const page = await openPage({ expected: /409/ });
  await fillSignUp(page, taken.username, "Ben");
  await page.getByText("Somebody already has that name").waitFor();
  const field = page.getByLabel("User name");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.match(await field.getAttribute("aria-describedby"), /error/);
  await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "username");
});

browserTest("a wrong password is told in plain words, and the next try works", async () => {
  const person = await account("cem");
  const page = await openPage({ expected: /401/ });
  await page.getByLabel("User name or e-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "do not match" }).waitFor();
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText(`@${person.username}`).waitFor();
});

browserTest("a reload keeps the login and the conversation", async () => {
  const [one, other] = [await account("dan"), await account("eve")];
  await direct(one, other);
  const page = await signIn(one);
  await conversation(page, other.username).click();
  await say(page, "still here?");
  await page.reload();
  await stored(page, "still here?");
  await composer(page).waitFor();
});

browserTest("signing out in one tab signs out the other, and back in works", async () => {
  const person = await account("fay");
  const page = await signIn(person);
  const tab = await page.context().newPage();
  await tab.goto(page.url());
  await tab.getByRole("button", { name: "Sign out" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Good to see you" }).waitFor();
  await tab.getByRole("heading", { name: "Good to see you" }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.equal(kept, "{}");
});

browserTest("a login that is ended elsewhere is over here at once, and is told why", async () => {
  const person = await account("gil");
  // What the page has just asked for may be refused before the socket closes.
  const page = await signIn(person, { expected: /status of 401/ });
  await page.locator('[data-phase="online"]').waitFor({ state: "attached" });
  await logOutAll(person);
  await page.getByRole("heading", { name: "Good to see you" }).waitFor();
  await page.getByText("This login was ended").waitFor();
});
