import type { Program } from "./children.ts";
import type { Place } from "./slow-path.ts";
import type { Table } from "./table.ts";
import { kexMethods, suites, type Target } from "./tasks.ts";

/** What every case is given. */
export interface Bench {
  readonly target: Target;
  /** Bytes of a bulk transfer. */
  readonly bytes: number;
  /** How often each transfer is timed. */
  readonly rounds: number;
  /** How often each client connects. */
  readonly connects: number;
  /** Sizes of the `server` case: connections at once, logins in a row, bytes of a bulk transfer. */
  readonly server: { readonly connections: number; readonly logins: number; readonly bytes: number };
  /** Whether a contender of that name takes part. */
  takesPart(contender: Contender): boolean;
  /** The payload as a file, for `ssh`. */
  readonly payloadFile: string;
  /** Starts one more such server, with the same users and files, in a network namespace. */
  serverIn(place: Place): Promise<Target>;
  /** A line about what is being measured, on standard error. */
  progress(line: string): void;
}

/** One thing that is measured. */
export interface Case {
  readonly name: string;
  /** What it does, in one line. */
  readonly what: string;
  /** The longest download, where that is not `bytes`, the size of a bulk transfer. */
  longest?(bytes: number): number;
  run(bench: Bench): Promise<CaseResult>;
}

/** What a case leaves. */
export interface CaseResult {
  readonly tables: readonly Table[];
  /** Every single measurement. */
  readonly samples: readonly Sample[];
}

export type Sample = Readonly<Record<string, string | number | boolean | undefined>>;

/** A client that is measured. */
export interface Contender {
  readonly name: string;
  /** `undefined` for the `ssh` command, which is a process each time. */
  readonly program: Program | undefined;
  /** The path of the network namespace that it runs in; ours without. */
  readonly namespace?: string;
  /** Written in JavaScript by others. */
  readonly peer: boolean;
  /** The ciphers and key exchange methods that it has; all that are measured unless told. */
  readonly has?: readonly string[];
}

/** Whether a contender can do it with this cipher or key exchange method. */
export function offers({ has }: Pick<Contender, "has">, name: string): boolean {
  return has === undefined || has.includes(name);
}

export const nacre: Contender = { name: "nacre", program: { file: "child-nacre" }, peer: false };
export const nacreWebStreams: Contender = {
  name: "nacre, Web streams",
  program: { file: "child-nacre", args: ["web"] },
  peer: false,
};
/** Noble alone, WebAssembly forbidden as well. */
export const nacreOnNoble: Contender = {
  name: "nacre on noble",
  program: { file: "child-nacre", args: ["noble"] },
  peer: false,
};
/** What other platforms than Node have by default: chacha20-poly1305 is in WebAssembly, and everything else is noble's. */
export const nacrePortable: Contender = {
  name: "nacre, portable",
  program: { file: "child-nacre", args: ["portable"] },
  peer: false,
};
/** What ssh2 has of what is measured, as a client and as a server: all but ML-KEM. */
export const ssh2Has: readonly string[] = [
  ...suites.map(({ cipher }) => cipher),
  ...kexMethods.filter((name) => name !== "mlkem768x25519-sha256"),
];
export const ssh2AsInstalled: Contender = {
  name: "ssh2 as installed",
  program: { file: "child-ssh2" },
  peer: true,
  has: ssh2Has,
};
export const ssh2NoDelay: Contender = {
  name: "ssh2, no-delay",
  program: { file: "child-ssh2", args: ["no-delay"] },
  peer: true,
  has: ssh2Has,
};
export const ssh2Addon: Contender = {
  name: "ssh2, addon, no-delay",
  program: { file: "child-ssh2", args: ["no-delay", "addon"] },
  peer: true,
  has: ssh2Has,
};
export const devTunnels: Contender = {
  name: "dev-tunnels, no-delay",
  program: { file: "child-dev-tunnels" },
  peer: true,
  has: [
    "aes256-gcm@openssh.com",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
  ],
};
export const sshCommand: Contender = { name: "ssh", program: undefined, peer: false };

/** Milliseconds that a transfer may take: 2 MB/s is a client that hangs. */
export function transferTimeout(bytes: number): number {
  return 60_000 + bytes / 2000;
}
