import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ecdsaPrivateKey,
  fingerprint,
  generateEcdsa,
  generateEd25519,
  type PrivateKey,
  type PublicKey,
  privateKeyFromFields,
} from "@nacre/keys";
import { finish, keyOf, unlock, zeroPaddedFile } from "@nacre/testing/keyfiles";
import type { RandomSource } from "@nacre/wire";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  addKnownHost,
  formatPrivateKey,
  formatPublicKey,
  formatPublicKeyLine,
  openPrivateKey,
  parseKnownHosts,
  parsePublicKeyLine,
  randomart,
  removeKnownHost,
} from "../../src/index.ts";

// The installed ssh-keygen must read the files that we write, and we must read its files.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-keyfiles-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const random: RandomSource = (length) => new Uint8Array(randomBytes(length));
const run = (...args: string[]): string =>
  execFileSync("ssh-keygen", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  return file;
}

const KEYS: readonly (readonly [string, () => PrivateKey])[] = [
  ["ed25519", () => generateEd25519(random)],
  ["ecdsa-256", () => generateEcdsa("nistp256", random)],
  ["ecdsa-384", () => generateEcdsa("nistp384", random)],
  ["ecdsa-521", () => generateEcdsa("nistp521", random)],
  // A scalar with leading zeros tests fixed lengths. OpenSSH refuses scalars of less than half the bits.
  ["ecdsa-521-small", () => ecdsaPrivateKey("nistp521", 3n ** 200n)],
  ["rsa-2048", () => privateKeyFromFields(keyOf("rsa-2048-plain").fields)],
];

describe.each(KEYS)("%s", (name, make) => {
  const key = make();
  const line = formatPublicKeyLine(key.publicKey);
  // The default number of bcrypt rounds is slow; one key has it.
  const isDefault = name === "ed25519";

  test("ssh-keygen -y reads our files", () => {
    const traditional =
      name === "ed25519" ? [] : [{ format: "pem" as const }, { format: "pem" as const, passphrase: "päss word" }];
    const all = [
      { format: "openssh" as const, comment: "a comment" },
      { format: "openssh" as const, passphrase: "päss word", comment: "a comment", ...(!isDefault && { rounds: 1 }) },
      { format: "openssh" as const, passphrase: "p", rounds: 3 },
      { format: "openssh" as const, passphrase: "p", rounds: 1, cipher: "aes128-cbc" },
      { format: "openssh" as const, passphrase: "p", rounds: 1, cipher: "aes256-gcm@openssh.com" },
      { format: "openssh" as const, passphrase: "p", rounds: 1, cipher: "chacha20-poly1305@openssh.com" },
      { format: "pkcs8" as const },
      { format: "pkcs8" as const, passphrase: "päss word", rounds: 5000 },
      ...traditional,
    ];
    for (const [i, options] of all.entries()) {
      const file = write(`${name}-${i}`, finish(formatPrivateKey(key, { random, ...options })));
      const passphrase = "passphrase" in options ? options.passphrase : "";
      const read = run("-y", "-P", passphrase, "-f", file).trim();
      expect(read).toBe("comment" in options ? `${line} ${options.comment}` : line);
      if (passphrase !== "")
        expect(spawnSync("ssh-keygen", ["-y", "-P", "wrong", "-f", file], { encoding: "utf8" }).status).not.toBe(0);
    }
  });

  test("openssl reads our PKCS#8 and PEM files, private and public", () => {
    for (const format of name === "ed25519" ? (["pkcs8"] as const) : (["pkcs8", "pem"] as const))
      for (const passphrase of ["", "päss word"]) {
        const text = finish(formatPrivateKey(key, { random, format, passphrase, rounds: 5000 }));
        const args = ["pkey", "-in", write(`${name}-openssl`, text), "-passin", `pass:${passphrase}`, "-pubout"];
        const read = execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
        expect(formatPublicKey(key.publicKey, { format: "pkcs8" })).toBe(read);
      }
  });

  test("ssh-keygen reads private integers with leading zeros, as we do", () => {
    if (name === "ed25519") return;
    const text = zeroPaddedFile(key, 1);
    expect(run("-y", "-f", write(`${name}-padded`, text)).trim()).toBe(`${line} padded`);
    expect(unlock(text).privateKey.fields).toEqual(key.fields);
  });

  test("we read the file after ssh-keygen changed its passphrase, cipher and format", () => {
    const file = write(
      `${name}-changed`,
      finish(formatPrivateKey(key, { random, format: "openssh", comment: "mine" })),
    );
    const changes = [
      ["-N", "first", "-P", "", ...(isDefault ? [] : ["-a", "1"])],
      ["-N", "second", "-P", "first", "-Z", "aes256-gcm@openssh.com", "-a", "5"],
      ["-N", "third", "-P", "second", "-Z", "chacha20-poly1305@openssh.com", "-a", "1"],
      ["-N", "", "-P", "third"],
      ["-N", "fifth", "-P", "", "-m", "PEM"],
      ["-N", "sixth", "-P", "fifth", "-m", "PKCS8"],
    ];
    for (const change of changes) {
      run("-p", "-q", ...change, "-f", file);
      const text = readFileSync(file, "utf8");
      const { privateKey } = unlock(text, change[1]);
      expect(privateKey.fields).toEqual(key.fields);
    }
  });

  test("ssh-keygen -l -v shows the same fingerprint and picture", () => {
    const file = write(`${name}.pub`, `${line} a comment\n`);
    for (const hash of ["sha256", "md5"] as const) {
      const [title, ...picture] = run("-l", "-v", "-E", hash, "-f", file).trimEnd().split("\n");
      expect(title).toContain(`${key.publicKey.bits} ${fingerprint(key.publicKey.blob, hash)} a comment`);
      expect(randomart(key.publicKey.blob, hash)).toBe(picture.join("\n"));
    }
  });
});

test("randomart equals the pictures of ssh-keygen for 60 keys", () => {
  const lines = Array.from({ length: 60 }, () => formatPublicKeyLine(generateEd25519(random).publicKey));
  const file = write("many.pub", `${lines.join("\n")}\n`);
  const shown = run("-l", "-v", "-f", file).trimEnd().split("\n");
  for (const [i, line] of lines.entries()) {
    const { publicKey } = parsePublicKeyLine(line);
    expect(randomart(publicKey.blob)).toBe(shown.slice(12 * i + 1, 12 * i + 12).join("\n"));
  }
});

test("we read every type of key that ssh-keygen generates with its defaults", () => {
  for (const type of ["ed25519", "ecdsa", "rsa"]) {
    const file = join(folder, `made-${type}`);
    run("-q", "-t", type, "-N", "pass", "-C", "made", "-f", file);
    const opened = openPrivateKey(readFileSync(file, "utf8"));
    expect(opened.encrypted).toBe(true);
    const { privateKey, comment } = unlock(readFileSync(file, "utf8"), "pass");
    expect(`${formatPublicKeyLine(privateKey.publicKey, comment)}\n`).toBe(readFileSync(`${file}.pub`, "utf8"));
  }
});

/** Returns the lines that ssh-keygen -F finds in a known_hosts file with that text. */
function found(text: string, name: string): { line: number; marker: string | undefined }[] {
  const path = write("known_hosts", text);
  const { stdout } = spawnSync("ssh-keygen", ["-F", name, "-f", path], { encoding: "utf8" });
  return [...stdout.matchAll(/^# Host .* found: line (\d+) ?(\w*)/gm)].map(([, number, marker]) => ({
    line: Number(number),
    marker: marker === "REVOKED" ? "revoked" : marker === "CA" ? "cert-authority" : undefined,
  }));
}

function nameOf(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

describe("known_hosts", () => {
  const keys = Array.from({ length: 3 }, () => generateEd25519(random).publicKey) as [PublicKey, PublicKey, PublicKey];
  const host = fc.constantFrom("a", "b", "ab", "a.example", "b.example", "192.0.2.1", "2001:db8::1");
  const port = fc.constantFrom(22, 2222);
  const part = fc.constantFrom(
    "a",
    "b",
    "?b",
    "a*",
    "*",
    "*.example",
    "!a",
    "!*.example",
    "A",
    "[a]:2222",
    "[*]:2222",
    "192.0.2.?",
    "2001:*",
  );
  const line = fc
    .tuple(
      fc.constantFrom("", "", "", "@revoked ", "@cert-authority ", "  "),
      fc.array(part, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...keys),
      fc.constantFrom("", " comment", "\t# x"),
    )
    .map(([marker, names, key, comment]) => `${marker}${names.join(",")} ${formatPublicKeyLine(key)}${comment}`);
  const wellFormed = fc.oneof({ weight: 8, arbitrary: line }, fc.constantFrom("", "# comment"));
  const malformed = fc.constantFrom("bad", "a ssh-ed25519 AAAA", `@other a ${formatPublicKeyLine(keys[0])}`);

  test("`find` returns the lines that ssh-keygen -F finds, and `check` agrees with them", () => {
    const file = fc.array(fc.oneof({ weight: 8, arbitrary: wellFormed }, malformed), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(file, host, port, fc.constantFrom(...keys), (lines, name, number, key) => {
        const text = `${lines.join("\n")}\n`;
        const hosts = parseKnownHosts({ name: "known_hosts", text });
        // -F does not look at the key, but ssh skips a line with a malformed key.
        const twin = found(text, nameOf(name, number)).filter(({ line }) => !lines[line - 1]?.endsWith(" AAAA"));
        expect(hosts.find(name, number).map(({ line, marker }) => ({ line, marker }))).toEqual(twin);

        // Judge the lines that its tool found as OpenSSH does (hostfile.c, check_key_in_hostkeys; sshconnect.c also tries the bare name).
        const isKey = (line: number): boolean => lines[line - 1]?.includes(formatPublicKeyLine(key)) ?? false;
        const bare = number === 22 ? [] : found(text, name);
        const plain = twin.filter(({ marker }) => marker === undefined);
        const revoked = [...twin, ...bare].some(({ line, marker }) => marker === "revoked" && isKey(line));
        const known = plain.some(({ line }) => isKey(line));
        const knownBare = bare.some(({ line, marker }) => marker === undefined && isKey(line));
        const expected = revoked
          ? "revoked"
          : known || (plain.length === 0 && knownBare)
            ? "match"
            : plain.length > 0
              ? "changed"
              : "unknown";
        expect(hosts.check(name, number, key.blob).status).toBe(expected);
      }),
      { numRuns: 150 },
    );
  });

  test("ssh-keygen -F finds the lines that we add, hashed or not; -R removes the same lines as we do", () => {
    // Only well-formed lines, since -R does not modify a file with a malformed line.
    const file = fc.array(wellFormed, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(file, host, port, fc.boolean(), (lines, name, number, hashed) => {
        const before = lines.join("\n");
        const text = addKnownHost(before, name, number, keys[0].blob, hashed ? { hashWith: random } : {});
        const last = text.trimEnd().split("\n").length;
        expect(found(text, nameOf(name, number)).at(-1)).toEqual({ line: last, marker: undefined });

        const { text: after } = removeKnownHost(text, name, number);
        const path = write("known_hosts", text);
        spawnSync("ssh-keygen", ["-R", nameOf(name, number), "-f", path]);
        expect(after).toBe(readFileSync(path, "utf8"));
      }),
      { numRuns: 60 },
    );
  });

  test("we find hosts hashed by ssh-keygen -H", () => {
    const names = ["a.example", "[a.example]:2222", "192.0.2.1"];
    const lines = keys.map((key, i) => `${names[i]} ${formatPublicKeyLine(key)}\n`);
    const path = write("to-hash", lines.join(""));
    run("-H", "-f", path);
    const text = readFileSync(path, "utf8");
    expect(text).not.toContain("example");
    const hosts = parseKnownHosts({ name: "hashed", text });
    expect(hosts.check("a.example", 22, keys[0].blob).status).toBe("match");
    expect(hosts.check("A.example", 2222, keys[1].blob).status).toBe("match");
    expect(hosts.check("192.0.2.1", 22, keys[0].blob).status).toBe("changed");
    expect(hosts.check("192.0.2.2", 22, keys[0].blob).status).toBe("unknown");
  });
});
