import assert from "node:assert/strict";
import {
  browserTest,
  composer,
  conversation,
  messages,
  signIn,
  stored,
  texts,
  until,
} from "./browser.mjs";
import { openWire } from "./outage.mjs";
import { account, conversationOf, direct, send } from "./server.mjs";

/** What a browser says about a network that is gone. */
const noNetwork = /ERR_|WebSocket connection to/;

/** The next attempt may have come by itself already, and taken the button with it. */
function tryNow(page) {
  return page.evaluate(() => document.querySelector(".banner-action")?.click());
}

browserTest(
  "after an outage: what was missed is there, what was written is sent, each once",
  async () => {
    const [ada, bob] = [await account("ada"), await account("bob")];
    const id = await conversationOf(ada, bob, 3);
    const wire = await openWire();
    try {
      const near = await signIn(ada);
      const far = await signIn(bob, { url: wire.url, expected: noNetwork });
      await conversation(near, bob.username).click();
      await conversation(far, ada.username).click();
      await stored(far, "message 3");

      wire.cut();
      await far.getByText("Connection lost").waitFor();
      for (const text of ["missed one", "missed two"]) await send(ada, id, text);
      await composer(far).fill("written in the dark");
      await composer(far).press("Enter");
      await messages(far).filter({ hasText: "written in the dark" }).waitFor();
      assert.equal(await messages(far).last().getAttribute("data-state"), "sending");
      await send(ada, id, "missed three");

      wire.mend();
      await tryNow(far);
      await stored(far, "written in the dark");
      await stored(far, "missed three");
      await far.getByText("Connection lost").waitFor({ state: "detached" });
      await stored(near, "written in the dark");
      const order = await texts(near);
      assert.deepEqual(await texts(far), order);
      assert.equal(order.filter((text) => text === "written in the dark").length, 1);
      assert.deepEqual(order.slice(3, 5), ["missed one", "missed two"]);
    } finally {
      wire.close();
    }
  },
);

browserTest(
  "it comes back by itself, also to a conversation that is not on the screen",
  async () => {
    const [ada, bob] = [await account("ada"), await account("bob")];
    const { id } = await direct(ada, bob);
    const wire = await openWire();
    try {
      const far = await signIn(bob, { url: wire.url, expected: noNetwork });
      await conversation(far, ada.username).waitFor();
      wire.cut();
      await until(
        far,
        () => document.querySelector('[data-testid="connection"]').dataset.phase === "waiting",
      );
      await send(ada, id, "are you there?");
      wire.mend();
      await conversation(far, "are you there?").getByTestId("unread").waitFor({ timeout: 40_000 });
    } finally {
      wire.close();
    }
  },
);

browserTest(
  "the browser's own offline mode is called by its name, and ends by itself",
  async () => {
    const [ada, bob] = [await account("ada"), await account("bob")];
    const id = await conversationOf(ada, bob, 1);
    const wire = await openWire();
    try {
      const page = await signIn(bob, { url: wire.url, expected: noNetwork });
      await conversation(page, ada.username).click();
      await stored(page, "message 1");
      // In this order: a browser that plays offline may keep the end of a socket to itself.
      wire.cut();
      await page.getByText("Connection lost").waitFor();
      await page.context().setOffline(true);
      await page.getByText("You are offline").waitFor();
      await send(ada, id, "while offline");
      wire.mend();
      await page.context().setOffline(false);
      await stored(page, "while offline");
      await page.getByText("You are offline").waitFor({ state: "detached" });
    } finally {
      wire.close();
    }
  },
);

browserTest("a page opened while the server is away waits for it", async () => {
  const ada = await account("ada");
  const wire = await openWire();
  try {
    const page = await signIn(ada, { url: wire.url, expected: noNetwork });
    await page.route("**/auth/refresh", (route) => route.abort("connectionrefused"));
    await page.reload();
    await page.getByText("The server cannot be reached").waitFor();
    await page.unroute("**/auth/refresh");
    await page.getByText(`@${ada.username}`).waitFor();
  } finally {
    wire.close();
  }
});
