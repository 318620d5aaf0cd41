import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateEd25519 } from "@nacre/keys";
import { type Client, connect, type ListenEvent, listen, type NodeSession } from "@nacre/node";
import { type SftpServerOptions, sftpServer } from "@nacre/node/sftp-server";
import { describe, expect, it, onTestFinished } from "vitest";
import { codeOf, counting, temporaryFolder } from "../support.ts";

const key = generateEd25519(counting);

interface Served {
  readonly ssh: Client;
  readonly events: readonly ListenEvent[];
  /** Connects with the same key. */
  connectAs(this: void, user: string): Promise<Client>;
}

async function serving(
  options: SftpServerOptions | ((session: NodeSession) => SftpServerOptions | Promise<SftpServerOptions>),
  user = "alice",
): Promise<Served> {
  const events: ListenEvent[] = [];
  const server = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: ({ method }) => method === "publickey",
    subsystems: { sftp: sftpServer(options) },
    log: (event) => events.push(event),
  });
  onTestFinished(() => server.close());
  const connectAs = async (name: string): Promise<Client> => {
    const client = await connect({
      host: "127.0.0.1",
      port: server.address.port,
      user: name,
      agent: false,
      identities: [key],
      hostKey: () => true,
    });
    onTestFinished(() => client.close());
    return client;
  };
  return { ssh: await connectAs(user), events, connectAs };
}

/** Opens a file in a session of its own as often as the server allows, and returns how often. */
async function openAll(client: Client): Promise<number> {
  const sftp = await client.sftp();
  for (let count = 0; ; count++) if ((await codeOf(sftp.open("f"))) !== "no error") return count;
}

describe("sftpServer of @nacre/node", () => {
  it("serves a folder: every call of the client", async () => {
    const root = await temporaryFolder();
    const { ssh } = await serving({ root });
    const sftp = await ssh.sftp();
    await sftp.mkdir("a/b", { recursive: true });
    const bytes = Buffer.alloc(3_000_000, "0123456789");
    await sftp.writeFile("a/b/big", bytes, { mode: 0o640 });
    expect(bytes.equals(await readFile(join(root, "a/b/big")))).toBe(true);
    expect(bytes.equals(await sftp.readFile("/a/b/big"))).toBe(true);
    await sftp.copyFile("a/b/big", "a/copy");
    expect(bytes.equals(await readFile(join(root, "a/copy")))).toBe(true);
    await sftp.writeFile("a/atomic", "1", { atomic: true });
    await sftp.writeFile("a/atomic", "2", { atomic: true });
    await sftp.symlink("/a/copy", "l");
    expect((await sftp.stat("l")).size).toBe(3_000_000);
    await sftp.lutimes("l", 1000, 2000);
    expect((await sftp.lstat("l")).mtimeMs).toBe(2_000_000);
    await sftp.link("a/copy", "hard");
    await sftp.rename("hard", "harder");
    expect((await sftp.readdir("/")).toSorted()).toEqual(["a", "harder", "l"]);
    expect((await sftp.statfs("/")).blocks).toBeGreaterThan(0);
    expect(await sftp.realpath("a/../new")).toBe("/new");
    await sftp.rm("a", { recursive: true });
    expect(await sftp.exists("a")).toBe(false);
    await sftp.close();
  });

  it("keeps a client in its root, and changes nothing if it is read-only", async () => {
    const folder = await temporaryFolder();
    const root = join(folder, "root");
    await mkdir(root);
    await writeFile(join(folder, "secret"), "secret");
    await writeFile(join(root, "f"), "open");
    await symlink(join(folder, "secret"), join(root, "l"));
    const { ssh } = await serving({ root, readOnly: true });
    const sftp = await ssh.sftp();
    expect(await codeOf(sftp.readFile("l"))).toBe("sftp-no-such-file");
    expect(await codeOf(sftp.readFile("../secret"))).toBe("sftp-no-such-file");
    expect(await sftp.readFile("f", "utf8")).toBe("open");
    expect(await codeOf(sftp.writeFile("f", "x"))).toBe("sftp-permission-denied");
    expect(await codeOf(sftp.mkdir("d"))).toBe("sftp-permission-denied");
    expect(await readFile(join(root, "f"), "utf8")).toBe("open");
    await sftp.close();
  });

  it("serves a root for each user, and fails a session without one", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "alice"));
    const roots = new Map([["alice", join(folder, "alice")]]);
    const options = async ({ user }: NodeSession): Promise<SftpServerOptions> => {
      const root = roots.get(user);
      if (root === undefined) throw new Error(`no root for ${user}`);
      return { root };
    };
    const alice = await serving(options);
    const sftp = await alice.ssh.sftp();
    await sftp.writeFile("f", "hers");
    expect(await readFile(join(folder, "alice/f"), "utf8")).toBe("hers");
    await sftp.close();
    const bob = await serving(options, "bob");
    expect(await codeOf(bob.ssh.sftp())).not.toBe("no error");
    const failed = { type: "session-ended", error: new Error("no root for bob") };
    await expect.poll(() => bob.events, { timeout: 10_000 }).toContainEqual(expect.objectContaining(failed));
  });

  it("lets the sessions of one key open as many files as are left, whichever has its options from a function", async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, "f"), "");
    const { ssh, connectAs } = await serving(() => ({ root, maxHandles: 20 }));
    expect([await openAll(ssh), await openAll(await connectAs("alice"))]).toEqual([10, 0]);
    expect(await openAll(await connectAs("bob"))).toBe(5);
  });

  it("refuses invalid options", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    const invalid: readonly [options: unknown, message: string][] = [
      [{}, "`root` must be an absolute path, got undefined"],
      [{ root: "relative\n" }, '`root` must be an absolute path, got "relative\\x0a"'],
      [{ root: join(folder, "file") }, "is not a directory"],
      [{ root: join(folder, "none") }, "is not a directory"],
      [{ root: folder, startDirectory: 1 }, "`startDirectory` must be"],
      [{ root: folder, readOnly: "yes" }, "`readOnly` must be"],
      [{ root: folder, umask: "022" }, "`umask` must be"],
      [{ root: folder, umask: 0o1000 }, "`umask` must be"],
      [{ root: folder, maxHandles: 0 }, "`maxHandles` must be"],
      [{ root: folder, maxHandles: 1.5 }, "`maxHandles` must be"],
      [{ root: folder, readonly: true }, "readOnly"],
      [{ root: folder, log: 1 }, "`log` must be"],
    ];
    for (const [options, message] of invalid)
      expect(() => sftpServer(options as SftpServerOptions), message).toThrow(
        expect.objectContaining({ code: "usage", message: expect.stringContaining(message) as string }) as Error,
      );
  });
});
