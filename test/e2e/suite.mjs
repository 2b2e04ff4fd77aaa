// All browser tests, in one process with one browser, one after the other.
import { after } from "node:test";
import { closeBrowser } from "./browser.mjs";

await import("./sign-in.test.mjs");
await import("./chat.test.mjs");
await import("./talk.test.mjs");
await import("./input.test.mjs");
await import("./attention.test.mjs");
await import("./names.test.mjs");
await import("./keeping.test.mjs");
await import("./history.test.mjs");
await import("./reconnect.test.mjs");
await import("./layout.test.mjs");
await import("./accessibility.test.mjs");

after(closeBrowser);
