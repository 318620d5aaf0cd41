import { fingerprint, generateEd25519 } from "@nacre/keys";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../src/connect.ts";
import { listen, type SshServer } from "../src/listen.ts";
import type { ListenOptions } from "../src/listen-options.ts";
import type { ConnectOptions } from "../src/options.ts";
import { watchResources } from "./support.ts";

const hostKey = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 1));
const userKey = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 2));
const USER = fingerprint(userKey.publicKey.blob, "sha256");

const servers: SshServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A server on loopback that lets in whoever has the key of the tests. */
async function started(options: Partial<ListenOptions> = {}): Promise<SshServer> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: (login) => login.method === "publickey" && login.fingerprint === USER,
    ...options,
  });
  servers.push(server);
  return server;
}

function to(server: SshServer, options: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: "127.0.0.1",
    port: server.address.port,
    user: "alice",
    identities: [userKey],
    agent: false,
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256") as `SHA256:${string}`,
    ...options,
  };
}

describe("listen", () => {
  it("serves commands over TCP, and leaves nothing open", async () => {
    const leftOpen = await watchResources();
    const server = await started({
      session: (session) => {
        session.stdout.write(`hello ${session.user}, you ran ${session.command}\n`);
        session.stderr.write("and that is all\n");
        return 3;
      },
    });
    const client = await connect(to(server));
    expect(await client.exec("ls")).toMatchObject({
      stdout: "hello alice, you ran ls\n",
      stderr: "and that is all\n",
      status: 3,
    });
    expect(server.connections).toHaveLength(1);
    await client.close();
    await server.close();
    expect(server.connections).toHaveLength(0);
    expect(await leftOpen()).toEqual([]);
  });
});
