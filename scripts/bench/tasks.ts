/** Tasks for the child processes of the benchmark, and their results. All are sent through IPC as JSON. */
import type {
  ClosePagesTask,
  EchoPagesResult,
  EchoPagesTask,
  OpenPagesTask,
  RelayResult,
  RelayTask,
  ServeEchoTask,
  TicketsResult,
  TicketsTask,
  WeighTask,
  Weight,
} from "./gateway/gateway-tasks.ts";
import type { FilesResult, FilesTask } from "./sftp/sftp-tasks.ts";
import type { CommandsResult, CommandsTask, IdleResult, IdleTask, WayResult, WayTask } from "./ssh2/ssh2-tasks.ts";
import type {
  Address,
  ForwardResult,
  ForwardTask,
  PlainTransferTask,
  ServePlainResult,
  ServePlainTask,
  VisitsResult,
  VisitTask,
} from "./tunnel/tunnel-tasks.ts";
import type { JumpResult, JumpTask, LoginResult, LoginTask, ThroughResult, ThroughTask } from "./ways/ways-tasks.ts";
import type {
  AdmitResult,
  AdmitTask,
  GatewayResult,
  GatewayTask,
  RelayedResult,
  RelayedTask,
  WebTransferResult,
  WebTransferTask,
} from "./web/web-tasks.ts";

/** Address and user to connect as, with keys. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** An Ed25519 private key in OpenSSH's format. */
  readonly privateKey: string;
  /** File with the same key, for `ssh`. */
  readonly keyFile: string;
  /** Known hosts file for `ssh`. It lists the host key under the alias `bench`. */
  readonly knownHostsFile: string;
  /** `"SHA256:…"` of the Ed25519 host key. */
  readonly hostKeyFingerprint: string;
  /** For clients without Ed25519: a P-256 private key in PKCS#8, and the host key of that kind. */
  readonly ecdsa: { readonly privateKey: string; readonly hostKeyFingerprint: string };
}

/** A cipher and its MAC. */
export interface Suite {
  readonly name: string;
  readonly cipher: string;
  readonly mac: string;
}

export const suites = [
  { name: "aes128-ctr + hmac-sha2-256", cipher: "aes128-ctr", mac: "hmac-sha2-256" },
  { name: "aes256-gcm", cipher: "aes256-gcm@openssh.com", mac: "hmac-sha2-256" },
  { name: "chacha20-poly1305", cipher: "chacha20-poly1305@openssh.com", mac: "hmac-sha2-256" },
] as const satisfies readonly Suite[];

/** Key exchange methods of the measured implementations. curve25519-sha256@libssh.org is the same method as curve25519-sha256. */
export const kexMethods = [
  "mlkem768x25519-sha256",
  "curve25519-sha256",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group14-sha256",
  "diffie-hellman-group16-sha512",
  "diffie-hellman-group18-sha512",
] as const;

export interface ConnectTask {
  readonly kind: "connect";
  readonly target: Target;
}

export interface ConnectResult {
  /** Time from the start of the TCP connection to the first byte of the command's output, in milliseconds. */
  readonly ms: number;
  /** CPU time of the process until the connection is closed, in milliseconds. */
  readonly cpuMs: number;
}

export interface TransferTask {
  readonly kind: "download" | "upload";
  readonly target: Target;
  readonly suite: Suite;
  readonly bytes: number;
  /** Whether the receiving end hashes the data instead of counting bytes. */
  readonly digest: boolean;
}

export interface TransferResult {
  /** Number of bytes counted by the receiving end; `undefined` if it hashed them. */
  readonly bytes: number | undefined;
  /** SHA-256 of the received data in hex; `undefined` if it was counted. */
  readonly sha256: string | undefined;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Peak resident memory of the whole process, in MiB. */
  readonly peakMiB: number;
}

/** Returns the remote command that reads an upload, and hashes or counts it. */
export function uploadCommand(digest: boolean): string {
  return digest ? "sha256sum" : "wc -c";
}

/** Parses the output of that command. */
export function printedBy(text: string, digest: boolean): Pick<TransferResult, "bytes" | "sha256"> {
  const [said = ""] = text.trim().split(" ");
  return digest ? { bytes: undefined, sha256: said } : { bytes: Number(said), sha256: undefined };
}

export interface MemoryTask {
  readonly kind: "memory";
  readonly target: Target;
  readonly suite: Suite;
  readonly bytes: number;
}

export interface MemoryResult {
  readonly bytes: number;
  readonly seconds: number;
  /** Resident memory of the idle connection after a first command, in MiB. */
  readonly idleMiB: number;
  /** Largest resident memory during the transfer, in MiB. */
  readonly peakMiB: number;
}

export interface CeilingTask {
  readonly kind: "ceiling";
  readonly suite: Suite;
  readonly direction: "open" | "seal";
  /** `noble` for the primitives alone; `packets` for Nacre's packet layer and ciphers on top of them. */
  readonly layer: "noble" | "packets";
  readonly bytes: number;
}

export interface CeilingResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface KexTask {
  readonly kind: "kex";
  readonly target: Target;
  /** The only key exchange method to offer. */
  readonly method: string;
}

export interface KexResult {
  /** Negotiated method, as reported by the client. */
  readonly method: string;
  /** Time from the start of the TCP connection to the end of the login, in milliseconds. */
  readonly ms: number;
  readonly cpuMs: number;
}

export interface EchoTask {
  readonly kind: "echo";
  readonly target: Target;
  /** Number of timed messages. Messages for warm-up precede them. */
  readonly messages: number;
  /** Messages sent per second, without waiting for replies; `undefined` to send each after the reply to the previous one. */
  readonly perSecond: number | undefined;
}

/** The two kinds of echo tasks: one message at a time, like keystrokes, and a steady stream. */
export const echoes = {
  single: { kind: "echo", messages: 3000, perSecond: undefined },
  stream: { kind: "echo", messages: 20_000, perSecond: 10_000 },
} as const satisfies Record<string, Omit<EchoTask, "target">>;

export interface EchoResult {
  /** Time from sending the first timed message to receiving the last one. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Median and 99th percentile of the round-trip time, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface ManyTask {
  readonly kind: "many";
  readonly target: Target;
  readonly connections: number;
}

export interface ManyResult {
  /** Time until all connections have run `echo ok` and are closed, in milliseconds. */
  readonly ms: number;
  /** CPU time of the process for all connections together, in milliseconds. */
  readonly cpuMs: number;
}

/** Task for the remote end of a path: listen with the plain TCP server and Nacre's SSH server. */
export interface ServeTask {
  readonly kind: "serve";
  readonly host: string;
  readonly tcpPort: number;
  readonly sshPort: number;
  readonly hostKeyFile: string;
  /** Public key that may log in: `"ssh-ed25519 AAAA…"`. */
  readonly userKey: string;
}

/** Sent when both servers listen. */
export type ServeResult = true;

/** Task for a server: listen, accept logins with one user key, and run the commands of `runCommand`. */
export interface ListenTask {
  readonly kind: "listen";
  readonly hostKeyFile: string;
  /** Public key that may log in, such as `"ssh-ed25519 AAAA…"`. */
  readonly userKey: string;
  /** Public key of the authority whose certificates may log in; `undefined` for none. */
  readonly authority?: string | undefined;
}

export interface ListenResult {
  readonly port: number;
}

/** Task for a server: report its memory, counters and CPU time. */
export interface CensusTask {
  readonly kind: "census";
  /** Whether to collect garbage first. This takes a few seconds. */
  readonly collect: boolean;
}

export interface Census {
  /** Resident memory in bytes. */
  readonly resident: number;
  /** Peak resident memory since the start of the process, in bytes. */
  readonly peak: number;
  readonly heap: number;
  /** Memory outside the heap that belongs to JavaScript objects, mostly buffers, in bytes. */
  readonly external: number;
  readonly connections: number;
  /** Number of logins since the start. */
  readonly logins: number;
  /** User and system time of the process in seconds. */
  readonly cpuSeconds: number;
  /** Time of each part of all logins in seconds; empty if it is not measured. */
  readonly parts: Readonly<Record<string, number>>;
}

/** Task for login clients: open `count` connections and keep them open, without channels. */
export interface StayTask {
  readonly kind: "stay";
  readonly target: Target;
  readonly count: number;
  /** The only key exchange method to offer; `undefined` for the library's defaults. */
  readonly kex: string | undefined;
}

/** Task for login clients: log in `count` times, and disconnect each time. */
export interface CallTask {
  readonly kind: "call";
  readonly target: Target;
  readonly count: number;
  readonly kex: string | undefined;
}

/** Task for login clients: close all open connections. */
export interface LeaveTask {
  readonly kind: "leave";
}

export interface VisitResult {
  readonly seconds: number;
  /** Algorithms that all connections negotiated, such as `"curve25519-sha256, aes128-gcm@openssh.com"`. */
  readonly negotiated: string;
}

export type Task =
  | ConnectTask
  | TransferTask
  | MemoryTask
  | CeilingTask
  | KexTask
  | EchoTask
  | ManyTask
  | ServeTask
  | ListenTask
  | CensusTask
  | StayTask
  | CallTask
  | LeaveTask
  | ForwardTask
  | FilesTask
  | WayTask
  | CommandsTask
  | IdleTask
  | ServePlainTask
  | PlainTransferTask
  | VisitTask
  | GatewayTask
  | AdmitTask
  | RelayedTask
  | WebTransferTask
  | RelayTask
  | TicketsTask
  | WeighTask
  | ServeEchoTask
  | OpenPagesTask
  | EchoPagesTask
  | ClosePagesTask
  | JumpTask
  | ThroughTask
  | LoginTask;

export type ResultOf<T extends Task> = {
  connect: ConnectResult;
  download: TransferResult;
  upload: TransferResult;
  memory: MemoryResult;
  ceiling: CeilingResult;
  kex: KexResult;
  echo: EchoResult;
  many: ManyResult;
  serve: ServeResult;
  listen: ListenResult;
  census: Census;
  stay: VisitResult;
  call: VisitResult;
  leave: VisitResult;
  forward: ForwardResult;
  files: FilesResult;
  way: WayResult;
  commands: CommandsResult;
  idle: IdleResult;
  "serve-plain": ServePlainResult;
  "plain-transfer": TransferResult;
  visit: VisitsResult;
  gateway: GatewayResult;
  admit: AdmitResult;
  relayed: RelayedResult;
  "web-transfer": WebTransferResult;
  relay: RelayResult;
  tickets: TicketsResult;
  weigh: Weight;
  "serve-echo": Address;
  "open-pages": true;
  "echo-pages": EchoPagesResult;
  "close-pages": true;
  jump: JumpResult;
  through: ThroughResult;
  login: LoginResult;
}[T["kind"]];

/** Message from the child to the parent. */
export type Report =
  /** Sent when a connect task receives its first byte of output, with the connection still open. */
  { readonly first: true } | { readonly result: unknown } | { readonly failure: string };
