// Runs the browser tests against a server that is up, and prints TAP.
//
//   PARLEY_URL=http://127.0.0.1:8080 node run.mjs
//
// CHROMIUM names the browser (/usr/bin/chromium).  PARLEY_SHOTS names a folder: then a picture
// of every page of a failed test goes there.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

function give(reason) {
  console.error(`run.mjs: ${reason}`);
  process.exit(2);
}

if (!process.env.PARLEY_URL) give("PARLEY_URL is not set, for example http://127.0.0.1:8080");
if (!existsSync(chromium)) give(`there is no browser at ${chromium}; CHROMIUM can name another`);
if (!existsSync(join(here, "node_modules"))) give("`npm ci` has not been run in this folder");

const run = spawnSync(
  process.execPath,
  ["--test-reporter=tap", ...process.argv.slice(2), join(here, "suite.mjs")],
  { stdio: "inherit", env: { ...process.env, CHROMIUM: chromium } },
);
process.exit(run.status ?? 1);
