// Programs of this machine, for tests. Tests that run in Node for Windows, under Wine, start them through a TCP connection to
// `scripts/runtimes/windows/programs.ts`, because Wine connects no pipes to them. NACRE_PROGRAMS then contains its port and a secret.
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { connect } from "node:net";
import { Readable, Writable } from "node:stream";

/** Started program, with the events of a child process. */
export type Program = EventEmitter & Pick<ChildProcessWithoutNullStreams, "stdin" | "stdout" | "stderr" | "kill">;

export interface ProgramOptions {
  /** Environment variables, added to those of this process; `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether the program has its own process group, without a terminal; default false. */
  readonly detached?: boolean;
  /** Kills the program. */
  readonly signal?: AbortSignal;
}

/** Starts a program, with pipes to its standard streams. */
export function startProgram([name = "", ...words]: readonly string[], options: ProgramOptions = {}): Program {
  const { env = {}, detached = false, signal } = options;
  if (process.platform === "win32" && name !== process.execPath) return new RemoteProgram([name, ...words], options);
  return spawn(name, words, {
    env: { ...process.env, ...env },
    // On Windows, a detached program has no standard streams.
    detached: detached && process.platform !== "win32",
    ...(signal !== undefined && { signal, killSignal: "SIGKILL" }),
  });
}

/** Kills a program that was started with `detached`, and the programs that it started. */
export function killProgram(program: Program): void {
  const { pid } = program as Partial<ChildProcess>;
  if (pid === undefined || process.platform === "win32") program.kill("SIGKILL");
  else process.kill(-pid, "SIGKILL");
}

/** Types of the frames on a connection for one program. A frame has its type in a byte, a length in four, and data. */
export const FRAME = {
  /** JSON of {@link ProgramStart}. */
  start: 0,
  /** Bytes of standard input. Without bytes, its end. */
  input: 1,
  /** Name of a signal. */
  kill: 2,
  output: 3,
  error: 4,
  /** JSON of {@link ProgramEnd}. The last frame. */
  end: 5,
} as const;

/** What is to be started. */
export interface ProgramStart {
  readonly secret: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How a program ended, or why it could not be started. */
export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: string | null;
  readonly failure?: string;
}

export function writeFrame(to: Writable, type: number, data: Uint8Array | string): void {
  const bytes = Buffer.from(data);
  const head = Buffer.alloc(5);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(bytes.length, 1);
  to.write(Buffer.concat([head, bytes]));
}

/** Calls `onFrame` for each frame that arrives. */
export function readFrames(from: Readable, onFrame: (type: number, data: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0);
  from.on("data", (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const end = held.length < 5 ? Infinity : 5 + held.readUInt32BE(1);
      if (held.length < end) return;
      const [type, data] = [held.readUInt8(0), held.subarray(5, end)];
      held = held.subarray(end);
      onFrame(type, data);
    }
  });
}

/** Program that another process starts and connects to a socket. */
class RemoteProgram extends EventEmitter implements Program {
  readonly stdin: Writable;
  readonly stdout: Readable = new Readable({ read: () => {} });
  readonly stderr: Readable = new Readable({ read: () => {} });
  readonly #socket;

  constructor(command: readonly string[], { env = {}, signal }: ProgramOptions) {
    super();
    const [port, secret = ""] = (process.env["NACRE_PROGRAMS"] ?? "").split(" ");
    const socket = connect(Number(port), "127.0.0.1");
    this.#socket = socket;
    this.stdin = new Writable({
      write: (data: Buffer, _encoding, done) => {
        // Frames of a moderate length: a reader joins the parts of one.
        for (let at = 0; at < data.length; at += 65_536)
          writeFrame(socket, FRAME.input, data.subarray(at, at + 65_536));
        done();
      },
      final: (done) => {
        writeFrame(socket, FRAME.input, "");
        done();
      },
    });
    const set = Object.entries(env).filter(([, value]) => value !== undefined);
    writeFrame(socket, FRAME.start, JSON.stringify({ secret, command, env: Object.fromEntries(set) }));

    let end: ProgramEnd | undefined;
    readFrames(socket, (type, data) => {
      // The data is a view of a buffer that the next frames are joined to.
      if (type === FRAME.output) this.stdout.push(Buffer.from(data));
      else if (type === FRAME.error) this.stderr.push(Buffer.from(data));
      else end = JSON.parse(data.toString()) as ProgramEnd;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.stdout.push(null);
      this.stderr.push(null);
      if (end === undefined || end.failure !== undefined)
        this.emit("error", new Error(end?.failure ?? `lost the connection to ${command.join(" ")}`));
      this.emit("exit", end?.status ?? null, end?.signal ?? null);
      this.#closeWhenRead(end);
    });
    if (signal?.aborted) this.kill("SIGKILL");
    signal?.addEventListener("abort", () => this.kill("SIGKILL"), { once: true });
  }

  /** As of a child process, `close` follows the end of the output. */
  #closeWhenRead(end: ProgramEnd | undefined): void {
    let open = 2;
    for (const stream of [this.stdout, this.stderr])
      stream.once("close", () => {
        if (--open === 0) this.emit("close", end?.status ?? null, end?.signal ?? null);
      });
  }

  kill(signal: NodeJS.Signals | number = "SIGTERM"): boolean {
    writeFrame(this.#socket, FRAME.kill, String(signal));
    return true;
  }
}
