import type { BrowserUnderTest } from "./browsers/list.ts";
import type { RuntimeName } from "./list.ts";
import { WINDOWS_EXCLUSIONS } from "./windows/exclusions.ts";

type Name = RuntimeName | BrowserUnderTest["name"];

/** Test that does not apply to some runtimes. */
export interface Exclusion {
  readonly runtimes: readonly Name[];
  /** Path relative to the project's root. */
  readonly file: string;
  /** Full title: the titles of the suites and of the test, separated by spaces. */
  readonly test: string;
  readonly reason: string;
}

/**
 * Tests that the matrix excludes, with the affected runtimes. Valid reasons: the test starts `process.execPath` with flags of Node, tests
 * behaviour of Node itself, or needs an API that a page lacks, or what Windows lacks. The matrix fails if an entry does not match a test.
 */
export const EXCLUSIONS: readonly Exclusion[] = [
  ...excluded("deno", "starts process.execPath with --import and --input-type", {
    "packages/node/test/crypto/load.test.ts": [
      "noble's ML-KEM is imported on first use if it was not loaded before",
      "noble's chacha20-poly1305 is imported on first use if WebAssembly is forbidden and it was not loaded before",
    ],
    "packages/nacre/test/no-crypto.test.ts": ["both sides work with the option `random` on a platform without crypto"],
  }),
  ...excluded("deno", "starts process.execPath with a script, which Deno denies the network", {
    "packages/node/test/config/connect.test.ts": ["ProxyCommand is the way to the host, also to a jump host"],
  }),
  ...excluded("bun", "reads stacks of V8, which have the callers that await", {
    "packages/node/test/messages.test.ts": [
      "the stacks of `connect`, `dial` and aborted calls have the caller's frame",
    ],
  }),
  ...excluded("bun", "needs an error for writes to a program that has closed its input, which Bun does not report", {
    "packages/node/test/command-duplex.test.ts": [
      "the byte connection of a command fails when the command closes its input and goes on",
    ],
  }),
  ...excluded("deno", "needs a program to end before the timeout of an AbortSignal that it made", {
    "packages/node/test/cut-off.test.ts": [
      "the example of README.md under Commands ends in its catch and nowhere else",
    ],
  }),
  ...excluded("deno", "needs paths as bytes, which Deno's node:fs decodes as UTF-8", {
    "packages/node/test/disk/disk-files.test.ts": ["keeps names that are not UTF-8"],
    "packages/node/test/local-files.test.ts": ["keeps names of local files that are not UTF-8"],
  }),
  ...excluded("deno", "has a peer that writes megabytes after it has read the end, which fails with EPIPE in Deno", {
    "packages/node/test/socket-duplex.test.ts": [
      "a duplex over a socket with `linger` reads to the peer's end when closed, so that the peer sees no error",
    ],
  }),
  ...excluded("bun", "needs names that are not UTF-8, which `join` of Bun's node:path replaces", {
    "packages/node/test/local-files.test.ts": ["keeps names of local files that are not UTF-8"],
  }),
  ...Object.entries(WINDOWS_EXCLUSIONS).flatMap(([reason, files]) => excluded("windows", reason, files)),
  ...excluded("chromium", "listens for Node's warnings of a leak", {
    "packages/nacre/test/client.test.ts": ["exec accepts one signal for twenty commands without a leak warning"],
    "packages/nacre/test/forward/bridge.test.ts": [
      "aborting one signal ends a thousand bridges without a leak warning",
    ],
    "packages/nacre/test/forward/dial.test.ts": [
      "aborting after dialing has no effect; one signal serves many connections without a leak warning",
    ],
  }),
  ...excluded("chromium", "uses Node's `Buffer`, `process.nextTick` or count of timers", {
    "packages/wire/test/base64.test.ts": ["base64 encodes and decodes like Node's Buffer"],
    "packages/transport/test/endings.test.ts": [
      "bytes passed to `receive` are copied, even from a Buffer, because its `slice` does not copy",
    ],
    "packages/nacre/test/streams.test.ts": [
      "after the client is gone, a session's streams fail with the reason after the channel accepted a write, before the write resolves",
    ],
    "packages/nacre/test/forward/nested.test.ts": [
      "an SSH connection over a pair of streams ends with an error and releases everything if the outer connection breaks at any byte",
      "an SSH connection over a duplex ends with an error and releases everything if the outer connection breaks at any byte",
    ],
  }),
  ...excluded("chromium", "a page that is not isolated from others has no SharedArrayBuffer", {
    "packages/nacre/test/bytes.test.ts": [
      "bytes passed to the application are never in shared memory, even if they arrive in it",
    ],
  }),
  ...excluded("chromium", "loads a module anew for each test, which vitest cannot do in a page", {
    "packages/nacre/test/chacha20-poly1305.test.ts": [
      "chacha20-poly1305 by default runs in WebAssembly, instantiated once on first use",
      "chacha20-poly1305 by default falls back to noble if the platform has no WebAssembly",
      "chacha20-poly1305 by default falls back to noble if the page forbids WebAssembly",
    ],
    "packages/nacre/test/wasm.test.ts": ["wasm: false compiles no WebAssembly on either side"],
    "packages/nacre/test/macrotask.test.ts": [
      "queueMacrotask runs tasks in order, after the current task and its microtasks with setImmediate",
      "queueMacrotask runs tasks in order, after the current task and its microtasks with messages, as in a browser",
      "queueMacrotask runs tasks in order, after the current task and its microtasks with timers, if nothing else is available",
    ],
  }),
];

/** Converts test titles, grouped by file, to exclusions. */
function excluded(runtime: Name, reason: string, files: Readonly<Record<string, readonly string[]>>): Exclusion[] {
  return Object.entries(files).flatMap(([file, tests]) =>
    tests.map((test) => ({ runtimes: [runtime], file, test, reason })),
  );
}

export function exclusionsOn(runtime: Name): readonly Exclusion[] {
  return EXCLUSIONS.filter(({ runtimes }) => runtimes.includes(runtime));
}

/** Returns a pattern for vitest's `testNamePattern` that matches the full title of every test except the excluded ones. */
export function allTestsBut(excluded: readonly Exclusion[]): RegExp {
  const titles = excluded.map(({ test }) => test.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
  return new RegExp(titles.length === 0 ? "" : `^(?!\\s*(?:${titles.join("|")})$)`);
}
