import { parseOptions, usage } from "../options.ts";

/** Parsed command line of `nacre keygen`. */
export type KeygenArguments =
  | {
      readonly action: "generate";
      readonly type: KeyType;
      /** Key size in bits; `undefined` selects the default of the type. */
      readonly bits: number | undefined;
      readonly file: string | undefined;
      /** `undefined`: ask at the terminal; `""`: do not encrypt. */
      readonly passphrase: string | undefined;
      readonly comment: string | undefined;
    }
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
} as const;

type Option = keyof typeof KEYGEN_OPTIONS;

/** Options valid for only one action. `-f` is valid for all. */
const FOR_GENERATE: readonly Option[] = ["-t", "-b", "-N", "-C"];
const FOR_LIST: readonly Option[] = ["-v", "-E"];

/** Parses the words after `nacre keygen`. Throws `usage` if they are invalid. */
export function parseKeygenArguments(words: readonly string[]): KeygenArguments {
  const { options, rest } = parseOptions(words, KEYGEN_OPTIONS);
  if (rest.length > 0) throw usage(`unexpected argument "${rest[0]}"; nacre keygen takes options only`);
  const last = (name: Option): string | undefined => options.findLast(([option]) => option === name)?.[1];
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
  if (last("-q") !== undefined) throw usage("-q can only be used with -F, -H or -R");
  for (const name of list ? FOR_GENERATE : FOR_LIST)
    if (last(name) !== undefined) throw usage(`${name} ${list ? "cannot be combined" : "can only be used"} with -l`);
  if (list) {
    if (file === undefined) throw usage("missing key file for -l; give it with -f");
    return { action: "list", file, picture: last("-v") !== undefined, hash: fingerprintHash(last("-E")) };
  }

  const named = last("-t");
  const type = KEY_TYPES.find((one) => one === named);
  if (type === undefined)
    throw usage(
      named === undefined
        ? `missing key type; give -t with one of ${KEY_TYPES.join(", ")}`
        : `unknown key type "${named}"; expected one of ${KEY_TYPES.join(", ")}`,
    );
  return { action: "generate", type, bits: bits(last("-b")), file, passphrase: last("-N"), comment: last("-C") };
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
