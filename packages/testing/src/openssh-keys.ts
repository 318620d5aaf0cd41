import { base64Decode, concatBytes, Reader, utf8Encode, Writer } from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import file from "../../../test-vectors/openssh-keys.json" with { type: "json" };
import { fromHex } from "./bytes.ts";

/** Decodes the blob in a public key line. */
export function blobOf(line: string): Uint8Array {
  return base64Decode(line.split(" ")[1]!.trim())!;
}

/** Public keys of OpenSSH's unit tests, with their fingerprints. */
export const opensshKeys: readonly {
  readonly name: string;
  readonly blob: Uint8Array;
  readonly fingerprint: string;
}[] = file.keys.map(({ name, line, fingerprint }) => ({ name, blob: blobOf(line), fingerprint }));

/** Certificates of OpenSSH's unit tests, by the name of their file. */
export const opensshCertificates: ReadonlyMap<string, Uint8Array> = new Map(
  file.certificates.map(({ name, line }) => [name, blobOf(line)]),
);

/** Private key files of security keys, and the public key in each. */
export const securityKeyFiles: readonly { readonly name: string; readonly text: string; readonly blob: Uint8Array }[] =
  file.securityKeyFiles.map(({ name, text, line }) => ({ name, text, blob: blobOf(line) }));

/** What `ssh-add` sends to add a security key, then the key with its certificate. */
export const addedSecurityKeys: readonly { readonly type: string; readonly requests: readonly Uint8Array[] }[] =
  file.addIdentity.map(({ type, requests }) => ({ type, requests: requests.map(fromHex) }));

/** Signatures of the test of signed files: a key, the bytes that it signed, and the signature blob. */
export const opensshSignatures: readonly {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}[] = file.signatures.map(({ name, armored }) => {
  const reader = new Reader(base64Decode(armored.replace(/-----.*-----|\s/g, ""))!, name);
  reader.raw(6, "magic");
  reader.uint32("version");
  const publicKey = reader.string("public key");
  const namespace = reader.string("namespace");
  reader.string("reserved");
  const hashName = reader.name("hash");
  const signature = reader.string("signature");
  const hash = hashName === "sha512" ? sha512 : sha256;
  // What is signed in place of a file (OpenSSH PROTOCOL.sshsig).
  const rest = new Writer()
    .string(namespace)
    .string("")
    .string(hashName)
    .string(hash(utf8Encode(file.signed.data)));
  return { name, publicKey, data: concatBytes(utf8Encode("SSHSIG"), rest.finish()), signature };
});
