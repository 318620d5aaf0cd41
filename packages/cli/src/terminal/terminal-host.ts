import { readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { Writable } from "node:stream";
import type { ReadStream } from "node:tty";
import { type HostCommand, type HostReport, TERMINAL_BYTES } from "./terminal-messages.ts";

/** Time to keep reading a terminal that other processes hold open after its program has ended, in milliseconds. */
const LAST_OUTPUT = 200;
/** Maximum bytes read when a terminal closes. Exceeds the system's buffer; bounded because other processes may keep printing. */
const MAX_UNREAD = 64 * 1024;
/** Maximum bytes that one read of a terminal returns. */
const TERMINAL_READ = 4096;
/** Interval between writes to a full terminal, in milliseconds. The system does not report when it has room. */
const WRITE_RETRY = 5;
/** Interval at which to check whether the program has ended, in milliseconds. */
const CHECK_INTERVAL = 10;

/** Hosts one terminal for the server that started this process. Resolves when its program has ended or the server is gone. */
export async function hostTerminal(): Promise<void> {
  // Closes when the server closes its end, either after reading everything or early.
  const link = new Socket({ fd: TERMINAL_BYTES });
  // Ignored: "close" follows.
  link.on("error", () => {});
  const serverGone = new Promise((resolve) => process.once("disconnect", resolve));
  const command = await new Promise<HostCommand>((resolve) => process.once("message", resolve));
  if (command.type !== "start") return;
  const { file, words, cwd, env, name, columns, rows } = command;
  try {
    const { spawn } = await import("@lydell/node-pty");
    if (link.destroyed) return;
    const terminal = spawn(file, [...words], { name, cols: columns, rows, cwd, env, encoding: null });
    const ended = connectTerminal(terminal, link);
    await report({ type: "started", pid: terminal.pid });
    await Promise.race([ended, serverGone]);
  } catch (error) {
    await report({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

type Terminal = ReturnType<typeof import("@lydell/node-pty")["spawn"]>;

/** Copies bytes both ways until the program ends. Resolves when the server has received all output and the exit report. */
async function connectTerminal(terminal: Terminal, link: Socket): Promise<void> {
  const { _socket: socket, fd } = terminal as unknown as { readonly _socket: ReadStream; readonly fd: number };
  // Without a second listener, node-pty rethrows the error.
  socket.on("error", () => {});
  const resize = (command: HostCommand): void => {
    if (command.type === "resize") terminal.resize(command.columns, command.rows);
  };
  const linkClosed = new Promise((resolve) => link.once("close", resolve));
  process.on("message", resize);
  const keys = terminalWriter(fd);
  link.pipe(keys);
  // Stop writing when the terminal closes: its descriptor may then belong to another file.
  readTerminal(link, socket, fd, terminal.pid, () => keys.destroy());
  const { exitCode, signal } = await new Promise<{ exitCode: number; signal?: number }>((resolve) => {
    terminal.onExit(resolve);
  });
  // Stop resizing: the descriptor is closed and may belong to another file.
  process.off("message", resize);
  await report({
    type: "ended",
    exit: signal === undefined || signal === 0 ? { status: exitCode } : { signal: signalName(signal) },
  });
  // Let the server close first: closing with unread input would fail the server's next read and lose the last output.
  link.unpipe(keys);
  link.resume();
  link.end();
  await linkClosed;
}

/**
 * Returns a stream that writes keys to a terminal at the pace of the program that reads them. node-pty's own stream reads nothing until a
 * write completes, so it deadlocks with a program that prints before it reads.
 */
export function terminalWriter(fd: number): Writable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new Writable({
    write(chunk: Uint8Array, _, callback) {
      let offset = 0;
      const write = (): void => {
        try {
          while (offset < chunk.length) offset += writeSync(fd, chunk, offset);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "EAGAIN") {
            timer = setTimeout(write, WRITE_RETRY);
            return;
          }
          // EIO: no process has the terminal open any more; drop the keys.
        }
        callback();
      };
      write();
    },
    destroy(error, callback) {
      clearTimeout(timer);
      callback(error);
    },
  });
}

/** Sends a report to the server if it is still connected. */
function report(message: HostReport): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/**
 * Copies a terminal's output to the server at the client's pace, and delays the end of node-pty's stream. Left alone, the stream ends soon
 * after the program does, even with unread output, and as soon as no process has the terminal open. It must wait for a slow client, and for
 * a program that closes its files before it ends: closing our side earlier would send it SIGHUP.
 */
function readTerminal(link: Socket, socket: ReadStream, fd: number, pid: number, onClose: () => void): void {
  const close = socket.destroy.bind(socket);
  const destroy = (error?: Error): void => {
    onClose();
    close(error);
  };
  let waiting = false;
  let ending: { readonly error: Error | undefined } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = (): void => {
    if (ending === undefined || waiting) return;
    clearTimeout(timer);
    if (isAlive(pid)) {
      timer = setTimeout(end, CHECK_INTERVAL);
    } else {
      if (!link.destroyed) for (const piece of unread(fd)) link.write(piece);
      destroy(ending.error);
    }
  };
  socket.destroy = (error) => {
    ending ??= { error };
    end();
    return socket;
  };
  socket.on("data", (chunk: Uint8Array) => {
    if (link.destroyed || link.write(chunk)) return;
    waiting = true;
    socket.pause();
  });
  link.on("drain", () => {
    waiting = false;
    socket.resume();
    clearTimeout(timer);
    if (ending !== undefined) timer = setTimeout(end, LAST_OUTPUT);
  });
  // The client is gone. Closing the terminal also hangs up other process groups in it.
  link.on("close", () => {
    clearTimeout(timer);
    destroy();
  });
}

/**
 * Reads a terminal's remaining output from the system's buffer (about 18 KiB). Needed because Node stops after one read of 4 KiB once no
 * process has the terminal open.
 */
export function unread(fd: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  try {
    for (let reads = MAX_UNREAD / TERMINAL_READ; reads > 0; reads--) {
      const piece = new Uint8Array(TERMINAL_READ);
      const length = readSync(fd, piece);
      if (length === 0) break;
      pieces.push(piece.subarray(0, length));
    }
  } catch {
    // Nothing is left. EIO: no process has the terminal open. EAGAIN: some process has.
  }
  return pieces;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function signalName(number: number): string {
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name?.slice("SIG".length) ?? `${number}`;
}
