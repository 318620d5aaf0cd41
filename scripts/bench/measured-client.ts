import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { Suite, Target } from "./tasks.ts";
import type { Address, TunnelForm } from "./tunnel-tasks.ts";

/** The little that every client library has to give to be measured. */
export interface MeasuredClient {
  /** Connects and logs in. Without a suite and a key exchange method: what the library does by itself. */
  open(target: Target, suite?: Suite, kexMethod?: string): Promise<MeasuredSession>;
}

export interface MeasuredSession {
  /** What the library says it has negotiated. */
  readonly kexMethod: string;
  start(command: string): Promise<MeasuredCommand>;
  /** Listens at 127.0.0.1 and forwards to `to`, or as a SOCKS proxy. Returns the port. Missing where it is not measured. */
  forward?(form: TunnelForm, to: Address): Promise<number>;
  close(): Promise<void>;
}

export interface MeasuredCommand extends MeasuredStreams {
  readonly status: Promise<number | undefined>;
}

/** A command's input and output, whatever they are made of. */
interface MeasuredStreams {
  /** Gives `take` all output, and waits for what it returns. Resolves at the end of the output. */
  read(take: (chunk: Uint8Array) => Promise<void> | undefined): Promise<void>;
  /** Writes all pieces and then the end. */
  write(pieces: Iterable<Uint8Array>): Promise<void>;
  /** Writes one small piece now, whether or not those before it are gone. */
  send(piece: Uint8Array): void;
}

export function nodeStreams(stdin: Writable, stdout: Readable): MeasuredStreams {
  return {
    async read(take) {
      stdout.on("data", (chunk: Uint8Array) => {
        const taken = take(chunk);
        if (taken === undefined) return;
        stdout.pause();
        void taken.then(() => stdout.resume());
      });
      await once(stdout, "end");
    },
    async write(pieces) {
      for (const piece of pieces) if (!stdin.write(piece)) await once(stdin, "drain");
      stdin.end();
    },
    send: (piece) => void stdin.write(piece),
  };
}

export function webStreams(stdin: WritableStream<Uint8Array>, stdout: ReadableStream<Uint8Array>): MeasuredStreams {
  const writer = stdin.getWriter();
  return {
    async read(take) {
      const reader = stdout.getReader();
      for (let got = await reader.read(); !got.done; got = await reader.read()) {
        const taken = take(got.value);
        if (taken !== undefined) await taken;
      }
    },
    async write(pieces) {
      for (const piece of pieces) await writer.write(piece);
      await writer.close();
    },
    send: (piece) => void writer.write(piece),
  };
}

/** Reads a command's output to its end, and awaits that of the command, which must be a success. */
export async function finish(
  { read, status }: Pick<MeasuredCommand, "read" | "status">,
  take: (chunk: Uint8Array) => Promise<void> | undefined,
): Promise<void> {
  const [ended] = await Promise.all([status, read(take)]);
  if (ended !== 0) throw new Error(`the command ended with status ${ended}`);
}

/** Measures wall time and this process's CPU time from now on, in seconds. */
export function stopwatch(): () => { readonly seconds: number; readonly cpuSeconds: number } {
  const began = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}
