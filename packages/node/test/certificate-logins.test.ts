import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as keyfiles from "@nacre/keyfiles";
import { formatKrl, formatPublicKeyLine } from "@nacre/keyfiles";
import * as keys from "@nacre/keys";
import {
  type CertificateOptions,
  certifiedPrivateKey,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  type PublicKey,
  parseCertificate,
  sha256Fingerprint,
  USER_PERMISSIONS,
} from "@nacre/keys";
import type { CertificateLogin, LoginDecision, PublickeyLogin } from "nacre";
import { describe, expect, it, test } from "vitest";
import * as nacreNode from "../src/index.ts";
import { type AuthorizedKeysOptions, authorizedKeys } from "../src/keys/authorized-keys.ts";
import { hostCertificateFile } from "../src/keys/host-key-file.ts";
import { ProblemLog } from "../src/keys/login-files.ts";
import { RevocationFile } from "../src/keys/revocation-file.ts";
import { counting, temporaryFolder } from "./support.ts";

const NOW = 1_750_000_000n;
const made = (seed: number): PrivateKey => generateEd25519((length) => new Uint8Array(length).fill(seed));
const authority = made(1);
const key = made(2);
const other = made(3);
const lineOf = ({ publicKey }: { readonly publicKey: PublicKey }): string => formatPublicKeyLine(publicKey);

function certified(options: Partial<CertificateOptions> = {}, by = authority): PrivateKey {
  const blob = issueCertificate(by, {
    publicKey: key.publicKey,
    type: "user",
    keyId: "alice\u202e",
    principals: ["alice"],
    serial: 7n,
    validBefore: NOW + 1n,
    random: counting,
    ...options,
  });
  return certifiedPrivateKey(key, parseCertificate(blob));
}

function login(one: PrivateKey, user = "alice"): PublickeyLogin | CertificateLogin {
  const { blob, format } = one.publicKey;
  const facts = { user, factors: [], remoteAddress: "192.0.2.7", algorithm: format, signed: true };
  return format.includes("-cert-")
    ? { method: "certificate", certificate: parseCertificate(blob), ...facts }
    : { method: "publickey", publicKey: blob, fingerprint: sha256Fingerprint(blob), ...facts };
}

/** A folder with files that only their owner can write. */
class Folder {
  readonly warnings: string[] = [];
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await temporaryFolder());
  }

  path(name: string): string {
    return join(this.#path, name);
  }

  async file(name: string, text: string | Uint8Array): Promise<string> {
    await writeFile(this.path(name), text);
    await chmod(this.path(name), 0o600);
    return this.path(name);
  }

  authorize(options: AuthorizedKeysOptions): (login: PublickeyLogin | CertificateLogin) => Promise<LoginDecision> {
    const warn = (text: string): void =>
      void this.warnings.push(text.replaceAll(this.#path, "DIR").replaceAll("DIR\\", "DIR/"));
    const authenticate = authorizedKeys(this.path("authorized_keys"), {
      warn,
      now: () => Number(NOW) * 1000,
      ...options,
    });
    return async (one) => authenticate(one);
  }
}

describe("trustedUserCAKeys", () => {
  it("accepts certificates of its authorities, with the permissions that they name", async () => {
    const folder = await Folder.make();
    const authorize = folder.authorize({
      trustedUserCAKeys: await folder.file("ca", `# ours\n${lineOf(authority)}\n`),
    });
    const off = { pty: false, portForwarding: false, agentForwarding: false, x11Forwarding: false };
    expect(await authorize(login(certified()))).toEqual({ permissions: { ...off, environment: {} } });
    const forced = certified({ criticalOptions: { "force-command": "id", "verify-required": "" } });
    expect(await authorize(login(forced))).toEqual({
      permissions: { ...off, command: "id", environment: {} },
      verifyRequired: true,
    });
    expect(await authorize(login(certified({ extensions: USER_PERMISSIONS })))).toMatchObject({
      permissions: { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: true },
    });
    expect(folder.warnings).toEqual([]);
  });

  it("refuses others, and says why if the authority is trusted", async () => {
    const folder = await Folder.make();
    const authorize = folder.authorize({ trustedUserCAKeys: await folder.file("ca", lineOf(authority)) });
    for (const one of [login(certified({}, other)), login(key), login(authority)])
      expect(await authorize(one)).toBe(false);
    expect(folder.warnings).toEqual([]);
    const expired = login(certified({ validBefore: NOW }));
    expect(await authorize(expired)).toBe(false);
    expect(await authorize(login(certified(), "bob"))).toBe(false);
    const [of, by] = [key, authority].map((one) => sha256Fingerprint(one.publicKey.blob));
    const named = `the certificate "alice\\u{202e}" of ${of} (serial 7, signed by ${by}, for alice, valid from the beginning to`;
    expect(folder.warnings).toEqual([
      `DIR/ca does not accept ${named} 2025-06-15T15:06:40Z): it expired 0 seconds ago`,
      `DIR/ca does not accept ${named} 2025-06-15T15:06:41Z): it names none of the principals permitted for this user`,
    ]);
  });

  it("says so on a line of bounded length", async () => {
    const folder = await Folder.make();
    const authorize = folder.authorize({ trustedUserCAKeys: await folder.file("ca", lineOf(authority)) });
    const principals = Array.from({ length: 256 }, (_, index) => `bob${index}`);
    expect(await authorize(login(certified({ keyId: "x".repeat(5000), principals })))).toBe(false);
    expect(folder.warnings.map(({ length }) => length < 1000)).toEqual([true]);
  });

  it("trusts no authority if others can write the file, or if it is missing", async () => {
    const folder = await Folder.make();
    const path = await folder.file("ca", lineOf(authority));
    await chmod(path, 0o666);
    expect(await folder.authorize({ trustedUserCAKeys: path })(login(certified()))).toBe(false);
    expect(await folder.authorize({ trustedUserCAKeys: folder.path("none") })(login(certified()))).toBe(false);
    expect(folder.warnings).toContain("DIR/none cannot be used: no authority is trusted");
  });

  it("leaves authorized_keys its own lines", async () => {
    const folder = await Folder.make();
    await folder.file("authorized_keys", `cert-authority,principals="ops" ${lineOf(other)}\n${lineOf(key)}\n`);
    const authorize = folder.authorize({ trustedUserCAKeys: await folder.file("ca", lineOf(authority)) });
    expect(await authorize(login(certified({ principals: ["ops"] }, other)))).toMatchObject({ permissions: {} });
    expect(await authorize(login(key))).toMatchObject({ permissions: { pty: true } });
    // The plain line of the key does not accept the key's certificate.
    expect(await authorize(login(certified({}, other)))).toBe(false);
    expect(await authorize(login(other))).toBe(false);
    expect(folder.warnings).toEqual([
      expect.stringMatching(
        /^DIR\/authorized_keys:1 does not accept the certificate .*: it names none of the principals/,
      ),
    ]);
  });
});

/** Returns a folder, and options with a principals file of alice's with this text. */
async function withPrincipals(
  text: string,
): Promise<{ readonly folder: Folder; readonly options: AuthorizedKeysOptions }> {
  const folder = await Folder.make();
  await folder.file("alice%", text);
  const trustedUserCAKeys = await folder.file("ca", lineOf(authority));
  return { folder, options: { trustedUserCAKeys, authorizedPrincipalsFile: folder.path("%u%%") } };
}

test("verifyRequired demands of every key and certificate that the user was verified", async () => {
  const folder = await Folder.make();
  await folder.file("authorized_keys", lineOf(key));
  const trustedUserCAKeys = await folder.file("ca", lineOf(authority));
  for (const one of [login(key), login(certified())]) {
    expect(await folder.authorize({ trustedUserCAKeys, verifyRequired: true })(one)).toMatchObject({
      permissions: {},
      verifyRequired: true,
    });
    expect(await folder.authorize({ trustedUserCAKeys })(one)).not.toHaveProperty("verifyRequired");
  }
});

describe("authorizedPrincipalsFile", () => {
  it("has the principals that may log in as the user, whose name counts no more", async () => {
    const { folder, options } = await withPrincipals('no-pty ops # on call\ncommand="x" night\n');
    const authorize = folder.authorize(options);
    const ops = certified({ principals: ["ops"], extensions: USER_PERMISSIONS });
    expect(await authorize(login(ops))).toMatchObject({ permissions: { pty: false, portForwarding: true } });
    expect(await authorize(login(certified({ principals: ["night"] })))).toMatchObject({
      permissions: { command: "x" },
    });
    expect(await authorize(login(certified()))).toBe(false);
    expect(await authorize(login(ops, "bob"))).toBe(false);
  });

  it("waives the touch only if the line and the certificate do", async () => {
    const { folder, options } = await withPrincipals("no-touch-required alice");
    const certificate = certified({ extensions: { "no-touch-required": "" } });
    expect(await folder.authorize(options)(login(certificate))).toMatchObject({ noTouchRequired: true });
    expect(await folder.authorize(options)(login(certified()))).not.toHaveProperty("noTouchRequired");
    const { trustedUserCAKeys } = options;
    expect(await folder.authorize({ trustedUserCAKeys })(login(certificate))).not.toHaveProperty("noTouchRequired");
  });

  it("is not read for a name that leads elsewhere", async () => {
    const folder = await Folder.make();
    await folder.file("names", "alice");
    const trustedUserCAKeys = await folder.file("ca", lineOf(authority));
    const authorize = folder.authorize({ trustedUserCAKeys, authorizedPrincipalsFile: folder.path("no/%u") });
    for (const user of ["../names", "..\\names", "..", ".", ""])
      expect(await authorize(login(certified(), user))).toBe(false);
    const names = folder.authorize({ trustedUserCAKeys, authorizedPrincipalsFile: folder.path("%u") });
    expect(await names(login(certified(), "names"))).toMatchObject({ permissions: {} });
    expect(await names(login(certified(), "./names"))).toBe(false);
  });

  it("must be a path with known tokens", () => {
    for (const authorizedPrincipalsFile of ["", "/etc/%x", "/etc/%"])
      expect(() => authorizedKeys("~/x", { authorizedPrincipalsFile })).toThrow(/tokens/);
  });
});

describe("revokedKeys", () => {
  it("refuses a key, its certificates and those of an authority", async () => {
    const folder = await Folder.make();
    await folder.file("authorized_keys", `${lineOf(key)}\n${lineOf(other)}`);
    const trustedUserCAKeys = await folder.file("ca", lineOf(authority));
    const refused = async (revoked: string | Uint8Array): Promise<boolean[]> => {
      const authorize = folder.authorize({ trustedUserCAKeys, revokedKeys: await folder.file("revoked", revoked) });
      const logins = [login(key), login(other), login(certified())];
      return Promise.all(logins.map(async (one) => (await authorize(one)) === false));
    };
    expect(await refused("# nobody\n")).toEqual([false, false, false]);
    expect(await refused(lineOf(key))).toEqual([true, false, true]);
    expect(await refused(lineOf(authority))).toEqual([false, false, true]);
    expect(await refused(lineOf(certified({ serial: 9n })))).toEqual([true, false, true]);
    for (const [serial, isRevoked] of [
      [7n, true],
      [8n, false],
    ] as const) {
      const certificates = [{ authority: authority.publicKey.blob, serials: [[serial, serial] as const] }];
      const list = formatKrl({ version: 1n, date: 0n, certificates });
      expect(await refused(list)).toEqual([false, false, isRevoked]);
    }
  });

  it("refuses every key while the list is missing or not understood, says so once, and reads it again when it changes", async () => {
    const folder = await Folder.make();
    await folder.file("authorized_keys", lineOf(key));
    const revokedKeys = folder.path("revoked");
    const authorize = folder.authorize({ revokedKeys });
    const isAccepted = async (): Promise<boolean> => (await authorize(login(key))) !== false;
    expect([await isAccepted(), await isAccepted()]).toEqual([false, false]);
    await folder.file("revoked", `${lineOf(other)}\n`);
    expect([await isAccepted(), await isAccepted()]).toEqual([true, true]);
    await folder.file("revoked", "not a key at all");
    expect([await isAccepted(), await isAccepted()]).toEqual([false, false]);
    await folder.file("revoked", "");
    expect(await isAccepted()).toBe(true);
    expect(folder.warnings).toEqual([
      "DIR/revoked cannot be used, so all keys are refused: no such file",
      "DIR/revoked cannot be used, so all keys are refused: line 1: the key is not valid base64",
    ]);
  });

  it("parses a new list once for all logins that wait for it", async () => {
    const folder = await Folder.make();
    const path = await folder.file("revoked", "not a key at all");
    let parsed = 0;
    const problems = Object.assign(new ProblemLog(), { report: () => void parsed++ });
    const list = new RevocationFile(path, undefined, problems);
    const refused = await Promise.all(Array.from({ length: 20 }, () => list.refuses(login(key))));
    expect(refused).toEqual(refused.map(() => true));
    expect(parsed).toBe(1);
  });
});

describe("hostCertificateFile", () => {
  it("returns the key that presents the certificate", async () => {
    const folder = await Folder.make();
    const host = certified({ type: "host" });
    const path = await folder.file("cert.pub", lineOf(host));
    expect((await hostCertificateFile(path, [other, key])).publicKey).toEqual(host.publicKey);
    await expect(hostCertificateFile(path, [other])).rejects.toMatchObject({ code: "usage" });
    const user = await folder.file("user.pub", lineOf(certified()));
    await expect(hostCertificateFile(user, [key])).rejects.toThrow(/certificate of a host/);
    await expect(hostCertificateFile(folder.path("none"), [key])).rejects.toMatchObject({ code: "file-unreadable" });
  });
});

/** Runs a command as alice. Resolves with its output. */
async function ask(server: nacreNode.SshServer, identity: PrivateKey, command: string, input = ""): Promise<string> {
  const options = { ...server.address, user: "alice", hostKey: () => true, identities: [identity] };
  await using client = await nacreNode.connect(options);
  return (await client.exec(command, { input })).stdout;
}

test("the authority of the README gives certificates that its server accepts", async () => {
  const readme = await readFile(new URL("../../keys/README.md", import.meta.url), "utf8");
  const [, example = ""] = /^### An authority\n.*?^```js\n(.*?)^```$/ms.exec(readme) ?? [];
  expect(example.trim().split("\n").length).toBeLessThan(30);
  const home = await temporaryFolder();
  await mkdir(join(home, "ca", "people"), { recursive: true });
  await mkdir(join(home, "server"));
  await writeFile(join(home, "ca", "people", "alice"), `${lineOf(key)}\n`, { mode: 0o600 });
  // The example with values for the names that it imports, other ports, and a folder of its own.
  const values: Readonly<Record<string, unknown>> = { ...keys, ...keyfiles, ...nacreNode, randomBytes, text };
  const names = Array.from(example.matchAll(/^import \{ (.*) \}/gm), ([, list]) => list!.split(", ")).flat();
  const code = example
    .replaceAll(/^import .*$/gm, "")
    .replaceAll(/port: \d+/g, "port: 0")
    .replaceAll("~/", `${home.replaceAll("\\", "/")}/`);
  // oxlint-disable-next-line typescript/no-implied-eval
  const run = new Function(...names, `return (async () => {\n${code}\nreturn [issuer, server];\n})()`) as (
    ...given: unknown[]
  ) => Promise<nacreNode.SshServer[]>;
  const [issuer, server] = await run(...names.map((name) => values[name]));
  try {
    const line = await ask(issuer!, key, "certify", lineOf(other));
    const certificate = parseCertificate(keyfiles.parsePublicKeyLine(line).publicKey.blob);
    expect(certificate.validBefore - certificate.validAfter).toBe(660n);
    expect(await ask(server!, certifiedPrivateKey(other, certificate), "hello")).toBe("hello alice\n");
    await expect(ask(server!, other, "hello")).rejects.toMatchObject({ code: "auth-failed" });
    await expect(ask(issuer!, other, "certify")).rejects.toMatchObject({ code: "auth-failed" });
  } finally {
    await Promise.all([issuer!.close(), server!.close()]);
  }
});
