import { generateKeyPairSync, sign } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { defaultSignatureAlgorithms, ed25519, generateEcdsa, generateEd25519, type PrivateKey } from "@nacre/keys";
import { isPrivateKey } from "@nacre/keys/internal";
import { utf8Encode, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre";
import { inSlices } from "nacre/internal";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type IdentityOptions, loadIdentities } from "../src/identities.ts";
import { codeOf, counting, serve, temporaryFolder } from "./support.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const key = generateEd25519(counting);
const other = generateEcdsa("nistp256", counting);
const data = utf8Encode("what is signed");

let home: string;

beforeEach(async () => {
  home = await temporaryFolder();
  await mkdir(join(home, ".ssh"));
  vi.stubEnv("SSH_AUTH_SOCK", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Whether node:crypto signs the same data differently each time with one ECDSA key. */
function hasRandomNonces(): boolean {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return !sign("sha256", data, privateKey).equals(sign("sha256", data, privateKey));
}

/** Writes a key file into the home's .ssh, and returns its path. */
async function keyFile(
  name: string,
  privateKey: PrivateKey,
  options: { passphrase?: string; format?: "openssh" | "pkcs8" } = {},
): Promise<string> {
  const path = join(home, ".ssh", name);
  const { format = "openssh", passphrase } = options;
  const text = await inSlices(formatPrivateKey(privateKey, { format, passphrase, rounds: 1, random }));
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

function load(changes: Partial<IdentityOptions> = {}): Promise<(PrivateKey | RemoteIdentity)[]> {
  return loadIdentities({
    identities: undefined,
    agent: undefined,
    passphrase: undefined,
    crypto: "noble",
    random,
    warn: (text) => warnings.push(text),
    home,
    signal: new AbortController().signal,
    ...changes,
  });
}

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
});

/** An agent that holds these keys, and says which it was asked to sign with; the environment knows of it. */
async function agent(...keys: readonly PrivateKey[]): Promise<void> {
  const path = join(home, "agent");
  await serve((socket) => {
    socket.on("data", () => {
      const answer = new Writer().byte(12).uint32(keys.length);
      for (const { publicKey } of keys) answer.string(publicKey.blob).string("held");
      socket.write(new Writer().string(answer.finish()).finish());
    });
  }, path);
  vi.stubEnv("SSH_AUTH_SOCK", path);
}

const names = (identities: readonly (PrivateKey | RemoteIdentity)[]): string[] =>
  identities.map((one) => `${one.publicKey.format}${"comment" in one ? ` ${one.comment}` : ""}`);

describe("keys that nobody named", () => {
  test("are none where there are none", async () => {
    expect(await load()).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test("are in the account's home folder, not in HOME, and none without one", async () => {
    await keyFile("id_ed25519", key);
    vi.stubEnv("HOME", home);
    expect(await load({ home: await temporaryFolder() })).toEqual([]);
    expect(await load({ home: undefined })).toEqual([]);
    expect(names(await load())).toEqual(["ssh-ed25519"]);
  });

  test("are skipped with a warning when others may read them", async () => {
    const exposed = await keyFile("id_ed25519", key);
    await keyFile("id_ecdsa", other);
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(exposed, mode);
      warnings = [];
      expect(names(await load())).toEqual(["ecdsa-sha2-nistp256"]);
      expect(warnings).toEqual([
        `~/.ssh/id_ed25519: its mode 0${mode.toString(8)} lets others read or write this private key: run chmod 600 on it`,
      ]);
    }
    await chmod(exposed, 0o400);
    expect(names(await load())).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
  });

  test("are those of the agent, and then the usual files", async () => {
    await keyFile("id_ecdsa", other);
    await keyFile("id_ed25519", key);
    expect(names(await load())).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    await agent(other);
    expect(names(await load())).toEqual(["ecdsa-sha2-nistp256 held", "ssh-ed25519"]);
    expect(names(await load({ agent: false }))).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
  });

  test("an agent that has gone, and a file that is no key, are told and skipped", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", join(home, "gone"));
    await writeFile(join(home, ".ssh", "id_rsa"), "no key at all\n");
    await keyFile("id_ed25519", key);
    expect(names(await load())).toEqual(["ssh-ed25519"]);
    expect(warnings).toEqual([
      expect.stringContaining("gone cannot be used"),
      expect.stringContaining("~/.ssh/id_rsa: "),
    ]);
  });

  test("an encrypted one is given up without a passphrase, and with a wrong one", async () => {
    await keyFile("id_ed25519", key, { passphrase: "right" });
    for (const passphrase of [undefined, "wrong", () => undefined, () => "wrong"]) {
      const [identity] = (await load({ passphrase })) as RemoteIdentity[];
      expect(await identity!.sign("ssh-ed25519", data)).toBeUndefined();
    }
  });

  test("one that is encrypted as a whole is skipped when nothing tells its public half", async () => {
    const path = await keyFile("id_ecdsa", other, { passphrase: "right", format: "pkcs8" });
    expect(await load({ passphrase: "right" })).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining("id_ecdsa.pub")]);
    await writeFile(`${path}.pub`, formatPublicKeyLine(other.publicKey));
    const [identity] = (await load({ passphrase: "right" })) as RemoteIdentity[];
    expect(await identity!.sign("ecdsa-sha2-nistp256", data)).toBeInstanceOf(Uint8Array);
  });
});

describe("keys that are named", () => {
  test("are taken as they are, or from their files, each once", async () => {
    const file = await keyFile("mine", key);
    expect(await load({ identities: [other, file, "~/.ssh/mine", key] })).toEqual([
      other,
      expect.objectContaining({ fields: key.fields }),
    ]);
  });

  test("sign with node:crypto unless told otherwise, out of a file, encrypted or not", async () => {
    const files = [await keyFile("mine", key), await keyFile("locked", other, { passphrase: "right" })];
    const found = await load({ crypto: "node", passphrase: "right", identities: files });
    for (const [i, mine] of [key, other].entries()) {
      const { publicKey } = mine;
      const algorithm = defaultSignatureAlgorithms.find(({ name }) => name === publicKey.format)!;
      const one = found[i]!;
      const made = isPrivateKey(one) ? one.sign(algorithm.name, data, random) : await one.sign(algorithm.name, data);
      const signature = made ?? new Uint8Array();
      expect(one.publicKey).toEqual(publicKey);
      expect(algorithm.verify(publicKey.blob, data, signature)).toBe(true);
      // ECDSA's nonces are noble's own no more, unless this runtime's node:crypto derives them by RFC 6979, too.
      const same = Buffer.compare(signature, mine.sign(algorithm.name, data, random)) === 0;
      expect(same).toBe(algorithm.name === "ssh-ed25519" || !hasRandomNonces());
    }
  });

  test("sign by themselves where they are objects: they may be of hardware, whatever their fields say", async () => {
    const sign = vi.fn((algorithm: string, signed: Uint8Array) => other.sign(algorithm, signed, random));
    const own = { ...other, sign };
    const [found] = (await load({ crypto: "node", identities: [own] })) as PrivateKey[];
    expect(found).toBe(own);
    found!.sign("ecdsa-sha2-nistp256", data, random);
    expect(sign).toHaveBeenCalledOnce();
  });

  test("are the only ones, unless the agent is named too", async () => {
    await agent(other);
    await keyFile("id_ecdsa", other);
    const file = await keyFile("mine", key);
    expect(names(await load({ identities: [file] }))).toEqual(["ssh-ed25519"]);
    expect(names(await load({ identities: [file], agent: true }))).toEqual(["ecdsa-sha2-nistp256 held", "ssh-ed25519"]);
    expect(await load({ identities: [] })).toEqual([]);
  });

  test("are left to the agent when they are locked, or only their public half is there", async () => {
    await agent(key);
    const locked = await keyFile("locked", key, { passphrase: "secret" });
    expect(names(await load({ identities: [locked] }))).toEqual(["ssh-ed25519 held"]);
    const publicHalf = join(home, "id.pub");
    await writeFile(publicHalf, formatPublicKeyLine(key.publicKey, "mine"));
    expect(names(await load({ identities: [publicHalf] }))).toEqual(["ssh-ed25519 held"]);
  });

  test("are unlocked when they are needed, with the passphrase asked for up to three times", async () => {
    const file = await keyFile("locked", key, { passphrase: "right" });
    const asked: unknown[] = [];
    const passphrase = (...question: unknown[]): string => {
      asked.push(question);
      return asked.length < 3 ? "wrong" : "right";
    };
    const [identity] = (await load({ identities: [file], passphrase })) as RemoteIdentity[];
    expect(asked).toEqual([]);
    const signature = await identity!.sign("ssh-ed25519", data);
    expect(ed25519.verify(key.publicKey.blob, data, signature!)).toBe(true);
    await identity!.sign("ssh-ed25519", data);
    expect(asked).toEqual([1, 2, 3].map((attempt) => [file, attempt]));
  });

  test("are refused when others may read them, in any format and encrypted or not; a public key may be read", async () => {
    for (const options of [{}, { passphrase: "x" }, { format: "pkcs8" }] as const) {
      const file = await keyFile("exposed", key, options);
      await chmod(file, 0o644);
      const loading = load({ identities: [file] });
      await expect(loading).rejects.toMatchObject({ code: "file-unreadable" });
      await expect(loading).rejects.toThrow(
        `${file}: its mode 0644 lets others read or write this private key: run chmod 600 on it`,
      );
      await chmod(file, 0o600);
      expect(await load({ identities: [file], passphrase: "x" })).toHaveLength(1);
    }
    await agent(key);
    const publicHalf = join(home, "id.pub");
    await writeFile(publicHalf, formatPublicKeyLine(key.publicKey), { mode: 0o644 });
    expect(names(await load({ identities: [publicHalf] }))).toEqual(["ssh-ed25519 held"]);
  });

  test.each<[string, IdentityOptions["passphrase"], string]>([
    ["without a passphrase", undefined, "passphrase-needed"],
    ["with an empty one", "", "passphrase-needed"],
    ["with a wrong one", "wrong", "passphrase-wrong"],
    ["with three wrong ones", () => "wrong", "passphrase-wrong"],
  ])("are an error %s", async (_, passphrase, code) => {
    const file = await keyFile("locked", key, { passphrase: "right" });
    const [identity] = (await load({ identities: [file], passphrase })) as RemoteIdentity[];
    const signing = identity!.sign("ssh-ed25519", data);
    expect(await codeOf(signing)).toBe(code);
    await expect(signing).rejects.toThrow(file);
  });

  test("are given up when the question for the passphrase is", async () => {
    const file = await keyFile("locked", key, { passphrase: "right" });
    const [identity] = (await load({ identities: [file], passphrase: () => undefined })) as RemoteIdentity[];
    expect(await identity!.sign("ssh-ed25519", data)).toBeUndefined();
  });

  test("ask for the passphrase at once when nothing tells their public half", async () => {
    const file = await keyFile("locked", other, { passphrase: "right", format: "pkcs8" });
    expect(names(await load({ identities: [file], passphrase: "right" }))).toEqual(["ecdsa-sha2-nistp256"]);
    expect(await codeOf(load({ identities: [file], passphrase: "wrong" }))).toBe("passphrase-wrong");
    expect(await codeOf(load({ identities: [file] }))).toBe("passphrase-needed");
  });

  test("must be that of the public key beside them", async () => {
    const file = await keyFile("locked", other, { passphrase: "right", format: "pkcs8" });
    await writeFile(`${file}.pub`, formatPublicKeyLine(key.publicKey));
    const [identity] = (await load({ identities: [file], passphrase: "right" })) as RemoteIdentity[];
    expect(await codeOf(identity!.sign("ssh-ed25519", data))).toBe("key-malformed");
  });

  test.each<[string, string | undefined, string]>([
    ["are not there", undefined, "file-unreadable"],
    ["are no keys", "nothing of the sort\n", "file-malformed"],
    ["are public keys that no agent holds", formatPublicKeyLine(key.publicKey), "file-malformed"],
    ["are of a kind that cannot be used", "PuTTY-User-Key-File-3: ssh-ed25519\n", "key-unsupported"],
  ])("are an error that names the file when they %s", async (_, text, code) => {
    const file = join(home, "some key");
    if (text !== undefined) await writeFile(file, text, { mode: 0o600 });
    const loading = load({ identities: [file] });
    expect(await codeOf(loading)).toBe(code);
    await expect(loading).rejects.toThrow(`${file}: `);
  });
});

describe("the text of a key where its path should be", () => {
  const lines = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n";
  test.each<[string, unknown]>([
    ["as it is in its file", lines],
    ["without its line ends", lines.replaceAll("\n", " ")],
    ["longer than any path", lines.replace("c2VjcmV0", "c2VjcmV0".repeat(1000))],
    ["with other words around it", "c2VjcmV0\r"],
    ["in bytes", Buffer.from(lines)],
  ])("is told what to do about it, and never shown: %s", async (_, text) => {
    const error: unknown = await load({ identities: [key, text as string] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "usage",
      message: "an identity is the text of a key: use await privateKey(text)",
    });
    expect(String((error as Error).cause)).not.toContain("c2VjcmV0");
  });

  test("is not shown in place of an agent's socket either", async () => {
    await expect(load({ agent: lines })).rejects.toMatchObject({
      code: "usage",
      message: expect.not.stringContaining("c2VjcmV0"),
    });
  });
});

test("unlocking is given up when the key is of no use any more", async () => {
  const file = await keyFile("locked", key, { passphrase: "right" });
  const over = new AbortController();
  const passphrase = (): string => {
    over.abort(new Error("the connection is over"));
    return "right";
  };
  const [identity] = (await load({ identities: [file], passphrase, signal: over.signal })) as RemoteIdentity[];
  await expect(identity!.sign("ssh-ed25519", data)).rejects.toThrow("the connection is over");
});

describe("an agent that is named", () => {
  test("must be there", async () => {
    expect(await codeOf(load({ agent: true }))).toBe("agent-failed");
    expect(await codeOf(load({ agent: join(home, "none") }))).toBe("agent-failed");
    expect(await codeOf(load({ agent: "~/none" }))).toBe("agent-failed");
  });
});
