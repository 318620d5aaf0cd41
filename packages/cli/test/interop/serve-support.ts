import { type ChildProcess, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { commandLine, type Ended, ended, installNacre, start } from "./nacre.ts";
import { writeKeyPair } from "./sshd-login.ts";

/** Event of the JSON log of `nacre serve`. */
export interface Told {
  readonly event: string;
  readonly connection?: number;
  readonly port?: number;
  readonly [name: string]: unknown;
}

/** Running `nacre serve`, and the events it has logged so far. */
export interface Served {
  readonly port: number;
  readonly told: readonly Told[];
  /** Resolves with the next matching event after the last returned one. Rejects if the server ends first. */
  until(fits: (told: Told) => boolean): Promise<Told>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit status when the server has ended. */
  readonly closed: Promise<number | null>;
}

export interface ServeFolder {
  readonly path: string;
  /** Home folder of the account on the server. It is empty: start-up files of this machine's account may wait for locks, and print. */
  readonly home: string;
  /** Path of the private key that may log in. The public key is also in `key.pub`. */
  readonly key: string;
  /** Public key line of `key`. */
  readonly keyLine: string;
  /** Loop of a shell that runs until the folder is removed after the tests, also if one fails. */
  readonly loop: string;
  /** Starts `nacre serve` with `authorizedKeys`, or with `keyLine` by default. The server is killed after the test. */
  serve(options?: {
    readonly words?: readonly string[];
    readonly authorizedKeys?: string;
    /** Command line prefix that starts the server's own command line. */
    readonly through?: readonly string[];
  }): Promise<Served>;
  /** Returns a command line of OpenSSH's ssh that connects to the server and ignores this machine's configuration. */
  ssh(served: Served, words?: readonly string[], key?: string): string[];
}

const USER = userInfo().username;
/** Timeout of the set-up in milliseconds. Bundling is slow on a busy machine. */
const SET_UP = 120_000;

/** Creates a folder with the `nacre` command and a key to log in with. `terminals` adds node-pty. */
export function useServeFolder({ terminals }: { readonly terminals: boolean }): ServeFolder {
  let path = "";
  let keyLine = "";
  const running: { readonly child: ChildProcess; readonly served: Served }[] = [];
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), "nacre-serve-"));
    installNacre(path);
    mkdirSync(folder.home);
    if (terminals) {
      const library = fileURLToPath(new URL("../../node_modules/@lydell/node-pty", import.meta.url));
      mkdirSync(join(path, "node_modules", "@lydell"), { recursive: true });
      symlinkSync(library, join(path, "node_modules", "@lydell", "node-pty"));
    }
    keyLine = await writeKeyPair(path);
  }, SET_UP);
  afterEach(async () => {
    for (const { child, served } of running.splice(0)) {
      child.kill("SIGKILL");
      await served.closed;
    }
  });
  afterAll(() => rm(path, { recursive: true, force: true }));

  let count = 0;
  const folder: ServeFolder = {
    get path() {
      return path;
    },
    get home() {
      return join(path, "home");
    },
    get key() {
      return join(path, "key");
    },
    get keyLine() {
      return keyLine;
    },
    get loop() {
      return `while [ -e ${path} ]; do sleep 0.05; done`;
    },
    serve: async ({ words = [], authorizedKeys = keyLine, through = [] } = {}) => {
      const file = join(path, `authorized_keys_${++count}`);
      writeFileSync(file, `${authorizedKeys}\n`, { mode: 0o600 });
      const files = ["--host-key", join(path, "host_key"), "--authorized-keys", file];
      const line = commandLine(["serve", "--port", "0", "--log", "json", ...files, ...words]);
      const child = start(["env", `NACRE_TEST_HOME=${folder.home}`, ...through, ...line]);
      const served = await follow(child);
      running.push({ child, served });
      const hostKey = await readFile(join(path, "host_key.pub"), "utf8");
      writeFileSync(join(path, "known_hosts"), `[127.0.0.1]:${served.port} ${hostKey}`);
      return served;
    },
    ssh: ({ port }, words = [], key = folder.key) => {
      const known = ["-o", `UserKnownHostsFile=${join(path, "known_hosts")}`, "-o", "GlobalKnownHostsFile=/dev/null"];
      const login = ["-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-p", `${port}`];
      return ["ssh", "-F", "/dev/null", ...known, ...login, ...words, `${USER}@127.0.0.1`];
    },
  };
  return folder;
}

/** Waits until a server listens, and keeps reading its log. */
async function follow(child: ReturnType<typeof start>): Promise<Served> {
  const told: Told[] = [];
  const changed = new EventEmitter();
  let rest = "";
  let isClosed = false;
  child.stderr.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    // Node's own warnings are no events of the server.
    for (const line of lines) told.push(line.startsWith("{") ? (JSON.parse(line) as Told) : { event: line });
    changed.emit("change");
  });
  const closed = once(child, "close").then(([status]) => {
    isClosed = true;
    changed.emit("change");
    return status as number | null;
  });
  let read = 0;
  const until = async (fits: (told: Told) => boolean): Promise<Told> => {
    for (;;) {
      const at = told.findIndex((one, index) => index >= read && fits(one));
      if (at >= 0) {
        read = at + 1;
        return told[at]!;
      }
      if (isClosed) throw new Error(`the server ended before the expected event: ${JSON.stringify(told)} ${rest}`);
      await once(changed, "change");
    }
  };
  const { port } = await until(({ event }) => event === "listening");
  return { port: port!, told, until, kill: (signal) => child.kill(signal), closed };
}

/** Returns whether a process runs. A zombie does not count. */
export function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" });
  return /^[^Z\s]/.test(stdout);
}

/** Waits until a process has ended. It still runs for a moment after it has closed its files, by which others notice its end. */
export async function untilDead(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
}

/** Runs a program with this input and resolves when it ends. Kills it after `limit` milliseconds. */
export async function run(words: readonly string[], input: string | Uint8Array = "", limit = 50_000): Promise<Ended> {
  const child = start(words);
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), limit);
  child.stdin.end(input);
  return ended(child).finally(() => clearTimeout(timer));
}

/** Runs a command that must succeed without output on standard error. Resolves with its standard output. */
export async function quiet(words: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { status, stdout, stderr } = await run(words, input);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.toString();
}
