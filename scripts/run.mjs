// The one way in: `npm start`, `npm test`, `npm run bench` and the checks. Plain JavaScript on Node's own modules, since it runs
// on a machine where nothing is installed yet: it fetches pnpm, installs, builds, and then does what is asked.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const TSX = ["--conditions=@nacre/source", "--import", "tsx"];
const VITEST = ["run", "-c", "scripts/config/vitest.config.ts", "--project"];
const TYPEDOC = `${root}scripts/docs/node_modules/.bin/typedoc`;
const DOCS = ["--options", "scripts/docs/typedoc.js"];
const FORMATTED = ["--config-path=scripts/config/format.json", "packages", "scripts", "package.json"];

const commands = {
  /** Runs the `nacre` command with the given arguments; without any, a demonstration against a server of its own. */
  start(args) {
    install();
    build();
    if (args.length === 0) run("node", ["--import", "tsx", "scripts/demo.ts"]);
    // Files are named from where it was typed; npm and pnpm have gone to the project's root.
    else run("node", [`${root}packages/cli/dist/main.js`, ...args], { cwd: process.env.INIT_CWD ?? process.cwd() });
  },

  /** Checks everything and runs every test, OpenSSH in its container included. */
  test(args) {
    install();
    commands.check([]);
    run("node", [...TSX, "scripts/test.ts", ...args]);
  },

  /** The tests without a network, a container or a clock. Arguments go to vitest. */
  unit(args) {
    install();
    run("vitest", [...VITEST, "unit", ...args]);
  },

  /** The tests against OpenSSH, likewise. */
  interop(args) {
    install();
    run("vitest", [...VITEST, "interop", ...args]);
  },

  /** The tests of `@nacre/node` and `nacre` on Node 22, 24 and 26, Deno and Bun. */
  runtimes(args) {
    install();
    build();
    run("node", [...TSX, "scripts/runtimes/main.ts", ...args]);
  },

  /** Types, lint, format, unused exports, prose, floors, the examples, the API reference, the browser bundle, the packages as published. */
  check() {
    install();
    build();
    step("types of tests and scripts", "tsc", ["-p", "scripts/config/tsconfig.json"]);
    step("lint", "oxlint", ["-c", "scripts/config/oxlint.json", "packages", "scripts"]);
    step("format", "biome", ["check", ...FORMATTED]);
    step("unused files, exports and dependencies", "knip", ["-c", "scripts/config/knip.json"]);
    step("prose", "node", [...TSX, "scripts/check-prose.ts"]);
    step("floors", "node", [...TSX, "scripts/check-floors.ts"]);
    step("examples of the READMEs", "node", ["--import", "tsx", "scripts/check-examples.ts"]);
    step("API reference", TYPEDOC, [...DOCS, "--emit", "none"]);
    step("imports", "node", [...TSX, "scripts/check-imports.ts"]);
    step("browser bundle", "node", [...TSX, "scripts/check-bundle.ts"]);
    step("README's table of runtimes", "node", [...TSX, "scripts/check-runtimes.ts"]);
    step("packages as published", "node", [...TSX, "scripts/check-packages.ts"]);
    step("programs that use them", "node", [...TSX, "scripts/check-consumers.ts"]);
  },

  /** Formats, and sorts imports. */
  format(args) {
    install();
    run("biome", ["check", "--write", ...FORMATTED, ...args]);
  },

  /** Tries what attackers have done to other implementations; `--can-fail` shows that each of these tests can fail. */
  attacks([first, ...rest]) {
    install();
    if (first === "--can-fail") run("node", [...TSX, "scripts/attacks/can-fail.ts", ...rest]);
    else run("node", [...TSX, "scripts/attacks/run.ts"]);
  },

  /** Measures, with peers side by side. */
  bench(args) {
    install();
    build();
    run("node", ["--import", "tsx", "scripts/bench/main.ts", ...args]);
  },

  /** Draws the pictures of the documents again: the charts from the tables of BENCHMARKS.md, the handshake from a trace. */
  pictures() {
    install();
    run("node", [...TSX, "scripts/pictures/main.ts"]);
  },

  /** Writes the API reference into the folder `docs`. Fails if an exported symbol has no doc comment. */
  docs() {
    install();
    run(TYPEDOC, DOCS);
  },

  /** Makes the packages as they are published. */
  build() {
    install();
    build();
  },

  /** Packs all packages into the folder `tarballs`, to be installed before there is a release. */
  tarballs() {
    install();
    build();
    const to = ["--pack-destination", `${root}tarballs`];
    run(
      "npx",
      ["--yes", packageManager, "-r", "--filter", "./packages/*", "--filter", "!@nacre/testing", "pack", ...to],
      { quiet: true },
    );
    console.error("✓ tarballs: npm install PATH/TO/tarballs/*.tgz");
  },

  /** Gives every decoder and both engines what nobody would send. */
  fuzz(args) {
    install();
    run("node", [...TSX, "scripts/fuzz/main.ts", ...args]);
  },

  /** Connects, transfers and cuts off for minutes, and sees that nothing is left. */
  soak(args) {
    install();
    run("node", [...TSX, "scripts/soak/main.ts", ...args]);
  },

  /** Makes the test vectors again. */
  vectors(args) {
    install();
    run("node", [...TSX, "scripts/vectors/main.ts", ...args]);
  },
};

const [name = "", ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(commands).join("|")} [argument…]`);
  process.exit(2);
}
command(args);

function install() {
  const installed = `${root}node_modules/.pnpm/lock.yaml`;
  const wanted = readFileSync(`${root}pnpm-lock.yaml`, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return;
  console.error("setting up: installing dependencies");
  run("npx", ["--yes", packageManager, "install", "--frozen-lockfile"], { quiet: true });
}

function build() {
  step("types", "tsc", ["-b", "packages"]);
  step("build", "node", [...TSX, "scripts/bundle-packages.ts"]);
}

function step(title, tool, toolArgs) {
  const began = performance.now();
  run(tool, toolArgs);
  console.error(`✓ ${title} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

/** Runs a program to its end, from the project's root unless told otherwise; ends this process with its status when that is not 0. */
function run(tool, toolArgs, { quiet = false, cwd = root } = {}) {
  const path = `${root}node_modules/.bin:${process.env.PATH}`;
  const { status, signal, error, stdout } = spawnSync(tool, toolArgs, {
    cwd,
    env: { ...process.env, PATH: path },
    stdio: quiet ? ["inherit", "pipe", "inherit"] : "inherit",
  });
  if (quiet && status !== 0) process.stderr.write(stdout ?? "");
  if (error) console.error(`cannot run ${tool}: ${error.message}`);
  if (status !== 0) {
    if (name !== "start")
      console.error(`✗ ${tool} ${toolArgs.join(" ")} ${signal ? `was ended by ${signal}` : `ended with ${status}`}`);
    process.exit(status ?? 1);
  }
}
