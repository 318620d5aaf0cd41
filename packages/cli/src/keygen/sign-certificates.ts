import { formatPublicKeyLine } from "@nacre/keyfiles";
import { parseNetworks } from "@nacre/keyfiles/internal";
import {
  type CertificateOptions,
  type CertificateType,
  certificateKey,
  FOREVER,
  isCertified,
  type PrivateKey,
  type PublicKey,
  parseCertificate,
  prepareCertificate,
  USER_PERMISSIONS,
} from "@nacre/keys";
import { isPrivateKey } from "@nacre/keys/internal";
import { agentIdentities, expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { type Bytes, equalBytes, escapeText, SshError } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";
import type { OptionValues } from "../options.ts";
import { formatValidity, parseValidity } from "./certificate-times.ts";
import { random, replaceFiles } from "./key-files.ts";
import { KeygenFailure, reasonOf, sayLine } from "./keygen-system.ts";
import { readKeys } from "./list-keys.ts";
import { privateKeyInFile } from "./signing-key.ts";

/** Options of `-s`. */
export type SignCertificateOption = "-s" | "-h" | "-U" | "-I" | "-n" | "-V" | "-z" | "-O" | "-t" | "-P" | "-q";
type Values = OptionValues<SignCertificateOption>;

const MAX_SERIAL = 0xffff_ffff_ffff_ffffn;
const MAX_PRINCIPALS = 256;

/** Runs `nacre keygen -s`: signs a certificate for each public key, in a file beside it. Prints what ssh-keygen prints. */
export async function signCertificates(values: Values, files: readonly string[]): Promise<number> {
  if (files.length === 0) throw new KeygenFailure("Too few arguments.", 1);
  const now = BigInt(Math.floor(Date.now() / 1000));
  const validity = parseValidity(values.last("-V") ?? "always:forever", now);
  const [, counts, digits] = /^(\+?)(\d+)$/.exec(values.last("-z") ?? "0") ?? [];
  let serial = BigInt(digits ?? -1);
  if (serial < 0n || serial > MAX_SERIAL)
    throw new KeygenFailure(`Invalid serial number "${escapeText(values.last("-z")!.replace(/^\+/, ""))}"`);
  const keyId = values.last("-I");
  if (keyId === undefined) throw new KeygenFailure("Must specify key id (-I) when certifying");
  const type: CertificateType = values.has("-h") ? "host" : "user";
  const options = certificateOptions(values.all("-O"), type);
  const authority = await authorityOf(values);
  const algorithm = algorithmOf(authority.publicKey, values.last("-t"));
  const principals = principalsOf(values.last("-n"));

  for (const file of files) {
    const { publicKey, comment } = await keyToCertify(file);
    const content = { publicKey, type, keyId, principals, serial, ...validity, ...options, random };
    const certificate = parseCertificate(await signed(authority, content, { algorithm, file }));
    const path = `${file.replace(/\.pub$/, "")}-cert.pub`;
    const text = `${formatPublicKeyLine(certificateKey(certificate), comment)}\n`;
    await replaceFiles([{ path: expandHome(path), text, mode: 0o644 }]);
    if (!values.has("-q")) {
      const shown = showPath(path);
      const names = principals === "none" ? "" : ` for ${escapeText(principals.join(","))}`;
      sayLine(
        `Signed ${type} key ${shown}: id "${escapeText(keyId)}" serial ${serial}${names} valid ${formatValidity(validity)}`,
      );
      if (principals === "none")
        sayLine(
          `Warning: ${shown} names no ${type}, and OpenSSH before 10.3 may accept it for every ${type}; give names with -n`,
        );
      if (validity.validBefore === FOREVER) sayLine(`Warning: ${shown} never expires; give it an end, such as -V +52w`);
    }
    if (counts === "+") serial = (serial + 1n) & MAX_SERIAL;
  }
  return 0;
}

/** Returns the authority's key: from its file, or with `-U` from the agent. */
async function authorityOf(values: Values): Promise<PrivateKey | RemoteIdentity> {
  const path = values.last("-s")!;
  if (!values.has("-U")) return privateKeyInFile(expandHome(path), values.last("-P"));
  const shown = showPath(path);
  const { publicKey } = await firstKey(path, `Cannot load CA public key ${shown}`);
  const socket = process.env["SSH_AUTH_SOCK"];
  if (socket === undefined || socket === "")
    throw new KeygenFailure("Cannot use public key for CA signature: agent not present");
  const identities = await agentIdentities(socket).catch((cause: unknown) => {
    throw new KeygenFailure(`Cannot use public key for CA signature: ${reasonOf(cause)}`);
  });
  const found = identities.find((one) => equalBytes(one.publicKey.blob, publicKey.blob));
  if (found === undefined) throw new KeygenFailure(`CA key ${shown} not found in agent`);
  return found;
}

/** Returns the algorithm of `-t`, or the key's own: rsa-sha2-512 for RSA. */
function algorithmOf({ format, algorithms }: PublicKey, named: string | undefined): string | undefined {
  if (named === undefined || algorithms.some(({ name }) => name === named)) return named;
  if (named === "ssh-rsa" && format === "ssh-rsa")
    throw new KeygenFailure("ssh-rsa signs with SHA-1, which no server accepts; give -t rsa-sha2-512");
  throw new KeygenFailure(`CA key type ${format} doesn't match specified ${escapeText(named)}`);
}

function principalsOf(names: string | undefined): CertificateOptions["principals"] {
  if (names === undefined) return "none";
  const principals = names.split(",");
  if (principals.includes("")) throw new KeygenFailure("Empty principal name");
  if (principals.length > MAX_PRINCIPALS) throw new KeygenFailure("Too many certificate principals specified");
  return principals;
}

/** Returns the first key of a file. A file without a key is a failure, whose message begins with `problem`. */
async function firstKey(path: string, problem: string): Promise<{ readonly publicKey: PublicKey; comment: string }> {
  try {
    return (await readKeys(expandHome(path)))[0]!;
  } catch (cause) {
    throw new KeygenFailure(`${problem}: ${reasonOf(cause)}`);
  }
}

/** Returns the plain key of a file. Without a comment it gets the file's name as one, as with ssh-keygen. */
async function keyToCertify(file: string): Promise<{ readonly publicKey: PublicKey; readonly comment: string }> {
  const shown = showPath(file);
  const { publicKey, comment } = await firstKey(file, `load pubkey "${shown}"`);
  if (isCertified(publicKey.format)) throw new KeygenFailure(`key "${shown}" is a certificate and cannot be certified`);
  return { publicKey, comment: comment || shown };
}

async function signed(
  authority: PrivateKey | RemoteIdentity,
  content: CertificateOptions,
  { algorithm, file }: { readonly algorithm: string | undefined; readonly file: string },
): Promise<Bytes> {
  try {
    const unsigned = prepareCertificate(authority.publicKey, content, algorithm);
    const signature = isPrivateKey(authority)
      ? authority.sign(unsigned.algorithm, unsigned.data, random)
      : await authority.sign(unsigned.algorithm, unsigned.data);
    if (signature === undefined) throw new SshError("agent-failed", "the agent refused to sign");
    return unsigned.finish(signature);
  } catch (cause) {
    if (!(cause instanceof SshError)) throw cause;
    throw new KeygenFailure(`Couldn't certify key ${showPath(file)}: ${cause.message}`);
  }
}

/** The options without a value: the words that set and clear each. */
const FLAGS: readonly { readonly name: string; readonly on: string; readonly off: string }[] = [
  ...Object.keys(USER_PERMISSIONS).map((name) => {
    const on = name.toLowerCase();
    return { name, on, off: on.replace("permit-", "no-") };
  }),
  { name: "no-touch-required", on: "no-touch-required", off: "touch-required" },
  { name: "verify-required", on: "verify-required", off: "no-verify-required" },
];

/** Returns what the values of `-O` make of the default options (ssh-keygen(1), CERTIFICATES). */
function certificateOptions(
  words: readonly string[],
  type: CertificateType,
): Pick<CertificateOptions, "criticalOptions" | "extensions"> {
  const flags = new Set(type === "user" ? Object.keys(USER_PERMISSIONS) : []);
  const critical = new Map<string, string>();
  const extensions = new Map<string, string>();
  for (const word of words) {
    const lower = word.toLowerCase();
    const flag = FLAGS.find(({ on, off }) => lower === on || lower === off);
    const [, known, value = ""] = /^(force-command|source-address)=(.*)$/is.exec(word) ?? [];
    const [, list, name = "", data = ""] = /^(critical|extension):([^=]*)(?:=(.*))?$/is.exec(word) ?? [];
    if (lower === "clear") flags.clear();
    else if (flag !== undefined) flags[lower === flag.on ? "add" : "delete"](flag.name);
    else if (known !== undefined) {
      if (value === "") throw new KeygenFailure(`Empty ${known.toLowerCase()} option`);
      add(critical, known.toLowerCase(), value);
      if (known.toLowerCase() === "source-address" && typeof parseNetworks(value) === "string")
        throw new KeygenFailure(`${escapeText(parseNetworks(value) as string)}\nInvalid source-address list`);
    } else if (list !== undefined) add(list.toLowerCase() === "critical" ? critical : extensions, name, data);
    else throw new KeygenFailure(`Unsupported certificate option "${escapeText(word)}"`);
  }
  for (const name of flags) add(name === "verify-required" ? critical : extensions, name, "");
  return { criticalOptions: Object.fromEntries(critical), extensions: Object.fromEntries(extensions) };
}

function add(to: Map<string, string>, name: string, value: string): void {
  if (to.has(name)) throw new KeygenFailure(`${escapeText(name)} already specified`);
  to.set(name, value);
}
