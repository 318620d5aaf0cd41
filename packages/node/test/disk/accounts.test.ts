import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { AccountNames } from "../../src/disk/accounts.ts";
import { temporaryFolder } from "../support.ts";

it("reads files of at most 16 MiB, and the first line of each id", async () => {
  const path = join(await temporaryFolder(), "passwd");
  await writeFile(path, "alice:x:5:5::/home/alice:/bin/sh\nother:x:5:5::/:/bin/sh\n#comment\nbob:x:-1:5::/:/bin/sh\n");
  const length = 16 * 1024 * 1024;
  const found = (): unknown => {
    const accounts = new AccountNames(path, path);
    return [accounts.user(5), accounts.home("alice"), accounts.home("bob")];
  };
  await truncate(path, length);
  expect(found()).toEqual(["alice", "/home/alice", undefined]);
  await truncate(path, length + 1);
  expect(found()).toEqual([undefined, undefined, undefined]);
  expect(new AccountNames(`${path}-none`).user(5)).toBeUndefined();
});
