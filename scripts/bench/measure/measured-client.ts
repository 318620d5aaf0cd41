import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { Suite, Target } from "../tasks.ts";
import type { Address, TunnelForm } from "../tunnel/tunnel-tasks.ts";
import type { MeasuredFiles } from "./measured-files.ts";
import type { MeasuredWays } from "./measured-ways.ts";

/** The interface that each measured client library implements. */
export interface MeasuredClient {
  /** Connects and logs in. Without `suite` and `kexMethod`, uses the library's defaults. */
  open(target: Target, suite?: Suite, kexMethod?: string): Promise<MeasuredConnection>;
}

export interface MeasuredConnection {
  /** Negotiated key exchange method, as reported by the library. */
  readonly kexMethod: string;
  start(command: string): Promise<MeasuredCommand>;
  /** Listens at 127.0.0.1, and forwards to `to` or as a SOCKS proxy. Returns the port. Missing for clients without this test. */
  forward?(form: TunnelForm, to: Address): Promise<number>;
  /** Opens SFTP. Missing for clients without this test. */
  files?(): Promise<MeasuredFiles>;
  /** Opens SFTP, for the case `ssh2`. Missing for clients without this test. */
  ways?(): Promise<MeasuredWays>;
  close(): Promise<void>;
}

export interface MeasuredCommand extends MeasuredStreams {
  readonly status: Promise<number | undefined>;
}

/** A command's input and output, independent of the kind of stream. */
interface MeasuredStreams {
  /** Passes all output to `take`, and waits for the promise that it returns. Resolves at the end of the output. */
  read(take: (chunk: Uint8Array) => Promise<void> | undefined): Promise<void>;
  /** Writes all pieces, and then ends the input. */
  write(pieces: Iterable<Uint8Array>): Promise<void>;
  /** Writes one small piece without waiting for earlier ones. */
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

/** Reads a command's output to its end and waits for the exit status. Throws if the status is not 0. */
export async function finish(
  { read, status }: Pick<MeasuredCommand, "read" | "status">,
  take: (chunk: Uint8Array) => Promise<void> | undefined,
): Promise<void> {
  const [ended] = await Promise.all([status, read(take)]);
  if (ended !== 0) throw new Error(`the command exited with status ${ended}`);
}

/** Starts a stopwatch. The returned function returns the wall time and this process's CPU time since then, in seconds. */
export function stopwatch(): () => { readonly seconds: number; readonly cpuSeconds: number } {
  const began = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}
