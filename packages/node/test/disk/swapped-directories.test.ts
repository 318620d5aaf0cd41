import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { CREATE, errorOf, get, list, put, serveDisk } from "./support.ts";

/** Time in milliseconds for which directories are swapped; less on each further runtime of the matrix. */
const DURATION = process.env.NACRE_RUNTIME === undefined ? 10_000 : 2000;

/** Longest time in milliseconds to see enough calls of either outcome on a busy machine. */
const LIMIT = 60_000;

/** Swaps the directory "d", the link "l" and the names in between, until it is killed. */
const SWAPPER = `
  const { renameSync } = require("node:fs");
  process.chdir(process.argv.at(-1));
  for (;;) {
    renameSync("d", "spare");
    renameSync("l", "d");
    renameSync("d", "l");
    renameSync("spare", "d");
    renameSync("e/d", "e/spare");
    renameSync("e/l", "e/d");
    renameSync("e/d", "e/l");
    renameSync("e/spare", "e/d");
  }
`;

it(
  "lets no call out of the root while directories and links are swapped",
  async () => {
    const { root, outside, files } = await serveDisk();
    await mkdir(join(root, "d"));
    await mkdir(join(root, "e/d"), { recursive: true });
    await mkdir(join(outside, "empty"));
    await symlink(outside, join(root, "l"));
    await symlink("../../outside", join(root, "e/l"));
    for (const folder of [join(root, "d"), join(root, "e/d")]) {
      await writeFile(join(folder, "f"), "inside");
      await writeFile(join(folder, "remove"), "inside");
    }
    for (const name of ["f", "remove", "inside"]) await writeFile(join(outside, name), "outside", { mode: 0o600 });
    await writeFile(join(root, "moved"), "inside");

    const swapper = spawn(process.execPath, ["-e", SWAPPER, root], { stdio: ["ignore", "ignore", "pipe"] });
    const errors: string[] = [];
    swapper.stderr.on("data", (bytes: Buffer) => errors.push(bytes.toString()));
    const ended = once(swapper, "exit");
    onTestFinished(async () => {
      swapper.kill("SIGKILL");
      await ended;
    });

    /** Contents that a read returned, and names that a listing had. */
    const read = new Set<string>();
    const calls = (directory: string): readonly (() => Promise<unknown>)[] => [
      async () => read.add(await get(files, `${directory}/f`)),
      () => put(files, `${directory}/f`, "inside"),
      () => put(files, `${directory}/new`, "inside"),
      () => files.mkdir(`${directory}/made`, {}),
      () => files.rmdir(`${directory}/made`),
      () => files.rmdir(`${directory}/empty`),
      () => files.posixRename("moved", `${directory}/moved`),
      () => files.posixRename(`${directory}/moved`, "moved"),
      () => files.rename(`${directory}/inside`, "stolen"),
      () => files.link(`${directory}/inside`, "stolen"),
      () => files.symlink("f", `${directory}/link`),
      () => files.remove(`${directory}/link`),
      () => files.remove(`${directory}/remove`),
      () => put(files, `${directory}/remove`, "inside"),
      () => files.setstat(`${directory}/f`, { permissions: 0o644 }),
      async () => {
        for (const name of await list(files, directory)) read.add(name);
      },
      async () => {
        const file = await files.open(`${directory}/../${directory}/appended`, { ...CREATE, append: true }, {});
        await file.close();
      },
    ];
    const all = [...calls("d"), ...calls("e/d")];
    /** Numbers of calls that succeeded, and that met a link or a missing name. */
    let [done, refused] = [0, 0];
    const start = performance.now();
    for (let rounds = 0; ; rounds++) {
      const elapsed = performance.now() - start;
      if (elapsed > LIMIT || (elapsed > DURATION && done > 1000 && refused > 1000)) break;
      for (const call of all) {
        const error = await errorOf(call());
        if (error === "no error") done++;
        else if (error === "ENOENT") refused++;
      }
      if (rounds % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (swapper.exitCode !== null) throw new Error(`the swapper ended: ${errors.join("")}`);
    }
    expect(done).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(1000);

    expect((await readdir(outside)).toSorted()).toEqual(["empty", "f", "inside", "remove"]);
    for (const name of ["f", "remove", "inside"]) {
      expect(await readFile(join(outside, name), "utf8")).toBe("outside");
      expect((await stat(join(outside, name))).mode & 0o777).toBe(0o600);
      expect((await stat(join(outside, name))).nlink).toBe(1);
    }
    expect([...read]).not.toContain("outside");
    expect([...read]).not.toContain("empty");
  },
  LIMIT + 30_000,
);
