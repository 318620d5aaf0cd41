/**
 * Counts the calls of Nacre's functions for one packet of 32 KiB, from the sending to the receiving application, on both sides together:
 * `node --conditions=@nacre/source --import tsx scripts/bench/bulk/calls.ts [--functions]`. V8's precise coverage counts them over 1,000
 * packets between two connections in memory, so the results of two runs differ by one or two calls. See ARCHITECTURE.md.
 */
import { randomBytes } from "node:crypto";
import { Session as Inspector } from "node:inspector/promises";
import { setImmediate as nextRound } from "node:timers/promises";
import { generateEd25519 } from "@nacre/keys";
import { nodeAlgorithms } from "@nacre/node";
import { type ByteStreams, connect, type Session, serve } from "nacre";
import { optionsOr } from "../../options.ts";

const WARM_UP = 200;
const PACKETS = 1000;

const values = optionsOr("usage: scripts/bench/bulk/calls.ts [--functions]", {
  functions: { type: "boolean", default: false },
});
const payload = randomBytes(32 * 1024);
const random = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(length));
const inspector = new Inspector();
inspector.connect();
await inspector.post("Profiler.enable");
// Starts before any transfer: in code that V8 has already optimized, inlined calls are not counted.
await inspector.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

for (const direction of ["download", "upload"] as const) {
  const counts = await countCalls(direction);
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(`${direction.padEnd(10)}${(all / PACKETS).toFixed(1)} calls per packet`);
  if (values.functions)
    for (const [name, count] of [...counts].sort(([, a], [, b]) => b - a))
      if (count >= PACKETS / 20) console.log(`${(count / PACKETS).toFixed(2).padStart(8)}  ${name}`);
}
inspector.disconnect();

/** Transfers packets in one direction. Returns the number of calls of each function during the counted packets. */
async function countCalls(direction: "download" | "upload"): Promise<ReadonlyMap<string, number>> {
  const { near, far } = wire();
  const ciphers = nodeAlgorithms.ciphers.filter(({ name }) => name === "aes256-gcm@openssh.com");
  const algorithms = { ...nodeAlgorithms, ciphers };
  let counts: ReadonlyMap<string, number> = new Map();
  const count = async (output: ReadableStream<Uint8Array>): Promise<void> => {
    counts = await countWhileReading(output);
  };
  const session = async ({ stdin, stdout }: Session): Promise<number> => {
    await (direction === "upload" ? count(stdin) : writeAll(stdout));
    return 0;
  };
  const hostKeys = [generateEd25519(random)];
  const server = serve(far, { hostKeys, methods: ["password"], authenticate: () => true, session, algorithms });
  const client = await connect(near, { user: "alice", password: "secret", hostKey: () => true, algorithms });
  const { stdin, stdout, exit } = await client.spawn("transfer");
  await (direction === "upload" ? writeAll(stdin) : count(stdout));
  await exit;
  await client.close();
  await server.close();
  return counts;
}

async function writeAll(input: WritableStream<Uint8Array>): Promise<void> {
  const writer = input.getWriter();
  // Sends more packets than are counted, so that the end of the transfer is not counted.
  for (let i = 0; i < WARM_UP + PACKETS + 200; i++) {
    await writer.write(payload);
    // The packet arrives in this round, so that no others are on their way while calls are counted.
    await nextRound();
  }
  await writer.close();
}

/** Reads to the end. Returns the calls made while the packets after the warm-up arrived. */
async function countWhileReading(output: ReadableStream<Uint8Array>): Promise<ReadonlyMap<string, number>> {
  let counts: ReadonlyMap<string, number> = new Map();
  let packets = 0;
  for await (const _ of output) {
    packets++;
    if (packets !== WARM_UP && packets !== WARM_UP + PACKETS) continue;
    // Each call returns the counts since the previous one.
    const { result } = await inspector.post("Profiler.takePreciseCoverage");
    counts = ofOurs(result);
  }
  return counts;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { readonly count: number }[];
  }[];
}

/** Returns the number of calls of each function of our packages. */
function ofOurs(scripts: readonly ScriptCoverage[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { url, functions } of scripts) {
    const [, file] = /\/packages\/(.*)$/.exec(url) ?? [];
    if (file === undefined) continue;
    for (const { functionName, ranges } of functions) {
      const name = `${file} ${functionName}`;
      counts.set(name, (counts.get(name) ?? 0) + (ranges[0]?.count ?? 0));
    }
  }
  return counts;
}

/** Returns the two ends of a byte connection in memory. */
function wire(): { readonly near: ByteStreams; readonly far: ByteStreams } {
  const up = joining();
  const down = joining();
  return {
    near: { readable: down.readable, writable: up.writable },
    far: { readable: up.readable, writable: down.writable },
  };
}

/** Returns a stream that is never full and joins the pieces of one turn to one chunk, as TCP does. So each chunk holds one packet. */
function joining(): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let output!: TransformStreamDefaultController<Uint8Array<ArrayBuffer>>;
  return new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>(
    {
      start(controller) {
        output = controller;
      },
      transform() {},
    },
    {
      // Called for each piece while it is written. `transform` is called later, when the next turn may have begun.
      size(piece) {
        if (pieces.push(piece) === 1)
          queueMicrotask(() => output.enqueue(new Uint8Array(Buffer.concat(pieces.splice(0)))));
        return 0;
      },
    },
  );
}
