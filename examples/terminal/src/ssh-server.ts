// The embedded SSH server: one demonstration user, who logs in with a password or with a key of their authorized_keys.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { authorizedKeys, expandHome, fingerprint, hostKeyFile, listen } from "@nacre/node";
import { sftpServer } from "@nacre/node/sftp-server";
import { runShell, terminalsAreSupported } from "./shell.ts";

/** Name of the only user. */
export const DEMO_USER = "demo";

/** Options of `openSshServer`. */
export interface SshServerOptions {
  /** Port on loopback; 0 selects a free one. */
  readonly port: number;
  /** Folder with the host key and the home folder. Created if missing. */
  readonly folder: string;
  /** Receives one line about each ignored line of authorized_keys. */
  readonly warn: (text: string) => void;
}

/** Running SSH server. */
export interface EmbeddedServer {
  readonly port: number;
  /** Password of this run, 80 random bits. */
  readonly password: string;
  /** Fingerprint of the host key, for comparison with the page. */
  readonly fingerprint: string;
  /** Ends all sessions and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts the SSH server on loopback. Its shells run as the account that starts it, with their own home folder. The user's authorized_keys
 * is in that folder, so that `ssh-copy-id` and the page can add keys.
 */
export async function openSshServer({ port, folder, warn }: SshServerOptions): Promise<EmbeddedServer> {
  const home = join(expandHome(folder), "home");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const password = makePassword();
  const hostKey = await hostKeyFile(join(folder, "host_key"));
  const hasKey = authorizedKeys("~/.ssh/authorized_keys", { home, warn });
  const server = await listen({
    port,
    hostKeys: [hostKey],
    methods: ["publickey", "password"],
    authenticate: async (login) => {
      const isRight = login.method === "password" ? equal(login.password, password) : await hasKey(login);
      return login.user === DEMO_USER && isRight;
    },
    session: (session) => runShell(session, { user: DEMO_USER, home }),
    // The files and paths of the shell, so that both show the same. Windows has no files for `sftpServer`.
    subsystems: process.platform === "win32" ? {} : { sftp: sftpServer({ root: "/", startDirectory: home }) },
    acceptPty: await terminalsAreSupported(),
    acceptEnv: (name) => /^(?:LANG|LC_\w{1,64})$/.test(name),
    // All pages arrive from the gateway's address. A penalty for one of them would exclude all.
    perSource: false,
    limits: { keepaliveInterval: 30_000 },
  });
  return {
    port: server.address.port,
    password,
    fingerprint: fingerprint(hostKey.publicKey.blob),
    close: () => server.close({ grace: 0 }),
  };
}

/** Letters and digits without those that look alike: 0, 1, l, o. */
const PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

/** Returns 16 random letters in groups of four: 80 bits that are easy to type. */
function makePassword(): string {
  const letters = Array.from(randomBytes(16), (byte) => PASSWORD_LETTERS[byte % PASSWORD_LETTERS.length]).join("");
  return letters.match(/.{4}/g)!.join("-");
}

/** Compares two texts in a time that depends on neither. */
function equal(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash("sha256").update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(one, other);
}
