import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nacre } from "../interop/nacre.ts";
import { useSshd } from "../interop/sshd-login.ts";

// Options of ssh that `nacre cp` and `nacre sftp` take as scp and sftp do.

const server = useSshd();

const file = (name: string): string => join(server.folder, name);

/** Writes a configuration that names the server `box`. */
function writeConfig(): string {
  const config = file("config");
  const lines = [
    "Host box",
    "HostName 127.0.0.1",
    `Port ${server.port}`,
    "User alice",
    `IdentityFile ${file("key")}`,
    `UserKnownHostsFile ${file("known_hosts")}`,
    // As with scp, none of these matters to a copy.
    "RemoteCommand false",
    "LocalForward 1 localhost:1",
    "RequestTTY force",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`, { mode: 0o600 });
  return config;
}

test("nacre cp copies to a host of a configuration (-F)", async () => {
  writeFileSync(file("sent"), "by its alias");
  const words = ["cp", "-q", "-F", writeConfig()];
  expect(await nacre([...words, file("sent"), "box:aliased"])).toMatchObject({ status: 0, stderr: "" });
  expect(await nacre([...words, "box:aliased", file("got")])).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(file("got"), "utf8")).toBe("by its alias");
});

test("nacre sftp opens a session at a host of a configuration, and -v prints the stages", async () => {
  const { status, stdout, stderr } = await nacre(["sftp", "-v", "-F", writeConfig(), "-b", "-", "box"], "pwd\n");
  expect({ status, stdout: stdout.toString() }).toEqual({
    status: 0,
    stdout: "sftp> pwd\nRemote working directory: /home/alice\n",
  });
  expect(stderr).toContain(`debug1: Reading configuration data ${file("config")}\n`);
  expect(stderr).toMatch(/^Authenticated to 127\.0\.0\.1 \(\[127\.0\.0\.1\]:\d+\) using "publickey"\.$/m);
});

test("-o sets a keyword, and wins over the place and -P", async () => {
  const options = ["-F", writeConfig(), "-o", "User=alice", "-o", `Port ${server.port}`, "-A", "-C"];
  const { status, stderr } = await nacre(["cp", "-q", ...options, "-P", "1", file("known_hosts"), "nobody@box:wins"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(await server.run("cat wins")).toContain("ssh-ed25519");
});

test("with -o BatchMode nothing is asked", async () => {
  writeFileSync(file("asked"), "");
  writeFileSync(file("askpass"), `#!/bin/sh\necho "$1" >> ${file("asked")}\n`, { mode: 0o755 });
  process.env["SSH_ASKPASS"] = file("askpass");
  process.env["SSH_ASKPASS_REQUIRE"] = "force";
  try {
    const words = ["-q", "-F", writeConfig(), "-o", "PubkeyAuthentication=no", "box:x", file("x")];
    expect((await nacre(["cp", "-o", "BatchMode=yes", ...words])).status).toBe(255);
    expect(readFileSync(file("asked"), "utf8")).toBe("");
    expect((await nacre(["cp", ...words])).status).toBe(255);
    expect(readFileSync(file("asked"), "utf8")).toContain("alice@127.0.0.1's password: \n");
  } finally {
    delete process.env["SSH_ASKPASS"];
    delete process.env["SSH_ASKPASS_REQUIRE"];
  }
});

test("an invalid -o is refused with the line of ssh", async () => {
  const { status, stderr } = await nacre(["cp", "-o", "NoSuch=1", "box:x", file("x")]);
  expect(status).toBe(255);
  expect(stderr).toContain("command-line: line 0: Bad configuration option: nosuch\n");
});
