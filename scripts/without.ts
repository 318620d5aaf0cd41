// Shows that a part of Nacre is its files and the places that name it. Deletes each part from a temporary copy of the sources, and checks
// that everything else compiles and that all other unit tests pass. `--only TEXT` limits the run to parts with TEXT in their name; `--here`
// deletes the part from the sources themselves, and checks nothing.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTests } from "./run-vitest.ts";
import { copySources } from "./source-copy.ts";

/** A part that can be deleted. */
interface Part {
  readonly name: string;
  /** Files and folders of the part, and of its tests. */
  readonly files: readonly string[];
  /** Matches lines elsewhere in the packages that name the part, each of them whole. */
  readonly lines?: RegExp;
  /** Texts elsewhere, by file. They are deleted in order, and each then occurs once in its file. */
  readonly texts?: Readonly<Record<string, readonly string[]>>;
  /** Paths of the tests to run. */
  readonly run: readonly string[];
  /** Beginnings of the titles of tests that belong to the part, in files with others. Titles of suites precede that of a test. */
  readonly ownTests?: readonly string[];
}

/** What the copy has beside the packages. Tests read the documents. */
const SOURCES = [
  "package.json",
  "test-vectors",
  "scripts",
  "examples",
  "LICENSE",
  ...readdirSync(".").filter((name) => name.endsWith(".md")),
];

const PARTS: readonly Part[] = [
  {
    name: "the login method keyboard-interactive",
    files: [
      "packages/auth/src/methods/keyboard-interactive.ts",
      "packages/nacre/src/login/methods/keyboard-interactive.ts",
    ],
    texts: {
      "packages/auth/src/index.ts": [
        `export {
  type ClientPromptsAsk,
  clientKeyboardInteractive,
  clientKeyboardInteractiveWith,
  type Questions,
  type ServerPromptsAsk,
  serverKeyboardInteractive,
} from "./methods/keyboard-interactive.ts";\n`,
      ],
      "packages/auth/src/methods/list.ts": [
        `import {
  type ClientPromptsAsk,
  clientKeyboardInteractive,
  type ServerPromptsAsk,
  serverKeyboardInteractive,
} from "./keyboard-interactive.ts";\n`,
        " | ClientPromptsAsk",
        " | ServerPromptsAsk",
        "  clientKeyboardInteractive,\n",
        "  serverKeyboardInteractive,\n",
      ],
      "packages/nacre/src/extend.ts": [
        `export { clientKeyboardInteractiveWith } from "./login/methods/keyboard-interactive.ts";\n`,
      ],
      "packages/node/src/connect/config-rows.ts": [
        `import { clientKeyboardInteractiveWith } from "nacre/extend";\n`,
        "  const { kbdInteractiveDevices: devices } = values;\n",
        `name === "keyboard-interactive" && devices !== undefined ? clientKeyboardInteractiveWith(devices) : `,
      ],
      "packages/nacre/src/core.ts": [
        `export { clientKeyboardInteractive, serverKeyboardInteractive } from "./login/methods/keyboard-interactive.ts";\n`,
      ],
      "packages/nacre/src/login/methods/list.ts": [
        `import { clientKeyboardInteractive, serverKeyboardInteractive } from "./keyboard-interactive.ts";\n`,
        "  clientKeyboardInteractive,\n",
        "  serverKeyboardInteractive,\n",
      ],
    },
    run: ["packages/auth", "packages/protocol", "packages/nacre"],
    ownTests: [
      "client and server logs in by keyboard-interactive",
      "client and server lists all tries in the error",
      "unexpected messages rejects an unexpected message with prompts asked",
      "unexpected messages rejects a malformed message with keyboard-interactive in flight",
      "a token admits one answer of a `prompts` event",
      "limits rejects a prompt count",
      "limits allows `promptsPerRound` prompts",
      "limits rejects an SSH_MSG_USERAUTH_INFO_REQUEST longer",
      "limits rejects more than `keyboardInteractiveRounds` rounds",
      "keyboard-interactive ",
      "a fixed password answers one conversation",
      "a fixed password that a function asks for answers as many conversations",
      "a fixed password is tried before prompts",
      "a message that the server does not understand has its name returned by `nameOf`",
      "after a failure tries publickey, keyboard-interactive, then password",
      "late, repeated and foreign answers the answer to a conversation's earlier round",
      "limits counts aborted conversations",
      "limits fails an attempt that needs more than `keyboardInteractiveRounds`",
      "limits rejects a response count",
      "limits rejects a malformed keyboard-interactive request",
      "an unknown user gets the same replies",
      "login by keyboard-interactive",
      "limits · client",
      "kbd-int · client",
      "passwords · client",
      "kbd-int · server",
      "what leaves · client",
      "role confusion · client",
      "every patch changes existing rules",
      "sessions a client may abandon keyboard-interactive",
      "passwords Erlang rejects an abandoned keyboard-interactive",
      "connect rejects with `usage` if `prompts` returns",
      "connect sends a fixed password with the method password, or to a prompt",
      "a wrong value of an option is `usage` in `connect`",
      "a login with keyboard-interactive",
      "a keyboard-interactive login",
      "attempts that the application chooses are made in its order",
      "attempts that the application chooses are made once each",
      "attempts that the application chooses give a restricted server no secret",
      "the events of a connection have the texts of keyboard-interactive",
      "nextLogin ",
      "a login without proof is refused without a decision otherwise",
      "a refusal with methods names the methods that the client may try next",
    ],
  },
  {
    name: "agent forwarding",
    files: [
      "packages/nacre/src/users/agent",
      "packages/nacre/test/agent",
      "packages/node/src/keys/filtered-agent.ts",
      "packages/node/src/keys/forward-agent.ts",
      "packages/node/test/forward-agent.test.ts",
      "packages/node/src/connect/forwarded-agent.ts",
      "packages/node/test/interop/forward-agent.test.ts",
      "packages/node/test/interop/restricted-agent.test.ts",
      "packages/testing/src/attacks/rows/agent.ts",
    ],
    lines:
      /\b(?:agentClient|agentServer|forwardAgent|forwardedAgent|agentRefused|ForwardedKey|ForwardedAgentSource|acceptAgent|maxAgentChannels)\b|\bAGENT\b|"Agent forwarding":/,
    texts: {
      "SECURITY.md": [
        `| A server uses a forwarded agent for more than the user permits | a filter names keys and decides about each signature | agent forwarding; agent forwarding: more keys and requests than a filter permits |\n`,
      ],
      "packages/nacre/src/users/client-list.ts": [" extends AgentConnectOptions", ", AgentLimits"],
      "packages/nacre/src/users/server-list.ts": ["    AgentServeOptions,\n", "    AgentPermissions,\n"],
      "packages/node/src/connect/options.ts": [", ForwardAgentOptions", " & ForwardAgentOptions"],
      "packages/node/test/host-keys.test.ts": ["  agentForwarding: true,\n"],
    },
    run: ["packages"],
  },
];

function remove({ files, lines, texts = {} }: Part, folder: string): void {
  for (const file of files) rmSync(join(folder, file), { recursive: true });
  if (lines !== undefined) for (const file of namingFiles(folder)) removeLines(file, lines);
  for (const [file, removed] of Object.entries(texts)) {
    let source = readFileSync(join(folder, file), "utf8");
    for (const text of removed) {
      const [before, after, ...more] = source.split(text);
      if (after === undefined || more.length > 0) throw new Error(`${file} does not have once: ${text}`);
      source = `${before}${after}`;
    }
    writeFileSync(join(folder, file), source);
  }
}

function removeLines(file: string, lines: RegExp): void {
  const kept = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => !lines.test(line));
  writeFileSync(file, kept.join("\n"));
}

/** Removes the package with the API of ssh2, which needs every part, and its rows of attacks. Keeps its documents, to which others link. */
function removeSsh2(folder: string): void {
  const ssh2 = join(folder, "packages/ssh2");
  for (const name of readdirSync(ssh2).filter((name) => !name.endsWith(".md")))
    rmSync(join(ssh2, name), { recursive: true });
  rmSync(join(folder, "packages/testing/src/attacks/rows/ssh2.ts"));
  for (const path of ["packages/testing/src/attacks/rows.ts", "packages/protocol/test/attacks/rows.test.ts"])
    removeLines(join(folder, path), /\bOF_SSH2\b|"Programs for ssh2":/);
  const file = join(folder, "packages/tsconfig.json");
  const [before, after, ...more] = readFileSync(file, "utf8").split(/,?\s*\{\s*"path":\s*"\.\/ssh2"\s*\}/);
  if (after === undefined || more.length > 0) throw new Error(`${file} does not reference ssh2 once`);
  writeFileSync(file, `${before}${after}`);
}

/**
 * Files with lines that may name a part: sources, tests and READMEs of the packages. Options and keywords of OpenSSH stay known without the
 * part that they are about, so `config` and `cli` are left out.
 */
function namingFiles(folder: string): string[] {
  const packages = join(folder, "packages");
  return readdirSync(packages, { recursive: true, encoding: "utf8" })
    .filter((file) => /^(?!cli\/|config\/)[^/]+\/(?:(?:src|test)\/.*\.ts|README\.md)$/.test(file))
    .map((file) => join(packages, file));
}

/** Runs a command in the copy. Returns whether it succeeded. */
function succeeds(folder: string, command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: folder, stdio: "inherit" }).status === 0;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Runs the tests that do not belong to the part. Returns what is wrong. */
function test({ run, ownTests = [] }: Part, folder: string): string[] {
  const results = join(folder, "results.json");
  const others = `^(?!${ownTests.map(escapeRegExp).join("|") || "$"})`;
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${results}`];
  const args = ["run", "-c", "scripts/config/vitest.config.ts", "--project=unit*", ...reporters, "-t", others, ...run];
  const passes = succeeds(folder, process.execPath, "node_modules/vitest/vitest.mjs", ...args);
  const tests = readTests(results);
  const skipped = tests.filter(({ status }) => status !== "passed" && status !== "failed");
  return [
    ...(passes ? [] : ["other tests fail"]),
    ...(tests.some(({ status }) => status === "passed") ? [] : ["no other test ran"]),
    ...ownTests
      .filter((title) => !skipped.some(({ fullName }) => fullName.startsWith(title)))
      .map((title) => `no test begins with "${title}"`),
  ];
}

const at = process.argv.indexOf("--only");
const only = at < 0 ? "" : (process.argv[at + 1] ?? "");
for (const part of PARTS.filter(({ name }) => name.includes(only))) {
  if (process.argv.includes("--here")) {
    remove(part, ".");
    continue;
  }
  const folder = copySources("without", SOURCES);
  try {
    removeSsh2(folder);
    remove(part, folder);
    // Tests of the part in files with others need not compile.
    const compiles =
      succeeds(folder, "tsc", "-b", "packages") &&
      (part.ownTests !== undefined || succeeds(folder, "tsc", "-p", "scripts/config/tsconfig.json"));
    const faults = compiles ? test(part, folder) : ["the sources do not compile"];
    console.log(`without ${part.name}: ${faults.join("; ") || "everything else compiles, and its tests pass"}`);
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
