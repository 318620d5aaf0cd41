import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { type Server, useServer } from "@nacre/testing/interop/server";
import { type Agent, startAgent } from "@nacre/testing/interop/ssh-agent";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAgent, type ForwardedKey, type SshAgent } from "../../src/index.ts";

// A key that `ssh-add -h` restricts to a path: from here to host A, and from A to host B. A, B and C are sshds.

const folder = useFolder();
const [a, b, c] = [useServer(), useServer(), useServer()];
let key: KeyFile;
let knownHosts: string;
let theirs: Agent;
let ours: SshAgent;
let oursPath: string;

beforeAll(async () => {
  key = await makeKey(folder, "restricted", "ed25519");
  await authorizeKey("alice", key.publicKeyLine);
  knownHosts = join(folder.path, "known_hosts_of_hops");
  const hosts: readonly (readonly [string, Server])[] = [
    ["host-a", a],
    ["host-b", b],
    ["host-c", c],
  ];
  await writeFile(knownHosts, hosts.map(([name, { sshd }]) => `${name} ${sshd.hostPublicKeys[0]}\n`).join(""));
  theirs = await startAgent(folder);
  ours = createAgent();
  oursPath = join(folder.path, "ours");
  await ours.listen(oursPath);
});
afterAll(() => Promise.all([theirs[Symbol.asyncDispose](), ours.close()]));

/** Adds the key with `ssh-add` to the agent at this path. */
async function add(path: string, ...hops: readonly string[]): Promise<void> {
  const words = hops.flatMap((hop) => ["-h", hop]);
  const env = { ...process.env, SSH_AUTH_SOCK: path };
  await promisify(execFile)("ssh-add", ["-q", "-D"], { env });
  await promisify(execFile)("ssh-add", ["-q", "-H", knownHosts, ...words, key.path], { env });
}

const OPTIONS =
  "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR";

/** The command that logs in to another host with OpenSSH's ssh. */
const onTo = ({ sshd }: Server): string => `ssh ${OPTIONS} -p ${sshd.port} alice@${sshd.host} echo there`;

describe.each(["OpenSSH's agent", "an agent of `createAgent`"])("%s", (which) => {
  let path: string;
  beforeEach(async () => {
    path = which.startsWith("OpenSSH") ? theirs.path : oursPath;
    await add(path, "host-a", "host-a>host-b");
  });

  test("logs our client in where the key may go, and shows it nowhere else", async () => {
    await using client = await a.connect({ agent: path, identities: [] });
    expect((await client.exec("echo here")).stdout).toBe("here\n");
    await expect(c.connect({ agent: path, identities: [] })).rejects.toMatchObject({ code: "auth-failed" });
  });

  test("goes over two hops of our client and OpenSSH's, and not to a third", async () => {
    await using client = await a.connect({ agent: path, identities: [], forwardAgent: path });
    expect((await client.exec(onTo(b))).stdout).toBe("there\n");
    expect((await client.exec(onTo(c))).status).toBe(255);
    expect((await client.exec("ssh-add -L")).stdout).toContain(key.publicKeyLine.split(" ")[1]);
  });

  test("goes over two hops of OpenSSH's ssh, and not to a third", async () => {
    const env = { ...process.env, SSH_AUTH_SOCK: path };
    const words = [...OPTIONS.split(" "), "-A", "-p", `${a.sshd.port}`, `alice@${a.sshd.host}`];
    const { stdout } = await promisify(execFile)("ssh", [...words, onTo(b)], { env });
    expect(stdout).toBe("there\n");
    await expect(promisify(execFile)("ssh", [...words, onTo(c)], { env })).rejects.toMatchObject({ code: 255 });
  });

  test("shows a filter where the key goes", async () => {
    const seen = new Set<string>();
    const blobOf = ({ sshd }: Server): string => sshd.hostPublicKeys[0]!.split(" ")[1]!;
    const filter = ({ hostKeys, isSigning }: ForwardedKey): boolean => {
      const names = hostKeys.map((one) =>
        ["a", "b"].at([a, b].findIndex((host) => blobOf(host) === Buffer.from(one).toString("base64"))),
      );
      seen.add(`${isSigning ? "signs" : "lists"} ${names.join(" ")}`);
      return true;
    };
    await using client = await a.connect({ agent: path, identities: [], forwardAgent: { agent: path, filter } });
    expect((await client.exec(onTo(b))).stdout).toBe("there\n");
    expect([...seen]).toEqual(["lists a b", "signs a b"]);
    await using refusing = await a.connect({
      agent: path,
      identities: [],
      forwardAgent: { agent: path, filter: () => false },
    });
    expect((await refusing.exec(onTo(b))).status).toBe(255);
  });
});

test("a key that is not restricted goes everywhere, with every constraint of ssh-add", async () => {
  const env = { ...process.env, SSH_AUTH_SOCK: oursPath };
  await promisify(execFile)("ssh-add", ["-q", "-D"], { env });
  await promisify(execFile)("ssh-add", ["-q", "-t", "60", key.path], { env });
  await using client = await a.connect({ agent: oursPath, identities: [], forwardAgent: ours });
  expect((await client.exec(onTo(c))).stdout).toBe("there\n");
  // `ssh-add -c`: there is nobody to confirm.
  await promisify(execFile)("ssh-add", ["-q", "-c", key.path], { env });
  expect((await client.exec(onTo(c))).status).toBe(255);
});
