import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scpServer } from "@nacre/files/scp-server";
import { memoryFileSystem } from "@nacre/files/server";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { fingerprintOf, type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, type Ran, runInShell, runPeer, useOurServer } from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, test } from "vitest";

// Tests curl, which uses libssh2, against our server with OpenSSH's sftp-server, and with our scp.

const folder = useFolder();
let key: KeyFile;
let stranger: KeyFile;
beforeAll(async () => {
  key = await makeKey(folder, "key", "ed25519");
  stranger = await makeKey(folder, "stranger", "ed25519");
});

const withKey = ({ path }: KeyFile): string[] => ["--key", path, "--pubkey", `${path}.pub`];

describe("curl", () => {
  const files = memoryFileSystem();
  const scp = scpServer(files);
  const server = useOurServer({
    methods: ["publickey", "password"],
    authenticate: (login) =>
      login.method === "password" ? login.password === "the password" : keysOf(() => key)(login),
    session: (session) => scp(session) ?? 127,
    subsystems: { sftp: (session) => runInShell(session, "exec /usr/lib/openssh/sftp-server") },
  });

  function curl(path: string, words: readonly string[], scheme: "sftp" | "scp" = "sftp"): Promise<Ran> {
    const hostKey = fingerprintOf({ path: "", publicKeyLine: server.hostKeyLines[0]! }).slice("SHA256:".length);
    const url = `${scheme}://alice@127.0.0.1:${server.port}${path}`;
    const env = { HOME: folder.path };
    return runPeer(["curl", "-sS", "-q", "--hostpubsha256", hostKey, ...words, url], { env });
  }

  test("uploads and downloads 16 MiB with a key", async () => {
    const bytes = randomData(16 * MIB);
    const [source, remote] = [join(folder.path, "source"), join(folder.path, "remote")];
    await writeFile(source, bytes);
    expect(await curl(remote, [...withKey(key), "-T", source])).toMatchObject({ status: 0, stderr: "" });
    expect(sha256(await readFile(remote))).toBe(sha256(bytes));
    const got = await curl(remote, withKey(key));
    expect(got).toMatchObject({ status: 0, stderr: "" });
    expect(sha256(got.stdout)).toBe(sha256(bytes));
  });

  test("uploads and downloads by scp", async () => {
    const source = join(folder.path, "scp-source");
    for (const length of [0, 1, 16_384, MIB + 1]) {
      const bytes = randomData(length);
      await writeFile(source, bytes);
      expect(await curl("/copy", [...withKey(key), "-T", source], "scp")).toMatchObject({ status: 0, stderr: "" });
      expect(Number((await files.stat("/copy")).size)).toBe(length);
      const got = await curl("/copy", withKey(key), "scp");
      expect(got).toMatchObject({ status: 0, stderr: "" });
      expect(sha256(got.stdout)).toBe(sha256(bytes));
    }
    expect((await (await files.opendir("/")).read()).map(({ name }) => name)).toEqual(["copy"]);
  });

  test("logs in with a password", async () => {
    const remote = join(folder.path, "small");
    await writeFile(remote, "small\n");
    const got = await curl(remote, ["-u", "alice:the password"]);
    expect(got).toMatchObject({ status: 0, stderr: "" });
    expect(got.stdout.toString()).toBe("small\n");
  });

  test("is refused with an unknown key and with a wrong password", async () => {
    const remote = join(folder.path, "small");
    // curl's exit status 67 means that the login was denied.
    expect((await curl(remote, withKey(stranger))).status).toBe(67);
    expect((await curl(remote, ["-u", "alice:wrong"])).status).toBe(67);
  });
});
