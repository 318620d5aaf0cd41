import { formatPpk, formatPrivateKey } from "@nacre/keyfiles";
import { ed25519, generateEd25519 } from "@nacre/keys";
import { utf8Encode } from "@nacre/wire";
import { inSlices } from "nacre/extend";
import { describe, expect, test } from "vitest";
import { privateKey } from "../src/keys/key-file.ts";
import { codeOf, counting } from "./support.ts";

const key = generateEd25519(counting);
const data = utf8Encode("what is signed");
const plain = await inSlices(formatPrivateKey(key, { format: "openssh", random: counting }));
const locked = await inSlices(
  formatPrivateKey(key, { format: "openssh", passphrase: "open sesame", rounds: 1, random: counting }),
);

const putty = await inSlices(formatPpk(key, { random: counting }));
const lockedPutty = await inSlices(formatPpk(key, { passphrase: "open sesame", passes: 1, random: counting }));

describe.each(["node", "noble"] as const)("privateKey on %s", (crypto) => {
  test.each([
    ["plain", plain, {}],
    ["plain, as bytes", utf8Encode(plain), {}],
    ["encrypted", locked, { passphrase: "open sesame" }],
    ["PuTTY's", putty, {}],
    ["PuTTY's, encrypted", lockedPutty, { passphrase: "open sesame" }],
  ])("reads a key that signs: %s", async (_, text, options) => {
    const opened = await privateKey(text, { crypto, ...options });
    expect(opened.publicKey.blob).toEqual(key.publicKey.blob);
    expect(ed25519.verify(key.publicKey.blob, data, opened.sign("ssh-ed25519", data, counting))).toEqual({});
  });

  test.each([
    ["encrypted, without a passphrase", locked, {}, "passphrase-needed"],
    ["encrypted, with a wrong passphrase", locked, { passphrase: "sesame" }, "passphrase-wrong"],
    ["not a key", "nothing of the kind", {}, "file-malformed"],
  ])("rejects a text that is %s: %s", async (_, text, options, code) => {
    expect(await codeOf(privateKey(text, { crypto, ...options }))).toBe(code);
  });
});
