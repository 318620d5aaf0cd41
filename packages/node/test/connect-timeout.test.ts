import { connect as connectSocket, type Socket } from "node:net";
import { generateEd25519 } from "@nacre/keys";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ConnectOptions, connect, listen, tcpForwarding } from "../src/index.ts";
import { counting, serve, watchResources } from "./support.ts";

const key = generateEd25519(counting);
const login = { host: "127.0.0.1", user: "a", hostKey: () => true, agent: false, identities: [key] };

async function server(): Promise<number> {
  const started = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding({ permitOpen: ["127.0.0.1:*"] }),
    session: (session) => void session.stdout.write("ok"),
  });
  onTestFinished(() => started.close());
  return started.address.port;
}

/** Accepts connections and passes on what the server sends first, but only this many bytes. */
async function cutting(port: number, most: number): Promise<number> {
  const relay = await serve((socket) => {
    const behind = connectSocket(port, "127.0.0.1");
    let passed = 0;
    socket.pipe(behind);
    behind.on("error", () => {});
    behind.on("data", (chunk: Buffer) => {
      socket.write(chunk.subarray(0, Math.max(0, most - passed)));
      passed += chunk.length;
    });
    socket.on("close", () => behind.destroy());
  });
  return relay.port;
}

const late = (): Promise<boolean> => new Promise((resolve) => setTimeout(resolve, 5500, true));

describe("`connectTimeout` bounds", () => {
  test.each<[string, RegExp, (socket: Socket) => void]>([
    ["sends nothing", /the server did not identify itself within 3000 ms; it sent nothing/, () => {}],
    ["greets", /did not identify itself within 3000 ms; it sent "220 smtp"/, (socket) => socket.write("220 smtp\r\n")],
    [
      "stops after its identification",
      /complete the key exchange within 3000 ms/,
      (socket) => socket.write("SSH-2.0-a\r\n"),
    ],
  ])("a server that %s", async (_, message, behave) => {
    const leftOpen = await watchResources();
    const silent = await serve(behave);
    await expect(connect({ ...login, port: silent.port, connectTimeout: 3000 })).rejects.toMatchObject({
      code: "connect-timeout",
      culprit: "peer",
      message: expect.stringMatching(message),
    });
    await silent.close();
    expect(await leftOpen()).toEqual([]);
  });

  test("a server that stalls in the key exchange", async () => {
    // Its identification and KEXINIT arrive, and nothing else.
    const port = await cutting(await server(), 500);
    await expect(connect({ ...login, port, connectTimeout: 200 })).rejects.toMatchObject({ code: "connect-timeout" });
  });

  test("each hop, from the login at the one before", async () => {
    const silent = await serve(() => {});
    const via = { ...login, port: await server() };
    const options: ConnectOptions = { ...login, port: silent.port, connectTimeout: 5000, via };
    await expect(connect(options)).rejects.toMatchObject({
      code: "connect-timeout",
      message: expect.stringContaining("did not identify itself within 5000 ms"),
    });
    const first: ConnectOptions = {
      ...login,
      port: await server(),
      connectTimeout: 3000,
      via: { ...login, port: silent.port },
    };
    await expect(connect(first)).rejects.toMatchObject({
      code: "connect-timeout",
      message: expect.stringContaining(`jump host 127.0.0.1 port ${silent.port}: the server did not identify itself`),
    });
  });
});

describe("`connectTimeout` does not bound", () => {
  test("the callback that decides about the host key", async () => {
    const client = await connect({ ...login, port: await server(), connectTimeout: 5000, hostKey: late });
    await client.close();
  });

  test("the login and later key exchanges", async () => {
    const identity = {
      publicKey: key.publicKey,
      async sign(algorithm: string, data: Uint8Array) {
        await late();
        return key.sign(algorithm, data, counting);
      },
    };
    const client = await connect({ ...login, port: await server(), connectTimeout: 5000, identities: [identity] });
    client.rekey();
    expect((await client.exec("")).stdout).toBe("ok");
    await client.close();
  });
});
