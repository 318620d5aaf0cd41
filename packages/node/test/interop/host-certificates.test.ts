import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { CERTIFIED_TYPES, certificateAlgorithm, certify } from "@nacre/testing/interop/certificates";
import { type KeyFile, type KeyType, makeKey, publicHalf, useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { startAgent } from "@nacre/testing/interop/ssh-agent";
import { authorizeKey, containerExec } from "@nacre/testing/openssh/sshd";
import { beforeAll, describe, expect, test } from "vitest";
import { type ConnectOptions, createAgent } from "../../src/index.ts";

// Hosts of OpenSSH with certificates that ssh-keygen issued.

/** Certificates that are not simply good: the principals and times that ssh-keygen gets, by the type of the host's key. */
const ODD = {
  "ecdsa-256": ["-n", "127.0.0.1", "-V", "20200101:20210101"],
  "ecdsa-384": ["-n", "elsewhere.example"],
  "ecdsa-521": ["-n", "127.0.0.*"],
} as const;

const run = promisify(execFile);
const folder = useFolder();
const remote = `/tmp/nacre-host-${randomUUID()}`;
const keys = new Map<string, KeyFile>();
const authorities = new Map<KeyType, KeyFile>();

beforeAll(async () => {
  await containerExec(["mkdir", "-m", "755", remote]);
  for (const type of CERTIFIED_TYPES) authorities.set(type, await makeKey(folder, `ca-${type}`, type));
  for (const [at, type] of CERTIFIED_TYPES.entries())
    await host(`good-${type}`, type, authorities.get(CERTIFIED_TYPES[(at + 1) % CERTIFIED_TYPES.length]!)!, [
      "-n",
      "127.0.0.1",
    ]);
  for (const [type, options] of Object.entries(ODD))
    await host(`odd-${type}`, type as KeyType, authorities.get("ed25519")!, options);
});

/** Makes a host key with a certificate, and copies both to the container. */
async function host(name: string, type: KeyType, authority: KeyFile, options: readonly string[]): Promise<void> {
  const key = await makeKey(folder, name, type);
  keys.set(name, key);
  await certify(authority, key.path, ["-h", "-I", name, ...options]);
  for (const ending of ["", "-cert.pub"]) {
    const file = `${remote}/${name}${ending}`;
    const input = await readFile(`${key.path}${ending}`, "utf8");
    const copied = await containerExec(["sh", "-c", `umask 077 && cat > ${file}`], { input });
    expect(copied.status).toBe(0);
  }
}

const config = (kind: string, types: readonly string[]): string[] =>
  types.flatMap((type) => [`HostKey ${remote}/${kind}-${type}`, `HostCertificate ${remote}/${kind}-${type}-cert.pub`]);
// sshd has one plain key of each type.
const good = useServer({ hostKeys: ["ecdsa-256"], config: config("good", CERTIFIED_TYPES) });
const odd = useServer({ config: config("odd", Object.keys(ODD)) });

async function knownHostsFile(...lines: string[]): Promise<string> {
  const path = join(folder.path, `known_hosts-${randomUUID()}`);
  await writeFile(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

/** Algorithms that ask for the certificate of a type of key, and take the plain key too. */
function algorithmsOf(type: KeyType): readonly [string, string] {
  const name = certificateAlgorithm(type);
  return [name, name.replace("-cert-v01@openssh.com", "")];
}

const asking = (type: KeyType): Pick<ConnectOptions, "algorithms"> => ({
  algorithms: { hostKeys: algorithmsOf(type) },
});

test.for(CERTIFIED_TYPES)("an authority of another type is trusted for a host with a certificate: %s", async (type) => {
  const authority = authorities.get(CERTIFIED_TYPES[(CERTIFIED_TYPES.indexOf(type) + 1) % CERTIFIED_TYPES.length]!)!;
  const knownHosts = await knownHostsFile(`@cert-authority 127.0.0.1 ${publicHalf(authority)}`);
  await using client = await good.connect({ knownHosts, ...asking(type) });
  expect((await client.exec("echo on")).stdout).toBe("on\n");
  const { hostKey, negotiated } = client.info;
  expect([negotiated.hostKey.name, hostKey.certificate?.keyId]).toEqual([certificateAlgorithm(type), `good-${type}`]);
  client.rekey();
  expect((await client.exec("echo after")).stdout).toBe("after\n");
});

test("a certificate is asked for first where an authority is known, and is not remembered elsewhere", async () => {
  const authority = authorities.get("rsa-3072")!;
  const trusting = await knownHostsFile(`@cert-authority *.0.0.1 ${publicHalf(authority)}`);
  await using client = await good.connect({ knownHosts: trusting });
  expect(client.info.negotiated.hostKey.name).toBe("ssh-ed25519-cert-v01@openssh.com");

  const knownHosts = await knownHostsFile();
  await (await good.connect({ knownHosts, hostKey: "accept-new" })).close();
  const { host: address, port } = good.sshd;
  expect(await readFile(knownHosts, "utf8")).toBe(`[${address}]:${port} ${publicHalf(keys.get("good-ed25519")!)}\n`);
  await (await good.connect({ knownHosts })).close();
});

describe("without an acceptable certificate, the host's plain key decides", () => {
  test.for([
    ["ecdsa-256", "the certificate expired on 202"],
    ["ecdsa-384", "the certificate is for elsewhere.example"],
  ] as const)("%s: %s", async ([type, reason]) => {
    const authority = `@cert-authority * ${publicHalf(authorities.get("ed25519")!)}`;
    const unknown = await knownHostsFile(authority);
    const error = await failure(odd.connect({ knownHosts: unknown, ...asking(type) }));
    expect(error.code).toBe("host-key-unknown");
    expect(error.message).toContain(reason);
    expect(await verdictOfSsh(unknown, type)).toBe("refused");

    const known = await knownHostsFile(authority, `127.0.0.1 ${publicHalf(keys.get(`odd-${type}`)!)}`);
    await (await odd.connect({ knownHosts: known, ...asking(type) })).close();
    expect(await verdictOfSsh(known, type)).toBe("accepted");

    // Unless only certificates are asked for.
    const algorithms = { hostKeys: [certificateAlgorithm(type)] };
    const refused = await failure(odd.connect({ knownHosts: known, algorithms }));
    expect(refused.code).toBe("host-key-refused");
    expect(await verdictOfSsh(known, type, algorithms.hostKeys)).toBe("refused");
  });
});

test("a principal with a wildcard matches", async () => {
  const knownHosts = await knownHostsFile(`@cert-authority * ${publicHalf(authorities.get("ed25519")!)}`);
  await (await odd.connect({ knownHosts, ...asking("ecdsa-521") })).close();
});

test("a revoked authority or key is refused, although the host's key is known", async () => {
  const authority = publicHalf(authorities.get("ed25519")!);
  const key = publicHalf(keys.get("odd-ecdsa-521")!);
  for (const revoked of [authority, key]) {
    const lines = [`@cert-authority * ${authority}`, `127.0.0.1 ${key}`, `@revoked * ${revoked}`];
    const knownHosts = await knownHostsFile(...lines);
    const error = await failure(odd.connect({ knownHosts, ...asking("ecdsa-521") }));
    expect(error.code).toBe("host-key-revoked");
    expect(await verdictOfSsh(knownHosts, "ecdsa-521")).toBe("refused");
  }
});

test("an agent that is bound to a host's certificate logs in, also with a key for hosts of its authority", async () => {
  const knownHosts = await knownHostsFile(`@cert-authority 127.0.0.1 ${publicHalf(authorities.get("rsa-3072")!)}`);
  const key = await makeKey(folder, "in-agents", "ed25519");
  await authorizeKey("alice", key.publicKeyLine);
  const login = async (agent: string): Promise<string> => {
    await using client = await good.connect({ knownHosts, agent, identities: undefined, identityFiles: [] });
    expect(client.info.hostKey.certificate?.keyId).toBe("good-ed25519");
    return (await client.exec("whoami")).stdout;
  };
  const add = (path: string, ...words: string[]): Promise<unknown> =>
    run("ssh-add", ["-q", ...words, key.path], { env: { ...process.env, SSH_AUTH_SOCK: path } });

  await using theirs = await startAgent(folder);
  await add(theirs.path, "-H", knownHosts, "-h", "127.0.0.1");
  expect(await login(theirs.path)).toBe("alice\n");

  const ours = createAgent();
  const path = join(folder.path, "ours");
  await ours.listen(path);
  try {
    await add(path);
    expect(await login(path)).toBe("alice\n");
  } finally {
    await ours.close();
  }
});

/** Returns what `ssh` makes of the host. It has no key of alice's, so a failed login shows that it accepted the host key. */
async function verdictOfSsh(
  knownHosts: string,
  type: KeyType,
  algorithms: readonly string[] = algorithmsOf(type),
): Promise<"accepted" | "refused"> {
  const settings = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${knownHosts}`,
    "GlobalKnownHostsFile=none",
    "IdentityAgent=none",
    `HostKeyAlgorithms=${algorithms.join(",")}`,
  ].flatMap((setting) => ["-o", setting]);
  const { host: address, port } = odd.sshd;
  const { stderr } = await run("ssh", [
    "-F",
    "none",
    ...settings,
    "-p",
    String(port),
    `alice@${address}`,
    "true",
  ]).catch((error: { stderr: string }) => error);
  if (stderr.includes("Permission denied")) return "accepted";
  expect(stderr).toMatch(/Host key verification failed|not permitted by HostkeyAlgorithms/);
  return "refused";
}
