import {
  type CertificateOptions,
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  ed25519,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  parsePublicKey,
  readSignature,
  sha256Fingerprint,
  USER_PERMISSIONS,
} from "@nacre/keys";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { hostKey } from "@nacre/testing/nacre/host";
import { served } from "@nacre/testing/nacre/wire";
import { concatBytes, Writer } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import {
  type Authenticate,
  type CertificateAuthorityOptions,
  type CertificateLogin,
  certificateAuthority,
  type Factor,
  type LoginDecision,
  type RemoteIdentity,
  type ServeOptions,
  type ServerEvent,
  type Session,
  SshError,
} from "nacre";
import { loginId } from "nacre/extend";
import { describe, expect, it } from "vitest";

const random = hashChainRandom("certificate logins of servers");
const authority = generateEd25519(random);
const key = generateEd25519(random);
const NOW = 1_750_000_000n;

function certified(options: Partial<CertificateOptions> = {}): PrivateKey {
  const blob = issueCertificate(authority, {
    publicKey: key.publicKey,
    type: "user",
    keyId: "alice@laptop",
    principals: ["alice"],
    validBefore: NOW + 1n,
    random,
    ...options,
  });
  return certifiedPrivateKey(key, parseCertificate(blob));
}

async function whoami(session: Session): Promise<void> {
  await session.stdout.getWriter().write(`${session.user} ${session.command}`);
}

/** Logs in as alice. Returns the user and the name of the factor's algorithm, or the code of the error; and the server's events. */
async function login(
  identity: PrivateKey | RemoteIdentity,
  server: Partial<ServeOptions<Session>>,
): Promise<{ readonly outcome: string; readonly events: readonly ServerEvent[] }> {
  const events: ServerEvent[] = [];
  try {
    const { client } = await served(
      { session: whoami, log: (event) => void events.push(event), ...server },
      { identities: [identity] },
    );
    const { stdout } = await client.exec("whoami");
    await client.close();
    return { outcome: stdout, events };
  } catch (error) {
    return { outcome: error instanceof SshError ? error.code : String(error), events };
  }
}

function principals(user: string): readonly string[] | undefined {
  return user === "alice" ? ["ops"] : undefined;
}

async function byAuthority(identity: PrivateKey, options: CertificateAuthorityOptions = {}): Promise<string> {
  const authenticate = certificateAuthority([authority.publicKey], { now: () => Number(NOW) * 1000, ...options });
  return (await login(identity, { authenticate, remoteAddress: "192.0.2.7" })).outcome;
}

describe("certificateAuthority", () => {
  it("accepts a certificate of the authority, and what it forces", async () => {
    expect(await byAuthority(certified())).toBe("alice whoami");
    expect(await byAuthority(certified({ criticalOptions: { "force-command": "backup" } }))).toBe("alice backup");
    expect(await byAuthority(certified({ criticalOptions: { "source-address": "192.0.2.0/24" } }))).toBe(
      "alice whoami",
    );
  });

  it.each<[string, PrivateKey]>([
    ["the plain key", key],
    ["the authority's own key", authority],
    ["a certificate for a host", certified({ type: "host" })],
    ["an expired one", certified({ validBefore: NOW })],
    ["one for another user", certified({ principals: ["bob", "*"] })],
    ["one with an unknown critical option", certified({ criticalOptions: { "no-such": "" } })],
    ["one for another address", certified({ criticalOptions: { "source-address": "10.0.0.0/8" } })],
  ])("refuses %s", async (_, identity) => {
    expect(await byAuthority(identity)).toBe("auth-failed");
  });

  it("refuses a certificate of another authority", async () => {
    expect(await byAuthority(otherAuthority())).toBe("auth-failed");
  });

  it("refuses a revoked certificate", async () => {
    for (const revoked of ["alice@laptop", "bob@laptop"])
      expect(await byAuthority(certified(), { isRevoked: async ({ keyId }) => keyId === revoked })).toBe(
        revoked === "alice@laptop" ? "auth-failed" : "alice whoami",
      );
  });

  it("takes principals in the place of the user's name", async () => {
    expect(await byAuthority(certified({ principals: ["ops"] }), { principals })).toBe("alice whoami");
    expect(await byAuthority(certified(), { principals })).toBe("auth-failed");
    expect(await byAuthority(certified(), { principals: () => undefined })).toBe("auth-failed");
  });

  it("answers a query as it answers a login, and names the certificate in both and in the log", async () => {
    const logins: CertificateLogin[] = [];
    const certificate = certified({ extensions: USER_PERMISSIONS });
    const remote: RemoteIdentity = {
      publicKey: certificate.publicKey,
      sign: async (algorithm, data) => certificate.sign(algorithm, data, random),
    };
    const trusting = certificateAuthority([authority.publicKey], { now: () => Number(NOW) * 1000 });
    const { outcome, events } = await login(remote, {
      authenticate: (one) => {
        if (one.method === "certificate") logins.push(one);
        return trusting(one);
      },
    });
    expect(outcome).toBe("alice whoami");
    const known = { keyId: "alice@laptop", serial: 0n, principals: ["alice"], authority: authority.publicKey };
    expect(logins.map(({ signed }) => signed)).toEqual([false, true]);
    for (const one of logins) expect(one).toMatchObject({ certificate: known });
    expect(events.find(({ type }) => type === "login")).toMatchObject({
      factors: [{ method: "certificate", certificate: known }],
    });
    const expired = await login(certified({ validBefore: NOW }), { authenticate: trusting });
    expect(expired.events.find(({ type }) => type === "login-refused")).toMatchObject({
      method: "certificate",
      fingerprint: sha256Fingerprint(key.publicKey.blob),
      certificate: known,
    });
  });

  it("never asks about an authority whose algorithm `authorityAlgorithms` lacks", async () => {
    const one = certified();
    expect((await login(one, { authenticate: () => true, authorityAlgorithms: [ed25519] })).outcome).toBe(
      "alice whoami",
    );
    expect((await login(one, { authenticate: () => true, authorityAlgorithms: [] })).outcome).toBe("auth-failed");
  });

  it("demands of security keys that they verified the user, if the server does", async () => {
    expect(await decide({ verifyRequired: true })).toMatchObject({ verifyRequired: true });
    expect(await decide({})).not.toHaveProperty("verifyRequired");
  });

  it("refuses keys that are none, certificates as authorities, and unknown options", () => {
    expect(() => certificateAuthority([certified().publicKey])).toThrow(/cannot be an authority/);
    expect(() => certificateAuthority(["x"])).toThrow(SshError);
    expect(() => certificateAuthority([], { user: "x" } as object)).toThrow(/user/);
  });
});

it("a function that knows a key refuses every certificate of it", async () => {
  const fingerprint = sha256Fingerprint(key.publicKey.blob);
  const authenticate: Authenticate = (one) => "fingerprint" in one && one.fingerprint === fingerprint;
  expect((await login(key, { authenticate })).outcome).toBe("alice whoami");
  const restricted = { validBefore: NOW, criticalOptions: { "force-command": "backup" } };
  for (const certificate of [certified(), certified(restricted), otherAuthority()])
    expect((await login(certificate, { authenticate })).outcome).toBe("auth-failed");
});

const thenKey: Authenticate = (one) =>
  one.method === "certificate"
    ? { next: ["publickey"] }
    : one.method === "publickey" && one.factors.some(({ method }) => method === "certificate");

it("a certificate is a factor before a key; the packets name the method of both publickey", async () => {
  const events: ServerEvent[] = [];
  const packets: string[] = [];
  const { client } = await served(
    { session: whoami, log: (event) => void events.push(event), authenticate: thenKey },
    {
      identities: [certified(), generateEd25519(random)],
      trace: (record) => void (record.type === "packet" && packets.push(record.summary)),
    },
  );
  expect((await client.exec("whoami")).stdout).toBe("alice whoami");
  await client.close();
  expect(events.find(({ type }) => type === "login")).toMatchObject({
    factors: [{ method: "certificate" }, { method: "publickey" }],
  });
  expect(packets).toContain("can continue: publickey (partial success)");
  expect(packets).toContainEqual(expect.stringMatching(/^alice publickey ssh-ed25519-cert-v01@openssh\.com query/));
});

function factorOf({ publicKey: { blob, format: algorithm } }: PrivateKey): Factor {
  return { method: "certificate", algorithm, certificate: parseCertificate(blob) };
}

it("limits for a login know a key in all of its certificates", () => {
  const plain: Factor = { method: "publickey", algorithm: "ssh-ed25519", publicKey: key.publicKey.blob };
  const ids = [factorOf(certified()), factorOf(certified({ keyId: "another" })), plain];
  expect(new Set(ids.map((factor) => loginId("alice", [factor]))).size).toBe(1);
  expect(loginId("alice", [factorOf(certified())])).not.toBe(loginId("alice"));
});

/** Returns the decision about a login of alice with a certificate. */
function decide(options: CertificateAuthorityOptions): unknown {
  return certificateAuthority([authority.publicKey], { now: () => Number(NOW) * 1000, ...options })({
    method: "certificate",
    certificate: parseCertificate(certified().publicKey.blob),
    algorithm: "ssh-ed25519-cert-v01@openssh.com",
    signed: true,
    user: "alice",
    factors: [],
    remoteAddress: undefined,
  });
}

function otherAuthority(): PrivateKey {
  const blob = issueCertificate(generateEd25519(random), {
    publicKey: key.publicKey,
    type: "user",
    keyId: "x",
    principals: ["alice"],
    validBefore: "forever",
    random,
  });
  return certifiedPrivateKey(key, parseCertificate(blob));
}

/** Makes signatures with these flags. */
function token(flags: number): RemoteIdentity {
  const name = "sk-ssh-ed25519@openssh.com";
  const raw = key.publicKey.blob.subarray(-32);
  const blob = new Writer().string(name).string(raw).string("ssh:").finish();
  const tail = new Writer().byte(flags).uint32(7).finish();
  return {
    publicKey: parsePublicKey(blob),
    sign: async (_, data) => {
      const signed = concatBytes(sha256(new TextEncoder().encode("ssh:")), tail, sha256(data));
      const signature = readSignature("ssh-ed25519", key.sign("ssh-ed25519", signed, random))!;
      return new Writer().string(name).string(signature).raw(tail).finish();
    },
  };
}

function verified(): LoginDecision {
  return { permissions: {}, verifyRequired: true };
}

describe("a security key", () => {
  it.each<[number, LoginDecision, string]>([
    [0x01, true, "alice whoami"],
    [0x05, { permissions: {} }, "alice whoami"],
    [0x00, true, "auth-failed"],
    [0x04, { permissions: {} }, "auth-failed"],
    [0x00, { permissions: {}, noTouchRequired: true }, "alice whoami"],
    [0x00, { permissions: {}, noTouchRequired: false }, "auth-failed"],
    [0x01, { permissions: {}, verifyRequired: true }, "auth-failed"],
    [0x05, { permissions: {}, verifyRequired: true }, "alice whoami"],
    [0x04, { permissions: {}, noTouchRequired: true, verifyRequired: true }, "alice whoami"],
    [0x05, { permissions: {}, verifyRequired: "yes" } as never, "auth-failed"],
    [0x00, { permissions: {}, noTouchRequired: 1 } as never, "auth-failed"],
  ])("that signs with the flags %i, decided by %j: %s", async (flags, decision, outcome) => {
    const told: unknown[] = [];
    const authenticate = (one: { flags?: number; counter?: number; signed?: boolean }): LoginDecision => {
      if (one.signed) told.push([one.flags, one.counter]);
      return one.signed === true && decision;
    };
    // A query is decided without the flags.
    const queried = await login(token(flags), {
      authenticate: (one) => !("signed" in one && one.signed) || authenticate(one),
    });
    expect(queried.outcome).toBe(outcome);
    expect(told).toEqual([[flags, 7]]);
  });

  it("that nobody touched is refused, and logged with the reason", async () => {
    const { outcome, events } = await login(token(0), { authenticate: () => true });
    expect(outcome).toBe("auth-failed");
    const refused = events.find(({ type }) => type === "login-refused");
    expect(refused).toMatchObject({ signed: true, error: { message: expect.stringContaining("was not touched") } });
  });

  it("that did not verify the user is refused if that is demanded", async () => {
    expect((await login(token(1), { authenticate: verified })).outcome).toBe("auth-failed");
    expect((await login(token(5), { authenticate: verified })).outcome).toBe("alice whoami");
  });

  it("leaves other keys alone", async () => {
    expect((await login(key, { authenticate: verified })).outcome).toBe("alice whoami");
  });
});

it("a server presents its host certificate to a client that offers its algorithm", async () => {
  const blob = issueCertificate(authority, {
    publicKey: hostKey.publicKey,
    type: "host",
    keyId: "h",
    principals: ["h"],
    validBefore: "forever",
    random,
  });
  const certificate = certifiedPrivateKey(hostKey, parseCertificate(blob));
  const { defaultAlgorithms } = await import("nacre/defaults");
  const offered = defaultCertificateAlgorithms.filter(({ keyFormat }) => keyFormat === certificate.publicKey.format);
  const seen: (string | undefined)[] = [];
  const { client } = await served(
    { hostKeys: [hostKey, certificate], authenticate: () => true, session: () => undefined },
    {
      identities: [key],
      algorithms: { ...defaultAlgorithms, hostKeys: offered },
      hostKey: ({ certificate: presented }) => seen.push(presented?.format) > 0,
    },
  );
  await client.exec("true");
  await client.close();
  expect(seen).toEqual(["ssh-ed25519-cert-v01@openssh.com"]);
});
