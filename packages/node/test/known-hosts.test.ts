import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultSignatureAlgorithms, fingerprint, generateEcdsa, generateEd25519 } from "@nacre/keys";
import { expectMode } from "@nacre/testing/windows";
import { base64Encode } from "@nacre/wire";
import type { HostKey } from "nacre";
import type { KnownHostDecision } from "nacre/extend";
import { describe, expect, test, vi } from "vitest";
import { type HostOptions, knownHost } from "../src/keys/known-hosts.ts";
import { codeOf, counting, hostOptions, temporaryFolder } from "./support.ts";

const ed25519 = presented(generateEd25519(counting).publicKey.blob, "ssh-ed25519");
const another = presented(
  generateEd25519((length) => counting(length).map((byte) => byte + 1)).publicKey.blob,
  "ssh-ed25519",
);
const ecdsa = presented(generateEcdsa("nistp256", counting).publicKey.blob, "ecdsa-sha2-nistp256");

function presented(blob: Uint8Array<ArrayBuffer>, algorithm: string): HostKey {
  return { algorithm, blob, fingerprint: fingerprint(blob, "sha256") };
}

/** Returns the code of the error for a host key, or `"no error"`. */
const outcome = (known: KnownHostDecision, hostKey: HostKey): Promise<string> =>
  codeOf((async () => known.verify(hostKey))());

const line = (names: string, { algorithm, blob }: HostKey): string => `${names} ${algorithm} ${base64Encode(blob)}\n`;

/** Returns the decision about a host for a known_hosts file with this text, and the warnings. */
async function decision(text: string | undefined, changes: Partial<HostOptions> = {}) {
  const file = join(await temporaryFolder(), "ssh", "known_hosts");
  if (text !== undefined) {
    await mkdir(join(file, ".."));
    await writeFile(file, text);
  }
  const { warnings, options } = hostOptions(file, changes);
  return { file, warnings, options, known: await knownHost(options) };
}

describe("a host key checked against known_hosts", () => {
  test("is accepted if listed", async () => {
    const { known } = await decision(line("example.org", ed25519));
    expect(await known.verify(ed25519)).toBe(true);
  });

  test("of an unlisted host is refused with its fingerprint and a remedy", async () => {
    const { file, known } = await decision(line("elsewhere.org", ed25519));
    await expect(known.verify(ed25519)).rejects.toMatchObject({
      code: "host-key-unknown",
      culprit: "caller",
      message: expect.stringContaining(ed25519.fingerprint),
    });
    await expect(known.verify(ed25519)).rejects.toThrow(`"accept-new" to add it to ${file}`);
  });

  test("is unknown if no file exists", async () => {
    const { known } = await decision(undefined);
    await expect(known.verify(ed25519)).rejects.toMatchObject({ code: "host-key-unknown" });
  });

  test("that changed is refused with both fingerprints and the line", async () => {
    const { file, known } = await decision(`# a comment\n${line("example.org", ed25519)}`, { unknownHost: () => true });
    const refusal = known.verify(another);
    await expect(refusal).rejects.toMatchObject({ code: "host-key-changed", culprit: "peer" });
    await expect(refusal).rejects.toThrow(another.fingerprint);
    await expect(refusal).rejects.toThrow(`${ed25519.fingerprint} (${file}:2)`);
    await expect(refusal).rejects.toThrow(`remove the old key with \`ssh-keygen -R 'example.org' -f '${file}'\``);
  });

  test("of another format than the known keys counts as changed", async () => {
    const { known } = await decision(line("[example.org]:2222", ed25519), { port: 2222 });
    await expect(known.verify(ecdsa)).rejects.toThrow("ssh-keygen -R '[example.org]:2222'");
  });

  test("that is revoked is refused, even if listed as known", async () => {
    const { file, known } = await decision(line("example.org", ed25519) + line("@revoked *", ed25519), {
      unknownHost: () => true,
    });
    await expect(known.verify(ed25519)).rejects.toMatchObject({ code: "host-key-revoked", culprit: "peer" });
    await expect(known.verify(ed25519)).rejects.toThrow(`${file}:2`);
  });

  test("a malformed line is skipped with a warning", async () => {
    const { file, warnings, known } = await decision(`example.org ssh-ed25519 !!!\n${line("example.org", ed25519)}`);
    expect(warnings).toEqual([expect.stringContaining(`${file}:1 is ignored: `)]);
    expect(await known.verify(ed25519)).toBe(true);
  });

  test("warns of ten lines that are ignored, and of the number of the others", async () => {
    const { warnings } = await decision("no line of known_hosts\n".repeat(11_665));
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toBe("11655 more lines of known_hosts files are ignored");
  });

  test("an unreadable file rejects with `file-unreadable`", async () => {
    const folder = await temporaryFolder();
    await expect(decision(undefined, { files: [folder] })).rejects.toMatchObject({ code: "file-unreadable" });
  });

  test("an invalid host is rejected before the lookup", async () => {
    await expect(decision("", { host: "a,b" })).rejects.toMatchObject({ code: "usage" });
  });
});

describe("a new host", () => {
  test("that is accepted is added, in a private file", async () => {
    const { file, known } = await decision(undefined, { unknownHost: () => true, port: 2222 });
    expect(await known.verify(ed25519)).toBe(true);
    expect(await readFile(file, "utf8")).toBe(line("[example.org]:2222", ed25519));
    await expectMode(file, 0o600);
    await expectMode(join(file, ".."), 0o700);
  });

  test("is appended without changing the existing content", async () => {
    const text = `# caf\xe9\n${line("elsewhere.org", ed25519).trimEnd()}`;
    const { file, known } = await decision(undefined, { unknownHost: () => true });
    await mkdir(join(file, ".."));
    await writeFile(file, text, "latin1");
    expect(await known.verify(ecdsa)).toBe(true);
    expect(await readFile(file, "latin1")).toBe(`${text}\n${line("example.org", ecdsa)}`);
  });

  test("is added only if `unknownHost` returns true for its key", async () => {
    const asked: HostKey[] = [];
    const { file, known } = await decision("", {
      unknownHost: (hostKey) => {
        asked.push(hostKey);
        return "yes" as unknown as boolean;
      },
    });
    await expect(known.verify(ed25519)).rejects.toMatchObject({ code: "host-key-refused" });
    expect(asked).toEqual([{ ...ed25519, host: "example.org", port: 22 }]);
    expect(await readFile(file, "utf8")).toBe("");
  });

  test("is refused if `unknownHost` rejects", async () => {
    const { known } = await decision("", { unknownHost: () => Promise.reject(new Error("the terminal was closed")) });
    await expect(known.verify(ed25519)).rejects.toThrow("the terminal was closed");
  });

  test("is checked against keys that another process has added meanwhile", async () => {
    const { file, known } = await decision("", { unknownHost: () => true });
    await writeFile(file, line("example.org", another));
    await expect(known.verify(ed25519)).rejects.toMatchObject({ code: "host-key-changed" });

    await writeFile(file, line("example.org", ed25519));
    expect(await known.verify(ed25519)).toBe(true);
    expect(await readFile(file, "utf8")).toBe(line("example.org", ed25519));
  });

  test("added by several concurrent calls leaves complete lines", async () => {
    const { file, known } = await decision("", { unknownHost: () => true });
    await Promise.all(Array.from({ length: 20 }, async () => known.verify(ed25519)));
    const lines = (await readFile(file, "utf8")).split(/(?<=\n)/);
    expect(new Set(lines)).toEqual(new Set([line("example.org", ed25519)]));
  });

  test("seen with two keys concurrently is added with one, and the other is refused", async () => {
    for (let pair = 0; pair < 20; pair++) {
      const { file, known, options } = await decision(undefined, { unknownHost: () => true });
      const verdicts = await Promise.all([outcome(known, ed25519), outcome(await knownHost(options), another)]);
      expect(verdicts.toSorted()).toEqual(["host-key-changed", "no error"]);
      const kept = verdicts[0] === "no error" ? ed25519 : another;
      expect(await readFile(file, "utf8")).toBe(line("example.org", kept));
    }
  });

  test("seen with two keys concurrently is added with one, also if no lock file can be created", async () => {
    // Simulates a writable file in a read-only folder: the lock's name is taken.
    const file = join(await temporaryFolder(), "k".repeat(255));
    for (let pair = 0; pair < 20; pair++) {
      const { known, options } = await decision(undefined, { files: [file], unknownHost: () => true });
      const other = await knownHost(options);
      const verdicts = await Promise.all([outcome(known, ed25519), outcome(other, another)]);
      expect(verdicts.toSorted()).toEqual(["host-key-changed", "no error"]);
      await rm(file);
    }
  });

  test("seen with two keys by two processes is added with one", async () => {
    // A second instance of the module shares no memory with the first, like another process.
    vi.resetModules();
    const elsewhere = await import("../src/keys/known-hosts.ts");
    for (let pair = 0; pair < 20; pair++) {
      const { file, known, options } = await decision(undefined, { unknownHost: () => true });
      const other = await elsewhere.knownHost(options);
      const verdicts = await Promise.all([outcome(known, ed25519), outcome(other, another)]);
      expect(verdicts.toSorted()).toEqual(["host-key-changed", "no error"]);
      expect((await readFile(file, "utf8")).match(/\n/g)).toHaveLength(1);
      expect(await readdir(join(file, ".."))).toEqual(["known_hosts"]);
    }
  });

  test("is added despite an abandoned lock, but waits for an active one", async () => {
    const { file, known } = await decision("", { unknownHost: () => true });
    const lock = `${file}.lock`;
    await writeFile(lock, "abandoned");
    const before = new Date(Date.now() - 11_000);
    await utimes(lock, before, before);
    expect(await known.verify(ed25519)).toBe(true);
    expect(await readFile(file, "utf8")).toBe(line("example.org", ed25519));
    expect(await readdir(join(file, ".."))).toEqual(["known_hosts"]);

    const second = await decision("", { unknownHost: () => true });
    await writeFile(`${second.file}.lock`, "held");
    let done = false;
    const adding = outcome(second.known, ed25519).then(() => (done = true));
    await expect.poll(() => second.warnings, { timeout: 10_000 }).toHaveLength(1);
    expect(second.warnings[0]).toContain(`another process holds ${second.file}.lock; waiting`);
    expect(done).toBe(false);
    await rm(`${second.file}.lock`);
    await adding;
  });

  test("is not written to a device or a pipe", async () => {
    const { known, warnings } = await decision(undefined, { files: ["/dev/null"], unknownHost: () => true });
    expect(await known.verify(ed25519)).toBe(true);
    expect(warnings).toEqual([]);
    const { file, known: piped, warnings: warned } = await decision("", { unknownHost: () => true });
    await rm(file);
    execFileSync("mkfifo", [file]);
    expect(await piped.verify(ed25519)).toBe(true);
    expect(warned).toEqual([expect.stringContaining(`${file} is not a regular file`)]);
  });

  test("is added to the account's own file by default, and to no file without a home folder", async () => {
    const home = await temporaryFolder();
    const { known } = await decision(undefined, { files: undefined, home, unknownHost: () => true });
    expect(await known.verify(ed25519)).toBe(true);
    expect(await readFile(join(home, ".ssh", "known_hosts"), "utf8")).toBe(line("example.org", ed25519));
    const homeless = await decision(undefined, { files: undefined, home: undefined, unknownHost: () => true });
    expect(await homeless.known.verify(another)).toBe(true);
    expect(homeless.warnings).toEqual([expect.stringContaining("this account has no home folder")]);
  });

  test("that cannot be saved is accepted with a warning", async () => {
    const folder = await temporaryFolder();
    const missing = join(folder, "file", "known_hosts");
    const { known, warnings } = await decision(undefined, { files: [missing], unknownHost: () => true });
    await writeFile(join(folder, "file"), "");
    expect(await known.verify(ed25519)).toBe(true);
    expect(warnings).toEqual([expect.stringContaining("cannot be saved")]);
  });
});

/** Returns the names of the host-key algorithms in the order chosen for known_hosts with this text. */
const order = async (text: string): Promise<string[]> =>
  (await decision(text)).known.order(defaultSignatureAlgorithms).map(({ name }) => name);

describe("the order of host-key algorithms", () => {
  test("is unchanged for an unknown host", async () => {
    expect(await order("")).toEqual(defaultSignatureAlgorithms.map(({ name }) => name));
  });

  test("begins with the algorithms of known keys", async () => {
    expect(await order(line("example.org", ecdsa))).toEqual([
      "ecdsa-sha2-nistp256",
      ...defaultSignatureAlgorithms.map(({ name }) => name).filter((name) => name !== "ecdsa-sha2-nistp256"),
    ]);
    const rsa = "example.org ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQM=\n";
    expect((await order(rsa)).slice(0, 3)).toEqual(["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
  });
});
