import { closeSync, constants, fchmodSync, fstatSync, openSync, type Stats, statSync, writeSync } from "node:fs";
import { expandHome } from "@nacre/node";
import { escapeText, SshError, toHex } from "@nacre/wire";
import type { KeyLogPort } from "nacre";

/** A file for Wireshark (`ssh.keylog_file`). */
export interface KeyLog {
  readonly port: KeyLogPort;
  close(): void;
}

// Windows lacks the last two: `undefined` counts as 0.
const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Appends secrets to a regular file that its owner alone can read. Each key exchange adds one line: the client's KEXINIT cookie,
 * `SHARED_SECRET` and the shared secret, both hexadecimal. A leading `~/` is the user's home folder. Throws `file-unreadable` if the
 * file cannot be written, or is a device, a FIFO or a folder, or a link to one: these are neither written nor made private.
 */
export function openKeyLog(path: string): KeyLog {
  try {
    const name = expandHome(path);
    // Opening alone has effects on some devices.
    // rule: key-log-before-opening
    mustBeRegular(statSync(name, { throwIfNoEntry: false }));
    // It may be another file by now; a FIFO without a reader would block.
    const file = openSync(name, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o600);
    try {
      // rule: key-log-opened
      mustBeRegular(fstatSync(file));
      // It may have been there with another mode.
      fchmodSync(file, 0o600);
    } catch (error) {
      closeSync(file);
      throw error;
    }
    return {
      port: (cookie, secret) => writeSync(file, `${toHex(cookie)} SHARED_SECRET ${toHex(secret)}\n`),
      close: () => closeSync(file),
    };
  } catch (cause) {
    throw new SshError(
      "file-unreadable",
      `the key log ${escapeText(path)} cannot be written: ${escapeText((cause as Error).message)}`,
      { cause },
    );
  }
}

function mustBeRegular(stats: Stats | undefined): void {
  // rule: key-log-regular
  if (stats !== undefined && !stats.isFile()) throw new Error("it is not a regular file; name one, or a new one");
}
