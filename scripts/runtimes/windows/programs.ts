// Starts programs of this machine for tests that run in Node for Windows, such as ssh and ssh-keygen: see `@nacre/testing/program`.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { FRAME, type ProgramEnd, type ProgramStart, readFrames, writeFrame } from "@nacre/testing/program";

export interface ProgramServer {
  /** Value of NACRE_PROGRAMS: the port and a secret. */
  readonly address: string;
  /** Kills the programs that still run. */
  close(): void;
}

/** Listens on a port of 127.0.0.1. The secret keeps the other users of this machine out. Paths on the drives of `prefix` are translated. */
export async function servePrograms(prefix: string): Promise<ProgramServer> {
  const secret = randomBytes(16).toString("hex");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, secret, prefix);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `${(server.address() as AddressInfo).port} ${secret}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function serve(socket: Socket, secret: string, prefix: string): void {
  let child: ChildProcessWithoutNullStreams | undefined;
  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child?.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The program has already ended.
    }
  };
  const end = (how: ProgramEnd): void => {
    if (socket.destroyed) return;
    writeFrame(socket, FRAME.end, JSON.stringify(how));
    socket.end();
  };
  socket.on("error", () => {});
  socket.once("close", () => kill("SIGKILL"));
  readFrames(socket, (type, data) => {
    if (child === undefined) {
      const start = startIn(type, data, secret);
      if (start === undefined) return void socket.destroy();
      child = begin(start, prefix, socket);
      child.once("error", ({ message }) => end({ status: null, signal: null, failure: message }));
      child.once("close", (status, signal) => end({ status, signal }));
    } else if (type === FRAME.kill) kill(data.toString() as NodeJS.Signals);
    else if (data.length === 0) child.stdin.end();
    else child.stdin.write(Buffer.from(data));
  });
}

/** Returns the program that a frame asks for; `undefined` if the frame is malformed or lacks the secret. */
function startIn(type: number, data: Buffer, secret: string): ProgramStart | undefined {
  try {
    const start = type === FRAME.start ? (JSON.parse(data.toString()) as ProgramStart) : undefined;
    return start !== undefined && isEqual(start.secret, secret) ? start : undefined;
  } catch {
    return undefined;
  }
}

/** Starts a program in its own process group, so that one signal ends its children too. */
function begin({ command, env }: ProgramStart, prefix: string, socket: Socket): ChildProcessWithoutNullStreams {
  const [program = "", ...words] = command.map((word) => translate(word, prefix));
  const { SSH_AUTH_SOCK: _, ...own } = process.env;
  const child = spawn(program, words, { env: { ...own, ...env }, detached: true });
  child.stdin.on("error", () => {});
  child.stdout.on("data", (data: Buffer) => writeFrame(socket, FRAME.output, data));
  child.stderr.on("data", (data: Buffer) => writeFrame(socket, FRAME.error, data));
  return child;
}

/** Replaces paths of Windows, also inside a word, by those of the same files on this machine. */
function translate(word: string, prefix: string): string {
  return word.replaceAll(
    /\b([CZ]):\\(\S*)/g,
    (_, drive: string, path: string) => `${prefix}/dosdevices/${drive.toLowerCase()}:/${path.replaceAll("\\", "/")}`,
  );
}

function isEqual(given: string, secret: string): boolean {
  const bytes = Buffer.from(given);
  return bytes.length === secret.length && timingSafeEqual(bytes, Buffer.from(secret));
}
