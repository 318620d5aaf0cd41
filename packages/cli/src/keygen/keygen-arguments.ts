import { parseOptions, usage, valuesOf } from "../options.ts";
import {
  type FileEncryption,
  fileEncryption,
  type KeyFileArguments,
  type PrivateFormat,
  parseKeyFileArguments,
  privateFormat,
} from "./key-file-arguments.ts";

/** Parsed command line of `nacre keygen`. */
export type KeygenArguments =
  | ({
      readonly action: "generate";
      readonly type: KeyType;
      /** Key size in bits; `undefined` selects the default of the type. */
      readonly bits: number | undefined;
      readonly file: string | undefined;
      /** `undefined`: ask at the terminal; `""`: do not encrypt. */
      readonly passphrase: string | undefined;
      readonly comment: string | undefined;
      readonly format: PrivateFormat;
      readonly quiet: boolean;
    } & FileEncryption)
  | KeyFileArguments
  | ({ readonly action: "list"; readonly file: string } & Listing)
  | ({
      readonly action: "known-hosts";
      readonly file: string;
      readonly edit:
        | { readonly kind: "find"; readonly host: string; readonly hashed: boolean }
        | { readonly kind: "remove"; readonly host: string }
        | { readonly kind: "hash" };
      /** Whether `-F` shows fingerprints in place of lines. */
      readonly list: boolean;
      readonly quiet: boolean;
    } & Listing);

/** How keys are shown. */
interface Listing {
  readonly picture: boolean;
  /** Hash of the fingerprints. */
  readonly hash: "sha256" | "md5";
}

export type KeyType = (typeof KEY_TYPES)[number];

const KEY_TYPES = ["ed25519", "rsa", "ecdsa"] as const;
/** Names of formats and signature algorithms, which name a type too, and for ECDSA a size. */
const KEY_FORMATS: ReadonlyMap<string, { readonly type: KeyType; readonly bits?: number }> = new Map([
  ["ssh-ed25519", { type: "ed25519" }],
  ["ssh-rsa", { type: "rsa" }],
  ["rsa-sha2-256", { type: "rsa" }],
  ["rsa-sha2-512", { type: "rsa" }],
  ["ecdsa-sha2-nistp256", { type: "ecdsa", bits: 256 }],
  ["ecdsa-sha2-nistp384", { type: "ecdsa", bits: 384 }],
  ["ecdsa-sha2-nistp521", { type: "ecdsa", bits: 521 }],
]);

/** Options of `nacre keygen`, and whether each takes a value. */
export const KEYGEN_OPTIONS = {
  "-t": "value",
  "-b": "value",
  "-f": "value",
  "-N": "value",
  "-C": "value",
  "-l": "flag",
  "-v": "flag",
  "-E": "value",
  "-F": "value",
  "-H": "flag",
  "-R": "value",
  "-q": "flag",
  "-e": "flag",
  "-i": "flag",
  "-y": "flag",
  "-p": "flag",
  "-c": "flag",
  "-r": "value",
  "-m": "value",
  "-P": "value",
  "-O": "value",
  "-g": "flag",
  "-a": "value",
  "-Z": "value",
} as const;

type Option = keyof typeof KEYGEN_OPTIONS;

/** Options valid for only one action. `-f` is valid for all. */
const FOR_GENERATE: readonly Option[] = ["-t", "-b", "-N", "-C", "-m", "-a", "-Z"];
const FOR_LIST: readonly Option[] = ["-v", "-E"];

/** Parses the words after `nacre keygen`. Throws `usage` if they are invalid. */
export function parseKeygenArguments(words: readonly string[]): KeygenArguments {
  const { options, rest } = parseOptions(words, KEYGEN_OPTIONS);
  if (rest.length > 0) throw usage(`unexpected argument "${rest[0]}"; nacre keygen takes options only`);
  const values = valuesOf<Option>(options);
  const { last } = values;
  const keyFile = parseKeyFileArguments(new Set(options.map(([name]) => name)), values);
  if (keyFile !== undefined) return keyFile;
  const file = last("-f");

  const list = last("-l") !== undefined;
  const find = last("-F");
  const remove = last("-R");
  const hashed = last("-H") !== undefined;
  if (find !== undefined || remove !== undefined || hashed) {
    for (const name of FOR_GENERATE)
      if (last(name) !== undefined) throw usage(`${name} cannot be combined with -F, -H or -R`);
    if (list && find === undefined) throw usage("-l cannot be combined with -H or -R");
    if (remove !== undefined && (find !== undefined || hashed)) throw usage("-R cannot be combined with -F or -H");
    return {
      action: "known-hosts",
      file: file ?? "~/.ssh/known_hosts",
      edit:
        find !== undefined
          ? { kind: "find", host: find, hashed }
          : remove !== undefined
            ? { kind: "remove", host: remove }
            : { kind: "hash" },
      list,
      quiet: last("-q") !== undefined,
      picture: last("-v") !== undefined,
      hash: fingerprintHash(last("-E")),
    };
  }
  for (const name of ["-P", "-O", "-g"] as const)
    if (last(name) !== undefined) throw usage(`${name} cannot be combined with ${list ? "-l" : "-t"}`);
  for (const name of list ? FOR_GENERATE : FOR_LIST)
    if (last(name) !== undefined) throw usage(`${name} ${list ? "cannot be combined" : "can only be used"} with -l`);
  if (list) {
    if (file === undefined) throw usage("missing key file for -l; give it with -f");
    return { action: "list", file, picture: last("-v") !== undefined, hash: fingerprintHash(last("-E")) };
  }

  const named = last("-t");
  const format = KEY_FORMATS.get(named ?? "");
  const type = format?.type ?? KEY_TYPES.find((one) => one === named);
  if (type === undefined)
    throw usage(
      named === undefined
        ? `missing key type; give -t with one of ${KEY_TYPES.join(", ")}`
        : `unknown key type "${named}"; expected one of ${KEY_TYPES.join(", ")}`,
    );
  return {
    action: "generate",
    type,
    bits: bits(last("-b")) ?? format?.bits,
    file,
    passphrase: last("-N"),
    comment: last("-C"),
    format: privateFormat(last("-m") ?? "RFC4716"),
    quiet: last("-q") !== undefined,
    ...fileEncryption(values),
  };
}

function fingerprintHash(hash = "sha256"): "sha256" | "md5" {
  if (hash !== "sha256" && hash !== "md5") throw usage(`unknown hash "${hash}"; expected sha256 or md5`);
  return hash;
}

function bits(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) throw usage(`invalid key size "${text}"; expected a number of bits`);
  return Number(text);
}
