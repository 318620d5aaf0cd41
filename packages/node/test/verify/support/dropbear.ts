import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint } from "@nacre/keys";
import { freePort } from "@nacre/testing/free-port";
import { KEY_TYPES } from "@nacre/testing/interop/algorithms";
import { makeKey } from "@nacre/testing/interop/keys";
import type { TraceRecord } from "nacre";
import { afterAll, beforeAll } from "vitest";

/**
 * Algorithms that both we and Debian's build of Dropbear support. Dropbear does not log the negotiated algorithms. The tests determine them
 * from each side's own KEXINIT, restricted so that only one name is common.
 */
export const DROPBEAR_NAMES: ReadonlySet<string> = new Set([
  "mlkem768x25519-sha256",
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group14-sha256",
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-256",
  "chacha20-poly1305@openssh.com",
  "aes128-ctr",
  "aes256-ctr",
  "hmac-sha2-256",
]);

/** Returns all names in the peer's first KEXINIT. */
export function proposalIn(trace: readonly TraceRecord[]): string[] {
  for (const record of trace)
    if (record.type === "packet" && record.direction === "received" && record.message === "SSH_MSG_KEXINIT")
      return record.summary.split(" ").flatMap((part) => part.slice(part.indexOf("=") + 1).split(","));
  throw new Error("the trace contains no KEXINIT from the peer");
}

/**
 * Dropbear servers on loopback, one per type of host key, since one server accepts at most four. They need no root to accept their own
 * user.
 */
export interface Dropbears {
  readonly user: string;
  /** Servers by the signature algorithm of their host key. */
  readonly servers: ReadonlyMap<string, { readonly port: number; readonly fingerprint: `SHA256:${string}` }>;
  /** Output of all servers so far. */
  log(): string;
  /** Makes the servers accept logins with these keys. */
  authorize(publicKeyLines: readonly string[]): Promise<void>;
}

export function useDropbears(): Dropbears {
  const { username: user } = userInfo();
  const servers = new Map<string, { readonly port: number; readonly fingerprint: `SHA256:${string}` }>();
  const stops: (() => Promise<void>)[] = [];
  let [folder, log] = ["", ""];
  beforeAll(async () => {
    // Dropbear refuses keys below a world-writable folder such as /tmp.
    const cache = join(homedir(), ".cache", "nacre");
    await mkdir(cache, { recursive: true });
    folder = await mkdtemp(join(cache, "dropbear-"));
    for (const [algorithm, type] of Object.entries(KEY_TYPES).filter(([name]) => DROPBEAR_NAMES.has(name))) {
      const { path, publicKeyLine } = await makeKey({ path: folder }, algorithm, type);
      const port = await freePort();
      const files = ["-D", folder, "-P", join(folder, "pid"), "-r", await dropbearKey(path)];
      stops.push(
        await start([...files, "-p", `127.0.0.1:${port}`], (line) => {
          log += `${line}\n`;
        }),
      );
      const { blob } = parsePublicKeyLine(publicKeyLine).publicKey;
      servers.set(algorithm, { port, fingerprint: fingerprint(blob, "sha256") as `SHA256:${string}` });
    }
  });
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()));
    if (folder !== "") await rm(folder, { recursive: true });
  });
  return {
    user,
    servers,
    log: () => log,
    authorize: (lines) => writeFile(join(folder, "authorized_keys"), `${lines.join("\n")}\n`, { mode: 0o600 }),
  };
}

/** Starts a server and waits until it listens. Returns the reason if it exits. */
async function start(options: readonly string[], onLine: (line: string) => void): Promise<() => Promise<void>> {
  const child = spawn("/usr/sbin/dropbear", ["-F", "-E", "-m", "-s", "-j", "-k", ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("close", (status) => resolve(`status ${status}`));
  });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    createInterface(child.stderr).on("line", (line) => {
      onLine(line);
      said += `${line}\n`;
      // Printed once the server listens.
      if (line.includes("Not backgrounding")) resolve();
    });
    void ended.then((how) => reject(new Error(`dropbear did not start: ${how}: ${said}`)));
  });
  return async () => {
    child.kill();
    await ended;
  };
}

/** Converts an OpenSSH key to Dropbear's format, in a file next to it. */
export async function dropbearKey(path: string): Promise<string> {
  const converted = `${path}.dropbear`;
  await promisify(execFile)("dropbearconvert", ["openssh", "dropbear", path, converted]);
  return converted;
}
