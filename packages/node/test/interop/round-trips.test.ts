import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type DelayProxy, startDelayProxy } from "@nacre/testing/interop/delay-proxy";
import { type KeyFile, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { useServer } from "@nacre/testing/interop/server";
import { startAgent } from "@nacre/testing/interop/ssh-agent";
import { authorizeKey, password } from "@nacre/testing/openssh/sshd";
import { beforeAll, describe, expect, test } from "vitest";
import type { ConnectOptions } from "../../src/index.ts";

// Counts the round trips, after TCP, until a command's first output byte. A proxy derives them from the order of the transmissions instead
// of measuring times. It delays each direction long enough to collect all packets that are sent together.

const HOLD = 75;
const folder = useFolder();
const server = useServer({ hostKeys: ["ed25519", "rsa-3072"] });
/** Reached through `server`. */
const inner = useServer();
const keys = new Map<string, KeyFile>();
beforeAll(async () => {
  for (const type of ["ed25519", "rsa-3072", "ecdsa-256"] as const) {
    const key = await makeKey(folder, type, type);
    await authorizeKey("alice", key.publicKeyLine);
    keys.set(type, key);
  }
});

async function throughProxy<T>(work: (proxy: DelayProxy) => Promise<T>): Promise<T> {
  const { host, port } = server.sshd;
  const proxy = await startDelayProxy({ host, port, holdMs: HOLD });
  try {
    return await work(proxy);
  } finally {
    await proxy.close();
  }
}

/** Returns the number of round trips to the first output byte of `echo ok`. */
function count(changes: Partial<ConnectOptions> = {}): Promise<number> {
  return throughProxy(async (proxy) => {
    await using client = await server.connect({ ...changes, port: proxy.port });
    const echo = await client.spawn("echo ok");
    const first = await echo.stdout[Symbol.asyncIterator]().next();
    const roundTrips = proxy.connections[0]?.roundTrips ?? Number.NaN;
    expect(String(first.value)).toBe("ok\n");
    return roundTrips;
  });
}

describe("round trips to the first output byte of `echo ok`", () => {
  test.for(["ed25519", "rsa-3072", "ecdsa-256"])("four, with an %s key in memory", async (type) => {
    expect(await count({ identities: [await readKey(keys.get(type)!)] })).toBe(4);
  });

  test("four, with a key file", async () => {
    expect(await count({ identities: [keys.get("ed25519")!.path] })).toBe(4);
  });

  test("four, with a certificate beside a key file", async () => {
    const [authority, key] = [
      await makeKey(folder, "authority", "ed25519"),
      await makeKey(folder, "certified", "ed25519"),
    ];
    await authorizeKey("alice", `cert-authority ${authority.publicKeyLine}`);
    const words = ["-q", "-s", authority.path, "-I", "id", "-n", "alice", `${key.path}.pub`];
    await promisify(execFile)("ssh-keygen", words);
    expect(await count({ identities: [key.path] })).toBe(4);
  });

  test("five, with a key in an agent, which is queried first", async () => {
    await using agent = await startAgent(folder);
    await agent.add(keys.get("ed25519")!);
    expect(await count({ identities: [], agent: agent.path })).toBe(5);
  });

  test("seven through a jump host: three for its login, sent with the channel open, and four for the destination", async () => {
    const before = (await server.sshd.log()).length;
    await throughProxy(async (proxy) => {
      await using client = await inner.connect({ via: server.options({ port: proxy.port }) });
      const echo = await client.spawn("echo ok");
      const first = await echo.stdout[Symbol.asyncIterator]().next();
      const { roundTrips } = proxy.connections[0]!;
      expect(String(first.value)).toBe("ok\n");
      expect(roundTrips).toBe(7);
      const log = (await server.sshd.log()).slice(before);
      expect(log).toContain("Accepted publickey for alice");
      expect(log).not.toContain("Starting session");
    });
  });

  test("six, with a password: the server first lists its methods, and the channel open waits for the login", async () => {
    expect(await count({ identities: [], password: password() })).toBe(6);
  });
});

test("one round trip for each command on an open connection, for any number of concurrent commands", async () => {
  await throughProxy(async (proxy) => {
    await using client = await server.connect({ port: proxy.port });
    await client.exec("true");
    const before = proxy.connections[0]!.roundTrips;
    const results = await Promise.all(Array.from({ length: 10 }, (_, i) => client.exec(`echo ${i}`)));
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}\n`));
    // The server sends a command's output and end without further requests after the channel open and the command.
    expect(proxy.connections[0]!.roundTrips - before).toBe(2);
    expect(proxy.connections).toHaveLength(1);
  });
});

test("five round trips until SFTP is open, three on an open connection, and two to read a small file", async () => {
  await throughProxy(async (proxy) => {
    await using client = await server.connect({ port: proxy.port });
    const count = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
      const before = proxy.connections[0]!.roundTrips;
      const result = await work();
      return [result, proxy.connections[0]!.roundTrips - before];
    };
    const first = await client.sftp();
    // One more than to the first output byte of a command: OpenSSH grants no window before the subsystem has started.
    expect(proxy.connections[0]!.roundTrips).toBe(5);
    // The server's limits are requested meanwhile, and take no round trip of their own.
    const [contents, reading] = await count(() => first.readFile("/etc/hostname", "utf8"));
    expect(contents).not.toBe("");
    expect(reading).toBe(2);
    // The reply to the close of the file.
    await first.exists("/");
    const [second, opening] = await count(() => client.sftp());
    expect(opening).toBe(3);
    expect(await second.exists("/")).toBe(true);
  });
});
