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

it("names users and groups by lines with a name and a decimal id", async () => {
  const folder = await temporaryFolder();
  const [passwd, group] = [join(folder, "passwd"), join(folder, "group")];
  await writeFile(passwd, "alice:x:1000:5::/home/alice:/bin/sh\n:x:7:5::/:/bin/sh\nbob:x:8x:5::/:/bin/sh\ncarol\n");
  await writeFile(group, "staff:x:50:\nx:x:x6:\n");
  const accounts = new AccountNames(passwd, group);
  expect(accounts.names([1000, 7, 8], [50, 6, 1000])).toEqual({ users: ["alice", "", ""], groups: ["staff", "", ""] });
  expect([accounts.user(7), accounts.user(Number.NaN), accounts.group(Number.NaN)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
