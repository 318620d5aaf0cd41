import { formatPublicKey, parsePublicKeyPem, parseSshfp } from "@nacre/keyfiles";
import { toHex, Writer } from "@nacre/wire";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type PpkText, parsePpk, printPpk } from "../../../packages/keyfiles/src/ppk-text.ts";
import { attempt, expectEqual } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { expectKey } from "./private-keys.ts";

/** PuTTY's private key file. Its MAC is made to match, since no mutation would find it. */
export const ppkFiles: Target = {
  name: "ppk-files",
  run: (bytes) => {
    const text = Buffer.from(bytes).toString("utf8");
    expectKey(bytes);
    const file = attempt(() => parsePpk(text));
    if (file === undefined) return;
    expectEqual(parsePpk(printPpk(file)), file, "file after printing and parsing");
    const plain: PpkText = { ...file, version: 3, encryption: { kind: "none" } };
    const input = new Writer().string(file.format).string("none").string(file.comment).string(file.publicPart);
    const mac = hmac(sha256, new Uint8Array(), input.string(file.privatePart).finish());
    expectKey(Buffer.from(printPpk({ ...plain, mac })));
  },
};

/** A public key in PEM, and a line of a zone file. */
export const publicKeyTexts: Target = {
  name: "public-key-texts",
  run: (bytes) => {
    const text = Buffer.from(bytes).toString("utf8");
    const record = attempt(() => parseSshfp(text));
    if (record !== undefined) {
      const { name, algorithm, hash, fingerprint } = record;
      const again = parseSshfp(`${name} IN SSHFP ${algorithm} ${hash} ${toHex(fingerprint)}`);
      expectEqual(again, record, "record after printing and parsing");
    }
    const key = attempt(() => parsePublicKeyPem(text));
    if (key === undefined) return;
    for (const format of ["pkcs8", "pem"] as const)
      expectEqual(parsePublicKeyPem(formatPublicKey(key, { format })).blob, key.blob, `key as ${format}`);
  },
};
