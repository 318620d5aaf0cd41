import { createHash } from "node:crypto";
import { fingerprint } from "@nacre/keys";
import { hostKey, userKey } from "@nacre/testing/nacre/host";
import { code, uncaught } from "@nacre/testing/nacre/outcomes";
import { seededRandom } from "@nacre/testing/random";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type ConnectionChange, type ConnectOptions, connect } from "../src/index.ts";
import { type GatewayOptions, TestGateway } from "./support/gateway.ts";

/** Options for a login through a gateway that record connection changes. */
function visitor(gateway: TestGateway, changes: ConnectionChange[] = []): ConnectOptions {
  return {
    url: gateway.url,
    host: "example.org",
    user: "alice",
    identities: [userKey],
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
    WebSocket,
    onConnectionChange: (change) => changes.push(change),
  };
}

const MIB = 1024 * 1024;
const block = seededRandom(3)(64 * 1024);

/** A server with two kinds of commands: "digest" hashes its input, and a number N writes N blocks. */
const shell: GatewayOptions["serve"] = {
  session: async (session) => {
    if (session.command === "digest") {
      const hash = createHash("sha256");
      for await (const chunk of session.stdin as unknown as AsyncIterable<Uint8Array>) hash.update(chunk);
      await session.stdout.getWriter().write(new TextEncoder().encode(hash.digest("hex")));
      return 0;
    }
    const writer = session.stdout.getWriter();
    for (let i = 0; i < Number(session.command); i++) await writer.write(block);
    return 0;
  },
};

function digestOf(blocks: number): string {
  const hash = createHash("sha256");
  for (let i = 0; i < blocks; i++) hash.update(block);
  return hash.digest("hex");
}

describe("a lost WebSocket", () => {
  it("in mid-download is replaced, ten times, and no byte is lost or repeated", async () => {
    await using gateway = await TestGateway.start({ serve: shell });
    const changes: ConnectionChange[] = [];
    const ssh = await connect(visitor(gateway, changes));
    const blocks = (32 * MIB) / block.length;
    const process = await ssh.spawn(`${blocks}`);
    const hash = createHash("sha256");
    let received = 0;
    let cuts = 0;
    for await (const chunk of process.stdout as unknown as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      received += chunk.length;
      if (received <= (cuts + 1) * 2 * MIB || cuts === 10 || gateway.tunnels[0]!.attached < cuts) continue;
      cuts++;
      gateway.cut();
    }
    expect(hash.digest("hex")).toBe(digestOf(blocks));
    expect(gateway.tunnels).toHaveLength(1);
    expect(cuts).toBe(10);
    await ssh.close();
    expect(changes.map(({ type }) => type)).toEqual(Array.from({ length: cuts }, () => ["lost", "restored"]).flat());
    expect(changes[0]).toEqual({ type: "lost", error: code("connection-lost"), resumeTime: 60_000 });
  });

  it("in mid-upload is replaced, and no byte is lost or repeated", async () => {
    await using gateway = await TestGateway.start({ serve: shell });
    const ssh = await connect(visitor(gateway));
    const process = await ssh.spawn("digest");
    const writer = process.stdin.getWriter();
    const blocks = (16 * MIB) / block.length;
    for (let i = 0; i < blocks; i++) {
      await writer.write(block);
      if (i === 50 || i === 150) gateway.cut();
    }
    await writer.close();
    expect(await new Response(process.stdout).text()).toBe(digestOf(blocks));
    expect(gateway.tunnels[0]!.attached).toBe(2);
    await ssh.close();
  });

  it("is replaced at the gateway's own address", async () => {
    await using other = await TestGateway.start({ serve: shell });
    await using gateway = await TestGateway.start({ serve: shell, address: other.url });
    const ssh = await connect(visitor(gateway));
    other.tunnels.push(gateway.tunnels[0]!);
    gateway.cut();
    expect((await ssh.exec("1", { encoding: "bytes" })).stdout).toHaveLength(block.length);
    expect(other.sockets).toHaveLength(1);
    expect(gateway.sockets).toHaveLength(0);
    await ssh.close();
  });

  it("ends the connection if the gateway no longer has the tunnel", async () => {
    await using gateway = await TestGateway.start();
    const ssh = await connect(visitor(gateway));
    gateway.tunnels.length = 0;
    gateway.cut();
    const ended = await ssh.ended;
    expect(ended).toEqual(code("connection-lost"));
    expect(ended.cause).toEqual(code("gateway-refused"));
    expect(String(ended.cause)).toContain("4404: tunnel-unknown");
  });

  it("ends the connection if the gateway parks no tunnels", async () => {
    await using gateway = await TestGateway.start({ resumeTime: 0 });
    const changes: ConnectionChange[] = [];
    const ssh = await connect(visitor(gateway, changes));
    gateway.cut();
    expect(await ssh.ended).toEqual(code("connection-lost"));
    expect(changes).toEqual([]);
  });

  it("that the caller passed ends the connection", async () => {
    await using gateway = await TestGateway.start();
    const socket = new WebSocket(gateway.url, ["binary", "nacre.v1"]);
    const ssh = await connect({ ...visitor(gateway), url: undefined, socket });
    gateway.cut();
    expect(await ssh.ended).toEqual(code("connection-lost"));
  });

  it("is not replaced after `close`", async () => {
    await using gateway = await TestGateway.start();
    const changes: ConnectionChange[] = [];
    let isLost!: () => void;
    const lost = new Promise<void>((resolve) => {
      isLost = resolve;
    });
    const ssh = await connect({
      ...visitor(gateway),
      onConnectionChange: (change) => {
        changes.push(change);
        isLost();
      },
    });
    gateway.cut();
    await lost;
    await ssh.close();
    expect(await ssh.ended).toEqual(code("closed"));
    expect(changes.map(({ type }) => type)).toEqual(["lost"]);
    await expect.poll(() => gateway.sockets, { timeout: 10_000 }).toEqual([]);
  });

  it("is replaced even if `onConnectionChange` throws; the exception stays uncaught", async () => {
    const thrown = uncaught();
    await using gateway = await TestGateway.start({ serve: shell });
    const fault = new Error("the page has a bug");
    const onConnectionChange = (): never => {
      throw fault;
    };
    const ssh = await connect({ ...visitor(gateway), onConnectionChange });
    gateway.cut();
    expect((await ssh.exec("1", { encoding: "bytes" })).stdout).toHaveLength(block.length);
    expect(thrown).toEqual([fault, fault]);
    await ssh.close();
  });
});

describe("a tunnel", () => {
  it("is ended by `close`, so that the gateway does not keep it", async () => {
    await using gateway = await TestGateway.start();
    const ssh = await connect(visitor(gateway));
    await ssh.close();
    await expect.poll(() => gateway.tunnels[0]!.isClosed, { timeout: 10_000 }).toBe(true);
  });

  it.each<[string, (message: Uint8Array) => readonly Uint8Array[]]>([
    ["alters a byte", (message) => [message.with(message.length - 1, message.at(-1)! ^ 1)]],
    ["drops a message", () => []],
    ["repeats a message", (message) => [message, message]],
    ["sends half a message", (message) => [message.subarray(0, message.length >> 1)]],
  ])("ends the SSH connection when the gateway %s", async (_, change) => {
    let isTampering = false;
    let isDone = false;
    const toClient = (message: Uint8Array): readonly Uint8Array[] => {
      if (!isTampering || isDone || message[0] !== 7) return [message];
      isDone = true;
      return change(message);
    };
    await using gateway = await TestGateway.start({ serve: shell, toClient });
    const ssh = await connect(visitor(gateway));
    isTampering = true;
    await expect(ssh.exec("64")).rejects.toMatchObject({ code: expect.stringMatching(/mac-mismatch|packet-length/) });
    await ssh.ended;
  });

  it("ends if the gateway violates its protocol", async () => {
    await using gateway = await TestGateway.start();
    const ssh = await connect(visitor(gateway));
    gateway.sockets[0]!.send(Uint8Array.of(99));
    const ended = await ssh.ended;
    expect(ended.cause).toEqual(code("malformed-message"));
    await expect.poll(() => gateway.sockets, { timeout: 10_000 }).toEqual([]);
  });
});
