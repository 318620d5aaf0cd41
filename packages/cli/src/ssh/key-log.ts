import { closeSync, constants, fchmodSync, fstatSync, openSync, type Stats, statSync, writeSync } from "node:fs";
import { expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { SshError, toHex } from "@nacre/wire";
import type { KeyLogPort } from "nacre";

/** Open key log file for Wireshark (`ssh.keylog_file`). */
export interface KeyLog {
  readonly port: KeyLogPort;
  close(): void;
}

// Windows lacks O_NONBLOCK and O_NOCTTY; `undefined` counts as 0 in the flags.
const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Opens a key log to append to: a regular file that only its owner can read. Each key exchange adds one line with the client's KEXINIT
 * cookie in hex, `SHARED_SECRET`, and the shared secret in hex. A leading `~/` is the user's home folder. Throws `file-unreadable` if the
 * file cannot be written, or if it is or links to a device, a FIFO or a folder. Such a file is left unchanged, including its mode.
 */
export function openKeyLog(path: string): KeyLog {
  try {
    const name = expandHome(path);
    // Check before opening: opening some devices has side effects.
    // rule: key-log-before-opening
    assertRegular(statSync(name, { throwIfNoEntry: false }));
    // The path may have been replaced since the check. O_NONBLOCK: opening a FIFO without a reader would block.
    const file = openSync(name, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o600);
    try {
      // rule: key-log-opened
      assertRegular(fstatSync(file));
      // An existing file may have another mode.
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
      `cannot write the key log ${showPath(path)}: ${showPath((cause as Error).message)}`,
      { cause },
    );
  }
}

function assertRegular(stats: Stats | undefined): void {
  // rule: key-log-regular
  if (stats !== undefined && !stats.isFile())
    throw new Error("not a regular file; give the path of a regular or a new file");
}
