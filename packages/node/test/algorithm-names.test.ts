import { OPENSSH_ALGORITHMS } from "@nacre/config/openssh-algorithms";
import { generateEd25519 } from "@nacre/keys";
import { type AlgorithmKind, type AlgorithmTable, algorithmTable, findAlgorithms } from "nacre/extend";
import { expect, onTestFinished, test } from "vitest";
import { clientAlgorithms, serverAlgorithms } from "../src/crypto/algorithms.ts";
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

test("every name that OpenSSH knows is offered by default, opt-in, insecure or unknown", () => {
  const available = clientAlgorithms("openssl");
  const client = algorithmTable(available, available);
  const server = algorithmTable(serverAlgorithms("openssl"), available);
  const { kex, keys, ciphers, macs } = OPENSSH_ALGORITHMS;
  const by = (table: AlgorithmTable, standing: string): readonly string[] => {
    const rows: Readonly<Record<AlgorithmKind, readonly { readonly name: string; readonly standing: string }[]>> =
      table;
    return Object.entries({ kex, hostKeys: keys, ciphers, macs }).flatMap(([kind, names]) =>
      names.filter(
        (name) => (findAlgorithms(rows[kind as AlgorithmKind], name)[0]?.standing ?? "unknown") === standing,
      ),
    );
  };
  expect(by(client, "unknown")).toEqual([
    "diffie-hellman-group-exchange-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-mldsa44-ed25519@openssh.com",
    "ssh-mldsa44-ed25519-cert-v01@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
  ]);
  expect(by(server, "unknown")).toEqual(by(client, "unknown"));
  expect(by(client, "opt-in")).toEqual([]);
  expect(by(server, "opt-in")).toContain("ecdh-sha2-nistp256");
  expect(by(client, "insecure")).toEqual([
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
    "ssh-rsa",
    "ssh-rsa-cert-v01@openssh.com",
    "3des-cbc",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "hmac-sha1",
    "hmac-sha1-96",
    "hmac-md5",
    "hmac-md5-96",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
  ]);
});
