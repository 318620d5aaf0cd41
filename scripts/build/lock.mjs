// One setup of a clone at a time. Written in plain JavaScript with Node's own modules, as nothing may be installed yet.
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Time limit for waiting in milliseconds, longer than the slowest installation. */
const PATIENCE = 15 * 60_000;

/**
 * Runs `action` while no other process runs one for the same folder. The lock is a file with this process's number; that of a process that
 * has ended does not count.
 *
 * @param {string} folder
 * @param {() => void} action
 */
export function locked(folder, action) {
  const file = join(tmpdir(), `nacre-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}.lock`);
  const giveUpAt = Date.now() + PATIENCE;
  for (let said = false; !take(file); said = true) {
    if (!said) console.error("waiting for another run that sets up this clone");
    if (Date.now() > giveUpAt)
      throw new Error(`another run has set up this clone for 15 minutes; end it, or delete ${file}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  try {
    action();
  } finally {
    release();
    process.off("exit", release);
  }
}

/** @param {string} file */
function take(file) {
  try {
    writeFileSync(file, `${process.pid}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  }
  try {
    // Sends no signal, but throws if there is no such process. The file is empty for an instant after it is created.
    const holder = readFileSync(file, "utf8");
    if (holder !== "") process.kill(Number(holder), 0);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ESRCH") rmSync(file, { force: true });
  }
  return false;
}
