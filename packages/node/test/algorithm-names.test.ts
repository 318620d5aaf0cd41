import { generateEd25519 } from "@nacre/keys";
import { expect, onTestFinished, test } from "vitest";
import { type ConnectOptions, connect, type ListenOptions, listen } from "../src/index.ts";
import { counting } from "./support.ts";

const key = generateEd25519(counting);

/** Connects to a server, and returns the names of what was negotiated. */
async function negotiated(server: Partial<ListenOptions>, client: Partial<ConnectOptions>): Promise<object> {
  const listening = await listen({ port: 0, hostKeys: [key], authenticate: () => true, ...server });
  onTestFinished(() => listening.close());
  const { port } = listening.address;
  const login = { host: "127.0.0.1", port, user: "a", hostKey: () => true, agent: false, identities: [key] };
  const ssh = await connect({ ...login, ...client });
  await ssh.close();
  const { kex, clientToServer } = ssh.info.negotiated;
  return { kex: kex.name, cipher: clientToServer.cipher.name, mac: clientToServer.mac?.name };
}

test.each(["node", "noble"] as const)("algorithms are chosen by name, with `crypto: %j`", async (crypto) => {
  const server = { crypto, algorithms: { kex: "+ecdh-sha2-nistp256", macs: "+hmac-sha2-512" } };
  const client = { crypto, algorithms: { kex: "^ecdh-sha2-nistp256", ciphers: "*-ctr", macs: ["hmac-sha2-512"] } };
  expect(await negotiated(server, client)).toEqual({
    kex: "ecdh-sha2-nistp256",
    cipher: "aes128-ctr",
    mac: "hmac-sha2-512",
  });
});

test("an unknown name is `usage`, on both sides and at a jump host", async () => {
  const algorithms = { ciphers: "aes128-cbc" };
  const unknown = {
    code: "usage",
    message: expect.stringContaining('unknown name "aes128-cbc"; expected '),
  };
  const login = { host: "127.0.0.1", user: "a", agent: false, identities: [key], knownHosts: [] };
  await expect(connect({ ...login, algorithms })).rejects.toMatchObject(unknown);
  await expect(connect({ ...login, via: { ...login, algorithms } })).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("jump host 127.0.0.1 port 22: `algorithms.ciphers` has an unknown name"),
  });
  await expect(listen({ port: 0, hostKeys: [key], authenticate: () => true, algorithms })).rejects.toMatchObject(
    unknown,
  );
});
