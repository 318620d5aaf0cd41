import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPublicKeyLine, openPrivateKey, parsePublicKeyLine, randomart } from "@nacre/keyfiles";
import { fingerprint, parsePublicKey } from "@nacre/keys";
import { opensshCertificates, opensshKeys, securityKeyFiles } from "@nacre/testing/openssh-keys";
import { expectMode } from "@nacre/testing/windows";
import { inSlices } from "nacre/extend";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { keygen } from "../src/keygen/keygen.ts";
import { openTerminal } from "../src/terminal/terminal.ts";
import { FakeTerminal, temporaryFolder } from "./support.ts";

vi.mock(import("../src/terminal/terminal.ts"), async (original) => ({ ...(await original()), openTerminal: vi.fn() }));

let folder: string;
let file: string;
let printed: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, "new", "key");
  printed = "";
  vi.mocked(openTerminal).mockReset();
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += text;
    return true;
  });
});

/** Makes `openTerminal` return a terminal with these answers. */
function personAt(...answers: string[]): FakeTerminal {
  const fake = new FakeTerminal(...answers);
  vi.mocked(openTerminal).mockReturnValue(fake.terminal);
  return fake;
}

const home = vi.hoisted(() => ({ folder: "/nonexistent" }));
vi.mock(import("node:os"), async (importOriginal) => {
  const os = await importOriginal();
  // The home folder comes from the password database, so a test cannot set it with HOME.
  return { ...os, userInfo: () => ({ ...os.userInfo(), homedir: home.folder }) } as typeof os;
});

describe("keygen", () => {
  test.each([
    ["ed25519", undefined, 256, "ED25519"],
    ["ecdsa", undefined, 256, "ECDSA"],
    ["ecdsa", "384", 384, "ECDSA"],
    ["ecdsa", "521", 521, "ECDSA"],
    ["rsa", "2048", 2048, "RSA"],
  ])("-t %s -b %s creates a key of %d bits", async (type, bits, size, kind) => {
    const words = ["-t", type, "-f", file, "-N", "", "-C", "a comment", ...(bits === undefined ? [] : ["-b", bits])];
    expect(await keygen(words)).toBe(0);
    const opened = openPrivateKey(await readFile(file, "utf8"));
    if (opened.encrypted) throw new Error("unexpectedly encrypted");
    const { publicKey } = opened.privateKey;
    expect(publicKey.bits).toBe(size);
    expect(opened.comment).toBe("a comment");
    expect(await readFile(`${file}.pub`, "utf8")).toBe(`${formatPublicKeyLine(publicKey, "a comment")}\n`);
    await expectMode(file, 0o600);
    await expectMode(join(file, ".."), 0o700);
    const line = `${size} ${fingerprint(publicKey.blob, "sha256")} a comment (${kind})\n`;
    expect(printed).toBe(`private key: ${file}\npublic key: ${file}.pub\n${line}${randomart(publicKey.blob)}\n`);
  });

  test("-N encrypts the key", async () => {
    await keygen(["-t", "ed25519", "-f", file, "-N", "a passphrase"]);
    const opened = openPrivateKey(await readFile(file, "utf8"));
    if (!opened.encrypted) throw new Error("unexpectedly not encrypted");
    const { privateKey } = await inSlices(opened.decrypt("a passphrase"));
    expect(privateKey.publicKey.blob).toEqual(parsePublicKeyLine(await readFile(`${file}.pub`, "utf8")).publicKey.blob);
  });

  test("expands ~/ to the user's home folder when creating and listing a key", async () => {
    home.folder = folder;
    await keygen(["-t", "ed25519", "-f", "~/k", "-N", ""]);
    expect(printed).toContain(`private key: ${join(folder, "k")}\n`);
    expect((await stat(join(folder, "k.pub"))).isFile()).toBe(true);
    expect(await keygen(["-l", "-f", "~/k"])).toBe(0);
  });

  test("prints its help and creates no key", async () => {
    expect(await keygen(["-t", "ed25519", "-f", file, "--help"])).toBe(0);
    expect(printed).toMatch(/^usage: nacre keygen -t [^]* -b BITS [^]* -E sha256\|md5 /);
    await expect(stat(file)).rejects.toThrow("ENOENT");
  });

  test("asks for the passphrase until both entries match", async () => {
    const fake = personAt("first try\r", "other\r", "secret\r", "secret\r");
    await keygen(["-t", "ed25519", "-f", file]);
    expect(openPrivateKey(await readFile(file, "utf8")).encrypted).toBe(true);
    expect(fake.shown).not.toContain("secret");
    expect(fake.shown).toContain("The passphrases do not match.\n");
  });

  test.each([
    [["-t", "rsa", "-b", "1024"], "key-weak"],
    [["-t", "ed25519", "-b", "512"], "usage"],
    [["-t", "ecdsa", "-b", "512"], "usage"],
  ])("rejects %j and writes nothing", async (words, code) => {
    await expect(keygen([...words, "-f", file, "-N", ""])).rejects.toMatchObject({ code });
    await expect(stat(file)).rejects.toThrow("ENOENT");
  });

  test("rejects a short passphrase, and a missing one without a terminal", async () => {
    await expect(keygen(["-t", "ed25519", "-f", file, "-N", "abc"])).rejects.toThrow("at least 5");
    await expect(keygen(["-t", "ed25519", "-f", file])).rejects.toThrow("give it with -N");
  });

  test.each(["", ".pub"])("keeps an existing FILE%s unless the user confirms overwriting it", async (ending) => {
    file = join(folder, "key");
    await writeFile(`${file}${ending}`, "precious");
    await chmod(`${file}${ending}`, 0o644);
    const words = ["-t", "ed25519", "-f", file, "-N", ""];
    await expect(keygen(words)).rejects.toThrow(`${file}${ending} already exists`);
    personAt("no\r");
    await expect(keygen(words)).rejects.toThrow("was not overwritten");
    expect(await readFile(`${file}${ending}`, "utf8")).toBe("precious");

    personAt("yes\r");
    await keygen(words);
    expect(openPrivateKey(await readFile(file, "utf8")).encrypted).toBe(false);
    await expectMode(file, 0o600);
  });

  test("rejects with file-unwritable if the key cannot be written", async () => {
    await writeFile(join(folder, "no folder"), "");
    const words = ["-t", "ed25519", "-f", join(folder, "no folder", "key"), "-N", ""];
    await expect(keygen(words)).rejects.toMatchObject({ code: "file-unwritable" });
  });
});

describe("keygen -l", () => {
  const words = ["-l", "-f"];

  test("shows the same line for a private key and its public key", async () => {
    await keygen(["-t", "ed25519", "-f", file, "-N", "secret", "-C", "mine"]);
    printed = "";
    const { publicKey } = parsePublicKeyLine(await readFile(`${file}.pub`, "utf8"));
    for (const path of [file, `${file}.pub`]) await keygen([...words, path]);
    const line = `256 ${fingerprint(publicKey.blob, "sha256")} mine (ED25519)\n`;
    expect(printed).toBe(line + line);

    printed = "";
    await keygen(["-lv", "-E", "md5", "-f", file]);
    expect(printed).toBe(
      `256 ${fingerprint(publicKey.blob, "md5")} mine (ED25519)\n${randomart(publicKey.blob, "md5")}\n`,
    );
  });

  test("shows each key of a file, after options or host names, and escapes comments", async () => {
    await keygen(["-t", "ed25519", "-f", file, "-N", "", "-C", "mine"]);
    const line = await readFile(`${file}.pub`, "utf8");
    const bare = line.replace(" mine", "");
    await writeFile(
      file,
      `# comment\n\n${line}command="echo 'a b'" ${line}example.org ${bare}${line.replace("mine", "\x1b[2J")}nonsense\n`,
    );
    printed = "";
    await keygen([...words, file]);
    expect(printed.split("\n").map((one) => one.split(" ").slice(2).join(" "))).toEqual([
      "mine (ED25519)",
      "mine (ED25519)",
      "example.org (ED25519)",
      "\\x1b[2J (ED25519)",
      "",
    ]);
  });

  test("shows a security key, also by its private file, and a certificate by the fingerprint of its key", async () => {
    const { text } = securityKeyFiles.find(({ name }) => name === "ed25519_sk1")!;
    const { blob, fingerprint: expected } = opensshKeys.find(({ name }) => name === "ed25519_sk1.pub")!;
    const certificate = formatPublicKeyLine(parsePublicKey(opensshCertificates.get("ed25519_sk1-cert.pub")!));
    const line = formatPublicKeyLine(parsePublicKey(blob));
    await mkdir(join(folder, "new"));
    for (const content of [text, line, certificate]) {
      await writeFile(file, content);
      await keygen(["-l", "-v", "-f", file]);
    }
    await writeFile(file, `example.org ${line} a\n@revoked example.org ${certificate} b\n`);
    await keygen(["-l", "-F", "example.org", "-f", file]);
    const picture = randomart(blob);
    const title = picture.split("\n", 1)[0]!;
    const certified = picture.replace(title, "+[ED25519-SK-CERT-+");
    expect(title).toBe("+[ED25519-SK 256]-+");
    expect(printed.split("\n")).toEqual([
      `256 ${expected} no comment (ED25519-SK)`,
      ...picture.split("\n"),
      `256 ${expected} no comment (ED25519-SK)`,
      ...picture.split("\n"),
      `256 ${expected} no comment (ED25519-SK-CERT)`,
      ...certified.split("\n"),
      "# Host example.org found: line 1 ",
      `example.org ED25519-SK ${expected} a`,
      "# Host example.org found: line 2 REVOKED",
      `example.org ED25519-SK-CERT ${expected} b`,
      "",
    ]);
  });

  test.each([
    ["nothing of the sort\n", "file-malformed"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "file-malformed"],
    ["ssh-dss AAAAB3NzaC1kc3MAAAAA\n", "key-unsupported"],
  ])("rejects %j with %s", async (text, code) => {
    await writeFile(join(folder, "file"), text);
    await expect(keygen([...words, join(folder, "file")])).rejects.toMatchObject({ code });
  });

  test("names a missing file", async () => {
    await expect(keygen([...words, file])).rejects.toMatchObject({
      code: "file-unreadable",
      message: `cannot read ${file}: no such file`,
    });
  });
});
