import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { resolveOn } from "../../src/config/resolve.ts";
import { connect, resolveConfig } from "../../src/index.ts";
import { codeOf } from "../support.ts";
import { configFile, folder, started, useFolder } from "./servers.ts";
import { homeWith } from "./support.ts";

useFolder();

// The names of these tests are in packages/testing/src/attacks/rows/config.ts.

/** Connects with these lines of a Host block. Returns the code of the error. */
async function code(lines: string, options: object = {}): Promise<string> {
  const config = await configFile(`Host db\n${lines}\n`);
  return codeOf(connect("db", { config, ...options }).then((ssh) => ssh.close()));
}

const exists = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    () => false,
  );

test("a command in files that others can write · client", async () => {
  const { home, machine, write } = await homeWith('Include part\nMatch exec "touch %d/ran"\nPort 7\n');
  const part = await write(".ssh/part", "User a\n");
  const [file] = machine.files;
  const { path } = file!;
  const resolve = (options: object, on = machine): Promise<unknown> => resolveOn(on, { host: "db" }, options);
  const refused = async (options: object, message: string, on = machine): Promise<void> => {
    await expect(resolve(options, on)).rejects.toMatchObject({ message: expect.stringContaining(message) });
    expect(await exists(`${home}/ran`)).toBe(false);
  };
  const notRun = `${path} line 2: Match exec is not run: `;
  await refused({ commands: false }, `${notRun}\`commands\` is false`);
  await refused({ config: path }, `${notRun}the file was named by the program`);

  await chmod(join(home, ".ssh"), 0o777);
  await refused({}, `${notRun}other users can write the folder`);
  await chmod(join(home, ".ssh"), 0o700);
  await chmod(part, 0o666);
  await refused({}, `Bad owner or permissions on ${part}`);
  await chmod(part, 0o600);
  await chmod(path, 0o666);
  await refused({}, `Bad owner or permissions on ${path}`);
  // As the system's file is not checked before its commands run.
  const unchecked = { ...machine, files: [{ path, kind: "system" as const }] };
  await refused({}, `${notRun}other users can write the file`, unchecked);
  await chmod(path, 0o600);

  const proxied = await configFile(`Host db\nProxyCommand touch ${home}/ran\n`);
  await expect(connect("db", { config: proxied })).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining(`${proxied} line 2: ProxyCommand is not run: `),
  });
  expect(await exists(`${home}/ran`)).toBe(false);

  // Who can replace a link in a folder chooses which of the user's own files is read.
  await mkdir(join(home, "open"));
  await chmod(join(home, "open"), 0o777);
  await symlink(join(home, ".ssh"), join(home, "open/folder"));
  await symlink(path, join(home, "open/link"));
  await symlink("open/link", join(home, "own"));
  for (const through of ["open/link", "open/folder/config", "own"]) {
    const linked = { ...machine, files: [{ path: join(home, through), kind: "user" as const, checked: true }] };
    await refused({}, "Match exec is not run: other users can write the folder", linked);
  }
  await chmod(join(home, "open"), 0o755);
  await resolve({}, { ...machine, files: [{ path: join(home, "own"), kind: "user", checked: true }] });
  expect(await exists(`${home}/ran`)).toBe(true);
  await rm(`${home}/ran`);

  await resolve({});
  expect(await exists(`${home}/ran`)).toBe(true);
});

test("a login name from code with characters of a shell · client", async () => {
  const { home, machine } = await homeWith('Match user *$* exec "touch %d/ran"\nPort 7\n');
  for (const user of ["a$(b)", "a$b"])
    await expect(resolveOn(machine, { host: "db", user }, { commands: true })).rejects.toMatchObject({
      message: expect.stringContaining("remote username contains invalid characters"),
    });
  expect(await exists(`${home}/ran`)).toBe(false);
  const { values } = await resolveOn(machine, { host: "db", user: "DOMAIN\\user" }, {});
  expect(values.user).toBe("DOMAIN\\user");
  const config = await configFile("Host db\nProxyCommand nc %h\n");
  const resolved = await resolveConfig("a$IFS-oProxyCommand=b@db", { config });
  for (const options of [
    { config, user: "DOMAIN\\user" },
    // The user is in the configuration that was resolved before.
    { config: resolved },
  ])
    await expect(connect({ host: "db", commands: true, ...options })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("remote username"),
    });
});

test("a configuration of binary data · client", async () => {
  const { home, values } = await homeWith("");
  const path = join(home, "odd");
  execFileSync("mkfifo", [path]);
  await expect(values("db", { config: path })).rejects.toMatchObject({ code: "file-unreadable" });
  await mkdir(join(home, "folder"));
  await expect(values("db", { config: join(home, "folder") })).rejects.toMatchObject({ code: "file-unreadable" });
  await expect(values("db", { config: "/dev/zero" })).rejects.toMatchObject({ code: "file-unreadable" });

  const long = join(home, "long");
  // In UTF-8 longer than in characters.
  await writeFile(long, `#${"ä".repeat(600_000)}`);
  await expect(values("db", { config: long })).rejects.toMatchObject({
    code: "file-malformed",
    message: `${long}: longer than 1048576 bytes`,
  });
  await writeFile(long, `${"\0".repeat(1024 * 1024 - 8)}\nFoo 1\n`);
  expect(await codeOf(values("db", { config: long }))).toBe("file-malformed");
});

test("a command that outlives its configuration · client", async () => {
  const { home, values } = await homeWith('Match exec "sleep 100 & echo $! > %d/pid"\n');
  await values("db");
  const pid = (await readFile(`${home}/pid`, "utf8")).trim();
  await vi.waitFor(() => {
    expect(() => {
      // A process that has ended but is not collected yet counts as ended.
      if (/^[ZX]/.test(execFileSync("ps", ["-o", "stat=", "-p", pid], { encoding: "utf8" }))) throw new Error("ended");
    }).toThrow();
  }, 10_000);
});

test("jump hosts in a circle, and thousands of them · client", async () => {
  const config = await configFile("Host a\nProxyJump b\nHost b\nProxyJump c\nHost c\nProxyJump a\n");
  const connecting = connect("a", { config, signal: AbortSignal.timeout(5000) });
  await expect(connecting).rejects.toMatchObject({
    code: "file-malformed",
    message: expect.stringContaining("jumphost loop via b"),
  });
  const hops = Array.from({ length: 4000 }, (_, i) => `h${i}`);
  const many = await configFile(`Host db\nProxyJump ${hops.join(",")}\n`);
  await expect(connect("db", { config: many })).rejects.toMatchObject({
    code: "file-malformed",
    message: "ProxyJump names more than 16 hosts",
  });
});

test("a keyword that would make a connection safer · client", async () => {
  const { block, users } = await started();
  const unknown = block.replace("known_hosts", "empty");
  expect(await code(`${block}RequiredRSASize 4096`)).toBe("not-supported-here");
  expect(await code(`${block}RequiredRSASize 4096`, { minRsaBits: 4095 })).toBe("not-supported-here");
  expect(await code(`${unknown}StrictHostKeyChecking yes`, { unknownHost: () => true })).toBe("host-key-unknown");
  expect(users).toEqual([]);
  const userFiles = unknown.replace(`${folder}/empty`, "none");
  expect(await code(`${userFiles}GlobalKnownHostsFile ${folder}/global\nStrictHostKeyChecking accept-new`)).toBe(
    "no error",
  );
  expect(await exists(`${folder}/global`)).toBe(false);
  expect(await code(`${block}RequiredRSASize 4096`, { minRsaBits: 4096 })).toBe("no error");
});
