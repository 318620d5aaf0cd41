import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { onTestFinished } from "vitest";
import type { HostOptions } from "../src/keys/known-hosts.ts";

/** Creates a temporary folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Returns the path of a Unix socket in a temporary folder; on Windows, that of a named pipe. */
export function socketPath(folder: string, name: string): string {
  return process.platform === "win32" ? `\\\\.\\pipe\\${basename(folder)}-${name}` : join(folder, name);
}

export interface TestServer {
  readonly port: number;
  /** Number of accepted connections. */
  readonly sockets: readonly Socket[];
  /** Resolves when the server and all its connections are closed. */
  close(): Promise<void>;
}

/**
 * Starts a TCP server on 127.0.0.1, or a server at a path of {@link socketPath}, that calls this function for each connection. It is closed
 * after the test.
 */
export async function serve(onConnection: (socket: Socket) => void, path?: string): Promise<TestServer> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }));
  onTestFinished(close);
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, sockets, close };
}

/** Returns a function that lists resources opened since this call: sockets, pipes and timers. */
export async function watchResources(): Promise<() => Promise<string[]>> {
  const timers = new Set<NodeJS.Timeout>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  globalThis.setTimeout = ((run: () => void, wait?: number) => {
    const timer = set(() => {
      timers.delete(timer);
      run();
    }, wait);
    timers.add(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer as NodeJS.Timeout);
    clear(timer);
  };
  onTestFinished(() => void Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }));

  const before = await openHandles();
  return async () => {
    const after = await openHandles();
    const left = Array.from(timers, () => "Timeout");
    // A connection may still read files in the background: code that it loads, or keys that it no longer needs.
    for (let i = 0; i < 500 && process.getActiveResourcesInfo().some(isFileRequest); i++)
      await new Promise((resolve) => set(resolve, 10));
    for (const name of after) {
      const at = before.indexOf(name);
      if (at >= 0) before.splice(at, 1);
      else if (!isFileRequest(name) || process.getActiveResourcesInfo().includes(name)) left.push(name);
    }
    return left;
  };
}

/** Whether a resource is a request of `node:fs/promises`. A file that has been read is closed by a request with a name of its own. */
const isFileRequest = (name: string): boolean => name === "FSReqPromise" || name === "CloseReq";

async function openHandles(): Promise<string[]> {
  // Resources that are being closed disappear within one or two rounds of the event loop.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  return process.getActiveResourcesInfo().filter((name) => name !== "Immediate" && name !== "Timeout");
}

/** Deterministic "random" bytes from which a key can be made. */
export const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);

/** A promise with its resolvers: Node 20 lacks Promise.withResolvers. */
export function later<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Returns the code of an `SshError`, or a description of any other outcome. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Returns options of `knownHost` for example.org with a known_hosts file, and the warnings. */
export function hostOptions(
  file: string,
  changes: Partial<HostOptions> = {},
): { readonly warnings: string[]; readonly options: HostOptions } {
  const warnings: string[] = [];
  const options: HostOptions = {
    host: "example.org",
    port: 22,
    files: [file],
    home: undefined,
    unknownHost: undefined,
    warn: (warning) => warnings.push(warning),
    ...changes,
  };
  return { warnings, options };
}
