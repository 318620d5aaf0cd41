import type { FormatPrivateKeyOptions, FormatPublicKeyOptions, SshfpHash } from "@nacre/keyfiles";
import { type OptionValues, usage } from "../options.ts";

/** Format of a private key file to write. */
export type PrivateFormat = FormatPrivateKeyOptions["format"] | "ppk";
/** Format of a public key file of other programs. */
export type PublicFormat = FormatPublicKeyOptions["format"];

/** How a private key is encrypted in OpenSSH's format. `undefined`: as ssh-keygen does by default. */
export interface FileEncryption {
  /** bcrypt rounds. */
  readonly rounds: number | undefined;
  readonly cipher: string | undefined;
}

/** What `-e`, `-i`, `-y`, `-p`, `-c` and `-r` do with a key file. */
export type KeyFileArguments =
  | {
      readonly action: "export";
      readonly file: string;
      readonly format: PublicFormat;
      readonly passphrase: string | undefined;
    }
  | { readonly action: "import"; readonly file: string; readonly format: PublicFormat }
  | { readonly action: "print-public"; readonly file: string; readonly passphrase: string | undefined }
  | ({
      readonly action: "change-passphrase";
      readonly file: string;
      readonly passphrase: string | undefined;
      /** `undefined`: ask at the terminal; `""`: do not encrypt. */
      readonly newPassphrase: string | undefined;
      /** `undefined`: PuTTY's file keeps its format, others get OpenSSH's. */
      readonly format: PrivateFormat | undefined;
    } & FileEncryption)
  | ({
      readonly action: "change-comment";
      readonly file: string;
      readonly passphrase: string | undefined;
      readonly comment: string | undefined;
    } & FileEncryption)
  | {
      readonly action: "sshfp";
      readonly name: string;
      /** `undefined`: the host keys of OpenSSH's server. */
      readonly file: string | undefined;
      readonly hashes: readonly SshfpHash[];
      readonly generic: boolean;
    };

type Option =
  | "-e"
  | "-i"
  | "-y"
  | "-p"
  | "-c"
  | "-r"
  | "-m"
  | "-P"
  | "-O"
  | "-g"
  | "-f"
  | "-N"
  | "-C"
  | "-q"
  | "-a"
  | "-Z";

/** Options that each action takes, besides `-f` and `-q`. */
const TAKES = {
  "-e": ["-m", "-P"],
  "-i": ["-m"],
  "-y": ["-P"],
  "-p": ["-m", "-P", "-N", "-a", "-Z"],
  "-c": ["-P", "-C", "-a", "-Z"],
  "-r": ["-O", "-g"],
} as const satisfies Partial<Record<Option, readonly Option[]>>;

/**
 * Parses a command line with `-e`, `-i`, `-y`, `-p`, `-c` or `-r`. Returns `undefined` without any of them. Throws `usage` for an invalid
 * one.
 */
export function parseKeyFileArguments(
  given: ReadonlySet<string>,
  values: OptionValues<Option>,
): KeyFileArguments | undefined {
  const has = (name: Option): boolean => values.has(name);
  const [mode, ...others] = (Object.keys(TAKES) as (keyof typeof TAKES)[]).filter(has);
  if (mode === undefined) return undefined;
  if (others.length > 0) throw usage(`${others[0]} cannot be combined with ${mode}`);
  const allowed: readonly string[] = [mode, "-f", "-q", ...TAKES[mode]];
  for (const name of given) if (!allowed.includes(name)) throw usage(`${name} cannot be combined with ${mode}`);

  const file = values.last("-f");
  if (mode === "-r") {
    const name = values.last("-r")!;
    return { action: "sshfp", name, file, hashes: sshfpHashes(values.all("-O")), generic: has("-g") };
  }
  if (file === undefined) throw usage(`missing key file for ${mode}; give it with -f`);
  const passphrase = values.last("-P");
  const format = values.last("-m");
  switch (mode) {
    case "-e":
      return { action: "export", file, format: publicFormat(format), passphrase };
    case "-i":
      return { action: "import", file, format: publicFormat(format) };
    case "-y":
      return { action: "print-public", file, passphrase };
    case "-p":
      return {
        action: "change-passphrase",
        file,
        passphrase,
        newPassphrase: values.last("-N"),
        format: format === undefined ? undefined : privateFormat(format),
        ...fileEncryption(values),
      };
    case "-c":
      return { action: "change-comment", file, passphrase, comment: values.last("-C"), ...fileEncryption(values) };
  }
}

function sshfpHashes(options: readonly string[]): readonly SshfpHash[] {
  const [hash, ...others] = options.map((option) => /^hashalg=(sha1|sha256)$/i.exec(option)?.[1]?.toLowerCase());
  if (options.length === 0) return ["sha1", "sha256"];
  if (hash === undefined || others.length > 0) throw usage("-O of -r must be hashalg=sha1 or hashalg=sha256");
  return [hash as SshfpHash];
}

function publicFormat(name = "rfc4716"): PublicFormat {
  const format = (["rfc4716", "pkcs8", "pem"] as const).find((one) => one === name.toLowerCase());
  return format ?? unknownFormat(name, "RFC4716, PKCS8 or PEM");
}

/** More bcrypt rounds make a file that Nacre does not read by default. */
const MAX_ROUNDS = 1024;

/** Parses `-a` and `-Z`. */
export function fileEncryption(values: OptionValues<"-a" | "-Z">): FileEncryption {
  const text = values.last("-a");
  const rounds = text === undefined ? undefined : Number(text);
  if (rounds !== undefined && !(/^\d+$/.test(text!) && rounds >= 1 && rounds <= MAX_ROUNDS))
    throw usage(`invalid number of rounds "${text}"; expected 1 to ${MAX_ROUNDS}`);
  return { rounds, cipher: values.last("-Z") };
}

/** Returns the format of private keys that ssh-keygen means: RFC4716 stands for OpenSSH's own. */
export function privateFormat(name: string): PrivateFormat {
  const formats = { rfc4716: "openssh", pkcs8: "pkcs8", pem: "pem", ppk: "ppk" } as const;
  const key = Object.keys(formats).find((one) => one === name.toLowerCase());
  return key === undefined ? unknownFormat(name, "RFC4716, PKCS8, PEM or PPK") : formats[key as keyof typeof formats];
}

function unknownFormat(name: string, expected: string): never {
  throw usage(`unknown format "${name}"; expected ${expected}`);
}
