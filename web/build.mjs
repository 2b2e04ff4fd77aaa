// Builds app/ into dist/: hashed file names, an index.html that names them, nothing inline, and
// beside each file its packed forms for a server that hands those out.
import { build, context } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
const watch = process.argv.includes("--watch");

const options = {
  absWorkingDir: root,
  entryPoints: { app: "app/main.tsx", style: "app/styles/main.css", icon: "app/icon.svg" },
  outdir: dist,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: !watch,
  format: "esm",
  target: ["es2021", "safari15"],
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".svg": "copy" },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  plugins: [{ name: "index", setup: (hooks) => hooks.onEnd(finish) }],
};

async function finish({ metafile, errors }) {
  if (errors.length > 0) return;
  const outputs = Object.keys(metafile.outputs).map((path) => basename(path));
  const named = (start) => outputs.find((name) => name.startsWith(`${start}-`));
  const template = await readFile(join(root, "app/index.html"), "utf8");
  const names = { script: named("app"), style: named("style"), icon: named("icon") };
  const index = template
    .replace(/\{\{(\w+)\}\}/g, (_, key) => names[key])
    .replace(/>\s+</g, "><")
    .trim();
  await writeFile(join(dist, "index.html"), `${index}\n`);
  await pack(["index.html", ...outputs]);
}

async function pack(names) {
  let together = 0;
  for (const name of names) {
    const bytes = await readFile(join(dist, name));
    const gzip = gzipSync(bytes, { level: 9 });
    await writeFile(join(dist, `${name}.gz`), gzip);
    await writeFile(join(dist, `${name}.br`), brotliCompressSync(bytes));
    together += gzip.length;
    console.log(`${name.padEnd(22)} ${String(bytes.length).padStart(7)} B  ${gzip.length} B gzip`);
  }
  console.log(`${"together".padEnd(22)} ${"".padStart(9)}  ${together} B gzip`);
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
if (watch) await (await context(options)).watch();
else await build(options);
