import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onSystem, WINDOWS } from "@nacre/testing/windows";
import { expect, test } from "vitest";
import { globPaths, readConfigFile } from "../../src/config/files.ts";
import { defaultFiles, thisMachine } from "../../src/config/machine.ts";
import { resolveOn } from "../../src/config/resolve.ts";
import { homeWith } from "../config/support.ts";
import { temporaryFolder } from "../support.ts";

test("the files of ssh_config on Windows are in the home folder and in ProgramData", () => {
  expect(defaultFiles("C:\\Users\\alice", WINDOWS)).toEqual([
    { path: "C:\\Users\\alice\\.ssh\\config", kind: "user", checked: true },
    { path: "C:\\NoProgramData\\ssh\\ssh_config", kind: "system" },
  ]);
  const { local, defaults } = thisMachine(WINDOWS);
  expect(local.windows).toEqual({ systemFolder: "C:\\NoProgramData\\ssh\\" });
  expect(defaults?.globalKnownHostsFile).toEqual([
    "C:\\NoProgramData\\ssh\\ssh_known_hosts",
    "C:\\NoProgramData\\ssh\\ssh_known_hosts2",
  ]);
  // There /etc/passwd would be a file of the current drive.
  expect(local.homeOf("root")).toBeUndefined();

  const system = { platform: "win32", environment: { ProgramData: "\\ProgramData" } } as const;
  expect(defaultFiles("C:\\Users\\alice", system)).toHaveLength(1);
  expect(thisMachine(system).defaults?.globalKnownHostsFile).toEqual([]);
});

test("known hosts of all users on Windows are the default of a configuration", async () => {
  const { machine } = await homeWith("");
  const { defaults } = thisMachine(WINDOWS);
  const { values } = await resolveOn({ ...machine, defaults: defaults! }, { host: "db" }, {});
  expect(values.globalKnownHostsFile[0]).toBe("C:\\NoProgramData\\ssh\\ssh_known_hosts");
});

test("a command of a configuration on Windows needs a file that only the account can write", async () => {
  const { machine } = await homeWith('Match exec "exit 0"\nPort 7\n');
  const windows = { ...machine, system: WINDOWS };
  // The home folder of this test has slashes, so that no file is in it; on Windows itself, the access list cannot be read.
  await expect(resolveOn(windows, { host: "db" }, {})).rejects.toMatchObject({
    code: "usage",
    message: expect.stringMatching(
      /Match exec is not run: (?:on Windows only files in the home folder|its access list)/,
    ),
  });
  // There is no C:\Windows\System32\cmd.exe here, and no other shell runs the command.
  const { values } = await resolveOn(windows, { host: "db" }, { commands: true });
  expect(values.port).toBe(22);
  expect((await resolveOn(machine, { host: "db" }, { commands: true })).values.port).toBe(7);
});

test("an error of a configuration on Windows shows the path of its file as it is typed", async () => {
  onSystem(WINDOWS);
  const { machine, home } = await homeWith("");
  const config = `${home}\\config`;
  await writeFile(config, "NoSuchKeyword 1\n");
  const resolving = resolveOn(machine, { host: "db" }, { config });
  await expect(resolving).rejects.toThrow(`${config}: line 1: Bad configuration option: nosuchkeyword`);
});

test("paths of Windows have backslashes in patterns, and several null devices", async () => {
  onSystem(WINDOWS);
  const folder = await temporaryFolder();
  await mkdir(join(folder, "conf.d"));
  for (const name of ["a.conf", "b.conf", "c"]) await writeFile(join(folder, "conf.d", name), "");
  expect(await globPaths(`${folder}\\conf.d\\*.conf`)).toEqual([
    `${folder.replaceAll("\\", "/")}/conf.d/a.conf`,
    `${folder.replaceAll("\\", "/")}/conf.d/b.conf`,
  ]);
  for (const path of ["NUL", "/dev/null"]) expect(await readConfigFile(path, true, 0)).toEqual({ text: "" });
});
