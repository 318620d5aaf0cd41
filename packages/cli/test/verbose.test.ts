import { randomBytes } from "node:crypto";
import type { ConfigValues } from "@nacre/config";
import {
  certifiedPrivateKey,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  sha256Fingerprint,
} from "@nacre/keys";
import { connect, listen } from "@nacre/node";
import { expect, onTestFinished, test } from "vitest";
import { redirectMessages } from "../src/say.ts";
import { verboseTrace } from "../src/ssh/verbose.ts";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const authority = generateEd25519(random);

function certified(type: "user" | "host", keyId: string): PrivateKey {
  const key = generateEd25519(random);
  const { publicKey } = key;
  const names = { type, keyId, principals: ["alice"], validBefore: "forever" } as const;
  return certifiedPrivateKey(key, parseCertificate(issueCertificate(authority, { publicKey, ...names, random })));
}

/** Logs in as alice with this key. Returns the lines of `-v`. */
async function linesOf(identities: readonly PrivateKey[]): Promise<string[]> {
  const accepted = identities.at(-1)!.publicKey;
  const server = await listen({
    port: 0,
    hostKeys: [certified("host", "a host")],
    authenticate: (login) =>
      login.method === "certificate"
        ? sha256Fingerprint(login.certificate.blob) === sha256Fingerprint(accepted.blob)
        : login.method === "publickey" && login.fingerprint === sha256Fingerprint(accepted.blob),
    session: () => 0,
  });
  onTestFinished(() => server.close());
  const { port } = server.address;
  const lines: string[] = [];
  redirectMessages((text) => void lines.push(text));
  onTestFinished(() => redirectMessages((text) => void process.stderr.write(text)));
  const values = { hostName: "127.0.0.1", port, user: "alice", proxy: { kind: "direct" } } as ConfigValues;
  const client = await connect({
    host: "127.0.0.1",
    port,
    user: "alice",
    agent: false,
    identities,
    hostKey: () => true,
    trace: verboseTrace(values),
  });
  await client.close();
  return lines.map((line) => line.replace(/, critical options .*/, "").replace(`:${port})`, ":22)"));
}

const HOST =
  'debug1: Server host certificate: certificate "a host" serial 0 of a host, for alice, valid from 0 forever\n';
const AUTHENTICATED = 'Authenticated to 127.0.0.1 ([127.0.0.1]:22) using "publickey".\n';
const user = (keyId: string): string =>
  `ssh-ed25519-cert-v01@openssh.com certificate "${keyId}" serial 0 of a user, for alice, valid from 0 forever\n`;

test("-v prints the certificates that are offered and accepted, as ssh -v does", async () => {
  // The id looks like the request of another method.
  const id = "x password";
  expect(await linesOf([certified("user", id)])).toEqual([
    HOST,
    `debug1: Offering public key: ${user(id)}`,
    `debug1: Server accepts key: ${user(id)}`,
    AUTHENTICATED,
  ]);
});

test("-v prints a certificate that is refused, and no plain keys", async () => {
  expect(await linesOf([certified("user", "refused"), generateEd25519(random)])).toEqual([
    HOST,
    `debug1: Offering public key: ${user("refused")}`,
    AUTHENTICATED,
  ]);
});

test("-v prints a certificate once that is queried before it signs", async () => {
  expect(await linesOf([certified("user", "first"), certified("user", "second")])).toEqual([
    HOST,
    `debug1: Offering public key: ${user("first")}`,
    `debug1: Offering public key: ${user("second")}`,
    `debug1: Server accepts key: ${user("second")}`,
    AUTHENTICATED,
  ]);
});
