import { readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { Writable } from "node:stream";
import type { ReadStream } from "node:tty";
import { type HostCommand, type HostReport, TERMINAL_BYTES } from "./terminal-messages.ts";

/** How long a terminal is read on after its program has ended, when others still hold it: milliseconds. */
const LAST_OUTPUT = 200;
/** The most that is read of a terminal at its very end, in bytes: more than the system keeps, and bounded, as others may print on. */
const MAX_UNREAD = 64 * 1024;
/** The most that one read of a terminal returns: bytes. */
const TERMINAL_READ = 4096;
/** How long until a terminal that is full is written to again: milliseconds. The system does not tell when it has room. */
const WRITE_AGAIN = 5;
/** How long until the end of a program is looked for again: milliseconds. */
const LOOK_AGAIN = 10;

/** Hosts one terminal for the server that started this process, until its program has ended or the server has gone. */
export async function hostTerminal(): Promise<void> {
  // Closes when the server does, whether it has read all or wants no more.
  const link = new Socket({ fd: TERMINAL_BYTES });
  // "close" follows.
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

/** Carries bytes both ways until the program has ended; resolves when the server has read all, and how it ended. */
async function connectTerminal(terminal: Terminal, link: Socket): Promise<void> {
  const { _socket: socket, fd } = terminal as unknown as { readonly _socket: ReadStream; readonly fd: number };
  // The library rethrows an error that only it listens to.
  socket.on("error", () => {});
  const resize = (command: HostCommand): void => {
    if (command.type === "resize") terminal.resize(command.columns, command.rows);
  };
  const linkClosed = new Promise((resolve) => link.once("close", resolve));
  process.on("message", resize);
  const keys = terminalWriter(fd);
  link.pipe(keys);
  // Its descriptor is another file's once the terminal is closed.
  readTerminal(link, socket, fd, terminal.pid, () => keys.destroy());
  const { exitCode, signal } = await new Promise<{ exitCode: number; signal?: number }>((resolve) => {
    terminal.onExit(resolve);
  });
  // The descriptor is closed, and its number may be another file's.
  process.off("message", resize);
  await report({
    type: "ended",
    exit: signal === undefined || signal === 0 ? { status: exitCode } : { signal: signalName(signal) },
  });
  // Closing with unread input would fail the server's next read, and so drop the last output: the server closes first.
  link.unpipe(keys);
  link.resume();
  link.end();
  await linkClosed;
}

/**
 * Writes what is typed into a terminal, at the pace of the program that reads it. The library's stream writes until all is taken,
 * and reads nothing meanwhile, so that it and a program that prints would wait for each other.
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
            timer = setTimeout(write, WRITE_AGAIN);
            return;
          }
          // EIO: nobody holds the terminal, and nobody reads what is typed.
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

/** Tells the server, if it is still there. */
function report(message: HostReport): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/**
 * Carries what a terminal shows to the server, at the client's pace. The library's stream ends itself soon after the program has
 * ended, whatever is still unread, and as soon as nobody holds the terminal. It has to wait for a slow client, and for a program that
 * closes its files before it ends, which closing our side would hang up.
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
      timer = setTimeout(end, LOOK_AGAIN);
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
  // Nobody waits for the rest. Closing the terminal also hangs up other process groups in it.
  link.on("close", () => {
    clearTimeout(timer);
    destroy();
  });
}

/**
 * Reads what the system still has of a terminal's output, some 18 KiB at most. Node takes a terminal that nobody holds for ended
 * after one read, which returns 4 KiB.
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
    // EIO: nobody holds it and nothing is left. EAGAIN: somebody does.
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
