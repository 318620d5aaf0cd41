import { chmod, lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine, openPrivateKey } from "@nacre/keyfiles";
import { bodyOf, finish, keyOf, PASSPHRASE, ppkVectors, textOf, unlock } from "@nacre/testing/keyfiles";
import { expectMode } from "@nacre/testing/windows";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { random } from "../src/keygen/key-files.ts";
import { keygen } from "../src/keygen/keygen.ts";
import { openTerminal } from "../src/terminal/terminal.ts";
import { FakeTerminal, temporaryFolder } from "./support.ts";

vi.mock(import("../src/terminal/terminal.ts"), async (original) => ({ ...(await original()), openTerminal: vi.fn() }));

let folder: string;
let file: string;
let printed: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, "key");
  printed = "";
  vi.mocked(openTerminal).mockReset();
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += text;
    return true;
  });
});

afterEach(() => vi.unstubAllEnvs());

/** Makes each call of `openTerminal` return a terminal with these answers. */
function personAt(...answers: string[]): void {
  vi.mocked(openTerminal).mockImplementation(() => new FakeTerminal(...answers).terminal);
}

const ppk = ppkVectors.find(({ name }) => name === "ed25519-3-encrypted")!;
const SAVED = "Your identification has been saved with the new passphrase.\n";

describe("keygen -p", () => {
  test.each([
    ["RFC4716", "secret", "OPENSSH PRIVATE KEY", true],
    // Encrypting in PKCS#8 takes long.
    ["PKCS8", "", "PRIVATE KEY", false],
    ["PEM", "secret", "RSA PRIVATE KEY", false],
    ["PPK", "secret", "PuTTY-User-Key-File-3: ssh-rsa", true],
  ])("-m %s with passphrase %j writes the key in that format", async (format, passphrase, label, hasComment) => {
    await writeFile(file, textOf("rsa-2048-plain"), { mode: 0o600 });
    const before = unlock(textOf("rsa-2048-plain"));
    expect(await keygen(["-p", "-P", "", "-N", passphrase, "-m", format, "-f", file])).toBe(0);
    expect(printed).toBe(`Key has comment '${before.comment}'\n${SAVED}`);
    const text = await readFile(file, "utf8");
    expect(text).toContain(label);
    const after = unlock(text, passphrase);
    expect([after.privateKey.fields, after.comment]).toEqual([
      before.privateKey.fields,
      hasComment ? before.comment : "",
    ]);
    await expectMode(file, 0o600);
    expect((await readdir(folder)).sort()).toEqual(["key"]);
  });

  test("keeps PuTTY's format, and asks for both passphrases", async () => {
    await writeFile(file, ppk.text, { mode: 0o600 });
    const answers = [[PASSPHRASE], ["other\r", "new\r", "secret\r", "secret\r"]];
    vi.mocked(openTerminal).mockImplementation(
      () => new FakeTerminal(...answers.shift()!.map((one) => (one.endsWith("\r") ? one : `${one}\r`))).terminal,
    );
    await keygen(["-p", "-f", file]);
    expect(printed).toBe(`Key has comment '${ppk.comment}'\n${SAVED}`);
    const opened = openPrivateKey(await readFile(file, "utf8"));
    expect(opened.format).toBe("ppk");
    if (!opened.encrypted) throw new Error("is encrypted");
    expect(finish(opened.decrypt("secret")).comment).toBe(ppk.comment);
  });

  test("writes an Ed25519 key in OpenSSH's format for PEM, as ssh-keygen", async () => {
    await keygen(["-qt", "ed25519", "-N", "", "-f", file]);
    await keygen(["-p", "-N", "", "-m", "PEM", "-f", file]);
    expect(await readFile(file, "utf8")).toContain("BEGIN OPENSSH PRIVATE KEY");
    await keygen(["-p", "-N", "", "-m", "PKCS8", "-f", file]);
    expect(await readFile(file, "utf8")).toContain("BEGIN PRIVATE KEY");
  });

  test("-a and -Z choose the rounds and the cipher", async () => {
    await keygen(["-qt", "ed25519", "-N", "secret", "-a", "1", "-f", file]);
    unlock(await readFile(file, "utf8"), "secret", { maxBcryptRounds: 1 });
    await keygen(["-p", "-P", "secret", "-N", "other", "-a", "2", "-Z", "aes128-gcm@openssh.com", "-f", file]);
    const text = await readFile(file, "utf8");
    expect(Buffer.from(bodyOf(text)).toString("latin1")).toContain("aes128-gcm@openssh.com");
    expect(() => openPrivateKey(text, { maxBcryptRounds: 1 })).toThrow("2 bcrypt rounds");
    unlock(text, "other");
    const unknown = keygen(["-p", "-P", "other", "-N", "last!", "-Z", "aes", "-f", file]);
    await expect(unknown).rejects.toThrow('unknown cipher "aes"');
  });

  test("replaces the file behind a link", async () => {
    await keygen(["-qt", "ed25519", "-N", "", "-f", file]);
    await symlink("key", join(folder, "link"));
    await keygen(["-p", "-N", "secret", "-f", join(folder, "link")]);
    expect((await lstat(join(folder, "link"))).isSymbolicLink()).toBe(true);
    expect(openPrivateKey(await readFile(file, "utf8")).encrypted).toBe(true);
  });

  test.each([
    [["-P", "wrong", "-N", ""], "passphrase-wrong"],
    [["-N", ""], "usage"],
    [["-P", "secret", "-N", "abcd", "-m", "PKCS8"], "usage"],
  ])("%j changes nothing if it fails with %s", async (words, code) => {
    await keygen(["-qt", "ed25519", "-N", "secret", "-f", file]);
    const text = await readFile(file, "utf8");
    await expect(keygen(["-p", ...words, "-f", file])).rejects.toMatchObject({ code });
    expect(await readFile(file, "utf8")).toBe(text);
    expect(await readdir(folder)).toHaveLength(2);
  });
});

describe("keygen -c", () => {
  test("changes the comment of an encrypted key and of its .pub file", async () => {
    const key = keyOf("ed25519-plain");
    const options = { format: "openssh", passphrase: "secret", comment: "old", rounds: 1 } as const;
    await writeFile(file, finish(formatPrivateKey(key, { ...options, random })), { mode: 0o600 });
    await keygen(["-c", "-C", "new", "-P", "secret", "-f", file]);
    expect(printed).toBe("Old comment: old\nComment 'new' applied\n");
    expect(unlock(await readFile(file, "utf8"), "secret").comment).toBe("new");
    expect(await readFile(`${file}.pub`, "utf8")).toBe(`${formatPublicKeyLine(key.publicKey, "new")}\n`);
    await expectMode(file, 0o600);
    await expectMode(`${file}.pub`, 0o644);
  });

  test("changes the .pub file beside the link to a key", async () => {
    await keygen(["-qt", "ed25519", "-N", "", "-C", "old", "-f", file]);
    await mkdir(join(folder, "elsewhere"));
    await rename(file, join(folder, "elsewhere", "key"));
    await symlink(join("elsewhere", "key"), file);
    await keygen(["-c", "-C", "new", "-f", file]);
    expect(await readFile(`${file}.pub`, "utf8")).toMatch(/ new\n$/);
    expect(await readdir(join(folder, "elsewhere"))).toEqual(["key"]);
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
  });

  test("says whether the comment is the same, or removed", async () => {
    await keygen(["-qt", "ed25519", "-N", "", "-C", "old", "-f", file]);
    await keygen(["-c", "-C", "old", "-f", file]);
    await keygen(["-c", "-C", "", "-f", file]);
    expect(printed).toBe("Old comment: old\nNo change to comment\nOld comment: old\nComment removed\n");
  });

  test("asks for the comment, and keeps PuTTY's format", async () => {
    await writeFile(file, ppk.text, { mode: 0o600 });
    personAt("by hand\r");
    await keygen(["-c", "-P", PASSPHRASE, "-f", file]);
    const text = await readFile(file, "utf8");
    expect(text).toContain("\nComment: by hand\n");
    expect(unlock(text, PASSPHRASE).comment).toBe("by hand");
  });

  test("converts a file without comments to OpenSSH's format", async () => {
    await keygen(["-qt", "ecdsa", "-N", "", "-m", "PEM", "-f", file]);
    await keygen(["-c", "-C", "first", "-f", file]);
    expect(printed).toBe("No existing comment\nComment 'first' applied\n");
    expect(unlock(await readFile(file, "utf8")).comment).toBe("first");
  });

  test("rejects a comment of two lines", async () => {
    await keygen(["-qt", "ed25519", "-N", "", "-f", file]);
    await expect(keygen(["-c", "-C", "a\nb", "-f", file])).rejects.toMatchObject({ code: "usage" });
  });
});

describe("a printed public key", () => {
  const line = `${ppk.publicKey} ${ppk.comment}\n`;

  test("-y and -l read PuTTY's file", async () => {
    await writeFile(file, ppk.text, { mode: 0o600 });
    await keygen(["-y", "-P", PASSPHRASE, "-f", file]);
    expect(printed).toBe(line);
    printed = "";
    await keygen(["-l", "-f", file]);
    expect(printed).toMatch(/^256 SHA256:\S+ no comment \(ED25519\)\n$/);
  });

  test("-y gets the passphrase from the program of SSH_ASKPASS", async () => {
    await writeFile(file, ppk.text, { mode: 0o600 });
    const program = join(folder, "askpass");
    await writeFile(program, `#!/bin/sh\necho '${PASSPHRASE}'\n`, { mode: 0o755 });
    vi.stubEnv("SSH_ASKPASS", program);
    vi.stubEnv("SSH_ASKPASS_REQUIRE", "force");
    await keygen(["-y", "-f", file]);
    expect(printed).toBe(line);
    await expect(keygen(["-p", "-P", PASSPHRASE, "-f", file])).rejects.toThrow("no terminal");
  });

  test("-e needs no passphrase if the file or a .pub file beside it has the key", async () => {
    await writeFile(file, ppk.text, { mode: 0o600 });
    await keygen(["-e", "-f", file]);
    expect(printed).toContain('Comment: "256-bit ED25519, converted by ');
    const pem = join(folder, "pem");
    await keygen(["-qt", "ecdsa", "-N", "secret", "-m", "PEM", "-f", pem]);
    await keygen(["-e", "-m", "PKCS8", "-f", pem]);
    expect(printed).toContain("-----BEGIN PUBLIC KEY-----");
  });

  test("-y refuses a file that others can read, and a wrong passphrase", async () => {
    await writeFile(file, ppk.text);
    await chmod(file, 0o644);
    await expect(keygen(["-y", "-P", PASSPHRASE, "-f", file])).rejects.toMatchObject({ code: "file-unreadable" });
    await chmod(file, 0o600);
    await expect(keygen(["-y", "-P", "wrong", "-f", file])).rejects.toMatchObject({
      code: "passphrase-wrong",
      message: expect.stringContaining(file),
    });
    await expect(keygen(["-y", "-f", join(folder, "none")])).rejects.toThrow("no such file");
  });

  test("-r prints a record for each hash", async () => {
    await writeFile(file, `${formatPublicKeyLine(keyOf("ed25519-plain").publicKey)}\n`);
    await keygen(["-r", "host.example", "-f", file]);
    expect(printed).toMatch(/^host\.example IN SSHFP 4 1 [0-9a-f]{40}\nhost\.example IN SSHFP 4 2 [0-9a-f]{64}\n$/);
  });
});
