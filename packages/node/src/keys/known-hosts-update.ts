import { randomUUID } from "node:crypto";
import { realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { type HostKeyChanges, hostKeyChangesWith, keepHostKeysWith } from "@nacre/keyfiles/internal";
import { equalBytes, Reader, SshError } from "@nacre/wire";
import type { AnnouncedHostKeys } from "nacre/extend";
import { fingerprint } from "../crypto/fingerprint.ts";
import { whileHeld } from "../windows/held-files.ts";
import { isWindows, showPath } from "../windows/system.ts";
import { withFileLock } from "./file-lock.ts";
import {
  type HostDecision,
  type HostOptions,
  hmacSha1,
  hostOf,
  lookedUp,
  readTexts,
  userFiles,
  withKey,
} from "./known-hosts.ts";

/** Host keys that a server wants to replace, after it has proved the new ones. */
export interface HostKeyUpdate {
  readonly host: string;
  readonly port: number;
  /** Keys that will be added to known_hosts. */
  readonly added: readonly UpdatedHostKey[];
  /** Keys that will be removed from known_hosts. */
  readonly removed: readonly UpdatedHostKey[];
}

/** A host key that is added to known_hosts or removed from it. */
export interface UpdatedHostKey {
  /** Key format, such as `"ssh-ed25519"`. */
  readonly format: string;
  /** Fingerprint as `ssh-keygen -l` prints it: `"SHA256:…"`, or `"MD5:…"` if `fingerprintHash` says so. */
  readonly fingerprint: string;
}

/**
 * Returns the function that replaces a host's keys in known_hosts once the server has announced and proved them. `known` tells whether the
 * user's files had the key of the connection. Failures become warnings.
 */
export function hostKeyUpdater(
  options: HostOptions,
  known: Pick<HostDecision, "isTrusted">,
  ask: true | ((update: HostKeyUpdate) => boolean | Promise<boolean>),
): (announced: AnnouncedHostKeys) => Promise<void> {
  const { host, port } = options;
  return async ({ all, verifiable, prove }) => {
    // rule: host-keys-trusted
    if (!known.isTrusted()) return;
    /** Returns the changes to make; `undefined` for none. */
    const changes = async (): Promise<HostKeyChanges | undefined> => {
      const found = hostKeyChangesWith(hmacSha1, ...lookedUp(options), all, ...(await readTexts(userFiles(options))));
      if (typeof found === "string") return undefined;
      const added = found.added.filter((blob) => includes(verifiable, blob));
      return added.length + found.removed.length === 0 ? undefined : { added, removed: found.removed };
    };
    try {
      const planned = await changes();
      if (planned === undefined) return;
      // rule: host-keys-proved
      if (planned.added.length > 0) await prove(planned.added);
      const update = {
        host,
        port,
        added: planned.added.map((blob) => describe(options, blob)),
        removed: planned.removed.map(({ blob }) => describe(options, blob)),
      };
      // rule: host-keys-asked
      if (ask !== true && ((await ask(update)) as unknown) !== true) return;
      const [first] = userFiles(options);
      if (first?.path === undefined) return;
      await withFileLock(first.path, options.warn, async () => {
        // The files may have changed meanwhile.
        const now = await changes();
        if (now === undefined) return;
        const added = now.added.filter((blob) => includes(planned.added, blob));
        for (const { name, text, path } of await readTexts(userFiles(options))) {
          const changed = keepHostKeysWith(hmacSha1, text, ...lookedUp(options), all);
          const whole =
            name === first.name ? added.reduce((made, blob) => withKey(made, options, blob), changed) : changed;
          if (whole !== text && path !== undefined) await replaceFile(path, whole);
        }
      });
    } catch (cause) {
      // The connection may end at any time, and is asked again on the next one.
      if (cause instanceof SshError && (cause.code === "closed" || cause.code === "connection-lost")) return;
      options.warn(`the host keys of ${hostOf(options)} in known_hosts are not updated: ${showPath(String(cause))}`);
    }
  };
}

function includes(blobs: readonly Uint8Array[], blob: Uint8Array): boolean {
  return blobs.some((one) => equalBytes(one, blob));
}

function describe({ fingerprintHash }: HostOptions, blob: Uint8Array): UpdatedHostKey {
  return { format: new Reader(blob, "host key").text("format"), fingerprint: fingerprint(blob, fingerprintHash) };
}

/** Replaces a file at once, and keeps its mode. Follows symbolic links. */
async function replaceFile(path: string, text: string): Promise<void> {
  const file = await realpath(path).catch(() => path);
  const mode = (await stat(file).catch(() => undefined))?.mode ?? 0o600;
  const made = `${file}.${randomUUID()}`;
  try {
    await writeFile(made, text, { encoding: "latin1", flag: "wx", mode: mode & 0o777 });
    if (isWindows()) await whileHeld(() => rename(made, file));
    else await rename(made, file);
  } catch (cause) {
    await rm(made, { force: true });
    throw cause;
  }
}
