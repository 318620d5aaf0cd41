import { createReadStream, existsSync, fstatSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import {
  type AllowedSigners,
  isFileHash,
  parseAllowedSigners,
  parseExpiryTime,
  parseFileSignature,
  parseRevokedKeys,
  type Signer,
  type SignerRefusal,
  utcTime,
} from "@nacre/keyfiles";
import { fingerprint, isCertified, keyLabel, parseCertificate, parsePublicKey } from "@nacre/keys";
import { certifiedKeyBlob, defaultKeyFormats } from "@nacre/keys/internal";
import { expandHome, signFile, verifyFile } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { base64Encode, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import type { OptionValues } from "../options.ts";
import { unwritable } from "../ssh/unwritable.ts";
import { KeygenFailure, localTime, readOrFail, reasonOf, sayLine } from "./keygen-system.ts";
import { keyToCheck } from "./revocation-lists.ts";
import { signingKey } from "./signing-key.ts";

/** Options of `-Y`. */
export type SignedFileOption = "-Y" | "-f" | "-n" | "-s" | "-I" | "-r" | "-O" | "-P" | "-U" | "-q" | "-E";
type Values = OptionValues<SignedFileOption>;

interface Operation {
  /** Options that must be given, and what ssh-keygen says without them. */
  readonly needs: Partial<Record<SignedFileOption, string>>;
  readonly run: (values: Values, files: readonly string[]) => Promise<number>;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  sign: {
    needs: {
      "-n": "Too few arguments for sign: missing namespace",
      "-f": "Too few arguments for sign: missing key",
    },
    run: sign,
  },
  verify: {
    needs: {
      "-n": "Too few arguments for verify: missing namespace",
      "-s": "Too few arguments for verify: missing signature file",
      "-f": "Too few arguments for sign: missing allowed keys file",
      "-I": "Too few arguments for verify: missing principal identity",
    },
    run: verify,
  },
  "check-novalidate": {
    needs: {
      "-n": "Too few arguments for check-novalidate: missing namespace",
      "-s": "Too few arguments for check-novalidate: missing signature file",
    },
    run: verify,
  },
  "find-principals": {
    needs: {
      "-s": "Too few arguments for find-principals:missing signature file",
      "-f": "Too few arguments for find-principals:missing allowed keys file",
    },
    run: findPrincipals,
  },
  "match-principals": {
    needs: {
      "-f": "Too few arguments for match-principals:missing allowed keys file",
      "-I": "Too few arguments for match-principals: missing principal ID",
    },
    run: matchPrincipals,
  },
};

/** Runs `nacre keygen -Y`, with the output and status of ssh-keygen. */
export async function runSignedFiles(values: Values, files: readonly string[]): Promise<number> {
  const name = values.last("-Y")!;
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name]! : undefined;
  if (operation === undefined) throw new KeygenFailure(`Unsupported operation for -Y: "${escapeText(name)}"`, 1);
  for (const [option, problem] of Object.entries(operation.needs) as [SignedFileOption, string][])
    if (!values.has(option) || (option === "-n" && values.last("-n") === "")) throw new KeygenFailure(problem, 1);
  return operation.run(values, files);
}

async function sign(values: Values, files: readonly string[]): Promise<number> {
  const { hashalg: hash = "sha512" } = detailsOf(values, ["hashalg"]);
  const key = await signingKey(values.last("-f")!, { passphrase: values.last("-P"), inAgent: values.has("-U") });
  const namespace = values.last("-n")!;
  const isQuiet = values.has("-q");
  for (const file of files.length === 0 ? ["-"] : files) {
    const shown = showPath(file);
    const content = file === "-" ? standardInput() : await opened(file);
    if (!isQuiet) sayLine(file === "-" ? "Signing data on standard input" : `Signing file ${shown}`);
    if (!isFileHash(hash)) throw new KeygenFailure(`unsupported hash algorithm "${escapeText(hash)}"`);
    const signature = await signFile(key, content, { namespace, hash }).catch((cause: unknown) => {
      // A directory can be opened, but not read.
      throw cause instanceof SshError ? cause : new KeygenFailure(`Signing ${shown} failed: ${reasonOf(cause)}`);
    });
    if (file === "-") process.stdout.write(signature);
    else if (await mayWrite(`${file}.sig`)) {
      await writeFile(expandHome(`${file}.sig`), signature).catch((cause) => {
        throw unwritable(`${shown}.sig`, cause);
      });
      if (!isQuiet) sayLine(`Write signature to ${shown}.sig`);
    }
  }
  return 0;
}

/** Bytes that are read of a file at a time. */
const BLOCK = 512 * 1024;

/** Standard input. `process.stdin` reads a file 64 KiB at a time, which takes a sixth longer. */
function standardInput(): AsyncIterable<Uint8Array> {
  return fstatSync(0).isFile()
    ? createReadStream("", { fd: 0, autoClose: false, highWaterMark: BLOCK })
    : process.stdin;
}

/** Opens a file to sign. */
async function opened(file: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    return (await open(expandHome(file))).createReadStream({ highWaterMark: BLOCK });
  } catch (cause) {
    throw new KeygenFailure(`Cannot open ${showPath(file)} for signing: ${reasonOf(cause)}`);
  }
}

/** Asks before an existing file is overwritten: on standard output, with the answer on standard input, as ssh-keygen does. */
async function mayWrite(path: string): Promise<boolean> {
  if (!existsSync(expandHome(path))) return true;
  process.stdout.write(`${showPath(path)} already exists.\nOverwrite (y/n)? `);
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { value: answer = "" } = await answers.next();
  return /^y/i.test(answer as string);
}

let answers: AsyncIterator<string> | undefined;

/** Runs `-Y verify` and `-Y check-novalidate`. */
async function verify(values: Values): Promise<number> {
  try {
    const { "verify-time": time, "print-pubkey": printed } = detailsOf(values, ["verify-time", "print-pubkey"]);
    const namespace = values.last("-n")!;
    const signature = await readOrFail(values.last("-s")!, (reason) => `Couldn't read signature file: ${reason}`);
    const { publicKey } = await verifyFile(signature, standardInput(), { namespace });
    const { format, blob } = parsePublicKey(publicKey);
    const identity = values.last("-Y") === "verify" ? values.last("-I")! : undefined;
    if (identity !== undefined) await checkSigner(values, identity, { publicKey, namespace, time: timeOf(time) });
    const hash = values.last("-E") === "md5" ? "md5" : "sha256";
    const who = identity === undefined ? "" : ` for ${escapeText(identity)}`;
    if (!values.has("-q"))
      process.stdout.write(
        `Good "${escapeText(namespace)}" signature${who} with ${keyLabel(format)} key ${fingerprint(certifiedKeyBlob(blob, defaultKeyFormats), hash)}\n`,
      );
    if (printed !== undefined) process.stdout.write(`${format} ${base64Encode(blob)}\n`);
    return 0;
  } catch (error) {
    sayLine(lineOf(error));
    if (!values.has("-q")) process.stdout.write("Could not verify signature.\n");
    return 255;
  }
}

/** Throws unless the list of signers allows the key, and no list of revoked keys has it. */
async function checkSigner(
  values: Values,
  identity: string,
  { publicKey, ...use }: { readonly publicKey: Uint8Array; readonly namespace: string; readonly time: number },
): Promise<void> {
  const revoked = values.last("-r");
  if (revoked !== undefined) {
    const list = parseRevokedKeys(await readOrFail(revoked, (reason) => `Cannot read ${showPath(revoked)}: ${reason}`));
    if (list.isRevoked(keyToCheck(publicKey))) throw new KeygenFailure("the key is revoked");
  }
  const { signers, file } = await readSigners(values);
  const check = signers.check(identity, signerOf(publicKey), use);
  if (check.allowed) return;
  const reasons = check.reasons.map(({ line, reason }) => `${file}:${line}: ${REFUSALS[reason]}`);
  throw new KeygenFailure(reasons.length === 0 ? `${file} has no line for this key and identity` : reasons.join("\n"));
}

/** Returns the key or certificate that signed. Throws if the authority's signature cannot be verified, such as one with SHA-1. */
function signerOf(blob: Uint8Array): Signer {
  const { format } = parsePublicKey(blob);
  if (!isCertified(format)) return { publicKey: blob };
  const { isVerified, authority, ...certificate } = parseCertificate(blob);
  // rule: signer-unverified
  if (!isVerified)
    throw new KeygenFailure(
      `the authority of the certificate signed with ${escapeText(certificate.signatureAlgorithm)}`,
    );
  return { publicKey: blob, certificate: { ...certificate, authority: authority.blob } };
}

const REFUSALS: Readonly<Record<SignerRefusal, string>> = {
  namespace: "key is not permitted for use in this signature namespace",
  "not-yet-valid": "key is not yet valid",
  expired: "key has expired",
  certificate: "certificate not authorized",
};

async function findPrincipals(values: Values): Promise<number> {
  try {
    const { "verify-time": time } = detailsOf(values, ["verify-time"]);
    const signature = await readOrFail(values.last("-s")!, (reason) => `Couldn't read signature file: ${reason}`);
    const { publicKey } = parseFileSignature(signature);
    const { signers } = await readSigners(values);
    const found = signers.findPrincipals(signerOf(publicKey), timeOf(time));
    if (found === undefined) throw new KeygenFailure("No principal matched.");
    process.stdout.write(
      found
        .split(",")
        .map((one) => `${one}\n`)
        .join(""),
    );
    return 0;
  } catch (error) {
    if (!(error instanceof KeygenFailure && error.message === "No principal matched.")) sayLine(lineOf(error));
    sayLine("No principal matched.");
    return 255;
  }
}

/** Statuses of `-Y match-principals`: without a match, with a malformed line that has the identity, with a file that cannot be read. */
const NO_MATCH = 210;
const MALFORMED_MATCH = 252;
const UNREADABLE = 232;

async function matchPrincipals(values: Values): Promise<number> {
  detailsOf(values, []);
  try {
    const { signers } = await readSigners(values);
    const found = signers.matchPrincipals(values.last("-I")!);
    process.stdout.write(found.map((one) => `${one}\n`).join(""));
    if (found.length > 0) return 0;
  } catch (error) {
    if (error instanceof KeygenFailure) throw new KeygenFailure(`${error.message}\nNo principal matched.`, UNREADABLE);
    if (!(error instanceof SshError)) throw error;
    throw new KeygenFailure("No principal matched.", MALFORMED_MATCH);
  }
  throw new KeygenFailure("No principal matched.", NO_MATCH);
}

/** Reads the list of signers. Says which lines are not used. */
async function readSigners(values: Values): Promise<{ readonly signers: AllowedSigners; readonly file: string }> {
  const file = values.last("-f")!;
  const shown = showPath(file);
  const bytes = await readOrFail(file, (reason) => `Unable to open allowed keys file "${shown}": ${reason}`);
  const signers = parseAllowedSigners(utf8DecodeLossy(bytes), localTime);
  for (const { line, problem } of signers.problems) sayLine(`${shown}:${line}: ${problem}`);
  return { signers, file: shown };
}

/** Parses the values of `-O`: `NAME=VALUE`, or the name alone for `print-pubkey`. */
function detailsOf<N extends string>(values: Values, known: readonly N[]): Partial<Record<N, string>> {
  const details: Partial<Record<N, string>> = {};
  for (const option of values.all("-O")) {
    const [, written = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(option) ?? [];
    const name = known.find((one) => one === written.toLowerCase());
    if (name === undefined || (name === "print-pubkey") !== (value === undefined))
      throw new KeygenFailure(`Invalid option "${escapeText(option)}"`);
    details[name] = value ?? "";
  }
  return details;
}

/** Returns the time that `verify-time=` names, else the current time. */
function timeOf(text: string | undefined): number {
  if (text === undefined) return Date.now();
  const time = parseExpiryTime(text);
  if (time === undefined) throw new KeygenFailure('Invalid "verify-time" option');
  return time.utc ? utcTime(time) : localTime(time);
}

/** Returns what ssh-keygen says of a signature that is not valid, or our own message. */
function lineOf(error: unknown): string {
  if (error instanceof KeygenFailure) return error.message;
  if (!(error instanceof SshError)) throw error;
  return error.code === "bad-signature" ? `Couldn't verify signature: ${error.message}` : error.message;
}
