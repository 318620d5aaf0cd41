import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine, openPrivateKey } from "@nacre/keyfiles";
import { fingerprint, generateEd25519, type PrivateKey } from "@nacre/keys";
import { expectMode } from "@nacre/testing/windows";
import type { LoginDecision, Permissions, PublickeyLogin } from "nacre";
import { inSlices } from "nacre/extend";
import { describe, expect, it, vi } from "vitest";
import { connect } from "../src/connect/connect.ts";
import { type AuthorizedKeysOptions, authorizedKeys } from "../src/keys/authorized-keys.ts";
import { hostKeyFile } from "../src/keys/host-key-file.ts";
import { listen } from "../src/listen/listen.ts";
import { codeOf, temporaryFolder } from "./support.ts";

const made = (seed: number): PrivateKey => generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + seed));
const hostKey = made(1);
const userKey = made(2);
const LINE = formatPublicKeyLine(userKey.publicKey, "alice");

/** Writes a file with these lines that only its owner can write. */
async function file(text: string, mode = 0o600): Promise<string> {
  const path = join(await temporaryFolder(), "authorized_keys");
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

function login(key: PrivateKey = userKey, remoteAddress: string | undefined = "192.0.2.7"): PublickeyLogin {
  const { blob } = key.publicKey;
  return {
    method: "publickey",
    user: "alice",
    factors: [],
    remoteAddress,
    algorithm: "ssh-ed25519",
    publicKey: blob,
    fingerprint: fingerprint(blob, "sha256"),
    signed: true,
  };
}

/** Returns the decision for a file with these lines, and the warnings. */
async function decided(
  lines: string,
  one: PublickeyLogin = login(),
): Promise<{ readonly decision: LoginDecision; readonly warnings: string[] }> {
  const warnings: string[] = [];
  const path = await file(lines);
  const authenticate = authorizedKeys(path, { warn: (text) => warnings.push(text.replace(path, "FILE")) });
  return { decision: await authenticate(one), warnings };
}

async function decidedAt(now: number, lines: string): Promise<LoginDecision> {
  return authorizedKeys(await file(lines), { now: () => now })(login());
}

/** Permissions, besides sessions, of a line without options; and of a restricted line. */
const ALL = { portForwarding: true, agentForwarding: true, x11Forwarding: true };
const NOTHING = { portForwarding: false, agentForwarding: false, x11Forwarding: false };

describe("authorizedKeys", () => {
  it("accepts a key in the file with the permissions of its line", async () => {
    expect(await decided(`# mine\n${LINE}\n`)).toEqual({
      decision: { permissions: { ...ALL, environment: {}, pty: true } },
      warnings: [],
    });
    expect(await decided(`command="backup \\"x\\"",restrict ${LINE}`)).toEqual({
      decision: { permissions: { ...NOTHING, command: 'backup "x"', environment: {}, pty: false } },
      warnings: [],
    });
  });

  it.each<[string, object]>([
    ["no-port-forwarding", { ...ALL, portForwarding: false }],
    ["no-agent-forwarding", { ...ALL, agentForwarding: false }],
    ["no-X11-forwarding", { ...ALL, x11Forwarding: false }],
    ['permitopen="a:22",permitopen="b:*"', { ...ALL, permitOpen: ["a:22", "b:*"] }],
    ['permitlisten="8080"', { ...ALL, permitListen: ["8080"] }],
    ['restrict,permitopen="a:22"', { ...NOTHING, pty: false, permitOpen: ["a:22"] }],
    [
      'restrict,port-forwarding,permitopen="a:22"',
      { ...NOTHING, pty: false, portForwarding: true, permitOpen: ["a:22"] },
    ],
    ["restrict,agent-forwarding", { ...NOTHING, pty: false, agentForwarding: true }],
  ])("maps %s to permissions", async (options, permissions) => {
    expect(await decided(`${options} ${LINE}`)).toEqual({
      decision: { permissions: { environment: {}, pty: true, ...permissions } },
      warnings: [],
    });
  });

  it("sets only permitted environment variables", async () => {
    const lines = `environment="LD_PRELOAD=/home/alice/x.so",environment="A=1" ${LINE}`;
    const adds = async (permitUserEnvironment?: AuthorizedKeysOptions["permitUserEnvironment"]): Promise<unknown> => {
      const decision = await authorizedKeys(
        await file(lines),
        permitUserEnvironment === undefined ? {} : { permitUserEnvironment },
      )(login());
      return (decision as { permissions: Permissions }).permissions.environment;
    };
    expect(await adds()).toEqual({});
    expect(await adds(false)).toEqual({});
    expect(await adds((name) => name === "A")).toEqual({ A: "1" });
    expect(await adds(true)).toEqual({ LD_PRELOAD: "/home/alice/x.so", A: "1" });
    expect((await decided(lines)).warnings).toEqual([
      "FILE:1 does not set LD_PRELOAD: `permitUserEnvironment` does not permit it",
      "FILE:1 does not set A: `permitUserEnvironment` does not permit it",
    ]);
  });

  it.each<[string, string, string[]]>([
    ["a key that is not in the file", formatPublicKeyLine(made(3).publicKey), []],
    [
      "a key with an unknown option",
      `no-such-thing ${LINE}`,
      [
        "FILE:1 is ignored: unknown option no-such-thing",
        `FILE:1 does not accept ${login().fingerprint}: the line is invalid`,
      ],
    ],
    [
      "a login from another address",
      `from="203.0.113.0/24" ${LINE}`,
      [
        `FILE:1 does not accept ${login().fingerprint}: its \`from\` option does not match the client's address (192.0.2.7)`,
      ],
    ],
    [
      "an expired key",
      `expiry-time="20200101" ${LINE}`,
      [`FILE:1 does not accept ${login().fingerprint}: its \`expiry-time\` has passed`],
    ],
  ])("refuses %s", async (_, lines, warnings) => {
    expect(await decided(lines)).toEqual({ decision: false, warnings });
  });

  it("ignores a file that others can write, a missing one and an unreadable one", async () => {
    for (const mode of [0o620, 0o602, 0o666]) {
      const warnings: string[] = [];
      const path = await file(LINE, mode);
      expect(await authorizedKeys(path, { warn: (text) => warnings.push(text) })(login())).toBe(false);
      expect(warnings).toEqual([`${path} is ignored: other users can write the file; run \`chmod go-w\` on it`]);
    }
    const folder = await temporaryFolder();
    expect(await authorizedKeys(join(folder, "none"))(login())).toBe(false);
    const warnings: string[] = [];
    await mkdir(join(folder, "folder"), { mode: 0o700 });
    expect(await authorizedKeys(join(folder, "folder"), { warn: (text) => warnings.push(text) })(login())).toBe(false);
    expect(warnings).toEqual([`${join(folder, "folder")} is ignored: not a regular file`]);
  });

  it("ignores a file that others could replace", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "ssh", "authorized_keys");
    await mkdir(dirname(path), { mode: 0o700 });
    await writeFile(path, LINE, { mode: 0o600 });
    const link = join(await temporaryFolder(), "authorized_keys");
    await symlink(path, link);
    expect(await authorizedKeys(link)(login())).not.toBe(false);
    for (const place of [dirname(path), folder]) {
      await chmod(place, 0o770);
      for (const name of [path, link]) {
        const warnings: string[] = [];
        expect(await authorizedKeys(name, { warn: (text) => warnings.push(text) })(login())).toBe(false);
        expect(warnings).toEqual([
          `${name} is ignored: other users can write the folder ${place}; run \`chmod go-w\` on it`,
        ]);
      }
      await chmod(place, 0o700);
    }
    expect(await authorizedKeys(path)(login())).not.toBe(false);
  });

  it("ignores a pipe, and does not wait for a writer", async () => {
    const path = join(await temporaryFolder(), "pipe");
    execFileSync("mkfifo", [path]);
    const warnings: string[] = [];
    expect(await authorizedKeys(path, { warn: (text) => warnings.push(text) })(login())).toBe(false);
    expect(warnings).toEqual([`${path} is ignored: not a regular file`]);
  });

  it("reports a problem once until the file changes, regardless of the keys that clients query", async () => {
    const warnings: string[] = [];
    const path = await file(`no-such-thing ${LINE}\n`);
    const authenticate = authorizedKeys(path, { warn: (text) => warnings.push(text.replace(path, "FILE")) });
    const problem = "FILE:1 is ignored: unknown option no-such-thing";
    const told = (): number => warnings.filter((text) => text === problem).length;
    for (let i = 0; i < 3; i++) await authenticate(login());
    expect(told()).toBe(1);
    await writeFile(path, `no-such-thing ${LINE} changed\n`);
    for (let i = 0; i < 3; i++) await authenticate(login());
    expect(told()).toBe(2);
  });

  it("reports once that others can write a file, regardless of the keys that clients query", async () => {
    const warnings: string[] = [];
    const path = await file(`${LINE}\n`, 0o666);
    const authenticate = authorizedKeys(path, { warn: (text) => warnings.push(text.replace(path, "FILE")) });
    for (let i = 0; i < 3; i++) await authenticate(login(made(3)));
    expect(warnings.filter((text) => text.startsWith("FILE is ignored"))).toHaveLength(1);
  });

  it("ignores a file of another owner, and one that is too large", async () => {
    const path = await file(LINE);
    const warnings: string[] = [];
    const warn = (text: string): void => void warnings.push(text.replace(path, "FILE"));
    const users: string[] = [];
    const owner = (user: string): number => {
      users.push(user);
      return process.getuid!();
    };
    expect(await authorizedKeys(path, { warn, owner })(login())).not.toBe(false);
    expect(users).toEqual(["alice"]);
    expect(await authorizedKeys(path, { warn, maxFileBytes: LINE.length })(login())).not.toBe(false);
    expect(await authorizedKeys(path, { warn, maxFileBytes: LINE.length - 1 })(login())).toBe(false);
    expect(warnings).toEqual([
      `FILE is ignored: the file has ${LINE.length} bytes, but the maximum is ${LINE.length - 1}`,
    ]);
  });

  it("expands ~/ to the given home folder, not to HOME", async () => {
    const path = await file(LINE);
    expect(await authorizedKeys("~/authorized_keys", { home: dirname(path) })(login())).not.toBe(false);
    vi.stubEnv("HOME", dirname(path));
    expect(await authorizedKeys("~/authorized_keys")(login())).toBe(false);
    vi.unstubAllEnvs();
  });

  it("applies a negated `from` to the IPv4 form of a mapped address", async () => {
    // A dual-stack socket reports 127.0.0.1 as ::ffff:127.0.0.1, which the pattern does not match.
    const path = await file(`from="!127.0.0.1,*" ${LINE}\n`);
    await using server = await listen({ host: "::", port: 0, hostKeys: [hostKey], authenticate: authorizedKeys(path) });
    const { port } = server.address;
    const to = (host: string): Promise<unknown> =>
      connect({ host, port, user: "alice", identities: [userKey], agent: false, hostKey: () => true }).then((client) =>
        client.close(),
      );
    expect(await codeOf(to("127.0.0.1"))).toBe("auth-failed");
    expect(await codeOf(to("::1"))).toBe("no error");
  });

  it("refuses other login methods", async () => {
    const authenticate = authorizedKeys(await file(LINE));
    const { user, factors, remoteAddress } = login();
    expect(await authenticate({ method: "password", user, factors, remoteAddress, password: "x" })).toBe(false);
  });

  it("checks several files in order, also those returned by a function of the user name", async () => {
    const none = await file("");
    const first = await file(`no-pty ${LINE}`);
    const second = await file(LINE);
    expect(await authorizedKeys([none, first, second])(login())).toMatchObject({ permissions: { pty: false } });
    const users: string[] = [];
    const authenticate = authorizedKeys((user) => {
      users.push(user);
      return user === "alice" ? Promise.resolve([second]) : undefined;
    });
    expect(await authenticate(login())).toMatchObject({ permissions: { pty: true } });
    expect(await authenticate({ ...login(), user: "bob" })).toBe(false);
    expect(users).toEqual(["alice", "bob"]);
  });

  it("reads a line's times as local time, or as UTC with a Z", async () => {
    const noon = new Date(2030, 6, 1, 12).getTime();
    expect(await decidedAt(noon, `expiry-time="203007011200" ${LINE}`)).not.toBe(false);
    expect(await decidedAt(noon + 1000, `expiry-time="203007011200" ${LINE}`)).toBe(false);
    expect(await decidedAt(Date.UTC(2030, 6, 1, 12), `expiry-time="203007011200Z" ${LINE}`)).not.toBe(false);
    expect(await decidedAt(Date.UTC(2030, 6, 1, 12, 0, 1), `expiry-time="203007011200Z" ${LINE}`)).toBe(false);
  });

  it("makes the server enforce the command, the environment and the terminal permission", async () => {
    const path = await file(`command="backup",environment="A=1",no-pty,from="127.0.0.1" ${LINE}`);
    await using server = await listen({
      port: 0,
      hostKeys: [hostKey],
      authenticate: authorizedKeys(path, { permitUserEnvironment: true }),
      acceptPty: true,
      acceptEnv: () => true,
      session: (session) => void session.stdout.write(JSON.stringify([session.command, session.env])),
    });
    const client = await connect({
      host: "127.0.0.1",
      port: server.address.port,
      user: "alice",
      identities: [userKey],
      agent: false,
      hostKey: () => true,
    });
    const { stdout } = await client.exec("rm -rf /", { env: { A: "2", B: "2" } });
    expect(JSON.parse(stdout)).toEqual(["backup", { A: "1", B: "2", SSH_ORIGINAL_COMMAND: "rm -rf /" }]);
    expect(await codeOf(client.exec("x", { pty: true }))).toBe("channel-request-failed");
    await client.close();
  });
});

describe("hostKeyFile", () => {
  it("creates a key if the file does not exist, and reads it the next time", async () => {
    const path = join(await temporaryFolder(), "new", "host_key");
    const [first, second] = [await hostKeyFile(path), await hostKeyFile(path)];
    expect(first.publicKey.format).toBe("ssh-ed25519");
    expect(second.publicKey.blob).toEqual(first.publicKey.blob);
    await expectMode(path, 0o600);
    expect(await readFile(`${path}.pub`, "utf8")).toBe(`${formatPublicKeyLine(first.publicKey)}\n`);
    expect(openPrivateKey(await readFile(path, "utf8")).encrypted).toBe(false);
  });

  it("creates one key for several concurrent calls", async () => {
    const path = join(await temporaryFolder(), "host_key");
    const keys = await Promise.all([hostKeyFile(path), hostKeyFile(path), hostKeyFile(path)]);
    expect(new Set(keys.map(({ publicKey }) => publicKey.blob.join())).size).toBe(1);
  });

  it("rejects a key that others can read or write, and creates a private folder", async () => {
    const path = join(await temporaryFolder(), "new", "host_key");
    await hostKeyFile(path);
    await expectMode(dirname(path), 0o700);
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      await chmod(path, mode);
      expect(await codeOf(hostKeyFile(path))).toBe("file-unreadable");
    }
    await chmod(path, 0o400);
    expect((await hostKeyFile(path)).publicKey.format).toBe("ssh-ed25519");
  });

  it("rejects a public key, regardless of its mode", async () => {
    const path = join(await temporaryFolder(), "host_key");
    await hostKeyFile(path);
    for (const mode of [0o644, 0o600]) {
      await chmod(`${path}.pub`, mode);
      await expect(hostKeyFile(`${path}.pub`)).rejects.toMatchObject({
        code: "usage",
        message: expect.stringContaining("expected a private key, got a public key") as string,
      });
    }
  });

  it("rejects the text of a key, and never shows it", async () => {
    for (const given of ["-----BEGIN PRIVATE KEY----- c2VjcmV0", "c2VjcmV0\n", Buffer.from("c2VjcmV0")]) {
      const failing = hostKeyFile(given as string);
      await expect(failing).rejects.toMatchObject({
        code: "usage",
        message: expect.stringContaining("privateKey(text)"),
      });
      await expect(failing).rejects.toMatchObject({ message: expect.not.stringContaining("c2VjcmV0") });
    }
  });

  it("rejects an encrypted or damaged key, and a path that cannot be written", async () => {
    const folder = await temporaryFolder();
    const locked = formatPrivateKey(hostKey, {
      format: "openssh",
      passphrase: "x",
      rounds: 1,
      random: (length) => new Uint8Array(length),
    });
    await writeFile(join(folder, "locked"), await inSlices(locked), { mode: 0o600 });
    expect(await codeOf(hostKeyFile(join(folder, "locked")))).toBe("passphrase-needed");
    await writeFile(join(folder, "damaged"), "-----BEGIN", { mode: 0o600 });
    expect(await codeOf(hostKeyFile(join(folder, "damaged")))).toBe("file-malformed");
    expect(await codeOf(hostKeyFile(join(folder, "damaged", "key")))).toBe("file-unreadable");
  });
});
