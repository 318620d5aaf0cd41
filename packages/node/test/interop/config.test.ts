import { execFile } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { type Server, useServer } from "@nacre/testing/interop/server";
import { type Agent, startAgent } from "@nacre/testing/interop/ssh-agent";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { connect } from "../../src/index.ts";

/** Returns a Host block for a server. */
function block(name: string, { sshd: { host, port } }: Server, ...more: readonly string[]): string {
  return [`Host ${name}`, `HostName ${host}`, `Port ${port}`, ...more].join("\n  ");
}

const folder = useFolder();
const [outer, inner, db] = [useServer(), useServer(), useServer()];
let agent: Agent;
let key: KeyFile;
let config: string;
beforeAll(async () => {
  agent = await startAgent(folder);
  key = await makeKey(folder, "from-config", "ed25519");
  await authorizeKey("alice", key.publicKeyLine);
  await agent.add(key);
  const servers = [outer, inner, db];
  const known = servers.flatMap(({ sshd: { host, port, hostPublicKeys } }) =>
    hostPublicKeys.map((line) => `[${host}]:${port} ${line}\n`),
  );
  await writeFile(join(folder.path, "known_hosts"), known.join(""));
  config = join(folder.path, "config");
  await writeFile(
    config,
    [
      block("db", db, "ProxyJump inner", "ForwardAgent yes", "SetEnv NACRE_SET=set", "SendEnv NACRE_S?NT"),
      block("inner", inner, "ProxyJump alice@outer"),
      block("outer", outer, "User nobody"),
      `Host *\n  User alice\n  IdentityFile ${key.path}\n  UserKnownHostsFile ${folder.path}/known_hosts\n  BatchMode yes\n`,
    ].join("\n"),
    { mode: 0o600 },
  );
});
afterAll(() => agent[Symbol.asyncDispose]());
beforeEach(() => {
  vi.stubEnv("SSH_AUTH_SOCK", agent.path);
  vi.stubEnv("NACRE_SENT", "sent");
});
afterEach(() => void vi.unstubAllEnvs());

const SHOW = 'echo "$NACRE_SET $NACRE_SENT"; ssh-add -l | cut -d" " -f 2';

test("a chain of two jump hosts from a configuration alone does what `ssh` does", async () => {
  await using client = await connect("db", { config });
  const { stdout } = await client.exec(SHOW);
  const fingerprint = (await promisify(execFile)("ssh-keygen", ["-l", "-f", key.path])).stdout.split(" ")[1]!;
  expect(stdout).toBe(`set sent\n${fingerprint}\n`);
  expect((await promisify(execFile)("ssh", ["-F", config, "db", SHOW])).stdout).toBe(stdout);
  expect(await outer.sshd.log()).toContain("Accepted publickey for alice");
});

test("a configured client forwards and moves files", async () => {
  await using client = await connect("db", { config });
  const forward = await client.forwardLocal({ port: 0 }, { host: "127.0.0.1", port: db.sshd.port });
  const socket = connectSocket(forward.port!, "127.0.0.1");
  const [banner] = (await once(socket, "data")) as [Buffer];
  expect(banner.toString()).toMatch(/^SSH-2\.0-OpenSSH/);
  socket.destroy();
  await forward.close();

  await using sftp = await client.sftp();
  const path = `nacre-config-${process.pid}`;
  await sftp.writeFile(path, "through two hosts\n");
  expect(await sftp.readFile(path, "utf8")).toBe("through two hosts\n");
  await sftp.rm(path);
});

test("an unknown key at a jump host ends the chain there", async () => {
  await rm(join(folder.path, "none"), { force: true });
  const knownHosts = join(folder.path, "none");
  await expect(connect("db", { config, knownHosts })).rejects.toMatchObject({
    code: "host-key-unknown",
    message: expect.stringContaining(`jump host ${outer.sshd.host} port ${outer.sshd.port}`),
  });
});
