import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatKrl } from "@nacre/keyfiles";
import {
  type CertificateOptions,
  certifiedPrivateKey,
  fingerprint,
  generateEcdsa,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
} from "@nacre/keys";
import { base64Encode } from "@nacre/wire";
import type { PresentedHostKey } from "nacre/extend";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../src/connect/connect.ts";
import type { ConnectOptions } from "../src/connect/options.ts";
import { nodeAlgorithms } from "../src/crypto/algorithms.ts";
import { nodeRandom } from "../src/crypto/bytes.ts";
import { type HostOptions, knownHost } from "../src/keys/known-hosts.ts";
import type { HostKeyUpdate } from "../src/keys/known-hosts-update.ts";
import { withoutRevoked } from "../src/keys/revoked-keys.ts";
import { listen } from "../src/listen/listen.ts";
import { codeOf, hostOptions, temporaryFolder } from "./support.ts";

const [host, other, authority, userKey] = [1, 2, 3, 4].map(() => generateEd25519(nodeRandom)) as [
  PrivateKey,
  PrivateKey,
  PrivateKey,
  PrivateKey,
];
const ecdsa = generateEcdsa("nistp256", nodeRandom);

const line = (names: string, { publicKey: { format, blob } }: PrivateKey): string =>
  `${names} ${format} ${base64Encode(blob)}\n`;

/** Returns the host's key with a certificate. */
function certified(options: Partial<CertificateOptions> = {}, key: PrivateKey = host): PrivateKey {
  const blob = issueCertificate(authority, {
    publicKey: key.publicKey,
    type: "host",
    keyId: "a host",
    principals: ["127.0.0.1"],
    validBefore: "forever",
    random: nodeRandom,
    ...options,
  });
  return certifiedPrivateKey(key, parseCertificate(blob));
}

async function fileOf(text: string | Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), "known_hosts");
  await writeFile(file, text);
  return file;
}

/** Starts a server with these host keys, and returns what `connect` needs for it. */
async function server(...hostKeys: readonly PrivateKey[]) {
  const running = await listen({
    port: 0,
    hostKeys: [...hostKeys],
    algorithms: { hostKeys: nodeAlgorithms.hostKeys },
    authenticate: () => true,
    session: async (session) => {
      session.stdout.write("hello");
      return 0;
    },
  });
  onTestFinished(() => running.close());
  const { port } = running.address;
  const options = (changes: Partial<ConnectOptions>): ConnectOptions => ({
    host: "127.0.0.1",
    port,
    user: "alice",
    identities: [userKey],
    agent: false,
    ...changes,
  });
  /** Returns the code of the error of connecting with these lines in known_hosts. */
  const outcome = async (text: string, changes: Partial<ConnectOptions> = {}): Promise<string> => {
    const knownHosts = await fileOf(text);
    return codeOf(connect(options({ knownHosts, ...changes })).then((client) => client.close()));
  };
  return { port, options, outcome };
}

describe("connect to a host with a certificate", () => {
  test("accepts it by its authority, and by nothing else", async () => {
    const { outcome, port } = await server(certified());
    expect(await outcome(line("@cert-authority 127.0.0.1", authority))).toBe("no error");
    expect(await outcome(line("@cert-authority *", authority))).toBe("no error");
    expect(await outcome(line(`@cert-authority [127.0.0.1]:${port}`, authority))).toBe("no error");
    expect(await outcome(line("@cert-authority *", other))).toBe("host-key-unknown");
    expect(await outcome(line("@cert-authority *", host))).toBe("host-key-unknown");
    expect(await outcome(line("127.0.0.1", host))).toBe("no error");
    expect(await outcome(line(`[127.0.0.1]:${port}`, authority))).toBe("host-key-changed");
    expect(await outcome(line("@cert-authority *", authority) + line("@revoked *", host))).toBe("host-key-revoked");
    expect(await outcome(line("@cert-authority *", authority) + line("@revoked *", authority))).toBe(
      "host-key-revoked",
    );
  });

  test("says why it is not accepted", async () => {
    const { options } = await server(certified({ validAfter: 1n, validBefore: 1_700_000_000n }));
    const knownHosts = await fileOf(line("@cert-authority *", authority));
    await expect(connect(options({ knownHosts }))).rejects.toThrow("(the certificate expired on 2023-11-14T22:13:20Z)");
  });

  test("obeys `hostKeyAlias` and `caSignatureAlgorithms`", async () => {
    const { outcome } = await server(certified({ principals: ["*.example.org"] }));
    const known = line("@cert-authority *.example.org", authority);
    expect(await outcome(known)).toBe("host-key-unknown");
    expect(await outcome(known, { hostKeyAlias: "db.example.org" })).toBe("no error");
    expect(await outcome(known, { hostKeyAlias: "db.example.org", caSignatureAlgorithms: ["rsa-sha2-512"] })).toBe(
      "host-key-unknown",
    );
  });

  test("obeys CASignatureAlgorithms and HostKeyAlgorithms of ssh_config", async () => {
    const { options } = await server(certified(), ecdsa);
    const known = `UserKnownHostsFile ${await fileOf(line("@cert-authority *", authority) + line("*", ecdsa))}\n`;
    const used = async (text: string): Promise<string> => {
      const config = await fileOf(`${known}GlobalKnownHostsFile none\n${text}\n`);
      const client = await connect(options({ config }));
      await client.close();
      return client.info.negotiated.hostKey.name;
    };
    expect(await used("")).toBe("ssh-ed25519-cert-v01@openssh.com");
    expect(await used("CASignatureAlgorithms -rsa*")).toBe("ssh-ed25519-cert-v01@openssh.com");
    expect(await codeOf(used("CASignatureAlgorithms rsa-sha2-512"))).toBe("host-key-changed");
    expect(await used("HostKeyAlgorithms ecdsa-sha2-nistp256")).toBe("ecdsa-sha2-nistp256");
    expect(await used("HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com")).toBe("ssh-ed25519-cert-v01@openssh.com");
  });

  test("asks for it if an authority of the host is known, else for the known key", async () => {
    const { options } = await server(ecdsa, certified());
    const used = async (text: string): Promise<string> => {
      const client = await connect(options({ knownHosts: await fileOf(text) }));
      await client.close();
      return client.info.negotiated.hostKey.name;
    };
    expect(await used(line("127.0.0.1", ecdsa))).toBe("ecdsa-sha2-nistp256");
    expect(await used(line("127.0.0.1", ecdsa) + line("@cert-authority *", authority))).toBe(
      "ssh-ed25519-cert-v01@openssh.com",
    );
  });

  test("certificates of hosts: what is remembered · client", async () => {
    const { options, port } = await server(certified({ principals: ["elsewhere"] }));
    const knownHosts = await fileOf(line("@cert-authority *", authority));
    const asked: PresentedHostKey[] = [];
    const unknownHost = (key: PresentedHostKey): boolean => asked.push(key) > 0;
    await (await connect(options({ knownHosts, unknownHost }))).close();
    expect(asked).toMatchObject([
      { fingerprint: fingerprint(host.publicKey.blob, "sha256"), certificateProblem: PRINCIPAL },
    ]);
    expect(await readFile(knownHosts, "utf8")).toBe(
      line("@cert-authority *", authority) + line(`[127.0.0.1]:${port}`, host),
    );
    await (await connect(options({ knownHosts }))).close();
  });

  test("compares a pinned fingerprint with the key, and gives the certificate to a function", async () => {
    const { options } = await server(certified());
    const client = await connect(options({ hostKey: fingerprint(host.publicKey.blob, "sha256") }));
    expect(client.info.hostKey).toMatchObject({ blob: host.publicKey.blob, certificate: { keyId: "a host" } });
    await client.close();
    const { format } = authority.publicKey;
    await (await connect(options({ hostKey: ({ certificate }) => certificate?.authority.format === format }))).close();
  });

  test("goes on with the same certificate after a rekey", async () => {
    const { options } = await server(certified());
    const client = await connect(options({ knownHosts: await fileOf(line("@cert-authority *", authority)) }));
    client.rekey();
    expect((await client.exec("")).stdout).toBe("hello");
    await client.close();
  });

  test("learns no host keys from it", async () => {
    const { options, port } = await server(certified(), ecdsa);
    const text = line(`[127.0.0.1]:${port}`, host) + line("@cert-authority 127.0.0.1", authority);
    const updates: HostKeyUpdate[] = [];
    const updateHostKeys = (update: HostKeyUpdate): boolean => updates.push(update) > 0;
    const client = await connect(options({ knownHosts: await fileOf(text), updateHostKeys }));
    expect(client.info.hostKey.certificate).toBeDefined();
    // The announcement comes before the output.
    expect((await client.exec("")).stdout).toBe("hello");
    await client.close();
    expect(updates).toEqual([]);
  });
});

const PRINCIPAL = { reason: "principal" };

/** Returns the verdict about a certificate of the host for known_hosts with this text, or the code of the error. */
async function verdict(text: string, changes: Partial<HostOptions> = {}): Promise<unknown> {
  const { options } = hostOptions(await fileOf(text), changes);
  const { blob } = certified({ principals: ["example.org"] }).publicKey;
  const certificate = parseCertificate(blob);
  const plain = host.publicKey.blob;
  const key = { algorithm: certificate.format, blob: plain, fingerprint: fingerprint(plain, "sha256"), certificate };
  const { verify } = await knownHost(options);
  try {
    return await verify(key);
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test("`checkAddress` does not look for the address of a host that a certificate names, unless it is revoked", async () => {
  const address = { checkAddress: true, address: () => "192.0.2.7" };
  const known = line("@cert-authority example.org", authority);
  expect(await verdict(known + line("192.0.2.7", other), address)).toBe(true);
  expect(await verdict(known + line("@revoked 192.0.2.7", host), address)).toBe("host-key-revoked");
  // An authority of the address does not count for the name.
  expect(await verdict(line("@cert-authority 192.0.2.7", authority), address)).toBe("host-key-unknown");
  expect(await verdict(line("example.org", host) + line("192.0.2.7", other), address)).toBe("host-key-changed");
});

test("certificates of hosts: lists of revoked keys · client", async () => {
  const certificate = parseCertificate(certified({ serial: 7n }).publicKey.blob);
  const { blob } = host.publicKey;
  const presented = { algorithm: certificate.format, blob, fingerprint: fingerprint(blob, "sha256"), certificate };
  const refused = async (list: string | Uint8Array): Promise<string> => {
    const file = await fileOf(list);
    return codeOf(withoutRevoked([file], undefined, () => true).then((verify) => verify(presented)));
  };
  expect(await refused(line("", host).trimStart())).toBe("host-key-revoked");
  expect(await refused(line("", authority).trimStart())).toBe("host-key-revoked");
  expect(await refused(`${certificate.format} ${base64Encode(certificate.blob)}\n`)).toBe("host-key-revoked");
  expect(await refused(line("", other).trimStart())).toBe("no error");

  const numbered = (serial: bigint, by = authority): Uint8Array =>
    formatKrl({
      version: 1n,
      date: 0n,
      certificates: [{ authority: by.publicKey.blob, serials: [[serial, serial]] }],
    });
  expect(await refused(numbered(7n))).toBe("host-key-revoked");
  expect(await refused(numbered(8n))).toBe("no error");
  expect(await refused(numbered(7n, other))).toBe("no error");
});
