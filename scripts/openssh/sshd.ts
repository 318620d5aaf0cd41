import { createHmac, randomBytes } from "node:crypto";
import { connect as connectSocket, createServer } from "node:net";
import { containerExec, control, controlInNamespace, findHost } from "./host.ts";

export { containerExec };

export type HostKeyType = "ed25519" | "rsa-3072" | "ecdsa-256" | "ecdsa-384" | "ecdsa-521";

export interface SshdOptions {
  /**
   * Lines of sshd_config. They win over the defaults (sshd takes the first value it meets), and from the first `Match`
   * on they go to the end.
   */
  readonly config?: readonly string[];
  /** One fresh host key each; all of them unless told. An RSA key takes about half a second. */
  readonly hostKeys?: readonly HostKeyType[];
  /** `VERBOSE` unless told. */
  readonly logLevel?: "VERBOSE" | "DEBUG1" | "DEBUG2" | "DEBUG3";
  /** A port to take again, of a server that was stopped; a free one unless told. */
  readonly port?: number;
  /**
   * A network namespace to listen in instead of this machine's, and one of its addresses. Its path is one of this process's,
   * which needs to be root.
   */
  readonly inNamespace?: { readonly namespace: string; readonly address: string };
}

export interface Sshd {
  /** 127.0.0.1, but in a namespace the address there. */
  readonly host: string;
  readonly port: number;
  /** One `type base64 comment` line per host key. */
  readonly hostPublicKeys: readonly string[];
  /** All that this sshd has logged, also after `stop()`. The first connection in it is the look whether it answers. */
  log(): Promise<string>;
  /** Kills every connection's processes with SIGKILL, and the commands they run; the server goes on listening. */
  killSessions(): Promise<void>;
  /** Kills the server and every connection with SIGKILL. */
  stop(): Promise<void>;
}

/** alice logs in; bob's password has expired. Others come from `addUser()`. */
export type UserName = "alice" | "bob" | (string & {});

/** The password of alice and bob, another one each run. */
export function password(): string {
  const host = findHost();
  if (host === undefined) throw new Error("no OpenSSH container is up: its users have no password yet");
  return host.password;
}

/** Keyboard-interactive through PAM: one round, the password; three more when it has expired; then one without prompts. */
export const keyboardInteractive: readonly string[] = [
  "UsePAM yes",
  "PAMServiceName nacre-password",
  "KbdInteractiveAuthentication yes",
  "PasswordAuthentication no",
];

/**
 * Keyboard-interactive through PAM in two rounds: an instruction and the password, not echoed, then `oneTimeCode()`,
 * echoed. OpenSSH puts every PAM prompt into a request of its own, and ends with a request that has none.
 */
export const keyboardInteractiveTwoRounds: readonly string[] = [
  "UsePAM yes",
  "PAMServiceName nacre-password-and-code",
  "KbdInteractiveAuthentication yes",
  "PasswordAuthentication no",
];

/**
 * Starts a further sshd in the container, on a free port of 127.0.0.1 and with a configuration and host keys of its own,
 * and waits until it answers. It takes keys and passwords, without PAM unless told, and has sftp. Several processes may
 * call this at once. It ends with `stop()` or with the container.
 *
 * @throws when sshd does not start, with its log, or does not answer within 10 s.
 */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const types = options.hostKeys ?? ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"];
  const lines = [...(options.config ?? [])];
  const firstMatch = lines.findIndex((line) => /^\s*match\s/i.test(line));
  const matches = firstMatch < 0 ? [] : lines.splice(firstMatch);
  const config = [
    ...lines,
    `LogLevel ${options.logLevel ?? "VERBOSE"}`,
    "PasswordAuthentication yes",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "StrictModes no",
    "UseDNS no",
    "PrintMotd no",
    "PrintLastLog no",
    "AcceptEnv LANG LC_* NACRE_*",
    // A few failed logins would shut out 127.0.0.1, and so every test there is.
    "PerSourcePenalties no",
    // Of this one sshd takes the last value.
    ...(lines.some((line) => /^\s*maxstartups\s/i.test(line)) ? [] : ["MaxStartups 1000"]),
    "MaxSessions 100",
    "Subsystem sftp internal-sftp",
    ...matches,
    "",
  ].join("\n");

  const { inNamespace } = options;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const args = ["start", String(port), ...types];
    const started = await (inNamespace === undefined
      ? control(args, config)
      : controlInNamespace(inNamespace.namespace, args, `ListenAddress ${inNamespace.address}:${port}\n${config}`));
    // Another process may have taken the free port in the meantime.
    if (started.status === 98 && options.port === undefined && attempt < 10) continue;
    if (started.status !== 0) throw new Error(`sshd does not start on port ${port}:\n${started.stderr}`);

    const [folder = "", ...hostPublicKeys] = started.stdout.trimEnd().split("\n");
    if (inNamespace === undefined) await untilBanner(port);
    return {
      host: inNamespace?.address ?? "127.0.0.1",
      port,
      hostPublicKeys,
      log: async () => (await succeed(containerExec(["cat", `${folder}/log`]))).stdout,
      killSessions: async () => void (await succeed(control(["kill-sessions", folder]))),
      stop: async () => void (await succeed(control(["stop", folder]))),
    };
  }
}

/** Lets a key (an authorized_keys line, options allowed) log in as a user, on every server of the container. */
export async function authorizeKey(user: UserName, publicKeyLine: string): Promise<void> {
  await succeed(control(["authorize-key", user], `${publicKeyLine.trimEnd()}\n`));
}

/** Makes a user with a name and a password nobody else has, for a test that changes either. */
export async function addUser(
  options: { readonly passwordExpired?: boolean } = {},
): Promise<{ readonly name: string; readonly password: string }> {
  const user = { name: `user-${randomBytes(5).toString("hex")}`, password: `pass ${randomBytes(8).toString("hex")}` };
  const expired = options.passwordExpired === true ? ["expired"] : [];
  await succeed(control(["add-user", user.name, ...expired], `${user.password}\n`));
  return user;
}

/** The code that `keyboardInteractiveTwoRounds` asks for: RFC 6238 over the secret in server/one-time-secret. */
export function oneTimeCode(): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", "the second of 2 ways").update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function succeed<T extends { status: number; stderr: string }>(result: Promise<T>): Promise<T> {
  const ended = await result;
  if (ended.status !== 0) throw new Error(`status ${ended.status} where the sshds run: ${ended.stderr.trimEnd()}`);
  return ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function untilBanner(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, "127.0.0.1");
    let received = "";
    const settle = (failure?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      if (failure === undefined) resolve();
      else reject(new Error(`sshd on port ${port} ${failure}; so far it sent ${JSON.stringify(received)}`));
    };
    const timer = setTimeout(() => settle("says no SSH identification within 10 s"), 10_000);
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (/^SSH-2\.0-[^\n]*\n/m.test(received)) settle();
    });
    socket.on("error", (error) => settle(`cannot be reached: ${error.message}`));
    socket.on("close", () => settle("closed the connection"));
  });
}
