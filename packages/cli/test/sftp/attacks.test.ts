import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { findTarget, planStep } from "../../src/cp/plan.ts";
import { ProgressBar } from "../../src/cp/progress-bar.ts";
import { expandUser, localSide, type Side } from "../../src/cp/side.ts";
import { TotalProgress } from "../../src/cp/total-progress.ts";
import { complete } from "../../src/sftp/complete.ts";
import { inColumns } from "../../src/sftp/listing.ts";
import { temporaryFolder } from "../support.ts";
import { openSession } from "./support.ts";

/** Clears the screen, sets the title of the window, goes up a line, and turns the direction of writing around. */
const HOSTILE = ["\x1b[2J", "\x1b]0;title\x07", "up\x1b[1A", "\u202etxt.exe", "line\nsftp> pwd", "\x9b2J", "\u2028"];

/** Matches characters that a terminal obeys, except the line feeds that end lines. */
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

test("sftp: control characters in names · client", async () => {
  const { session, run, printed, complaints } = await openSession({ recursive: true });
  const { sftp } = session;
  await sftp.mkdir("/home/d");
  for (const name of HOSTILE) await sftp.writeFile(`/home/d/${name}`, "x");
  await sftp.mkdir(`/home/d/\x1b[31m`);
  for (const line of ["ls d", "ls -l d", "ls -1a d/*", "get d/*", "get d", "chmod 600 d/*", "rm d/*", "cd d/*", "pwd"])
    await run(line);
  await run("cd d/*m");
  expect(await run("pwd")).toBe("Remote working directory: /home/d/\\x1b[31m\n");
  expect(printed()).toContain("\\x1b[2J");
  expect(printed()).toMatch(/Fetching .*\\u\{202e\}txt\.exe/);
  // A name with a line feed is one line.
  expect(printed()).not.toMatch(/^sftp>/m);
  expect(OBEYED.exec(printed())).toBeNull();
  expect(OBEYED.exec(complaints())).toBeNull();

  await sftp.writeFile("/home/plain", "");
  for (const name of HOSTILE) await sftp.writeFile(`/home/${name}`, "x");
  expect(await complete(session, "get /home/")).toEqual([["/home/d/", "/home/plain"], "/home/"]);

  let drawn = "";
  const bar = new ProgressBar({ columns: () => 200, write: (text) => (drawn += text), now: () => 0 });
  const report = { bytes: 1, totalBytes: 1, files: 1, totalFiles: 1, bytesPerSecond: 1, secondsLeft: 0 };
  for (const name of HOSTILE) {
    new TotalProgress(bar, [{ name: "d", size: undefined }], () => 0).of(0)({ ...report, path: name });
    bar.finish({ ...report, totalBytes: 1, name, seconds: 0, isOver: true });
  }
  expect(OBEYED.exec(drawn.replaceAll("\r\x1b[K", ""))).toBeNull();
  expect(drawn).toContain("\\x1b]0;title\\x07");
});

test("sftp: a name that a server chooses for a local file · client", async () => {
  const remote: Side = {
    ...localSide("posix"),
    find: async () => ({ isDirectory: false, isSpecial: false, size: 1 }),
    basename: (path) => path.slice(path.lastIndexOf("/") + 1),
  };
  // The server is asked for the directory of a user only. It may answer with any path.
  const hostile = { expandPath: async (path: string): Promise<string> => (path === "~bob" ? "/x" : "/x/.bashrc") };
  expect(await expandUser(hostile as never, "~bob/notes")).toBe("/x/notes");
  expect(await expandUser(hostile as never, "~bob/d/*")).toBe("/x/d/*");
  // Its last name would be that of a directory here, such as .ssh.
  expect(await expandUser(hostile as never, "~bob")).toBe("/x/.");
  expect(await expandUser(hostile as never, "notes")).toBe("notes");

  const folder = await temporaryFolder();
  for (const name of ["..\\up", "C:up", "nul"]) {
    const target = await findTarget(localSide("windows"), folder, 1);
    await expect(planStep(remote, `/home/${name}`, target, false)).rejects.toMatchObject({ code: "file-unwritable" });
    const allowed = await findTarget(localSide("posix"), folder, 1);
    expect((await planStep(remote, `/home/${name}`, allowed, false)).name).toBe(name);
  }

  const { session, run, complaints, folder: local } = await openSession();
  for (const name of ["a\\..\\..\\up", "nul"]) await session.sftp.writeFile(`/home/${name}`, "x");
  Object.defineProperty(session, "files", { value: { ...session.files, nameRules: "windows" } });
  await run("get *");
  expect(complaints().match(/cannot be written here/g)).toHaveLength(2);
  expect(await readdir(local)).toEqual([]);
});

test("sftp: a listing of more names than a call has arguments · client", () => {
  expect(
    inColumns(
      Array.from({ length: 300_000 }, () => "a"),
      80,
    ),
  ).toHaveLength(11_539);
});
