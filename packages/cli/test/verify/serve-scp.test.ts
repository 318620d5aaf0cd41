import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Ended } from "../interop/nacre.ts";
import { run, type Served, useServeFolder } from "../interop/serve-support.ts";

// Tests OpenSSH's `scp -O` against `nacre serve`.

const folder = useServeFolder({ terminals: false });

/** Runs `scp -O` with some words. Paths of the server begin with ":". Resolves with the exit status and the error output. */
async function scp(
  served: Served,
  ...words: readonly string[]
): Promise<readonly [status: number | null, stderr: string]> {
  const ssh = folder.ssh(served);
  const at = ssh.at(-1)!;
  // ssh's option for the port is -p.
  const options = ssh.slice(1, -1).map((word) => (word === "-p" ? "-P" : word));
  const places = words.map((word) => (word.startsWith(":") ? `${at}${word}` : word));
  const { status, stderr } = await run(["scp", "-O", "-q", ...options, ...places]);
  return [status, stderr];
}

/** Makes a directory with a root to serve and a file beside it. */
function makeFiles(name: string): { readonly root: string; readonly outside: string; readonly file: string } {
  const path = join(folder.path, name);
  const root = join(path, "root");
  mkdirSync(root, { recursive: true });
  const outside = join(path, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "secret");
  const file = join(path, "file");
  writeFileSync(file, randomBytes(200_000));
  return { root, outside, file };
}

describe("nacre serve", () => {
  test("answers scp from the root of SFTP, and nothing leads out of it", async () => {
    const { root, outside, file } = makeFiles("rooted");
    symlinkSync(outside, join(root, "link"));
    const served = await folder.serve({ words: ["--no-exec", "--sftp-root", root] });
    expect(await scp(served, file, ":/copy")).toEqual([0, ""]);
    expect(readFileSync(join(root, "copy")).equals(readFileSync(file))).toBe(true);
    expect(await scp(served, "-r", "-p", ":/copy", `${file}.back`)).toEqual([0, ""]);
    expect(readFileSync(`${file}.back`).equals(readFileSync(file))).toBe(true);
    const refused = [
      await scp(served, file, ":/link/stolen"),
      await scp(served, file, `:${outside}/stolen`),
      await scp(served, ":/../outside/secret", `${file}.stolen`),
      await scp(served, ":link/secret", `${file}.stolen`),
    ];
    for (const [status, stderr] of refused)
      expect([status, stderr]).toEqual([1, expect.stringContaining("No such file")]);
    expect(readdirSync(outside)).toEqual(["secret"]);
    // A shell would expand it.
    expect(await scp(served, ":*", folder.path)).toEqual([
      1,
      "scp: this server takes one path without wildcards, and no terminal\n",
    ]);
  });

  test("hands no scp to the system with a root or --sftp-read-only", async () => {
    const { root, outside } = makeFiles("not-understood");
    writeFileSync(join(root, "f"), "f");
    for (const words of [
      ["--sftp-root", root],
      ["--sftp-root", root, "--sftp-read-only"],
      ["--no-exec", "--sftp-root", root],
    ]) {
      const served = await folder.serve({ words });
      const play = (command: string, input: string): Promise<Ended> => run([...folder.ssh(served), command], input);
      const sent = "C0644 4 new\nleak\0";
      for (const command of [`scp -pt ${outside}/new`, `/usr/bin/scp -t ${outside}`, `exec scp -pt ${outside}/*`])
        expect((await play(command, sent)).status, command).not.toBe(0);
      for (const command of [
        `scp -pf ${outside}/secret`,
        `scp -S x -f ${outside}/secret`,
        `'scp' -tf ${outside}/secret`,
      ])
        expect((await play(command, "\0\0\0")).stdout, command).not.toContain("C0644");
      expect(readdirSync(outside)).toEqual(["secret"]);
      // libssh2 joins its flags.
      const { stdout, status } = await play("scp -pf '/f'", "\0\0\0\0");
      expect([stdout.toString().replace(/^T.*\n/, ""), status]).toEqual(["C0644 1 f\nf\0", 0]);
    }
  });

  test("refuses uploads with --sftp-read-only, and all of scp with --no-sftp and --no-exec", async () => {
    const { root, file } = makeFiles("read-only");
    writeFileSync(join(root, "f"), "contents");
    const served = await folder.serve({ words: ["--sftp-root", root, "--sftp-read-only"] });
    expect(await scp(served, file, ":f")).toEqual([1, "scp: f: Permission denied\n"]);
    expect(await scp(served, ":f", `${file}.f`)).toEqual([0, ""]);
    expect(readFileSync(`${file}.f`, "utf8")).toBe("contents");
    const closed = await folder.serve({ words: ["--no-sftp", "--no-exec"] });
    const [status] = await scp(closed, ":f", `${file}.g`);
    expect(status).not.toBe(0);
    expect(await closed.until(({ event }) => event === "request-refused")).toMatchObject({ request: "exec scp -f f" });
  });

  test("runs the forced command of a key in place of scp, and a forced scp in the shell", async () => {
    const { root, outside, file } = makeFiles("forced");
    const words = ["--sftp-root", root];
    const authorizedKeys = `command="echo forced; exit 3" ${folder.keyLine}`;
    const forced = await folder.serve({ authorizedKeys, words });
    expect((await scp(forced, file, ":copy"))[0]).not.toBe(0);
    expect(readdirSync(root)).toEqual([]);
    const own = await folder.serve({ authorizedKeys: `command="scp -t ${outside}" ${folder.keyLine}`, words });
    expect(await scp(own, file, ":anything")).toEqual([0, ""]);
    expect([readdirSync(root), readdirSync(outside)]).toEqual([[], ["file", "secret"]]);
  });
});
