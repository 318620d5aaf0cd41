import { execFileSync } from "node:child_process";
import { link, mkdir, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { download, SSH_FX, sftp, upload } from "@nacre/files";
import { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { SshError } from "@nacre/wire";
import { expect, it, onTestFinished } from "vitest";
import { nodeFiles } from "../src/disk/local-files.ts";
import { temporaryFolder } from "./support.ts";

/** Returns the paths below a folder that this process has open. */
async function openBelow(folder: string): Promise<string[]> {
  const paths = await Promise.all(
    (await readdir("/proc/self/fd")).map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => "")),
  );
  return paths.filter((path) => path.startsWith(folder));
}

it("leaves no descriptor of a file open that it refuses", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  await writeFile(path("file"), "x");
  await link(path("file"), path("second name"));
  await symlink("file", path("link"));
  await mkdir(path("directory"));
  execFileSync("mkfifo", [path("pipe")]);
  const outcomes: string[] = [];
  for (const name of ["file", "link", "directory", "pipe"]) {
    const attempts = [
      nodeFiles.create(path(name), undefined).then((file) => file.close()),
      nodeFiles.open(path(name), false).then((file) => file.close()),
      nodeFiles.openPartial!(path(name)).then((file) => expect(file).toBeUndefined()),
      nodeFiles.setAttributes(path(name), { mode: 0o700 }),
      nodeFiles.holdDirectory!(path(name), false).then((held) => held.close()),
    ];
    for (const { status } of await Promise.allSettled(attempts)) outcomes.push(status);
  }
  expect(outcomes.filter((status) => status === "rejected").length).toBeGreaterThan(10);
  expect(await openBelow(folder)).toEqual([]);
});

it("leaves neither a descriptor nor a temporary file of transfers that fail", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  await mkdir(path("from"));
  for (const [name, length] of [
    ["long", 2_000_000],
    ["short", 10],
  ] as const)
    await writeFile(join(path("from"), name), new Uint8Array(length));
  for (const type of ["read", "write", "close", "lost"] as const) {
    const server = new MemorySftp({
      answer({ token, request }, machine) {
        if (type === "lost" && (request.type === "read" || request.type === "write"))
          server.lose(new SshError("connection-lost", "the cable is cut"));
        if (request.type !== type) return false;
        machine.status(token, SSH_FX.FAILURE);
        return true;
      },
    });
    const client = await sftp(server);
    onTestFinished(() => client.close());
    server.files.makeDirectory("/home/t");
    for (const [name, length] of [
      ["long", 2_000_000],
      ["short", 10],
    ] as const)
      server.files.open(`/home/t/${name}`, 0x0a).data = new Uint8Array(length);
    const here = (name: string) => ({ files: nodeFiles, path: path(name) });
    await Promise.allSettled([
      download(client, "t", here("to"), { recursive: true, preserve: true }),
      upload(client, here("from"), "up", { recursive: true }),
    ]);
    expect(await openBelow(folder)).toEqual([]);
    const left = await readdir(path("to")).catch(() => []);
    expect(left.filter((name) => name.includes("nacre"))).toEqual([]);
  }
});
