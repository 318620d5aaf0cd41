import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint } from "@nacre/keys";
import { KEY_TYPES } from "@nacre/testing/interop/algorithms";
import { makeKey } from "@nacre/testing/interop/keys";
import type { TraceRecord } from "nacre";
import { afterAll, beforeAll } from "vitest";

/**
 * The names that Dropbear, as Debian builds it, and we have in common. It writes none of them into its log: what a connection is
 * made of is certain since each side's own proposal, as it was sent, has no other name in common.
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

/** Every name in the peer's first KEXINIT. */
export function proposalIn(trace: readonly TraceRecord[]): string[] {
  for (const record of trace)
    if (record.type === "packet" && record.direction === "received" && record.message === "SSH_MSG_KEXINIT")
      return record.summary.split(" ").flatMap((part) => part.slice(part.indexOf("=") + 1).split(","));
  throw new Error("the trace has no KEXINIT of the peer's");
}

/** Dropbears on loopback, one per kind of host key: one takes four at most. They need no root to let in their own user. */
export interface Dropbears {
  readonly user: string;
  /** By the signature algorithm of the host key. */
  readonly servers: ReadonlyMap<string, { readonly port: number; readonly fingerprint: `SHA256:${string}` }>;
  /** What all have said so far. */
  log(): string;
  /** Accepts logins with one of these keys. */
  authorize(publicKeyLines: readonly string[]): Promise<void>;
}

export function useDropbears(): Dropbears {
  const { username: user } = userInfo();
  const servers = new Map<string, { readonly port: number; readonly fingerprint: `SHA256:${string}` }>();
  const stops: (() => Promise<void>)[] = [];
  let [folder, log] = ["", ""];
  beforeAll(async () => {
    // It refuses keys under a folder that everybody may write to, and /tmp is one.
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

/** Starts one and waits until it listens; gives what ends it. */
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
      // Said once it listens.
      if (line.includes("Not backgrounding")) resolve();
    });
    void ended.then((how) => reject(new Error(`dropbear does not start: ${how}: ${said}`)));
  });
  return async () => {
    child.kill();
    await ended;
  };
}

/** A copy of a key of OpenSSH's in Dropbear's own format, beside it. */
export async function dropbearKey(path: string): Promise<string> {
  const converted = `${path}.dropbear`;
  await promisify(execFile)("dropbearconvert", ["openssh", "dropbear", path, converted]);
  return converted;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
