import { parseOptions, usage } from "./options.ts";

/** `nacre keygen`, read. */
export type KeygenArguments =
  | {
      readonly action: "generate";
      readonly type: KeyType;
      /** `undefined` for the usual size of the type. */
      readonly bits: number | undefined;
      readonly file: string | undefined;
      /** `undefined`: to be asked for; `""`: none. */
      readonly passphrase: string | undefined;
      readonly comment: string | undefined;
    }
  | { readonly action: "list"; readonly file: string; readonly picture: boolean; readonly hash: "sha256" | "md5" };

export type KeyType = (typeof KEY_TYPES)[number];

const KEY_TYPES = ["ed25519", "rsa", "ecdsa"] as const;

/** What `keygen` knows, and whether it takes a value. */
export const KEYGEN_OPTIONS = {
  "-t": "value",
  "-b": "value",
  "-f": "value",
  "-N": "value",
  "-C": "value",
  "-l": "flag",
  "-v": "flag",
  "-E": "value",
} as const;

type Option = keyof typeof KEYGEN_OPTIONS;

/** Which options go with which action, beside `-f`. */
const FOR_GENERATE: readonly Option[] = ["-t", "-b", "-N", "-C"];
const FOR_LIST: readonly Option[] = ["-v", "-E"];

/** Reads the words after `nacre keygen`. Throws `usage`. */
export function parseKeygenArguments(words: readonly string[]): KeygenArguments {
  const { options, rest } = parseOptions(words, KEYGEN_OPTIONS);
  if (rest.length > 0) throw usage(`keygen does not know what to do with "${rest[0]}"`);
  const last = (name: Option): string | undefined => options.findLast(([option]) => option === name)?.[1];
  const file = last("-f");

  const list = last("-l") !== undefined;
  for (const name of list ? FOR_GENERATE : FOR_LIST)
    if (last(name) !== undefined) throw usage(`${name} ${list ? "does not go" : "goes only"} with -l`);
  if (list) {
    if (file === undefined) throw usage("-l needs the file of a key (-f)");
    const hash = last("-E") ?? "sha256";
    if (hash !== "sha256" && hash !== "md5") throw usage(`there is no hash "${hash}"; there are sha256, md5`);
    return { action: "list", file, picture: last("-v") !== undefined, hash };
  }

  const named = last("-t");
  const type = KEY_TYPES.find((one) => one === named);
  if (type === undefined)
    throw usage(
      named === undefined
        ? `name the type of the key with -t: ${KEY_TYPES.join(", ")}`
        : `there is no key type "${named}"; there are ${KEY_TYPES.join(", ")}`,
    );
  return { action: "generate", type, bits: bits(last("-b")), file, passphrase: last("-N"), comment: last("-C") };
}

function bits(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) throw usage(`"${text}" is no number of bits`);
  return Number(text);
}
