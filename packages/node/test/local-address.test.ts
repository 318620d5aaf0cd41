import { connect as connectSocket } from "node:net";
import { generateEd25519 } from "@nacre/keys";
import { expect, onTestFinished, test } from "vitest";
import { readRoute } from "../src/connect/route.ts";
import { type ConnectOptions, connect, listen, tcpDuplex } from "../src/index.ts";
import { counting, serve } from "./support.ts";

const key = generateEd25519(counting);

test("`connect` connects from `localAddress`", async () => {
  // This machine may have other loopback addresses than 127.0.0.1: all of 127.0.0.0/8 on Linux.
  const other = await canBind("127.0.0.2");
  const localAddress = other ? "127.0.0.2" : "127.0.0.1";
  const server = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => true,
    session: (session) => void session.stdout.write(session.remoteAddress ?? ""),
  });
  onTestFinished(() => server.close());
  const { port } = server.address;
  const client = await connect({
    host: "127.0.0.1",
    port,
    user: "a",
    hostKey: () => true,
    agent: false,
    identities: [key],
    localAddress,
  });
  expect((await client.exec("")).stdout).toBe(localAddress);
  await client.close();
});

test("a host name is looked up in the family of `localAddress`", async () => {
  const server = await serve(() => {});
  const duplex = await tcpDuplex({ host: "localhost", port: server.port, localAddress: "127.0.0.1" });
  await duplex.close();
});

test("`localAddress` may be a name of this machine", async () => {
  const server = await serve(() => {});
  const duplex = await tcpDuplex({ host: "127.0.0.1", port: server.port, localAddress: "localhost" });
  await duplex.close();
});

test.each(["192.0.2.1", "::1", "name.invalid"])(
  "an address that the system refuses is `connection-failed`: %s",
  async (localAddress) => {
    const server = await serve(() => {});
    await expect(tcpDuplex({ host: "127.0.0.1", port: server.port, localAddress })).rejects.toMatchObject({
      code: "connection-failed",
      message: expect.stringContaining("cannot connect from `localAddress`"),
    });
  },
);

test.each(["", "127.0.0.1:22", "me@localhost", 7])(
  "`localAddress` that is no IP address or name is `usage`: %s",
  async (wrong) => {
    const options = { host: "127.0.0.1", port: 22, localAddress: wrong as string };
    const words = { code: "usage", message: "`localAddress` must be an IP address or name of this machine" };
    await expect(connect(options)).rejects.toMatchObject(words);
    await expect(tcpDuplex(options)).rejects.toMatchObject(words);
  },
);

test("a jump host inherits `localAddress`", () => {
  const options: ConnectOptions = { host: "db", user: "a", localAddress: "127.0.0.2", via: "bastion" };
  expect(readRoute(options).hops).toMatchObject([{ localAddress: "127.0.0.2" }]);
});

async function canBind(localAddress: string): Promise<boolean> {
  const server = await serve(() => {});
  return new Promise((resolve) => {
    const socket = connectSocket({ host: "127.0.0.1", port: server.port, localAddress });
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    onTestFinished(() => void socket.destroy());
  });
}
