import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { TransferProgress } from "@nacre/files";
import { MIB, randomData } from "@nacre/testing/interop/data";
import { type BothDirectories, makeRemoteDirectory, withDirectories } from "@nacre/testing/interop/directories";
import { useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Client } from "../../src/index.ts";

// Options of transfers with OpenSSH's sftp-server, and its commands.

const server = useServer();
const folder = useFolder();

/** `remote` is relative to the user's directory. */
async function open(): Promise<BothDirectories> {
  const ssh = await server.connect();
  const opened = await withDirectories(ssh, makeRemoteDirectory(ssh, "~"), folder);
  return { ...opened, remote: basename(opened.remote) };
}

/** Closes the connection when some bytes have moved. */
function cutAt(ssh: Client, bytes: number): (progress: TransferProgress) => void {
  return (progress) => void (progress.bytes >= bytes && ssh.close());
}

describe("options of transfers with OpenSSH", () => {
  it("make missing parents of an upload", async () => {
    const { ssh, remote, local, run } = await open();
    await writeFile(join(local, "f"), "contents");
    expect(await failure(ssh.upload(join(local, "f"), `${remote}/a/b/f`))).toMatchObject({ code: "sftp-no-such-file" });
    await ssh.upload(join(local, "f"), `${remote}/a/b/f`, { parents: true });
    await ssh.upload(join(local, "f"), `${remote}/a/b/g`, { parents: true });
    expect(await run("cat a/b/f a/b/g")).toBe("contentscontents");
  });

  it("continue both directions after the connection broke, and verify what is whole", async () => {
    const { ssh, remote, local, run } = await open();
    const path = (name: string): string => join(local, name);
    await writeFile(path("f"), randomData(10 * MIB + 1));
    const options = { resume: true, verify: "sha256" } as const;
    for (const [name, work] of [
      ["upload", (client: Client, more: object) => client.upload(path("f"), `${remote}/f`, { ...options, ...more })],
      [
        "download",
        (client: Client, more: object) => client.download(`${remote}/f`, path("g"), { ...options, ...more }),
      ],
    ] as const) {
      const broken = await server.connect();
      await failure(work(broken, { onProgress: cutAt(broken, 4 * MIB) }));
      await broken.close();
      const parts = (name === "upload" ? (await run("ls -A")).split("\n") : await readdir(local)).filter((part) =>
        part.startsWith("."),
      );
      expect(parts).toEqual([expect.stringMatching(/^\.[fg]\.nacre-[0-9a-f]{24}-[0-9a-z]+-[0-9a-z]+$/)]);
      const result = await work(ssh, {});
      expect(result).toMatchObject({ files: 1, verified: 1, unverified: [], failed: [] });
      expect(result.resumed).toEqual([{ path: "", bytes: 10 * MIB + 1 - result.bytes }]);
      expect(result.bytes).toBeLessThan(10 * MIB);
    }
    expect(execFileSync("cmp", [path("f"), path("g")]).length).toBe(0);
    expect(await readdir(local)).toEqual(["f", "g"]);
    expect(await run("ls -A")).toBe("f");
  });

  it("compare files with names that a shell would take apart, and a stream", async () => {
    const { ssh, remote, local, run } = await open();
    await mkdir(join(local, "t"));
    const names = ["-z", "--", " ", "$(id)", "`id`", "nl\nx", "'q'", "\\", "*"];
    for (const name of names) await writeFile(join(local, "t", name), name);
    await writeFile(Buffer.concat([Buffer.from(`${local}/t/`), Buffer.from([0x66, 0xff])]), "not UTF-8");
    const options = { recursive: true, verify: "sha256" } as const;
    const whole = { files: 10, verified: 10, unverified: [], failed: [] };
    expect(await ssh.upload(join(local, "t"), `${remote}/t`, options)).toMatchObject(whole);
    expect(await ssh.download(`${remote}/t`, join(local, "back"), options)).toMatchObject(whole);
    expect(await ssh.upload(join(local, "t"), `${remote}/t`, { ...options, verify: "size" })).toMatchObject(whole);
    expect(await run("find t -type f | wc -l")).toBe("11");
    await ssh.upload(createReadStream(join(local, "t", "*")), `${remote}/one`, { verify: "sha256" });
    expect(await run("cat one")).toBe("*");
  });

  it("deploy a folder: what changed is moved, what is gone is removed", async () => {
    const { ssh, remote, local, run } = await open();
    const t = join(local, "t");
    await mkdir(join(t, "assets"), { recursive: true });
    for (const name of ["index.html", "assets/a.js", "assets/b.js"]) {
      await writeFile(join(t, name), name);
      await utimes(join(t, name), 1_500_000_000, 1_500_000_000.7);
    }
    const options = { recursive: true, update: "size-mtime", delete: true } as const;
    expect(await ssh.upload(t, `${remote}/www`, options)).toMatchObject({ files: 3, unchanged: 0, deleted: [] });
    await run("mkdir -p victim www/old/deep && touch victim/kept www/old/deep/x && ln -s ../../victim www/old/link");
    await rm(join(t, "assets", "b.js"));
    await writeFile(join(t, "index.html"), "changed");
    const result = await ssh.upload(t, `${remote}/www`, options);
    expect(result).toMatchObject({ files: 1, unchanged: 1, failed: [] });
    expect(result.deleted.toSorted()).toEqual(["assets/b.js", "old"]);
    expect(await run("find . -type f | sort")).toBe("./victim/kept\n./www/assets/a.js\n./www/index.html");

    // Back, over a tree with a link.
    await mkdir(join(local, "copy", "gone"), { recursive: true });
    await mkdir(join(local, "precious"));
    await writeFile(join(local, "precious", "kept"), "");
    await symlink("../../precious", join(local, "copy", "gone", "link"));
    const back = await ssh.download(`${remote}/www`, join(local, "copy"), options);
    expect(back).toMatchObject({ files: 2, deleted: ["gone"], failed: [] });
    expect(await readdir(join(local, "precious"))).toEqual(["kept"]);
    expect((await ssh.download(`${remote}/www`, join(local, "copy"), options)).unchanged).toBe(2);
  });

  it("copy between two connections, take patterns, and fill a stream", async () => {
    const { ssh, remote, local, run } = await open();
    await run("mkdir -p logs/old && echo 1 > logs/a.log && echo 2 > logs/old/b.log && echo 3 > logs/c.txt");
    const other = await server.connect();
    onTestFinished(() => other.close());
    const copied = await ssh.copy(`${remote}/logs`, other, `${remote}/copy`, { recursive: true, verify: "sha256" });
    expect(copied).toMatchObject({ files: 3, verified: 3 });
    expect(await run("diff -r logs copy && echo same")).toBe("same");
    expect(await ssh.download({ glob: `${remote}/logs/**/*.log` }, join(local, "logs"))).toMatchObject({ files: 2 });
    expect(await readFile(join(local, "logs", "old", "b.log"), "utf8")).toBe("2\n");
    expect(await ssh.upload({ glob: join(local, "logs", "*.log") }, `${remote}/up`)).toMatchObject({ files: 1 });
    expect(await run("ls up")).toBe("a.log");
    const sink = (chunks: AsyncIterable<Uint8Array>): Promise<void> =>
      pipeline(chunks, createWriteStream(join(local, "stream")));
    expect(await ssh.download(`${remote}/logs/a.log`, sink, { verify: "sha256" })).toMatchObject({ verified: 1 });
    expect(await readFile(join(local, "stream"), "utf8")).toBe("1\n");
  });
});
