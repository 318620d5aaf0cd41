import { execFileSync } from "node:child_process";
import { mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type BothDirectories, makeRemoteDirectory, withDirectories } from "@nacre/testing/interop/directories";
import { useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { describe, expect, it } from "vitest";

// Transfers to and from OpenSSH's sftp-server. Both sides are compared by the digest of a list that `find` and `sha256sum` make there.

const server = useServer();
const folder = useFolder();

async function open(): Promise<BothDirectories> {
  const ssh = await server.connect();
  return withDirectories(ssh, makeRemoteDirectory(ssh), folder);
}

/** Prints contents, types, modes, targets and times of change in whole seconds below the directory `t`. */
const LIST = `cd t && export LC_ALL=C && find . -type f -print0 | sort -z | xargs -0 sha256sum -z | tr '\\0' '\\n' &&
  find . -mindepth 1 -print0 | sort -z | xargs -0 stat -c '%n %N %a' &&
  find . -mindepth 1 ! -type l -print0 | sort -z | xargs -0 stat -c '%n %Y'`;

function listHere(local: string): string {
  return execFileSync("sh", ["-c", LIST], { cwd: local, encoding: "latin1", maxBuffer: 16 * MIB });
}

async function digestThere(run: BothDirectories["run"], directory: string): Promise<string> {
  return run(`cd ${directory} && { ${LIST}; } | sha256sum | cut -d ' ' -f 1`);
}

/** Makes 1,000 small files, empty directories, links, and names of every kind. */
async function makeTree(local: string): Promise<void> {
  const t = join(local, "t");
  await mkdir(t);
  for (let d = 0; d < 10; d++) {
    await mkdir(join(t, `d${d}`, "empty"), { recursive: true });
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => writeFile(join(t, `d${d}`, `f${i}`), randomData((i * 97) % 4096))),
    );
  }
  const names = [
    "-rf",
    " ",
    "a b",
    "#x",
    "'q'",
    '"q"',
    "$(id)",
    "`id`",
    "*",
    "?",
    "\\",
    "nl\nx",
    "é",
    "日本",
    "…",
    "~",
  ];
  for (const name of names) await writeFile(join(t, name), name);
  await writeFile(Buffer.concat([Buffer.from(`${t}/`), Buffer.from([0x66, 0xff, 0xfe])]), "not UTF-8");
  await writeFile(join(t, "x".repeat(255)), "the longest name");
  await writeFile(join(t, "run"), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(join(t, "secret"), "s", { mode: 0o600 });
  await symlink("d0/f1", join(t, "link"));
  await symlink("/nowhere", join(t, "dangling"));
  await symlink("d1", join(t, "directory-link"));
  await utimes(join(t, "run"), 1_000_000, 1_500_000_000);
  await utimes(join(t, "d3"), 1_000_000, 1_400_000_000);
}

describe("transfers with OpenSSH", () => {
  it("copy a tree of 1,000 files there and back", async () => {
    const { ssh, remote, local, run } = await open();
    await makeTree(local);
    const options = { recursive: true, preserve: true, symlinks: "keep" } as const;
    const expected = { files: 1020, directories: 21, links: 3, skipped: [], failed: [] };
    expect(await ssh.upload(join(local, "t"), `${remote}/t`, options)).toMatchObject(expected);
    const list = listHere(local);
    expect(list.split("\n").length).toBeGreaterThan(3000);
    expect(await digestThere(run, remote)).toBe(sha256(Buffer.from(list, "latin1")));
    // Again over an existing file.
    await ssh.upload(join(local, "t", "run"), `${remote}/t/run`, options);
    await mkdir(join(local, "back"));
    expect(await ssh.download(`${remote}/t`, join(local, "back", "t"), options)).toMatchObject(expected);
    expect(listHere(join(local, "back"))).toBe(list);
    expect(await digestThere(run, remote)).toBe(sha256(Buffer.from(list, "latin1")));
  });

  it("copy a file of 64 MiB there and back", async () => {
    const { ssh, remote, local, run } = await open();
    const bytes = randomData(64 * MIB + 1);
    await writeFile(join(local, "f"), bytes);
    expect(await ssh.upload(join(local, "f"), `${remote}/f`)).toMatchObject({ files: 1, bytes: bytes.length });
    expect(await run("sha256sum < f")).toBe(`${sha256(bytes)}  -`);
    let last = 0;
    const onProgress = (progress: { readonly bytes: number }): void => {
      last = progress.bytes;
    };
    await ssh.download(`${remote}/f`, join(local, "g"), { onProgress });
    expect(last).toBe(bytes.length);
    expect(execFileSync("cmp", [join(local, "f"), join(local, "g")]).length).toBe(0);
  });

  it("that fail or are aborted leave no temporary file, and end their channel", async () => {
    const { ssh, remote, local, run } = await open();
    await writeFile(join(local, "f"), randomData(32 * MIB));
    for (const direction of ["upload", "download"] as const) {
      const abort = new AbortController();
      const options = {
        signal: abort.signal,
        onProgress: ({ bytes }: { readonly bytes: number }) => void (bytes > 4 * MIB && abort.abort()),
      };
      const work =
        direction === "upload"
          ? ssh.upload(join(local, "f"), `${remote}/f`, options)
          : ssh.download(`${remote}/g`, join(local, "h"), options);
      expect(await failure(work)).toMatchObject({ code: "aborted" });
      expect(await run("ls -A")).toBe(direction === "upload" ? "" : "g");
      expect(await readdir(local)).toEqual(["f"]);
      if (direction === "upload") await ssh.upload(join(local, "f"), `${remote}/g`);
    }
    expect(await failure(ssh.upload(join(local, "f"), "/proc/f"))).toMatchObject({ code: "sftp-no-such-file" });
    expect(await failure(ssh.upload(join(local, "none"), `${remote}/f`))).toMatchObject({ code: "file-unreadable" });
    expect(await failure(ssh.download(`${remote}/none`, join(local, "f")))).toMatchObject({
      code: "sftp-no-such-file",
    });
    // More than the channels that a connection may have, one after the other.
    for (let i = 0; i < 12; i++) await failure(ssh.download(`${remote}/none`, join(local, "f")));
    // The process of the connection has no child but this shell.
    await expect.poll(() => run("ps -o pid= --ppid $PPID | grep -vcw $$ || true"), { timeout: 20_000 }).toBe("0");
  });
});
