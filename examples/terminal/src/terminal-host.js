// @ts-check
// Process that holds one terminal for the embedded SSH server. It receives a `TerminalStart` and then sizes as messages, carries the
// terminal's bytes on descriptor 4, and reports how the program ended. Written in JavaScript, so that it starts without a loader.
// `nacre serve` has a host of its own, which the package does not export: packages/cli/src/terminal/terminal-host.ts.
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { Writable } from "node:stream";
import { spawn } from "@lydell/node-pty";

/**
 * @typedef {{ readonly columns: number, readonly rows: number }} Size
 * @typedef {Size & { readonly file: string, readonly words: string[], readonly cwd: string,
 *   readonly env: Record<string, string> }} TerminalStart
 * @typedef {{ readonly status: number, readonly signal?: string | undefined }} HostReport
 */

/** Milliseconds between writes to a full terminal. The system does not report when it has room. */
const WRITE_RETRY = 5;

const link = new Socket({ fd: 4 });
link.on("error", () => {});
// The server has ended.
process.once("disconnect", () => process.exit());
process.once("message", (/** @type {TerminalStart} */ message) => start(message));

/** @param {TerminalStart} message */
function start({ file, words, cwd, env, columns, rows }) {
  const terminal = spawn(file, words, { name: env.TERM ?? "dumb", cols: columns, rows, cwd, env, encoding: null });
  const { fd } = /** @type {{ readonly fd: number }} */ (/** @type {unknown} */ (terminal));
  // Bytes, because `encoding` is null; node-pty's types know only text.
  terminal.onData((chunk) => {
    if (link.write(chunk)) return;
    terminal.pause();
    link.once("drain", () => terminal.resume());
  });
  const keys = terminalWriter(fd);
  link.pipe(keys);
  process.on("message", (/** @type {Size} */ size) => terminal.resize(size.columns, size.rows));
  terminal.onExit(({ exitCode, signal }) => {
    // Its descriptor may now belong to another file.
    process.removeAllListeners("message");
    keys.destroy();
    /** @type {HostReport} */
    const report = { status: exitCode, signal: signal ? signalName(signal) : undefined };
    link.end(() => process.send?.(report, undefined, undefined, () => process.exit()));
  });
}

/**
 * Returns a stream that writes keys at the pace of the program that reads them. node-pty's own stream reads no output while a write waits,
 * which deadlocks with a program that prints before it reads.
 *
 * @param {number} fd
 */
function terminalWriter(fd) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return new Writable({
    write(/** @type {Uint8Array} */ chunk, _, callback) {
      let offset = 0;
      const write = () => {
        try {
          while (offset < chunk.length) offset += writeSync(fd, chunk, offset);
        } catch (error) {
          if (/** @type {NodeJS.ErrnoException} */ (error).code === "EAGAIN") {
            timer = setTimeout(write, WRITE_RETRY);
            return;
          }
          // EIO: no process has the terminal open; drop the keys.
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

/** @param {number} number */
function signalName(number) {
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name?.slice("SIG".length) ?? `${number}`;
}
