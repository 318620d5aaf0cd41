import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { failure, useServer, within } from "@nacre/testing/interop/server";
import { defaultAlgorithms } from "nacre/defaults";
import { describe, expect, test, vi } from "vitest";
import { type ConnectOptions, connect } from "../../src/index.ts";
import { leavesNothing } from "./support/resources.ts";

const PROMPTLY = 20_000;
type Algorithms = NonNullable<ConnectOptions["algorithms"]>;

/** Returns the default algorithms, with each list given here reduced to these names. */
function offering(lists: Partial<Record<keyof Algorithms, readonly string[]>>): Algorithms {
  return {
    kex: pick(defaultAlgorithms.kex, lists.kex),
    hostKeys: pick(defaultAlgorithms.hostKeys, lists.hostKeys),
    ciphers: pick(defaultAlgorithms.ciphers, lists.ciphers),
    macs: pick(defaultAlgorithms.macs, lists.macs),
  };
}

function pick<T extends { readonly name: string }>(all: readonly T[], names: readonly string[] | undefined): T[] {
  return all.filter(({ name }) => names === undefined || names.includes(name));
}

describe("without a common algorithm, the error names the list and both offers", () => {
  const kex = useServer({ config: ["KexAlgorithms ecdh-sha2-nistp521,diffie-hellman-group16-sha512"] });
  const cipher = useServer({ config: ["Ciphers aes256-cbc,aes192-ctr"] });
  const mac = useServer({ config: ["Ciphers aes128-ctr", "MACs umac-128@openssh.com,hmac-sha1"] });
  const hostKey = useServer({ hostKeys: ["ecdsa-384"] });
  const aead = useServer({ config: ["Ciphers aes128-gcm@openssh.com", "MACs hmac-sha1"] });

  test.for([
    {
      what: "key exchange method",
      server: kex,
      offer: { kex: ["curve25519-sha256", "curve25519-sha256@libssh.org"] },
      ours: "curve25519-sha256, curve25519-sha256@libssh.org",
      theirs: "ecdh-sha2-nistp521, diffie-hellman-group16-sha512",
    },
    {
      what: "cipher from client to server",
      server: cipher,
      offer: { ciphers: ["aes128-ctr", "aes256-gcm@openssh.com"] },
      ours: "aes256-gcm@openssh.com, aes128-ctr",
      theirs: "aes256-cbc, aes192-ctr",
    },
    {
      what: "MAC from client to server",
      server: mac,
      offer: { ciphers: ["aes128-ctr"], macs: ["hmac-sha2-256", "hmac-sha2-512"] },
      ours: "hmac-sha2-256, hmac-sha2-512",
      theirs: "umac-128@openssh.com, hmac-sha1",
    },
    {
      what: "host key algorithm",
      server: hostKey,
      offer: { hostKeys: ["ssh-ed25519", "rsa-sha2-512"] },
      ours: "ssh-ed25519, rsa-sha2-512",
      theirs: "ecdsa-sha2-nistp384",
    },
  ])("$what", async ({ what, server, offer, ours, theirs }) => {
    await leavesNothing(async () => {
      const error = await failure(server.connect({ algorithms: offering(offer) }));
      expect(error).toMatchObject({ code: "no-common-algorithm", culprit: "unsupported" });
      expect(error.message).toContain(what);
      expect(error.message).toContain(`the client offers ${ours}`);
      expect(error.message).toContain(`the server offers ${theirs}`);
    });
  });

  test("ignores the MACs for an AEAD cipher", async () => {
    await using client = await aead.connect({
      algorithms: offering({ ciphers: ["aes128-gcm@openssh.com"], macs: ["hmac-sha2-256"] }),
    });
    expect(client.info.negotiated.clientToServer.mac).toBeUndefined();
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });
});

describe("a server that refuses", () => {
  const denying = useServer({ config: ["DenyUsers alice"] });
  const impatient = useServer({ config: ["LoginGraceTime 1"] });
  const full = useServer({ config: ["MaxStartups 1"], logLevel: "DEBUG1" });

  test("this user", async () => {
    const error = await failure(denying.connect());
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
  });

  test("a client that takes too long to log in", async () => {
    await leavesNothing(async () => {
      const error = await within(
        4 * PROMPTLY,
        failure(impatient.connect({ identities: [], password: () => new Promise<string>(() => {}) })),
      );
      expect(error).toMatchObject({ code: "connection-lost", culprit: "peer" });
    });
  });

  test("connections above its limit: the error includes its message", async () => {
    // The check that the server listens was its first connection.
    await vi.waitUntil(async () => (await full.sshd.log()).includes("child_reap: "), { timeout: PROMPTLY });
    await leavesNothing(async () => {
      const controller = new AbortController();
      let asked!: () => void;
      const waiting = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const first = failure(
        full.connect({
          signal: controller.signal,
          hostKey: () => {
            asked();
            return new Promise<boolean>(() => {});
          },
        }),
      );
      await within(PROMPTLY, waiting);
      const error = await within(PROMPTLY, failure(full.connect()));
      expect(error).toMatchObject({ code: "not-ssh", culprit: "peer" });
      expect(error.message).toContain("Not allowed at this time");
      controller.abort();
      expect(await first).toMatchObject({ code: "aborted" });
    });
  });
});

/** Runs `work` with the port of a TCP server. */
async function withTcpServer(onSocket: (socket: Socket) => void, work: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.resume();
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function options(port: number, changes: Partial<ConnectOptions> = {}): ConnectOptions {
  return { host: "127.0.0.1", port, user: "alice", identities: [], agent: false, hostKey: () => true, ...changes };
}

describe("a port without an SSH server", () => {
  test("that belongs to a web server", async () => {
    const web = createHttpServer((_, response) => response.end("hello"));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    try {
      const error = await within(PROMPTLY, failure(connect(options((web.address() as AddressInfo).port))));
      expect(error).toMatchObject({ code: "not-ssh", culprit: "peer" });
      expect(error.message).toContain("HTTP/1.1 400 Bad Request");
    } finally {
      web.closeAllConnections();
      await new Promise((resolve) => web.close(resolve));
    }
  });

  test("that closes the connection immediately", async () => {
    await leavesNothing(() =>
      withTcpServer(
        (socket) => socket.end(),
        async (port) => {
          const error = await within(PROMPTLY, failure(connect(options(port))));
          expect(error).toMatchObject({ code: "connection-lost", culprit: "peer" });
        },
      ),
    );
  });

  test("that sends nothing", async () => {
    await leavesNothing(() =>
      withTcpServer(
        () => {},
        async (port) => {
          const limits = { kexTimeout: 200 };
          const error = await within(PROMPTLY, failure(connect(options(port, { limits }))));
          expect(error).toMatchObject({ code: "kex-timeout", culprit: "peer" });
        },
      ),
    );
  });

  test("that sends lines endlessly", async () => {
    await leavesNothing(() =>
      withTcpServer(
        (socket) => {
          const line = `${"x".repeat(70)}\r\n`.repeat(1000);
          const flood = (): void => {
            while (!socket.destroyed && socket.write(line));
          };
          socket.on("drain", flood);
          flood();
        },
        async (port) => {
          const error = await within(PROMPTLY, failure(connect(options(port))));
          expect(error).toMatchObject({ code: "banner-limit", culprit: "peer" });
        },
      ),
    );
  });

  test("that is closed", async () => {
    let port = 0;
    await withTcpServer(
      () => {},
      async (free) => {
        port = free;
      },
    );
    const error = await within(PROMPTLY, failure(connect(options(port))));
    expect(error).toMatchObject({ code: "connection-failed", culprit: "peer" });
    expect(error.message).toContain(`127.0.0.1 port ${port}`);
    expect(error.message).toContain("connection refused");
  });
});
