import { closeSync, fchmodSync, openSync, writeSync } from "node:fs";
import { expandHome } from "@nacre/node";
import { escapeText, SshError, toHex } from "@nacre/wire";
import type { KeyLogPort } from "nacre";

/** A file for Wireshark (`ssh.keylog_file`). */
export interface KeyLog {
  readonly port: KeyLogPort;
  close(): void;
}

/**
 * Appends secrets to a file that its owner alone can read: for each key exchange a line of the client's KEXINIT cookie,
 * `SHARED_SECRET` and the shared secret, both hexadecimal. A leading `~/` is the user's home folder. Throws `file-unreadable`.
 */
export function openKeyLog(path: string): KeyLog {
  try {
    const file = openSync(expandHome(path), "a", 0o600);
    // It may have been there with another mode.
    fchmodSync(file, 0o600);
    return {
      port: (cookie, secret) => writeSync(file, `${toHex(cookie)} SHARED_SECRET ${toHex(secret)}\n`),
      close: () => closeSync(file),
    };
  } catch (cause) {
    throw new SshError("file-unreadable", `the key log cannot be written: ${escapeText((cause as Error).message)}`, {
      cause,
    });
  }
}
