// Runs every npm script of the project: `npm start`, `npm test`, `npm run bench` and the others. Fetches pnpm, installs the dependencies
// and builds first. Written in plain JavaScript with Node's own modules, as nothing may be installed yet.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { isBuilt, packageFolders } from "./build/fingerprint.mjs";
import { locked } from "./build/lock.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const TSX = ["--conditions=@nacre/source", "--import", "tsx"];
const VITEST = ["run", "-c", "scripts/config/vitest.config.ts", "--project"];
const ENVIRONMENT = { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}` };
const TYPEDOC = `${root}scripts/docs/node_modules/.bin/typedoc`;
const DOCS = ["--options", "scripts/docs/typedoc.js"];
const FORMATTED = ["--config-path=scripts/config/format.json", "packages", "examples", "scripts", "package.json"];
/** Programs that `npm start -- NAME` runs. */
const EXAMPLES = new Map([
  ["chat", "examples/chat/src/main.ts"],
  ["web", "examples/terminal/src/main.ts"],
]);

const commands = {
  /**
   * Runs the `nacre` command with the given arguments. Without arguments, runs a demonstration with its own server. With the name of an
   * example (`chat`, `web`), runs that.
   */
  start(args) {
    install();
    bundle();
    const example = EXAMPLES.get(args[0]);
    if (args.length === 0) run("node", ["--import", "tsx", "scripts/demo.ts"]);
    else if (example !== undefined) run("node", ["--import", "tsx", example, ...args.slice(1)]);
    // npm and pnpm change to the project's root; file names are relative to the folder in which the user typed the command.
    else run("node", [`${root}packages/cli/dist/main.js`, ...args], { cwd: process.env.INIT_CWD ?? process.cwd() });
  },

  /** Checks the sources, and runs the unit tests and the tests with OpenSSH in its container. Passes arguments to vitest. */
  async test(args) {
    install();
    // The checks run while this waits for downloads.
    const prepared = background("node", [...TSX, "packages/testing/src/peers/prepare.ts"]);
    await commands.check();
    await prepared;
    run("node", [...TSX, "scripts/test.ts", ...args]);
  },

  /** Checks the packages as published, and runs all tests that `test` does not run. */
  async verify() {
    install();
    build();
    await steps([
      ["applications with these packages", "node", [...TSX, "scripts/check-consumers.ts"]],
      ["API reference", TYPEDOC, [...DOCS, "--emit", "none"]],
      ["browser bundle", "node", [...TSX, "scripts/check-bundle.ts"]],
      ["table of runtimes", "node", [...TSX, "scripts/check-runtimes.ts"]],
      ["packages as published", "node", [...TSX, "scripts/check-packages.ts"]],
    ]);
    run("node", [...TSX, "scripts/verify.ts"]);
  },

  /** Runs the tests that need no network, container or clock. Passes arguments to vitest. */
  unit(args) {
    install();
    run("vitest", [...VITEST, "unit*", ...args]);
  },

  /** Runs the tests with OpenSSH and with other implementations and browsers. Passes arguments to vitest. */
  interop(args) {
    install();
    run("vitest", [...VITEST, "interop*", "--project", "verify*", ...args]);
  },

  /** Runs the tests of `@nacre/node` and `nacre` on other runtimes, a worker in workerd, and unit tests in Chromium and on Windows. */
  runtimes(args) {
    install();
    build();
    run("node", [...TSX, "scripts/runtimes/main.ts", ...args]);
  },

  /** Checks the sources: types, lint, format, unused exports, prose, floors, examples in the READMEs, imports and exported types. */
  async check() {
    install();
    build();
    await steps([
      ["lint", "oxlint", ["-c", "scripts/config/oxlint.json", "packages", "examples", "scripts"]],
      ["types of tests, scripts and examples", "tsc", ["-p", "scripts/config/tsconfig.json"]],
      ["format", "biome", ["check", ...FORMATTED]],
      ["unused files, exports and dependencies", "knip", ["-c", "scripts/config/knip.json"]],
      ["prose", "node", [...TSX, "scripts/check-prose.ts"]],
      ["floors", "node", [...TSX, "scripts/check-floors.ts"]],
      ["examples in the READMEs", "node", ["--import", "tsx", "scripts/check-examples.ts"]],
      ["imports", "node", [...TSX, "scripts/check-imports.ts"]],
      ["exported types", "node", [...TSX, "scripts/check-exports.ts"]],
    ]);
  },

  /** Formats the sources and sorts imports. */
  format(args) {
    install();
    run("biome", ["check", "--write", ...FORMATTED, ...args]);
  },

  /** Runs the attack suite: attacks known from other implementations. `--can-fail` shows that each of its tests can fail. */
  attacks([first, ...rest]) {
    install();
    if (first === "--can-fail") run("node", [...TSX, "scripts/attacks/can-fail.ts", ...rest]);
    else run("node", [...TSX, "scripts/attacks/run.ts"]);
  },

  /** Measures the tests of a part of the sources with mutants: `-- NAME [--mutants N] [--seed N]`. */
  mutate(args) {
    install();
    run("node", [...TSX, "scripts/mutate/main.ts", ...args]);
  },

  /** Runs the benchmarks of Nacre and other implementations. */
  bench(args) {
    install();
    build();
    run("node", ["--import", "tsx", "scripts/bench/main.ts", ...args]);
  },

  /** Draws the pictures of the documents: the charts from the tables of BENCHMARKS.md, the handshake from a trace. */
  pictures() {
    install();
    run("node", [...TSX, "scripts/pictures/main.ts"]);
  },

  /** Takes the screenshots of the examples' READMEs, in Chromium. */
  screenshots() {
    install();
    run("node", [...TSX, "scripts/screenshots.ts"]);
  },

  /** Writes the API reference into the folder `docs`. Fails if an exported symbol has no doc comment. */
  docs() {
    install();
    run(TYPEDOC, DOCS);
  },

  /** Builds the packages as they are published. */
  build() {
    install();
    build();
  },

  /** Packs all packages into the folder `tarballs`. They can be installed from there before the first release. */
  tarballs() {
    install();
    build();
    run("node", [...TSX, "scripts/pack.ts"]);
  },

  /** Runs the fuzzer: passes malformed input to every decoder, and to client and server. */
  fuzz(args) {
    install();
    run("node", [...TSX, "scripts/fuzz/main.ts", ...args]);
  },

  /**
   * Connects, transfers and disconnects for minutes, and checks that no resource leaks. `--flood` instead opens 10,000 connections that
   * send nothing to a gateway, and checks that it still serves others.
   */
  soak([first, ...rest]) {
    install();
    if (first === "--flood") run("node", [...TSX, "scripts/soak/flood.ts", ...rest]);
    else run("node", [...TSX, "scripts/soak/main.ts", ...(first === undefined ? [] : [first, ...rest])]);
  },

  /** Generates the test vectors. */
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
await command(args);

function install() {
  if (isInstalled()) return;
  locked(root, () => {
    if (isInstalled()) return;
    console.error("setting up: installing dependencies");
    run("npx", ["--yes", packageManager, "install", "--frozen-lockfile"], { quiet: true });
  });
}

function isInstalled() {
  const installed = `${root}node_modules/.pnpm/lock.yaml`;
  return existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(`${root}pnpm-lock.yaml`, "utf8");
}

function build() {
  step("types", "tsc", ["-b", "packages"]);
  bundle();
}

/** Makes the JavaScript of packages whose sources have changed. */
function bundle() {
  if (packageFolders().every(isBuilt)) return;
  locked(root, () => {
    if (!packageFolders().every(isBuilt)) step("build", "node", [...TSX, "scripts/bundle-packages.ts"]);
  });
}

function step(title, tool, toolArgs) {
  const began = performance.now();
  run(tool, toolArgs);
  console.error(`✓ ${title} ${secondsSince(began)}`);
}

function secondsSince(began) {
  return `(${((performance.now() - began) / 1000).toFixed(1)} s)`;
}

/** Runs steps that do not need each other, as many at a time as there are cores, and all of them even if one fails. */
async function steps(list) {
  const waiting = [...list];
  const failed = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [title, tool, toolArgs] = next;
      const began = performance.now();
      const { status, output } = await background(tool, toolArgs, { quiet: true });
      if (status !== 0) {
        failed.push(title);
        process.stdout.write(output);
      }
      console.error(`${status === 0 ? "✓" : "✗"} ${title} ${secondsSince(began)}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failed.length === 0) return;
  console.error(`✗ failed: ${failed.join(", ")}`);
  process.exit(1);
}

/** Starts a program of the project. Resolves with its status when it ends; if `quiet`, also with what it would have printed. */
function background(tool, toolArgs, { quiet = false } = {}) {
  const stdio = quiet ? "pipe" : "inherit";
  const child = spawn(tool, toolArgs, { cwd: root, env: ENVIRONMENT, stdio: ["ignore", stdio, stdio] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text) => (output += text));
  return new Promise((resolve) => {
    child.once("error", ({ message }) => resolve({ status: -1, output: `cannot run ${tool}: ${message}\n` }));
    child.once("close", (status) => resolve({ status, output }));
  });
}

/** Runs a program and waits for its end. `cwd` defaults to the project's root. Exits with the program's status if that is not 0. */
function run(tool, toolArgs, { quiet = false, cwd = root } = {}) {
  const { status, signal, error, stdout } = spawnSync(tool, toolArgs, {
    cwd,
    env: ENVIRONMENT,
    stdio: quiet ? ["inherit", "pipe", "inherit"] : "inherit",
  });
  if (quiet && status !== 0) process.stderr.write(stdout ?? "");
  if (error) console.error(`cannot run ${tool}: ${error.message}`);
  if (status !== 0) {
    if (name !== "start")
      console.error(
        `✗ ${tool} ${toolArgs.join(" ")} ${signal ? `was killed by ${signal}` : `exited with status ${status}`}`,
      );
    process.exit(status ?? 1);
  }
}
