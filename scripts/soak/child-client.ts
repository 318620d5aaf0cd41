/** The process with the clients of a soak test. They perform random actions on a server, repeatable by a seed. */
import { once, setMaxListeners } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { type Client, connect, nodeAlgorithms } from "@nacre/node";
import { SshError } from "nacre";
import { census } from "./census.ts";
import { hostKeySeed, strangerSeed, userKeySeed } from "./keys.ts";

/** Task of the clients for a given time. */
export interface Shift {
  readonly port: number;
  readonly milliseconds: number;
  readonly seed: number;
}

const AT_ONCE = 6;
/** Time limit of one action in milliseconds. */
const STUCK = 60_000;

const userKey = generateEd25519(userKeySeed);
const stranger = generateEd25519(strangerSeed);
const hostKey = fingerprint(generateEd25519(hostKeySeed).publicKey.blob, "sha256");
const abort = new AbortController();
// Several concurrent connections listen to this signal, each more than once.
setMaxListeners(100, abort.signal);
const done: Record<string, number> = {};
const failures: string[] = [];
let random = (): number => 0;

process.once("disconnect", () => process.exit());
process.on("message", (message: "census" | Shift) => {
  if (message === "census") {
    void census(abort.signal, 0).then((counted) =>
      process.send?.({ ...counted, failures: failures.splice(0), done: { ...done } }),
    );
  } else {
    random = seeded(message.seed);
    void shift(message).then(() => process.send?.({ over: true }));
  }
});
process.send?.({ ready: true });

async function shift({ port, milliseconds }: Shift): Promise<void> {
  const end = performance.now() + milliseconds;
  const visitor = async (): Promise<void> => {
    while (performance.now() < end) {
      const [name, act] = acts[Math.floor(random() * acts.length)]!;
      let timer: NodeJS.Timeout | undefined;
      const stuck = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`did not end within ${STUCK} ms`)), STUCK);
      });
      try {
        await Promise.race([act(port), stuck]);
      } catch (error) {
        failures.push(`${name}: ${error instanceof SshError ? `${error.code}: ${error.message}` : String(error)}`);
      } finally {
        clearTimeout(timer);
      }
      done[name] = (done[name] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
}

const acts: readonly (readonly [string, (port: number) => Promise<void>])[] = [
  ["commands", commands],
  ["transfers", transfer],
  ["logins refused", refused],
  ["commands abandoned", givenUp],
  ["connections cut", cut],
  ["connections cut", cut],
  ["connections without SSH", noise],
  ["readers stalled", stalled],
];

/** Runs a few commands over one connection, with a rekey between them. */
async function commands(port: number): Promise<void> {
  await using client = await enter(port);
  for (let i = 0; i < 3; i++) {
    const size = Math.floor(random() * 10_000);
    expect((await client.exec(`send ${size}`, { encoding: "bytes" })).stdout.length, size);
    if (i === 1) client.rekey();
  }
  expect((await client.exec("unknown")).status, 127);
}

/** Sends data, and checks that it comes back unchanged. */
async function transfer(port: number): Promise<void> {
  await using client = await enter(port);
  const input = Buffer.alloc(Math.floor(random() * 2_000_000), "0123456789abcde");
  const { stdout, status } = await client.exec("echo", { input, encoding: "bytes" });
  expect(status, 0);
  expect(input.equals(stdout), true);
}

async function refused(port: number): Promise<void> {
  expect(await codeOf(enter(port, stranger)), "auth-failed");
}

/** Abandons a running command: aborts it, closes it, or closes the connection. */
async function givenUp(port: number): Promise<void> {
  await using client = await enter(port);
  const own = new AbortController();
  const running = await client.spawn("send 10000000", { signal: own.signal });
  const reading = (async () => {
    for await (const chunk of running.stdout) void chunk;
  })();
  const outcome = codeOf(reading);
  await sleep(random() * 20);
  const way = Math.floor(random() * 3);
  if (way === 0) own.abort();
  else if (way === 1) await running.close();
  else await client.close();
  const code = await outcome;
  // The command may have ended first.
  if (code !== "no error") expect(code, way === 0 ? "aborted" : "closed");
}

/** Destroys the socket at a random moment: before the first byte, or during key exchange, login or transfer. */
async function cut(port: number): Promise<void> {
  const socket = dial(port, "127.0.0.1");
  socket.on("error", () => {});
  const timer = setTimeout(() => socket.destroy(), random() * (random() < 0.5 ? 15 : 150));
  try {
    await Promise.race([once(socket, "connect"), once(socket, "close")]);
    if (socket.destroyed) return;
    const client = await over(socket);
    const running = await client.spawn(random() < 0.5 ? "wait" : "send 50000000");
    running.stdout.resume();
    await client.ended;
  } catch (error) {
    // Any error is expected after the socket is destroyed.
    if (!socket.destroyed) throw error;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Connects without SSH: sends nothing, HTTP or invalid packets. */
async function noise(port: number): Promise<void> {
  const socket = dial(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.resume();
  if (random() < 0.5)
    socket.write(random() < 0.5 ? "GET / HTTP/1.1\r\n\r\n" : "SSH-2.0-x\r\n\x01\x02\x03\x04\x05\x06\x07\x08");
  await sleep(random() * 30);
  // The server may have closed the connection first.
  if (socket.closed) return;
  const closed = once(socket, "close");
  socket.destroy();
  await closed;
}

/** Pauses before reading a command's output. Then reads all of it, or destroys the stream. */
async function stalled(port: number): Promise<void> {
  await using client = await enter(port);
  const running = await client.spawn("send 6000000");
  await sleep(random() * 100);
  if (random() < 0.5) {
    running.stdout.destroy();
    await running.close();
    return;
  }
  let size = 0;
  for await (const chunk of running.stdout) size += (chunk as Buffer).length;
  expect(size, 6_000_000);
}

function enter(port: number, key: typeof userKey = userKey): Promise<Client> {
  const { signal } = abort;
  return connect({ host: "127.0.0.1", port, user: "alice", identities: [key], agent: false, hostKey, signal });
}

function over(socket: Socket): Promise<Client> {
  const options = {
    user: "alice",
    identities: [userKey],
    hostKey,
    algorithms: nodeAlgorithms,
    signal: abort.signal,
  };
  return connect({ host: "127.0.0.1", duplex: socket, ...options });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "no error";
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
}

function expect(value: unknown, expected: unknown): void {
  if (value !== expected) throw new Error(`expected ${String(expected)}, got ${String(value)}`);
}

/** Returns a pseudo-random generator (mulberry32) of numbers in [0, 1), determined by the seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
