import { createPrivateKey } from "node:crypto";
import { PASSPHRASE, ppkVectors, textOf, vectors } from "@nacre/testing/keyfiles";
import ssh2 from "ssh2";
import { describe, expect, test } from "vitest";
import { isParsedKey, type ParsedKey, parseKey, privateKeyOf, publicKeyOf } from "../../src/keys/parse-key.ts";

type Theirs = ReturnType<typeof ssh2.utils.parseKey>;

/** What programs see of a parsed key. PEM texts of private keys are compared by their values. */
function seen(key: ParsedKey | readonly ParsedKey[] | Theirs): unknown {
  if (key instanceof Error) return `error: ${key.message}`;
  const one = key as ParsedKey;
  const pem = one.getPrivatePEM();
  return {
    type: one.type,
    comment: one.comment,
    isPrivate: one.isPrivateKey(),
    private: pem === null ? null : createPrivateKey(pem).export({ format: "jwk" }),
    public: one.getPublicPEM(),
    blob: one.getPublicSSH().toString("base64"),
  };
}

function parsed(data: string | Buffer, passphrase?: string | Buffer): ParsedKey {
  const key = parseKey(data, passphrase);
  if (key instanceof Error) throw key;
  return key as ParsedKey;
}

describe("key files", () => {
  // ssh2 reads no PKCS#8.
  const common = vectors.privateKeys.filter(({ format }) => format !== "pkcs8");

  test.each(common)("$name: reads the same as ssh2", ({ text, passphrase, name }) => {
    const ours = seen(parseKey(text, passphrase));
    // ssh2 has an IV of another length for this cipher.
    if (name.includes("chacha20")) expect(ours).toMatchObject({ isPrivate: true });
    else expect(ours).toEqual(seen(ssh2.utils.parseKey(text, passphrase)));
  });

  test.each(common.filter(({ passphrase }) => passphrase !== undefined))(
    "$name: has ssh2's errors for a missing, a wrong and an empty passphrase",
    ({ text, name }) => {
      if (name.includes("chacha20")) return;
      for (const wrong of [undefined, "", name.startsWith("dek") ? "wrong" : Buffer.from([0xff, 0])])
        expect(seen(parseKey(text, wrong))).toBe(seen(ssh2.utils.parseKey(text, wrong)));
    },
  );

  test.each(vectors.privateKeys.filter(({ format }) => format === "pkcs8"))("$name: reads PKCS#8", (vector) => {
    const key = parsed(vector.text, vector.passphrase);
    expect(vector.publicKey.split(" ")[1]).toBe(key.getPublicSSH().toString("base64"));
    if (vector.passphrase === undefined) return;
    expect(seen(parseKey(vector.text))).toBe("error: Encrypted private key detected, but no passphrase given");
    expect(seen(parseKey(vector.text, "wrong"))).toBe("error: Malformed private key. Bad passphrase?");
  });

  // Argon2 takes seconds for each file.
  test.each(ppkVectors.filter(({ name }) => !/3-(default|argon|encrypted)/.test(name)))(
    "$name: reads PPK",
    (vector) => {
      const key = parsed(vector.text, vector.passphrase);
      expect([key.comment, key.isPrivateKey()]).toEqual([vector.comment, true]);
      expect(vector.publicKey.split(" ")[1]).toBe(key.getPublicSSH().toString("base64"));
      if (/^rsa.*-2-/.test(vector.name)) {
        expect(seen(key)).toEqual(seen(ssh2.utils.parseKey(vector.text, vector.passphrase)));
        // ssh2 takes the passphrase for that of an unencrypted file, too.
        const changed = vector.text.replace(/Comment: ./, "Comment: X");
        for (const text of vector.passphrase === undefined ? [changed] : [changed, vector.text])
          expect(seen(parseKey(text, "wrong"))).toEqual(seen(ssh2.utils.parseKey(text, "wrong")));
      }
    },
  );

  test("reads an encrypted PPK of version 3", () => {
    const vector = ppkVectors.find(({ name }) => name === "ed25519-3-encrypted")!;
    expect(parsed(vector.text, Buffer.from(PASSPHRASE)).type).toBe("ssh-ed25519");
    expect(seen(parseKey(vector.text))).toBe("error: Encrypted PPK private key detected, but no passphrase given");
    expect(seen(parseKey(vector.text, "wrong"))).toBe(
      "error: PPK private key integrity check failed -- bad passphrase?",
    );
  });

  test("reads texts with blanks, indents and CRLF, and Buffers", () => {
    const text = textOf("ed25519-plain");
    const expected = seen(parseKey(text));
    const indented = text.replace(/\n(?!-)(?=.)/g, "\n   ");
    for (const variant of [`\n  ${text}\n`, text.replaceAll("\n", "\r\n"), indented, Buffer.from(text)]) {
      expect(seen(parseKey(variant))).toEqual(expected);
      expect(seen(ssh2.utils.parseKey(variant))).toEqual(expected);
    }
  });

  test("returns a parsed key as it is", () => {
    const key = parsed(textOf("ed25519-plain"));
    expect(parseKey(key)).toBe(key);
    expect([isParsedKey(key), isParsedKey(Object.assign({}, key)), isParsedKey(null)]).toEqual([true, false, false]);
  });

  test("returns an error for arguments of other types", () => {
    for (const value of [undefined, null, 1, {}, new Uint8Array(3)])
      expect(seen(parseKey(value as never))).toBe("error: Key data must be a Buffer or string");
    expect(seen(parseKey("x", 1 as never))).toBe("error: Passphrase must be a string or Buffer when supplied");
  });

  test("shows no part of the file in an error of a damaged one", () => {
    const text = textOf("ed25519-plain");
    const key = parsed(text).getPrivatePEM()!;
    const error = parseKey(text.replace(/.{8}\n-----END/, "AAAAAAAA\n-----END")) as Error;
    expect(error.message).toBe("Malformed OpenSSH private key");
    expect(JSON.stringify([error.message, String(error.cause)])).not.toContain(key.split("\n")[1]!.slice(0, 16));
  });
});

function wrap(bytes: Buffer): string {
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----`;
}

describe("public keys", () => {
  const lines = ["ed25519-plain", "ecdsa-256-plain", "ecdsa-384-plain", "ecdsa-521-plain", "rsa-2048-plain"].map(
    (name) => vectors.privateKeys.find((one) => one.name === name)!.publicKey,
  );

  test.each(lines)("reads a line and a blob as ssh2 does: %s", (line) => {
    const blob = Buffer.from(line.split(" ")[1]!, "base64");
    for (const data of [line, `${line}  a comment `, blob]) {
      const key = parsed(data);
      expect(seen(key)).toEqual(seen(ssh2.utils.parseKey(data)));
      expect(key.getPublicSSH()).toBe(key.getPublicSSH());
      expect([privateKeyOf(key), publicKeyOf(key).format]).toEqual([undefined, key.type]);
    }
  });

  test("has ssh2's errors for broken texts", () => {
    const [line] = lines;
    const rsa = lines.at(-1)!;
    const broken = [
      "",
      "text",
      "ssh-ed25519",
      "ssh-ed25519 AAAA",
      `restrict ${line}`,
      line!.replace("ssh-ed25519", "ssh-rsa"),
      rsa.replace("ssh-rsa", "ssh-ed25519"),
      `${line}\n${line}`,
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
      "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
      "---- BEGIN SSH2 PUBLIC KEY ----",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
      "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----",
      "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
      "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
      "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: RC5-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----",
      "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----",
      "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\n",
      "PuTTY-User-Key-File-9: ssh-rsa\n",
    ];
    for (const text of broken) expect([text, seen(parseKey(text))]).toEqual([text, seen(ssh2.utils.parseKey(text))]);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(4), Buffer.from("0000000b7373682d65", "hex")])
      expect(seen(parseKey(bytes))).toBe(seen(ssh2.utils.parseKey(bytes)));
  });

  test("has ssh2's errors for damaged containers", () => {
    const text = textOf("ed25519-plain");
    const body = Buffer.from(text.replace(/-----.*-----|\n/g, ""), "base64");
    const replaced = (from: string, to: string): Buffer =>
      Buffer.from(body.toString("latin1").replace(from, to), "latin1");
    const damaged = [
      replaced("openssh-key-v1", "openssh-key-v2"),
      replaced("none", "nope"),
      replaced("none\0\0\0\x04none", "none\0\0\0\x04nope"),
      body.subarray(0, 40),
      body.subarray(0, 80),
      Buffer.concat([body, Buffer.from([1])]),
      // The private part begins with two equal numbers.
      Buffer.concat([body.subarray(0, 98), Buffer.from([body[98]! ^ 1]), body.subarray(99)]),
    ];
    for (const bytes of damaged) {
      // Here, control characters of a file are escaped.
      const theirs = String(seen(ssh2.utils.parseKey(wrap(bytes)))).replace("\0", "\\x00");
      expect(seen(parseKey(wrap(bytes)))).toBe(theirs);
    }
  });
});

describe("signatures", () => {
  test.each(["ed25519-plain", "ecdsa-256-plain", "ecdsa-384-plain", "ecdsa-521-plain", "rsa-2048-plain"])(
    "of %s are valid for ssh2, and ssh2's here",
    (name) => {
      const ours = parsed(textOf(name));
      const theirs = ssh2.utils.parseKey(textOf(name)) as Exclude<Theirs, Error>;
      const data = Buffer.from("data");
      for (const hash of name.startsWith("rsa") ? [undefined, "sha256", "sha512"] : [undefined]) {
        expect(theirs.verify(data, ours.sign(data, hash) as Buffer, hash)).toBe(true);
        expect(ours.verify(data, theirs.sign(data, hash), hash)).toBe(true);
        expect(ours.verify(Buffer.from("other"), theirs.sign(data, hash), hash)).toBe(false);
      }
    },
  );

  test("returns errors instead of throwing", () => {
    const key = parsed(vectors.privateKeys[0]!.publicKey);
    expect(key.sign(Buffer.from("x"))).toEqual(new Error("No private key available"));
    const rsa = parsed(textOf("rsa-2048-plain"));
    expect(rsa.sign(Buffer.from("x"), "nohash")).toBeInstanceOf(Error);
    expect(rsa.sign(1 as never)).toBeInstanceOf(TypeError);
    expect(rsa.verify(Buffer.from("x"), "no signature" as never)).toBeInstanceOf(TypeError);
  });

  test("equals compares public and private values", () => {
    const key = parsed(textOf("ed25519-plain"));
    const line = vectors.privateKeys.find(({ name }) => name === "ed25519-plain")!.publicKey;
    const cases = [key, textOf("ed25519-plain"), line, textOf("rsa-2048-plain"), "no key", undefined];
    expect(cases.map((other) => key.equals(other))).toEqual([true, true, false, false, false, false]);
    expect(parsed(line).equals(`${line} other`)).toBe(true);
  });
});
