/** What the benchmark asks of processes of their own, and what comes back. Everything here goes through IPC as JSON. */
import type {
  ForwardResult,
  ForwardTask,
  PlainTransferTask,
  ServePlainResult,
  ServePlainTask,
  VisitsResult,
  VisitTask,
} from "./tunnel-tasks.ts";

/** Where to connect and as whom. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** An Ed25519 private key in OpenSSH's format. */
  readonly privateKey: string;
  /** The same, for `ssh`. */
  readonly keyFile: string;
  /** For `ssh`: names `[host]:port` of this target. */
  readonly knownHostsFile: string;
  /** `"SHA256:…"` of the Ed25519 host key. */
  readonly hostKeyFingerprint: string;
  /** For clients without Ed25519: a P-256 private key in PKCS#8, and the host key of that kind. */
  readonly ecdsa: { readonly privateKey: string; readonly hostKeyFingerprint: string };
}

/** One cipher and the MAC beside it. */
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

/** The key exchange methods that any of the measured has; the second name of curve25519-sha256 is no other method. */
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
  /** From before the TCP connection to the first byte of the command's output. */
  readonly ms: number;
  /** Of the process, until the connection is closed again. */
  readonly cpuMs: number;
}

export interface TransferTask {
  readonly kind: "download" | "upload";
  readonly target: Target;
  readonly suite: Suite;
  readonly bytes: number;
  /** Hash what arrives, where it arrives, instead of only counting it. */
  readonly digest: boolean;
}

export interface TransferResult {
  /** What arrived, as the receiving end counted it; `undefined` where it was hashed. */
  readonly bytes: number | undefined;
  /** SHA-256 in hex of what arrived, where that was asked for. */
  readonly sha256: string | undefined;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Peak resident memory of the whole process, MiB. */
  readonly peakMiB: number;
}

/** What reads an upload at the far end: it hashes, or only counts. */
export function uploadCommand(digest: boolean): string {
  return digest ? "sha256sum" : "wc -c";
}

/** What that command printed about what arrived. */
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
  /** Resident memory, MiB: connected, after a first command. */
  readonly idleMiB: number;
  /** The most that was seen during the transfer. */
  readonly peakMiB: number;
}

export interface CeilingTask {
  readonly kind: "ceiling";
  readonly suite: Suite;
  readonly direction: "open" | "seal";
  /** `noble`: the primitives alone; `packets`: our packet layer and ciphers over them. */
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
  /** The one key exchange method that is offered. */
  readonly method: string;
}

export interface KexResult {
  /** What the client says was negotiated. */
  readonly method: string;
  /** From before the TCP connection until logged in. */
  readonly ms: number;
  readonly cpuMs: number;
}

export interface EchoTask {
  readonly kind: "echo";
  readonly target: Target;
  /** Messages that are timed, after others that are not. */
  readonly messages: number;
  /** Messages sent each second without waiting for replies; `undefined`: each after the reply to the one before it. */
  readonly perSecond: number | undefined;
}

/** As keystrokes are, and as fast as they must not fall behind. */
export const echoes = {
  single: { kind: "echo", messages: 3000, perSecond: undefined },
  stream: { kind: "echo", messages: 20_000, perSecond: 10_000 },
} as const satisfies Record<string, Omit<EchoTask, "target">>;

export interface EchoResult {
  /** From the first timed message's sending until the last is back. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Milliseconds there and back: of half of the messages no more than that, and of all but one in a hundred. */
  readonly p50: number;
  readonly p99: number;
}

export interface ManyTask {
  readonly kind: "many";
  readonly target: Target;
  readonly connections: number;
}

export interface ManyResult {
  /** Until each has run `echo ok` and is closed again. */
  readonly ms: number;
  /** Of the process, of all connections together. */
  readonly cpuMs: number;
}

/** To the far end of a path: serve plain TCP and our own SSH at these addresses. */
export interface ServeTask {
  readonly kind: "serve";
  readonly host: string;
  readonly tcpPort: number;
  readonly sshPort: number;
  readonly hostKeyFile: string;
  /** `"ssh-ed25519 AAAA…"`, who may log in. */
  readonly userKey: string;
}

/** It listens. */
export type ServeResult = true;

/** To a server: listen. It lets in who has the one user key, and runs `send BYTES` and `receive`. */
export interface ListenTask {
  readonly kind: "listen";
  readonly hostKeyFile: string;
  /** `"ssh-ed25519 AAAA…"` */
  readonly userKey: string;
}

export interface ListenResult {
  readonly port: number;
}

/** To a server: tell what the process holds and has done. */
export interface CensusTask {
  readonly kind: "census";
  /** Collect garbage first, which costs time. */
  readonly collect: boolean;
}

export interface Census {
  /** Bytes. */
  readonly resident: number;
  readonly heap: number;
  /** Memory outside of the heap that belongs to objects in it: buffers mostly. */
  readonly external: number;
  readonly connections: number;
  /** Since it listens. */
  readonly logins: number;
  /** User and system time of the process, seconds. */
  readonly cpuSeconds: number;
  /** Seconds that went into each part of logins, where they are counted. */
  readonly parts: Readonly<Record<string, number>>;
}

/** To visitors: log in so many times and stay, without asking for anything. */
export interface StayTask {
  readonly kind: "stay";
  readonly target: Target;
  readonly count: number;
  /** The one kex method to offer; the library's own list without. */
  readonly kex: string | undefined;
}

/** To visitors: log in so many times, and leave at once each time. */
export interface CallTask {
  readonly kind: "call";
  readonly target: Target;
  readonly count: number;
  readonly kex: string | undefined;
}

/** To visitors: all go. */
export interface LeaveTask {
  readonly kind: "leave";
}

export interface VisitResult {
  readonly seconds: number;
  /** What all of them agreed on: `"curve25519-sha256, aes128-gcm@openssh.com"`. */
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
  | ServePlainTask
  | PlainTransferTask
  | VisitTask;

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
  "serve-plain": ServePlainResult;
  "plain-transfer": TransferResult;
  visit: VisitsResult;
}[T["kind"]];

/** From the child to the parent. */
export type Report =
  /** The first byte of output of a connect task is there; the connection still stands. */
  { readonly first: true } | { readonly result: unknown } | { readonly failure: string };
