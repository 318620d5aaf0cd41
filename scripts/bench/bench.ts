import type { Program } from "./children.ts";
import type { Table } from "./measure/table.ts";
import type { Place } from "./path/slow-path.ts";
import { kexMethods, suites, type Target } from "./tasks.ts";

/** Environment and options of a run, passed to every case. */
export interface Bench {
  readonly target: Target;
  /** Size of a bulk transfer in bytes. */
  readonly bytes: number;
  /** Number of timed rounds. */
  readonly rounds: number;
  /** Number of timed connections of each client. */
  readonly connects: number;
  /** Sizes of the `server` case: concurrent connections, logins in a row, bytes of a bulk transfer. */
  readonly server: { readonly connections: number; readonly logins: number; readonly bytes: number };
  /** Sizes of the `sftp` case: bytes of the long file, number of short files, names in a listing. */
  readonly sftp: { readonly bytes: number; readonly files: number; readonly names: number };
  /** Size in bytes of the transfer during which the tasks of a page are watched. */
  readonly pageBytes: number;
  /** Returns whether the run includes this contender. */
  takesPart(contender: Contender): boolean;
  /** Path of a file with the payload, for `ssh`. */
  readonly payloadFile: string;
  /** Starts another OpenSSH server in a network namespace, with the same users and files as `target`. */
  serverIn(place: Place): Promise<Target>;
  /** Shows on standard error what is being measured. */
  progress(line: string): void;
}

/** A benchmark case. */
export interface Case {
  readonly name: string;
  /** One-line description. */
  readonly what: string;
  /** Size of the case's longest download in bytes; default `bytes`, the size of a bulk transfer. */
  longest?(bytes: number): number;
  run(bench: Bench): Promise<CaseResult>;
}

/** Results of a case. */
export interface CaseResult {
  readonly tables: readonly Table[];
  /** All individual measurements. */
  readonly samples: readonly Sample[];
}

export type Sample = Readonly<Record<string, string | number | boolean | undefined>>;

/** A client to be measured. */
export interface Contender {
  readonly name: string;
  /** Program that runs the client; `undefined` for the `ssh` command, which is started for each measurement. */
  readonly program: Program | undefined;
  /** Path of the network namespace to run in; default that of this process. */
  readonly namespace?: string;
  /** Whether it is another JavaScript implementation, with which Nacre is compared. */
  readonly otherLibrary: boolean;
  /** Ciphers and key exchange methods that it supports; default all that are measured. */
  readonly has?: readonly string[];
}

/** Returns whether a contender supports this cipher or key exchange method. */
export function offers({ has }: Pick<Contender, "has">, name: string): boolean {
  return has === undefined || has.includes(name);
}

export const nacre: Contender = { name: "nacre", program: { file: "child-nacre" }, otherLibrary: false };
export const nacreWebStreams: Contender = {
  name: "nacre, Web streams",
  program: { file: "child-nacre", args: ["web"] },
  otherLibrary: false,
};
/** Nacre with noble's algorithms only, and without WebAssembly. */
export const nacreOnNoble: Contender = {
  name: "nacre on noble",
  program: { file: "child-nacre", args: ["noble"] },
  otherLibrary: false,
};
/** Nacre with the defaults of platforms other than Node: chacha20-poly1305 in WebAssembly, and noble for all other algorithms. */
export const nacrePortable: Contender = {
  name: "nacre, portable",
  program: { file: "child-nacre", args: ["portable"] },
  otherLibrary: false,
};
/** Measured algorithms that ssh2 supports as a client and as a server: all except ML-KEM. */
export const ssh2Has: readonly string[] = [
  ...suites.map(({ cipher }) => cipher),
  ...kexMethods.filter((name) => name !== "mlkem768x25519-sha256"),
];
export const ssh2AsInstalled: Contender = {
  name: "ssh2 as installed",
  program: { file: "child-ssh2" },
  otherLibrary: true,
  has: ssh2Has,
};
export const ssh2NoDelay: Contender = {
  name: "ssh2, no-delay",
  program: { file: "child-ssh2", args: ["no-delay"] },
  otherLibrary: true,
  has: ssh2Has,
};
export const ssh2Addon: Contender = {
  name: "ssh2, addon, no-delay",
  program: { file: "child-ssh2", args: ["no-delay", "addon"] },
  otherLibrary: true,
  has: ssh2Has,
};
/** This project's package with ssh2's API. */
export const nacreSsh2: Contender = {
  name: "@nacre/ssh2",
  program: { file: "child-ssh2", args: ["nacre"] },
  otherLibrary: false,
};
export const devTunnels: Contender = {
  name: "dev-tunnels, no-delay",
  program: { file: "child-dev-tunnels" },
  otherLibrary: true,
  has: [
    "aes256-gcm@openssh.com",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
  ],
};
export const sshCommand: Contender = { name: "ssh", program: undefined, otherLibrary: false };

/** Returns the time limit of a transfer in milliseconds. A client with less than 2 MB/s counts as hung. */
export function transferTimeout(bytes: number): number {
  return 60_000 + bytes / 2000;
}
