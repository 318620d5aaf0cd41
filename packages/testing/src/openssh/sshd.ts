import { createHmac, randomBytes } from "node:crypto";
import { connect as connectSocket } from "node:net";
import { freePort } from "@nacre/testing/free-port";
import { containerExec, control, controlInNamespace, findHost } from "./host.ts";

export { containerExec };

export type HostKeyType = "ed25519" | "rsa-3072" | "ecdsa-256" | "ecdsa-384" | "ecdsa-521";

export interface SshdOptions {
  /**
   * Lines of sshd_config. They come before the defaults and so override them, as sshd uses the first value of an option. The first `Match`
   * and all lines after it are moved to the end of the file.
   */
  readonly config?: readonly string[];
  /** Types of host keys to generate, one key each; default all. An RSA key takes about half a second. */
  readonly hostKeys?: readonly HostKeyType[];
  /** Default `VERBOSE`. */
  readonly logLevel?: "VERBOSE" | "DEBUG1" | "DEBUG2" | "DEBUG3";
  /** Port to listen on, such as that of a server that was stopped; default a free port. */
  readonly port?: number;
  /**
   * Network namespace to listen in instead of this machine's, and one of its addresses. The namespace is a path as seen by this process.
   * Needs root.
   */
  readonly inNamespace?: { readonly namespace: string; readonly address: string };
}

export interface Sshd {
  /** 127.0.0.1, or the address in the network namespace. */
  readonly host: string;
  readonly port: number;
  /** Public host keys, one line `type base64 comment` each. */
  readonly hostPublicKeys: readonly string[];
  /** Returns this sshd's whole log, also after `stop()`. Its first connection is the check that sshd answers. */
  log(): Promise<string>;
  /** Kills the processes of all connections, and the commands they run, with SIGKILL. The server keeps listening. */
  killSessions(): Promise<void>;
  /** Kills the server and every connection with SIGKILL. */
  stop(): Promise<void>;
}

/** Name of a user: alice, bob with an expired password, or a user from `addUser()`. */
export type UserName = "alice" | "bob" | (string & {});

/** Returns the password of alice and bob, which differs in each run. */
export function password(): string {
  const host = findHost();
  if (host === undefined) throw new Error("no OpenSSH container is running; call `ensureContainer` before `password`");
  return host.password;
}

/**
 * Configuration for keyboard-interactive through PAM in one round, which asks for the password. An expired password takes three more
 * rounds. The last request has no prompts.
 */
export const keyboardInteractive: readonly string[] = [
  "UsePAM yes",
  "PAMServiceName nacre-password",
  "KbdInteractiveAuthentication yes",
  "PasswordAuthentication no",
];

/**
 * Configuration for keyboard-interactive through PAM in two rounds: an instruction and the password, without echo, and then
 * `oneTimeCode()`, with echo. OpenSSH sends every PAM prompt in a request of its own, and then a request without prompts.
 */
export const keyboardInteractiveTwoRounds: readonly string[] = [
  "UsePAM yes",
  "PAMServiceName nacre-password-and-code",
  "KbdInteractiveAuthentication yes",
  "PasswordAuthentication no",
];

/**
 * Starts an sshd in the container, on a free port of 127.0.0.1, with its own configuration and host keys, and waits until it answers. By
 * default it accepts keys and passwords without PAM, and offers sftp. Several processes may call this concurrently. The sshd ends on
 * `stop()` or with the container.
 *
 * @throws if sshd does not start, with its log, or if it does not answer within 10 s.
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
    // Otherwise sshd would block 127.0.0.1, and so all tests, after a few failed logins.
    "PerSourcePenalties no",
    // Unlike other options, sshd uses the last value of this one.
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
    if (started.status !== 0) throw new Error(`sshd did not start on port ${port}:\n${started.stderr}`);

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

/** Authorizes a key for a user on every server of the container. `publicKeyLine` is an authorized_keys line, with options if needed. */
export async function authorizeKey(user: UserName, publicKeyLine: string): Promise<void> {
  await succeed(control(["authorize-key", user], `${publicKeyLine.trimEnd()}\n`));
}

/** Creates a user with a random name and password, for a test that changes the password or the account. */
export async function addUser(
  options: { readonly passwordExpired?: boolean } = {},
): Promise<{ readonly name: string; readonly password: string }> {
  const user = { name: `user-${randomBytes(5).toString("hex")}`, password: `pass ${randomBytes(8).toString("hex")}` };
  const expired = options.passwordExpired === true ? ["expired"] : [];
  await succeed(control(["add-user", user.name, ...expired], `${user.password}\n`));
  return user;
}

/** Returns the code that `keyboardInteractiveTwoRounds` asks for: RFC 6238 with the secret in server/one-time-secret. */
export function oneTimeCode(): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", "the second of 2 ways").update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function succeed<T extends { status: number; stderr: string }>(result: Promise<T>): Promise<T> {
  const ended = await result;
  if (ended.status !== 0)
    throw new Error(`control command failed with status ${ended.status}: ${ended.stderr.trimEnd()}`);
  return ended;
}

function untilBanner(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, "127.0.0.1");
    let received = "";
    const settle = (failure?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      if (failure === undefined) resolve();
      else reject(new Error(`sshd on port ${port} ${failure}; received ${JSON.stringify(received)}`));
    };
    const timer = setTimeout(() => settle("sent no SSH identification within 10 s"), 10_000);
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (/^SSH-2\.0-[^\n]*\n/m.test(received)) settle();
    });
    socket.on("error", (error) => settle(`cannot be reached: ${error.message}`));
    socket.on("close", () => settle("closed the connection"));
  });
}
