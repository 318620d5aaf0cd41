import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ListenEvent,
  type ListenOptions,
  listen,
  type NodeSession,
  type SessionExit,
  type SshServer,
} from "@nacre/node";
import type { LoginDecision } from "nacre";
import { afterAll, beforeAll, expect } from "vitest";
import { killProgram, startProgram } from "../program.ts";
import { type KeyFile, type KeyType, makeKey, readKey, useFolder } from "./keys.ts";

/** Nacre server for the tests of a `describe`, and its events. */
export interface OurServer {
  readonly server: SshServer;
  readonly port: number;
  readonly folder: { readonly path: string };
  /** Host keys as lines of the form `type base64`. */
  readonly hostKeyLines: readonly string[];
  /** Events logged by the server. */
  readonly events: ListenEvent[];
  /** Returns the events of one type. */
  told<T extends ListenEvent["type"]>(type: T): Extract<ListenEvent, { type: T }>[];
}

/** Starts a server on loopback. By default it runs commands with /bin/sh and refuses all logins; see `keysOf`. */
export function useOurServer(
  options: Partial<ListenOptions> & { readonly hostKeyTypes?: readonly KeyType[] } = {},
): OurServer {
  const { hostKeyTypes = ["ed25519"], ...listenOptions } = options;
  const folder = useFolder();
  const events: ListenEvent[] = [];
  let server: SshServer | undefined;
  const hostKeyLines: string[] = [];
  beforeAll(async () => {
    const files = await Promise.all(hostKeyTypes.map((type) => makeKey(folder, `host_${type}`, type)));
    hostKeyLines.push(...files.map(({ publicKeyLine }) => publicKeyLine.split(" ").slice(0, 2).join(" ")));
    server = await listen({
      port: 0,
      hostKeys: await Promise.all(files.map(readKey)),
      authenticate: () => false,
      session: (session) => runInShell(session),
      log: (event) => events.push(event),
      ...listenOptions,
    });
    const known = hostKeyLines.map((line) => `[127.0.0.1]:${server!.address.port} ${line}\n`);
    await writeFile(join(folder.path, "known_hosts"), known.join(""));
  });
  afterAll(() => server?.close());
  const ours: OurServer = {
    get server() {
      if (server === undefined) throw new Error("the server has not started");
      return server;
    },
    get port() {
      return ours.server.address.port;
    },
    folder,
    hostKeyLines,
    events,
    told: (type) => events.filter((event): event is Extract<ListenEvent, { type: typeof type }> => event.type === type),
  };
  return ours;
}

/** Runs a command, by default the session's, connected to the session's streams and signals. Resolves with its exit. */
export async function runInShell(session: NodeSession, command = session.command): Promise<SessionExit> {
  const { stdin, signal } = session;
  const child = startProgram(["/bin/sh", ...(command === undefined ? ["-s"] : ["-c", command])], { signal });
  child.on("error", () => {});
  child.stdin.on("error", () => stdin.destroy());
  stdin.pipe(child.stdin);
  // The exit status must come before EOF, because dbclient disconnects at EOF.
  child.stdout.pipe(session.stdout, { end: false });
  child.stderr.pipe(session.stderr, { end: false });
  session.onSignal = (name) => child.kill(`SIG${name}` as NodeJS.Signals);
  const [status, name] = (await once(child, "close")) as [number | null, string | null];
  return name === null ? { status: status ?? 0 } : { signal: name };
}

/** Returns an `authenticate` function that accepts alice with one of these keys. */
export function keysOf(...files: readonly (() => KeyFile)[]): ListenOptions["authenticate"] {
  return (login): LoginDecision => {
    if (login.method !== "publickey" || login.user !== "alice") return false;
    const base64 = Buffer.from(login.publicKey).toString("base64");
    return files.some((file) => file().publicKeyLine.split(" ")[1] === base64);
  };
}

/**
 * Returns an `authenticate` function that accepts alice with one of these keys, and everyone with the password `the password` or with the
 * answers `one` and `two`.
 */
export function anyMethod(...files: readonly (() => KeyFile)[]): ListenOptions["authenticate"] {
  const byKey = keysOf(...files);
  return async (login) => {
    if (login.method === "publickey") return byKey(login);
    if (login.method === "password") return login.password === "the password";
    if (login.method !== "keyboard-interactive") return false;
    const [first, second] = await login.ask(["First: ", { prompt: "Second: ", echo: true }], { name: "A name" });
    return first === "one" && second === "two";
  };
}

/** Exit status and output of a program. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program and resolves when it ends. Kills it after `timeout` milliseconds, by default 50 seconds. */
export async function runPeer(
  command: readonly string[],
  {
    input = "",
    env = {},
    timeout = 50_000,
  }: {
    readonly input?: string | Uint8Array;
    readonly env?: Readonly<Record<string, string>>;
    readonly timeout?: number;
  } = {},
): Promise<Ran> {
  // Detached from the terminal, so that it cannot ask questions.
  const child = startProgram(command, { detached: true, env: { SSH_AUTH_SOCK: undefined, ...env } });
  const timer = setTimeout(() => killProgram(child), timeout);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  try {
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
  } finally {
    clearTimeout(timer);
  }
}

/** Returns a command line of OpenSSH's ssh that connects as alice and ignores this machine's configuration. */
export function ssh(
  { port, folder }: OurServer,
  options: { readonly key?: KeyFile; readonly words?: readonly string[] } = {},
): string[] {
  const { key, words = [] } = options;
  const known = join(folder.path, "known_hosts");
  const files = ["-F", "/dev/null", "-o", `UserKnownHostsFile=${known}`, "-o", "GlobalKnownHostsFile=/dev/null"];
  const identity = key === undefined ? ["-o", "PubkeyAuthentication=no"] : ["-i", key.path, "-o", "IdentitiesOnly=yes"];
  return ["ssh", ...files, ...identity, "-o", "BatchMode=yes", "-p", `${port}`, ...words, "alice@127.0.0.1"];
}

/** Asserts that a program succeeded without output on standard error. */
export function expectQuiet({ status, stderr }: Ran): void {
  expect(stderr).toBe("");
  expect(status).toBe(0);
}
