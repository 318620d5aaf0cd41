import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { fingerprintOf, type KeyFile, type KeyType, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, type Ran, runInShell, runPeer, useOurServer } from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, test } from "vitest";

// Tests PuTTY's plink and psftp against our server.

const TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256"];

const folder = useFolder();
const keys = new Map<string, KeyFile & { readonly putty: string }>();
beforeAll(async () => {
  for (const name of [...TYPES, "stranger"] as const) {
    const file = await makeKey(folder, name, name === "stranger" ? "ed25519" : name);
    const putty = `${file.path}.ppk`;
    expect((await runPeer(["puttygen", file.path, "-O", "private", "-o", putty])).status).toBe(0);
    keys.set(name, { ...file, putty });
  }
});

const server = useOurServer({
  methods: ["publickey", "password", "keyboard-interactive"],
  authenticate: async (login) => {
    if (login.method === "publickey") return keysOf(...TYPES.map((type) => () => keys.get(type)!))(login);
    if (login.method === "password") return login.password === "the password";
    return false;
  },
  subsystems: {
    sftp: (session) => runInShell(session, "exec /usr/lib/openssh/sftp-server"),
  },
});

/** Runs plink or psftp as alice, with the test's own home folder and host keys. */
async function putty(program: string, words: readonly string[], input: string | Uint8Array = ""): Promise<Ran> {
  const hostKey = fingerprintOf({ path: "", publicKeyLine: server.hostKeyLines[0]! });
  const target = ["-batch", "-P", `${server.port}`, "-hostkey", hostKey, "-l", "alice"];
  return runPeer([program, ...target, ...words], { input, env: { HOME: folder.path } });
}

const withKey = (name: string): readonly string[] => ["-i", keys.get(name)!.putty, "-noagent"];

describe("plink", () => {
  test.each(TYPES)("logs in with a key of type %s and runs a command", async (type) => {
    const ran = await putty("plink", [...withKey(type), "127.0.0.1", "echo out; echo err >&2; exit 3"]);
    expect(ran.stdout.toString()).toBe("out\n");
    expect(ran.stderr).toBe("err\n");
    expect(ran.status).toBe(3);
  });

  test("logs in with a password", async () => {
    const ran = await putty("plink", ["-pw", "the password", "127.0.0.1", "echo in; exit 4"]);
    expect(ran.stdout.toString()).toBe("in\n");
    expect(ran.status).toBe(4);
  });

  test("transfers 16 MiB in both directions", async () => {
    const bytes = randomData(16 * MIB);
    const ran = await putty("plink", [...withKey("ed25519"), "127.0.0.1", "cat"], bytes);
    expect(ran).toMatchObject({ stderr: "", status: 0 });
    expect(sha256(ran.stdout)).toBe(sha256(bytes));
  });

  test("is refused with an unknown key and with a wrong password", async () => {
    const stranger = await putty("plink", [...withKey("stranger"), "127.0.0.1", "echo in"]);
    expect(stranger.stdout.toString()).toBe("");
    expect(stranger.status).not.toBe(0);
    expect(stranger.stderr).toMatch(/refused our key|Server refused/);
    const wrong = await putty("plink", ["-pw", "wrong", "127.0.0.1", "echo in"]);
    expect(wrong.stdout.toString()).toBe("");
    expect(wrong.stderr).toMatch(/Access denied/);
    expect(wrong.status).not.toBe(0);
  });
});

describe("psftp", () => {
  test("uploads and downloads 8 MiB", async () => {
    const bytes = randomData(8 * MIB);
    const remote = join(folder.path, "remote");
    const [source, copy] = [join(folder.path, "source"), join(folder.path, "copy")];
    await mkdir(remote);
    await writeFile(source, bytes);
    const commands = join(folder.path, "commands");
    await writeFile(commands, `cd ${remote}\nput ${source} there\nget there ${copy}\nquit\n`);
    const ran = await putty("psftp", [...withKey("ed25519"), "-b", commands, "127.0.0.1"]);
    expect(ran).toMatchObject({ status: 0 });
    expect(sha256(await readFile(join(remote, "there")))).toBe(sha256(bytes));
    expect(sha256(await readFile(copy))).toBe(sha256(bytes));
  });
});
