import { ppkFiles } from "@nacre/keyfiles";
import { fingerprint } from "@nacre/keys";
import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { base64Decode, utf8Encode } from "@nacre/wire";
import { connect, type PrivateKeyOptions, privateKey, serve } from "nacre";
import { describe, expect, it } from "vitest";
import vectors from "../../../test-vectors/keyfiles.json" with { type: "json" };
import ppk from "../../../test-vectors/ppk.json" with { type: "json" };

/** One file of each format, plain and encrypted, written by ssh-keygen and openssl. */
const files = [
  ...new Map(
    vectors.privateKeys.map((file) => [`${file.format}, ${"passphrase" in file ? "encrypted" : "plain"}`, file]),
  ),
];
const plain = vectors.privateKeys.find(({ passphrase }) => passphrase === undefined)!;
const locked = vectors.privateKeys.find(({ passphrase }) => passphrase !== undefined)!;

describe("privateKey", () => {
  it.each(files)("opens a key file: %s", async (_, { text, passphrase, publicKey }) => {
    for (const given of [text, utf8Encode(text)]) {
      const key = await privateKey(given, { passphrase });
      expect(key.publicKey.blob).toEqual(base64Decode(publicKey.split(" ")[1]!));
    }
  });

  it.each([
    ["an encrypted key without a passphrase", locked.text, {}, "passphrase-needed"],
    ["a wrong passphrase", locked.text, { passphrase: "no such" }, "passphrase-wrong"],
    ["a text that is not a key file", "not a key file", {}, "file-malformed"],
    ["a missing text", undefined, {}, "usage"],
    ["an unknown option", plain.text, { password: "x" }, "usage"],
    ["a name in place of a form", plain.text, { forms: ["ppk"] }, "usage"],
    ["a form without `begins`", plain.text, { forms: [{ open: () => {} }] }, "usage"],
  ])("rejects %s", async (_, text, options, code) => {
    expect(await failure(privateKey(text as string, options as PrivateKeyOptions))).toMatchObject({
      name: "SshError",
      code,
    });
  });

  it("opens PuTTY's files if `ppkFiles` is named", async () => {
    const { text, passphrase, publicKey } = ppk.files.find(({ name }) => name === "ed25519-2-encrypted")!;
    const key = await privateKey(text, { passphrase, forms: [ppkFiles] });
    expect(key.publicKey.blob).toEqual(base64Decode(publicKey.split(" ")[1]!));
    expect(await failure(privateKey(text, { passphrase }))).toMatchObject({
      code: "key-unsupported",
      message: expect.stringContaining("pass `ppkFiles` in `forms`"),
    });
  });

  it("returns keys that work as identities and as host keys", async () => {
    const key = await privateKey(plain.text);
    const pin = fingerprint(key.publicKey.blob, "sha256");
    const { near, far } = wire();
    serve(far, {
      ...open,
      hostKeys: [key],
      authenticate: (login) => login.method === "publickey" && login.fingerprint === pin,
    });
    const hostKey = (presented: { readonly fingerprint: string }): boolean => presented.fingerprint === pin;
    const client = await connect(near, { ...visitor, identities: [key], hostKey });
    await client.close();
  });
});
