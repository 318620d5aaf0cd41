import { formatPrivateKey } from "@nacre/keyfiles";
import { certifiedPrivateKey, issueCertificate, parseCertificate, privateKeyFromFields } from "@nacre/keys";
import { keyVector } from "@nacre/testing/keys";
import { hostKey } from "@nacre/testing/nacre/host";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { seededRandom } from "@nacre/testing/random";
import { utf8DecodeLossy } from "@nacre/wire";
import { type Client, type ConnectOptions, connect, privateKey, type ServeOptions, type Session, serve } from "nacre";
import { describe, expect, it } from "vitest";

const rsa1024 = privateKeyFromFields(keyVector("rsa-1024").fields, { minRsaBits: 1024 });
const rsa2048 = privateKeyFromFields(keyVector("rsa-2048").fields);
const usage = code("usage");
/** A server that accepts every login. */
const all: Partial<ServeOptions<Session>> = { authenticate: () => true };

/** Connects with these options. Resolves with the error, or with the client, which is closed. */
async function outcome(server: Partial<ServeOptions<Session>>, client: Partial<ConnectOptions>): Promise<unknown> {
  const result = await failure(served(server, client));
  if (result instanceof Error) return result;
  await (result as { readonly client: Client }).client.close();
  return undefined;
}

describe("softwareVersion", () => {
  it("is what the other side sees", async () => {
    const { client, connection } = await served({ softwareVersion: "Billing_2.1" }, { softwareVersion: "Cron,7" });
    expect(client.info.peerVersion).toBe("SSH-2.0-Billing_2.1");
    expect(connection.clientVersion).toBe("SSH-2.0-Cron,7");
    await client.close();
  });

  it.each(["", "a b", "a-b", "a\r\nb", "é", "a".repeat(246)])("is `usage` for %j", async (softwareVersion) => {
    const { near, far } = wire();
    expect(await failure(connect(near, { ...visitor, softwareVersion }))).toEqual(usage);
    expect(() => serve(far, { ...open, softwareVersion })).toThrow(usage);
    expect([near.readable.locked, far.readable.locked]).toEqual([false, false]);
  });

  it("may have 245 characters", async () => {
    const softwareVersion = "a".repeat(245);
    expect(await outcome({ softwareVersion }, { softwareVersion })).toBeUndefined();
  });
});

/** Returns the first bytes that a server sends, up to its KEXINIT. */
async function firstLines(greeting: string): Promise<string> {
  const { near, far } = wire();
  const connection = serve(far, { ...open, greeting, softwareVersion: "Test" });
  const { value } = await near.readable.getReader().read();
  await connection.close();
  const text = utf8DecodeLossy(value!);
  return text.slice(0, text.indexOf("SSH-2.0-Test\r\n") + 14);
}

describe("greeting", () => {
  it.each([
    ["", ""],
    ["Hello", "Hello\r\n"],
    ["Grüß dich\nand\r\nyou\n", "Grüß dich\r\nand\r\nyou\r\n"],
    ["a\n\nb", "a\r\n\r\nb\r\n"],
    [" SSH-2.0-Not_this", " SSH-2.0-Not_this\r\n"],
  ])("%j is sent before the identification string", async (greeting, sent) => {
    expect(await firstLines(greeting)).toBe(`${sent}SSH-2.0-Test\r\n`);
  });

  it("is read over by a client, up to its limits", async () => {
    const line = `${"ä".repeat(4095)}\n`;
    expect(await outcome({ greeting: line.repeat(1024) }, {})).toBeUndefined();
    expect(await outcome({ greeting: "one\ntwo" }, { limits: { preBannerLines: 1 } })).toEqual(code("banner-limit"));
  });

  it.each([
    ["SSH-2.0-Other", "begins with"],
    ["hello\nSSH-", "begins with"],
    ["a\0b", "NUL"],
    ["a\rb", "CR"],
    ["ä".repeat(4096), "more than 8190 bytes"],
    ["\n".repeat(1025), "more than 1024 lines"],
  ])("is `usage` for %j", (greeting, words) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, greeting })).toThrow(words);
    expect(far.readable.locked).toBe(false);
  });

  it("is no option of `connect`", async () => {
    expect(await failure(connect(wire().near, { ...visitor, greeting: "x" } as ConnectOptions))).toEqual(usage);
  });
});

describe("minRsaBits", () => {
  it.each([1023, 16385, 2048.5, "2048", 0])("is `usage` for %j", async (value) => {
    const minRsaBits = value as number;
    expect(await failure(connect(wire().near, { ...visitor, minRsaBits }))).toEqual(usage);
    expect(() => serve(wire().far, { ...open, minRsaBits })).toThrow(usage);
    expect(await failure(privateKey("x", { minRsaBits }))).toEqual(usage);
  });

  it("bounds the host key at the client", async () => {
    const server = { hostKeys: [rsa2048] };
    expect(await outcome(server, {})).toBeUndefined();
    expect(await outcome(server, { minRsaBits: 2048 })).toBeUndefined();
    expect(await outcome(server, { minRsaBits: 2049 })).toEqual(code("kex-failed"));
    const weak = { hostKeys: [rsa1024], minRsaBits: 1024 };
    expect(await outcome(weak, {})).toEqual(code("kex-failed"));
    expect(await outcome(weak, { minRsaBits: 1024 })).toBeUndefined();
    expect(await outcome(weak, { minRsaBits: 1025 })).toEqual(code("kex-failed"));
  });

  it("short RSA keys · server", () => {
    // A bound below 1,024 bits would be none.
    for (const minRsaBits of [0, 1023]) expect(() => serve(wire().far, { ...open, minRsaBits })).toThrow(usage);
    expect(() => serve(wire().far, { ...open, hostKeys: [rsa1024] })).toThrow("RSA key of 1024 bits");
    expect(() => serve(wire().far, { ...open, hostKeys: [rsa2048], minRsaBits: 3072 })).toThrow(usage);
  });

  it("bounds the key of a host's certificate at the server", async () => {
    const names = { type: "host", keyId: "host", principals: ["example.org"], validBefore: "forever" } as const;
    const blob = issueCertificate(rsa2048, { publicKey: rsa2048.publicKey, ...names, random: seededRandom(1) });
    const hostKeys = [certifiedPrivateKey(rsa2048, parseCertificate(blob)), hostKey];
    await serve(wire().far, { ...open, hostKeys }).close();
    expect(() => serve(wire().far, { ...open, hostKeys, minRsaBits: 3072 })).toThrow("RSA key of 2048 bits");
  });

  it("bounds the clients' keys at the server", async () => {
    const strong: Partial<ConnectOptions> = { identities: [rsa2048] };
    expect(await outcome({ ...all, minRsaBits: 2048 }, strong)).toBeUndefined();
    expect(await outcome({ ...all, minRsaBits: 2049 }, strong)).toEqual(code("auth-failed"));
    const weak: Partial<ConnectOptions> = { identities: [rsa1024], minRsaBits: 1024 };
    expect(await outcome(all, weak)).toEqual(code("auth-failed"));
    expect(await outcome({ ...all, minRsaBits: 1024 }, weak)).toBeUndefined();
  });

  it("short RSA keys · client", async () => {
    let logins = 0;
    const authenticate = (): boolean => ++logins > 0;
    const error = await outcome({ authenticate, minRsaBits: 1024 }, { identities: [rsa1024] });
    expect(String(error)).toMatch(/skipped SHA256:\S+ because it has 1024 bits, fewer than `minRsaBits`/);
    expect(await outcome({ authenticate }, { identities: [rsa2048], minRsaBits: 3072 })).toEqual(code("auth-failed"));
    expect(logins).toBe(0);
  });

  it("lets `privateKey` open a shorter key", async () => {
    const writing = formatPrivateKey(rsa1024, { format: "openssh", random: seededRandom(1) });
    let step = writing.next();
    while (step.done !== true) step = writing.next();
    expect(await failure(privateKey(step.value))).toEqual(code("key-weak"));
    expect((await privateKey(step.value, { minRsaBits: 1024 })).publicKey.bits).toBe(1024);
  });
});
