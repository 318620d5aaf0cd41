import { createHash } from "node:crypto";
import { fingerprint, generateEd25519, issueCertificate, parseCertificate } from "@nacre/keys";
import { hostKey, userKey } from "@nacre/testing/nacre/host";
import { code, failure, text } from "@nacre/testing/nacre/outcomes";
import { seededRandom } from "@nacre/testing/random";
import { SshError } from "@nacre/wire";
import { certificateAuthority } from "nacre";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type ConnectOptions, connect, WEB_SOCKET_SUBPROTOCOLS } from "../src/index.ts";
import { FakeSocket } from "./support/fake-socket.ts";
import { type GatewayOptions, TestGateway } from "./support/gateway.ts";

const PINNED = fingerprint(hostKey.publicKey.blob, "sha256");

/** Options for a login through a gateway. */
function visitor(gateway: TestGateway, options: Partial<ConnectOptions> = {}): ConnectOptions {
  const { url } = gateway;
  return { url, host: "example.org", user: "alice", identities: [userKey], hostKey: PINNED, WebSocket, ...options };
}

/** A server with two kinds of commands: "digest" hashes its input, and a number N writes N bytes. */
const shell: GatewayOptions["serve"] = {
  session: async (session) => {
    if (session.command === "digest") {
      const hash = createHash("sha256");
      for await (const chunk of session.stdin as unknown as AsyncIterable<Uint8Array>) hash.update(chunk);
      const writer = session.stdout.getWriter();
      await writer.write(new TextEncoder().encode(hash.digest("hex")));
      return 0;
    }
    const writer = session.stdout.getWriter();
    for (let left = Number(session.command); left > 0; left -= 65_536) await writer.write(pattern(left));
    return 0;
  },
};

function pattern(left: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Math.min(left, 65_536)).fill(left & 0xff);
}

function digestOf(length: number): string {
  const hash = createHash("sha256");
  for (let left = length; left > 0; left -= 65_536) hash.update(pattern(left));
  return hash.digest("hex");
}

describe.each(["binary", "nacre.v1"] as const)("connect through a gateway that picks %s", (protocol) => {
  it("logs in, runs commands, moves 8 MiB each way, and closes", async () => {
    await using gateway = await TestGateway.start({ protocol, serve: shell });
    const ssh = await connect(visitor(gateway));
    const length = 8 * 1024 * 1024;
    const { stdout } = await ssh.exec(`${length}`, { encoding: "bytes" });
    expect(createHash("sha256").update(stdout).digest("hex")).toBe(digestOf(length));
    const process = await ssh.spawn("digest");
    const writer = process.stdin.getWriter();
    for (let left = length; left > 0; left -= 65_536) await writer.write(pattern(left));
    await writer.close();
    expect(await text(process.stdout)).toBe(digestOf(length));
    await ssh.close();
    expect(await ssh.ended).toEqual(code("closed"));
  });

  it("takes algorithms by name", async () => {
    await using gateway = await TestGateway.start({ protocol, serve: shell });
    const ssh = await connect({ ...visitor(gateway), algorithms: { ciphers: "^aes256-ctr" } });
    expect(ssh.info.negotiated.clientToServer.cipher.name).toBe("aes256-ctr");
    await ssh.close();
    const wrong = { ...visitor(gateway), algorithms: { ciphers: "aes256-cbc" } };
    expect(await failure(connect(wrong))).toMatchObject({ code: "usage", message: /unknown name "aes256-cbc"/ });
  });

  it("logs in with a certificate", async () => {
    const random = seededRandom(23);
    const authority = generateEd25519(random);
    const blob = issueCertificate(authority, {
      publicKey: userKey.publicKey,
      type: "user",
      keyId: "alice",
      principals: ["alice"],
      validBefore: "forever",
      random,
    });
    const authenticate = certificateAuthority([authority.publicKey]);
    await using gateway = await TestGateway.start({ protocol, serve: { ...shell, authenticate } });
    const identities = [{ certificate: parseCertificate(blob), key: userKey }];
    const ssh = await connect(visitor(gateway, { identities }));
    expect((await ssh.exec("5")).stdout).toHaveLength(5);
    await ssh.close();
    expect(await failure(connect(visitor(gateway)))).toEqual(code("auth-failed"));
  });

  it("uses the WebSocket that the caller passes", async () => {
    await using gateway = await TestGateway.start({ protocol, serve: shell });
    const socket = new WebSocket(gateway.url, [...WEB_SOCKET_SUBPROTOCOLS]);
    const ssh = await connect({ ...visitor(gateway), url: undefined, socket });
    expect((await ssh.exec("5")).stdout).toHaveLength(5);
    await ssh.close();
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });

  it("closes the WebSocket if the host key is refused", async () => {
    await using gateway = await TestGateway.start({ protocol });
    const options = visitor(gateway, { hostKey: () => false });
    expect(await failure(connect(options))).toEqual(code("host-key-refused"));
    await expect.poll(() => gateway.sockets, { timeout: 10_000 }).toEqual([]);
  });

  it("closes the WebSocket if the login fails", async () => {
    await using gateway = await TestGateway.start({ protocol });
    expect(await failure(connect(visitor(gateway, { identities: [] })))).toEqual(code("auth-failed"));
    await expect.poll(() => gateway.sockets, { timeout: 10_000 }).toEqual([]);
  });

  it("rejects and closes the WebSocket if the signal aborts while `hostKey` decides", async () => {
    await using gateway = await TestGateway.start({ protocol });
    const controller = new AbortController();
    const hostKey = (): Promise<boolean> => {
      controller.abort();
      return new Promise(() => {});
    };
    expect(await failure(connect(visitor(gateway, { hostKey, signal: controller.signal })))).toEqual(code("aborted"));
    await expect.poll(() => gateway.sockets, { timeout: 10_000 }).toEqual([]);
  });

  it("rejects with the gateway's close reason if it closes the WebSocket during the login", async () => {
    await using gateway = await TestGateway.start({ protocol });
    const hostKey = async (): Promise<boolean> => {
      for (const socket of gateway.sockets) socket.close(4432, "time-limit");
      return new Promise(() => {});
    };
    const error = await failure(connect(visitor(gateway, { hostKey })));
    expect(error).toEqual(code("gateway-refused"));
    expect(String(error)).toContain("4432: time-limit");
  });

  it("reports through `ended` that the gateway closed the WebSocket", async () => {
    await using gateway = await TestGateway.start({ protocol });
    const ssh = await connect(visitor(gateway));
    for (const socket of gateway.sockets) socket.close(4433, "byte-limit");
    const ended = await ssh.ended;
    expect(ended).toEqual(code("connection-lost"));
    expect(ended.cause).toEqual(code("gateway-refused"));
  });
});

/** Rejects the first message of each WebSocket. */
function refuseTicket(socket: WebSocket): boolean {
  socket.on("message", () => socket.close(4401, "ticket-refused"));
  return true;
}

describe("connect", () => {
  it("sends ticket and destination in the first message to a Nacre gateway", async () => {
    await using gateway = await TestGateway.start();
    const ssh = await connect(visitor(gateway, { ticket: "one-time", host: "intranet", port: 2222 }));
    await ssh.close();
    expect(gateway.opens).toEqual([{ ticket: "one-time", host: "intranet", port: 2222 }]);
  });

  it("reports a gateway that does not open a WebSocket", async () => {
    await using gateway = await TestGateway.start();
    const error = await failure(connect(visitor(gateway, { url: gateway.url.replace(/:\d+/, ":1") })));
    expect(error).toEqual(code("connection-failed"));
    expect(String(error)).toContain("ECONNREFUSED");
  });

  it("reports that the gateway refuses the ticket", async () => {
    await using gateway = await TestGateway.start({ onSocket: refuseTicket });
    const error = await failure(connect(visitor(gateway)));
    expect(error).toEqual(code("gateway-refused"));
    expect(String(error)).toContain("fetch a new ticket");
  });

  it("rejects with connect-timeout if the gateway does not answer the first message", async () => {
    await using gateway = await TestGateway.start({ onSocket: () => true });
    expect(await failure(connect(visitor(gateway, { connectTimeout: 50 })))).toEqual(code("connect-timeout"));
    await expect.poll(() => gateway.sockets, { timeout: 10_000 }).toEqual([]);
  });

  it.each<[string, Partial<ConnectOptions>]>([
    ["no user", { user: undefined as never }],
    ["a limit out of range", { limits: { keepaliveInterval: -1 } }],
    ["an unknown option", { username: "alice" } as never],
    ["an invalid host key", { hostKey: "MD5:00" }],
    ["a host key of another type", { hostKey: 1 as never }],
    ["no host", { host: "" }],
  ])("rejects with usage for %s, and opens no WebSocket", async (_, options) => {
    class Never extends FakeSocket {
      constructor() {
        super();
        throw new Error("it must not be made");
      }
    }
    const base = {
      url: "wss://gateway.example",
      host: "example.org",
      user: "alice",
      hostKey: PINNED,
      WebSocket: Never,
    };
    expect(await failure(connect({ ...base, ...options }))).toEqual(code("usage"));
  });

  it("rejects with usage without options", async () => {
    expect(await failure(connect(undefined as never))).toEqual(code("usage"));
  });

  it("rejects and closes the WebSocket if the signal aborts while the known hosts are read", async () => {
    const socket = new FakeSocket();
    const controller = new AbortController();
    const knownHosts = {
      read: (): Promise<string> => {
        controller.abort();
        return new Promise(() => {});
      },
      update: () => Promise.resolve(),
    };
    const options = { socket, host: "example.org", user: "alice", knownHosts, signal: controller.signal };
    expect(await failure(connect(options))).toEqual(code("aborted"));
    expect(socket.closes).toEqual([1000]);
  });

  it("closes the WebSocket if the known hosts cannot be read", async () => {
    const socket = new FakeSocket();
    const knownHosts = {
      read: () => Promise.reject(new SshError("file-unreadable", "disk on fire")),
      update: () => Promise.resolve(),
    };
    const options = { socket, host: "example.org", user: "alice", knownHosts };
    expect(await failure(connect(options))).toEqual(code("file-unreadable"));
    expect(socket.closes).toEqual([1000]);
  });
});
