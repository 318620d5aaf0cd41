import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { complete } from "../../src/sftp/complete.ts";
import type { Session } from "../../src/sftp/session.ts";
import { openSession } from "./support.ts";

async function withFiles(): Promise<{ readonly session: Session; readonly folder: string }> {
  const { session, folder } = await openSession();
  const { sftp } = session;
  for (const name of ["alpha.txt", "alps", "a b", 'q"uote', ".dot", "日本"]) await sftp.writeFile(`/home/${name}`, "");
  await sftp.mkdir("/home/dir/in ner", { recursive: true });
  await writeFile(join(folder, "local one"), "");
  await mkdir(join(folder, "localdir"));
  return { session, folder };
}

describe("complete", () => {
  test.each<[line: string, hits: string[], typed: string]>([
    ["ge", ["get "], "ge"],
    ["RE", ["reget ", "rename ", "reput "], "RE"],
    ["nope", [], "nope"],
    // The text in common is inserted, and several names are listed.
    ["get al", ["alpha.txt", "alps"], "al"],
    ["get alpha", ["alpha.txt "], "alpha"],
    ["get -r di", ["dir/"], "di"],
    ["get dir/", ["dir/in\\ ner/"], "dir/"],
    ["get /home/alp", ["/home/alpha.txt", "/home/alps"], "/home/alp"],
    ["get a", ["a\\ b", "alpha.txt", "alps"], "a"],
    ["get a\\ ", ["a\\ b "], "a\\ "],
    ["get 'a ", ["'a b' "], "'a "],
    ['get "dir/in', ['"dir/in ner/'], '"dir/in'],
    ["get q", ['q\\"uote '], "q"],
    ["get 'q", ["'q\"uote' "], "'q"],
    ["get .d", [".dot "], ".d"],
    ["get 日", ["日本 "], "日"],
    ["get nope", [], "nope"],
    ["get nodir/x", [], "nodir/x"],
    ["get a loc", ["local\\ one", "localdir/"], "loc"],
    ["get a b ", [], ""],
    ["put locald", ["localdir/"], "locald"],
    ["put x al", ["alpha.txt", "alps"], "al"],
    ["lcd l", ["local\\ one", "localdir/"], "l"],
    ["chmod 6", [], "6"],
    ["chmod 644 alpha", ["alpha.txt "], "alpha"],
    ["rename alps alp", ["alpha.txt", "alps"], "alp"],
    ["pwd ", [], ""],
    ["frob al", [], "al"],
    ["!al", [], "!al"],
  ])("%j", async (line, hits, typed) => {
    const { session } = await withFiles();
    expect(await complete(session, line)).toEqual([hits, typed]);
  });

  test("lists the directory for an empty word, without hidden names", async () => {
    const { session } = await withFiles();
    expect(await complete(session, "ls ")).toEqual([["a\\ b", "alpha.txt", "alps", "dir/", 'q\\"uote', "日本"], ""]);
  });

  test("offers nothing once the connection is gone", async () => {
    const { session } = await withFiles();
    await session.sftp.close();
    expect(await complete(session, "get al")).toEqual([[], "al"]);
  });
});
