import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { renameSync, symlinkSync } from "node:fs";
import { chmod, link, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { download, openSftp, sftp } from "@nacre/files";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519, type PrivateKey } from "@nacre/keys";
import { SSH_FXF } from "@nacre/sftp";
import { macrotask } from "@nacre/testing/macrotask";
import { FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import { seededRandom } from "@nacre/testing/random";
import type { Channel, LoginDecision, Permissions, PublickeyLogin } from "nacre";
import { channelPair, inSlices, type KnownHostDecision } from "nacre/extend";
import { expect, onTestFinished, test, vi } from "vitest";
import { connect } from "../src/connect/connect.ts";
import { NodeProcess } from "../src/connect/process.ts";
import { nodeFiles } from "../src/disk/local-files.ts";
import { accountHome } from "../src/keys/account.ts";
import { authorizedKeys } from "../src/keys/authorized-keys.ts";
import { hostKeyFile } from "../src/keys/host-key-file.ts";
import { type HostOptions, knownHost } from "../src/keys/known-hosts.ts";
import { exposure } from "../src/keys/owned-file.ts";
import { listen } from "../src/listen/listen.ts";
import type { ListenEvent, ListenOptions } from "../src/listen/listen-options.ts";
import { Sources } from "../src/listen/per-source.ts";
import type { SshServer } from "../src/listen/ssh-server.ts";
import { type TcpForwardingOptions, tcpForwarding } from "../src/listen/tcp-forwarding.ts";
import { nodeStreams } from "../src/streams/node-streams.ts";
import { codeOf, serve, temporaryFolder } from "./support.ts";

/*
 * Rows of the attack suite that need a socket or a file. The other rows are in packages/protocol/test/attacks.
 */

const keyOf = (seed: number): PrivateKey =>
  generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + seed));
const hostKey = keyOf(1);
const userKey = keyOf(2);

interface Watched {
  readonly server: SshServer;
  readonly events: ListenEvent[];
  /** Resolves after `count` events of this type. */
  readonly seen: (type: ListenEvent["type"], count: number) => Promise<void>;
  /** Opens a TCP connection that sends nothing. */
  readonly dial: () => Promise<Socket>;
  readonly login: () => ReturnType<typeof connect>;
}

async function watched(options: Partial<ListenOptions>): Promise<Watched> {
  const events: ListenEvent[] = [];
  let wake: (() => void) | undefined;
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: (login) => login.method === "publickey",
    session: () => 0,
    log: (event) => {
      events.push(event);
      wake?.();
    },
    ...options,
  });
  onTestFinished(() => server.close());
  const { host, port } = server.address;
  return {
    server,
    events,
    async seen(type, count) {
      while (events.filter((event) => event.type === type).length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    async dial() {
      const socket = dial(port, host);
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {}).resume();
      await once(socket, "connect");
      return socket;
    },
    login: () => connect({ host, port, user: "alice", identities: [userKey], agent: false, hostKey: () => true }),
  };
}

test("limits: unauthenticated connections at once · server", async () => {
  // At the limit of clients without a login, the next one is dropped. Authenticated clients do not count.
  const { server, events, seen, dial, login } = await watched({
    maxUnauthenticated: { start: 3, rate: 100, full: 3 },
    perSource: false,
  });
  const inside = [await login(), await login(), await login(), await login()];
  const waiting = [await dial(), await dial(), await dial()];
  await seen("connected", 7);
  for (let i = 1; i <= 3; i++) {
    await once(await dial(), "close");
    expect(events.filter(({ type }) => type === "dropped")).toHaveLength(i);
  }
  expect(await codeOf(login())).toMatch(/not-ssh|connection-lost/);
  for (const client of inside) expect((await client.exec("x")).status).toBe(0);
  // When one ends, another fits.
  waiting[0]!.destroy();
  await seen("closed", 1);
  inside.push(await login());
  expect(server.connections).toHaveLength(7);
  expect(events.filter(({ type }) => type === "dropped")).toHaveLength(4);
  await Promise.all(inside.map((client) => client.close()));

  // Neither a silent client nor one that drips bytes without a login stays longer than `loginGraceTime`.
  const short = await watched({
    maxUnauthenticated: { start: 2, rate: 100, full: 2 },
    loginGraceTime: 4000,
    perSource: { penalties: false },
  });
  const slow = [await short.dial(), await short.dial()];
  let dripped = 0;
  const drip = setInterval(() => slow[0]!.write("SSH-2.0-slow"[dripped++ % 12]!), 20);
  onTestFinished(() => clearInterval(drip));
  await short.seen("closed", 2);
  expect(dripped).toBeGreaterThan(0);
  await (await short.login()).close();

  // Below the limit, clients are dropped at random, so some get in during a flood.
  const flooded = await watched({ maxUnauthenticated: { start: 1, rate: 40, full: 1000 } });
  for (let i = 0; i < 60; i++) await flooded.dial();
  await flooded.seen("dropped", 1);
  while (flooded.events.length < 60) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(flooded.events.filter(({ type }) => type === "connected").length).toBeGreaterThan(1);
});

/** Returns the decision of an authorized_keys file with this line. */
async function decided(line: string, change: Partial<PublickeyLogin> = {}): Promise<LoginDecision> {
  const path = join(await temporaryFolder(), "authorized_keys");
  await writeFile(path, `${line}\n`, { mode: 0o600 });
  const { blob } = userKey.publicKey;
  const login: PublickeyLogin = {
    method: "publickey",
    user: "alice",
    factors: [],
    remoteAddress: "192.0.2.7",
    algorithm: "ssh-ed25519",
    publicKey: blob,
    fingerprint: fingerprint(blob, "sha256"),
    signed: true,
    ...change,
  };
  return authorizedKeys(path)(login);
}

/** Returns the permissions that an authorized_keys file with this line grants, or false. */
async function permitted(line: string, change: Partial<PublickeyLogin> = {}): Promise<Permissions | LoginDecision> {
  const decision = await decided(line, change);
  return typeof decision === "object" && "permissions" in decision ? decision.permissions : decision;
}

test("authorized_keys · server", async () => {
  const key = formatPublicKeyLine(userKey.publicKey);
  const [format, base64] = key.split(" ");
  const all = { environment: {}, pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: true };
  expect(await permitted(key)).toEqual(all);
  // A line with an unknown or unenforceable option accepts no login, at any position and combined with any other option.
  for (const option of [
    "no-such-option",
    'no-such="x"',
    "cert-authority",
    'principals="alice"',
    "command=ls",
    'command="a",command="b"',
    'from="192.0.2.7/40"',
    'expiry-time="soon"',
    'environment="A B"',
    'permitopen="*"',
    'command="unended',
    "restrict;pty",
  ])
    for (const options of [option, `pty,${option}`, `${option},pty`])
      expect([options, await permitted(`${options} ${key}`)]).toEqual([options, false]);
  // The same applies to an incomplete line and to a line with another key.
  for (const line of [
    `# ${key}`,
    `${format} ${base64!.slice(0, -4)}`,
    `ssh-rsa ${base64}`,
    base64!,
    `${format}${base64}`,
    `${formatPublicKeyLine(keyOf(3).publicKey)} ${base64}`,
    `"${key}"`,
    `pty\t, ${key}`,
  ])
    expect([line, await permitted(line)]).toEqual([line, false]);
  // Supported restrictions are enforced.
  expect(await permitted(`restrict,command="only this" ${key}`)).toEqual({
    command: "only this",
    environment: {},
    pty: false,
    portForwarding: false,
    agentForwarding: false,
    x11Forwarding: false,
  });
  expect(await permitted(`restrict,port-forwarding,permitopen="a:22",permitlisten="80" ${key}`)).toMatchObject({
    portForwarding: true,
    permitOpen: ["a:22"],
    permitListen: ["80"],
    agentForwarding: false,
  });
  // `permitUserEnvironment` is unset, so the file must not set variables such as LD_PRELOAD.
  expect(await permitted(`environment="LD_PRELOAD=x" ${key}`)).toEqual(all);
  expect(await permitted(`command="a \\"b\\", restrict" ${key}`)).toMatchObject({ command: 'a "b", restrict' });
  expect(await permitted(`pty,restrict ${key}`)).toMatchObject({ pty: false });
  expect(await decided(`verify-required ${key}`)).toMatchObject({ verifyRequired: true });
  for (const [from, remoteAddress, fine] of [
    ["192.0.2.0/24", "192.0.2.7", true],
    ["192.0.2.0/24", "192.0.3.7", false],
    ["192.0.2.0/24", undefined, false],
    ["!192.0.2.7,192.0.2.0/24", "192.0.2.7", false],
    ["192.0.2.0/24,!192.0.2.7", "192.0.2.7", false],
  ] as const)
    expect([from, (await permitted(`from="${from}" ${key}`, { remoteAddress })) !== false]).toEqual([from, fine]);
  expect(await permitted(`expiry-time="20200101" ${key}`)).toBe(false);
  expect(await permitted(`expiry-time="29990101" ${key}`)).toMatchObject({ pty: true });
  // A file that others can write is ignored.
  const path = join(await temporaryFolder(), "authorized_keys");
  await writeFile(path, `${key}\n`);
  for (const mode of [0o620, 0o602]) {
    await chmod(path, mode);
    const login = { method: "publickey", user: "alice", publicKey: userKey.publicKey.blob } as PublickeyLogin;
    expect(await authorizedKeys(path)(login)).toBe(false);
  }
});

test("encrypted private keys · server", async () => {
  // A server reads its host keys at startup. A key file must not delay that for hours or exhaust memory.
  const options = { format: "openssh", random: seededRandom(7), passphrase: "x", rounds: 1 } as const;
  const text = await inSlices(formatPrivateKey(hostKey, options));
  const folder = await temporaryFolder();
  const body = Buffer.from(text.replaceAll(/-----.*-----|\n/g, ""), "base64");
  // The number of rounds follows the magic, the names of cipher and KDF, and the salt.
  const at = 15 + (4 + 10) + (4 + 6) + 4 + (4 + 16);
  expect(body.readUInt32BE(at)).toBe(1);
  const opened = async (rounds: number): Promise<string> => {
    body.writeUInt32BE(rounds, at);
    const path = join(folder, `rounds-${rounds}`);
    const lines = body.toString("base64").replaceAll(/.{70}/g, "$&\n");
    await writeFile(path, `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`, {
      mode: 0o600,
    });
    return codeOf(hostKeyFile(path));
  };
  for (const rounds of [2 ** 32 - 1, 2 ** 31, 1025])
    expect([rounds, await opened(rounds)]).toEqual([rounds, "key-unsupported"]);
  // Any other encrypted key is refused without running the KDF.
  expect(await opened(1024)).toBe("passphrase-needed");
  const large = join(folder, "large");
  await writeFile(large, "x".repeat(2 ** 20 + 1), { mode: 0o600 });
  await expect(hostKeyFile(large)).rejects.toMatchObject({
    code: "file-malformed",
    message: expect.stringContaining("maxFileSize"),
  });
});

/** A file in an account's home folder as `exposure` sees it: user ids and modes. */
const foreign = { uid: 65_534, mode: 0o100600 };
const looksAt =
  (folder: { readonly uid: number; readonly mode: number }) =>
  async (path: string): Promise<{ readonly uid: number; readonly mode: number }> =>
    path === "/home/alice/.ssh" ? folder : { uid: 0, mode: 0o40755 };

test("whose file · server", async () => {
  // A server that runs as root accepts only files of root, neither from another account's home nor in a sticky folder.
  const path = "/home/alice/.ssh/authorized_keys";
  for (const mode of [0o40700, 0o41777])
    for (const uid of [0, 65_534])
      for (const owner of [0, 1000])
        expect(await exposure(path, foreign, { owner, home: "/root", look: looksAt({ uid, mode }) })).toMatch(
          /another user owns the file/,
        );
  const ours = { uid: 1000, mode: 0o100600 };
  const safe = { owner: 1000, home: "/home/alice", look: looksAt({ uid: 1000, mode: 0o40700 }) };
  expect(await exposure(path, ours, safe)).toBeUndefined();
  expect(await exposure(path, ours, { ...safe, owner: 0 })).toMatch(/another user owns the file/);
  expect(await exposure(path, ours, { ...safe, look: looksAt({ uid: 1000, mode: 0o40770 }) })).toMatch(
    /other users can write/,
  );

  // The home folder comes from the password database.
  const folder = await temporaryFolder();
  await writeFile(join(folder, "authorized_keys"), formatPublicKeyLine(userKey.publicKey), { mode: 0o600 });
  const login = { method: "publickey", user: "alice", publicKey: userKey.publicKey.blob } as PublickeyLogin;
  for (const HOME of [folder, ""]) {
    vi.stubEnv("HOME", HOME);
    expect(await authorizedKeys("~/authorized_keys")(login)).toBe(false);
  }
  vi.unstubAllEnvs();
  expect(await authorizedKeys("~/authorized_keys", { home: folder })(login)).not.toBe(false);
});

/** Fails like the lookup of an account without an entry in the password database. */
function noEntry(): never {
  throw new Error("ENOENT");
}

test("whose file · client", async () => {
  // HOME does not determine the home folder. Without an entry in the password database, HOME must belong to the account.
  const account = { uid: 1000, homeVariable: "/home/mallory", entry: () => "/home/alice", ownerOf: () => 1001 };
  expect(accountHome(account)).toBe("/home/alice");
  expect(accountHome({ ...account, entry: noEntry })).toBeUndefined();
  expect(accountHome({ ...account, entry: noEntry, uid: 0, ownerOf: () => 0 })).toBeUndefined();
  expect(accountHome({ ...account, entry: noEntry, homeVariable: "" })).toBeUndefined();

  // A private key that others can read may be compromised.
  const path = join(await temporaryFolder(), "id_ed25519");
  const options = { format: "openssh", random: seededRandom(7) } as const;
  await writeFile(path, await inSlices(formatPrivateKey(userKey, options)), { mode: 0o600 });
  const to = { host: "127.0.0.1", port: 1, identities: [path], agent: false, hostKey: () => true } as const;
  for (const mode of [0o644, 0o640, 0o602]) {
    await chmod(path, mode);
    expect(await codeOf(connect(to))).toBe("file-unreadable");
  }
  await chmod(path, 0o600);
  expect(await codeOf(connect(to))).toBe("connection-failed");
});

function loginWith(publicKey: Uint8Array): PublickeyLogin {
  return { method: "publickey", publicKey } as PublickeyLogin;
}

test("key queries before login · server", async () => {
  // A key query before login only parses lines with that key. The other lines have problems that would be reported.
  const key = formatPublicKeyLine(userKey.publicKey);
  const path = join(await temporaryFolder(), "authorized_keys");
  const others = Array.from({ length: 100 }, (_, i) => `no-such ${formatPublicKeyLine(keyOf(i + 3).publicKey)}`);
  await writeFile(path, [...others, `no-such ${key}`].join("\n"), { mode: 0o600 });
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  const authenticate = authorizedKeys(path, { warn });
  // The type prefix of a blob matches no key.
  expect(await authenticate(loginWith(userKey.publicKey.blob.subarray(0, 15)))).toBe(false);
  expect(warnings).toEqual([]);
  const stranger = keyOf(201).publicKey.blob;
  for (let i = 0; i < 64; i++) expect(await authenticate(loginWith(stranger))).toBe(false);
  expect(warnings).toEqual([]);
  // A problem of the key's own line is reported once.
  for (let i = 0; i < 64; i++) expect(await authenticate(loginWith(userKey.publicKey.blob))).toBe(false);
  expect(warnings).toEqual([
    `${path}:101 is ignored: unknown option no-such`,
    expect.stringMatching(/:101 does not accept .*: the line is invalid$/),
  ]);
  // A file that is too large is refused.
  await truncate(path, 4 * 1024 * 1024 + 1);
  expect(await authenticate(loginWith(userKey.publicKey.blob))).toBe(false);
  expect(warnings.at(-1)).toMatch(/4194305 bytes, but the maximum is 4194304/);

  // The number of queries per connection is limited.
  let queries = 0;
  const { server } = await watched({
    authenticate: () => {
      queries++;
      return false;
    },
  });
  const identities = Array.from({ length: 40 }, (_, i) => keyOf(i + 3));
  const { host, port } = server.address;
  expect(await codeOf(connect({ host, port, user: "alice", identities, agent: false, hostKey: () => true }))).toMatch(
    /auth-failed|disconnected/,
  );
  expect(queries).toBe(21);
});

test("one source · server", async () => {
  // A hundred silent connections of one address do not lock out others.
  const { server, events, seen } = await watched({ host: "::" });
  const { port } = server.address;
  const silent = (host: string): void => {
    const socket = dial(port, host);
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {}).resume();
  };
  for (let i = 0; i < 100; i++) silent("127.0.0.1");
  while (events.filter(({ type }) => type === "connected" || type === "dropped").length < 100)
    await new Promise((resolve) => setTimeout(resolve, 1));
  const others = {
    port,
    host: "::1",
    user: "alice",
    identities: [userKey],
    agent: false,
    hostKey: () => true,
  } as const;
  for (let i = 0; i < 20; i++) await (await connect(others)).close();
  expect(events.filter(({ type }) => type === "login")).toHaveLength(20);
  await seen("closed", 20);

  // They are limited per source.
  const bounded = await watched({ perSource: { maxUnauthenticated: 5 } });
  for (let i = 0; i < 8; i++) await bounded.dial();
  await bounded.seen("dropped", 3);
  expect(bounded.events.filter(({ type }) => type === "connected")).toHaveLength(5);

  // The source is penalised after failures, unless it is exempt.
  for (const [exempt, last] of [
    [[], /not-ssh|connection-lost/],
    [["127.0.0.1"], /no error/],
  ] as const) {
    const penalised = await watched({ perSource: { exempt, penalties: { noAuth: 60_000 } } });
    (await penalised.dial()).destroy();
    await penalised.seen("closed", 1);
    expect(await codeOf(penalised.login().then((client) => client.close()))).toMatch(last);
  }

  // Each failed guess doubles the delay.
  const times: number[] = [];
  const guessed = await watched({
    methods: ["password"],
    authenticate: () => {
      times.push(performance.now());
      return false;
    },
  });
  const { host, port: at } = guessed.server.address;
  const guesses = ["one", "two", "three"];
  await codeOf(
    connect({
      host,
      port: at,
      user: "alice",
      identities: [],
      agent: false,
      hostKey: () => true,
      password: () => guesses.shift(),
    }),
  );
  expect(times).toHaveLength(3);
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(95);
  expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(195);

  // The table of sources is bounded.
  const limits = { maxUnauthenticated: 5, share: 5, maxFailureDelay: 2000, maxSources: 100 };
  const penalties = { authFail: 1000, noAuth: 1000, graceExceeded: 1000, min: 1000, max: 1000 };
  const table = new Sources({ ...limits, penalties });
  for (let i = 0; i < 10_000; i++) table.penalise(`2001:db8::${i}`, "noAuth", i);
  expect(table.size).toBe(100);
});

/** Opens two simultaneous connections to an unknown host that shows each a different key. Returns their outcomes. */
async function twoKeys(one: KnownHostDecision, other: KnownHostDecision): Promise<string[]> {
  const [first, second] = [keyOf(3), keyOf(4)].map(({ publicKey: { blob } }) => ({
    algorithm: "ssh-ed25519",
    blob,
    fingerprint: fingerprint(blob, "sha256"),
  }));
  const verdicts = await Promise.all([
    codeOf((async () => one.verify(first!))()),
    codeOf((async () => other.verify(second!))()),
  ]);
  return verdicts.toSorted();
}

async function hostOptions(name: string): Promise<HostOptions> {
  const files = [join(await temporaryFolder(), name)];
  return { host: "example.org", port: 22, files, home: undefined, unknownHost: () => true, warn: () => {} };
}

test("special files · client", async () => {
  // A new host is added to a regular file only.
  const folder = await temporaryFolder();
  const link = join(folder, "link");
  await symlink("/dev/null", link);
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  const known = await knownHost({
    host: "example.org",
    port: 22,
    files: [link],
    home: undefined,
    unknownHost: () => true,
    warn,
  });
  const { blob } = hostKey.publicKey;
  expect(await known.verify({ algorithm: "ssh-ed25519", blob, fingerprint: fingerprint(blob, "sha256") })).toBe(true);
  expect(warnings).toEqual([expect.stringContaining("is not a regular file")]);
});

test("sftp: a link in place of a file that a download creates · client", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "precious"), "old");
  await symlink("precious", join(folder, "link"));
  await symlink("missing", join(folder, "dangling"));
  for (const name of ["precious", "link", "dangling"])
    expect(await codeOf(nodeFiles.create(join(folder, name), 0o600))).toBe("file-unwritable");
  expect(await readdir(folder)).not.toContain("missing");
  expect(await readFile(join(folder, "precious"), "utf8")).toBe("old");
});

test("sftp: a partial file that another user placed in the folder of a download · client", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  for (const name of ["part", "victim", "twice"]) await writeFile(path(name), "old");
  await symlink("victim", path("link"));
  await link(path("twice"), path("second"));
  for (const name of ["link", "twice", "missing", "."])
    expect(await nodeFiles.openPartial!(path(name))).toBeUndefined();
  const part = await nodeFiles.openPartial!(path("part"));
  expect(part?.size).toBe(3);
  await part!.close();
  const user = vi.spyOn(process, "geteuid").mockReturnValue(4_000_000);
  onTestFinished(() => user.mockRestore());
  expect(await nodeFiles.openPartial!(path("part"))).toBeUndefined();
});

test("sftp: a link that takes the place of a directory during a download · client", async () => {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  await mkdir(path("other"));
  await mkdir(path("copy"));
  // The link is put there while the first of two files is moved.
  let isSwapped = false;
  const server = new MemorySftp({
    answer({ request }) {
      if (request.type === "open" && !isSwapped) {
        isSwapped = true;
        renameSync(path("copy/d"), path("moved"));
        symlinkSync("../other", path("copy/d"));
      }
      return false;
    },
  });
  server.files.makeDirectory("t");
  server.files.makeDirectory("t/d");
  for (const name of ["1", "2", "3"]) server.files.open(`/home/t/d/${name}`, 0x0a).data = Buffer.from(name);
  await using client = await sftp(server);
  const to = { files: nodeFiles, path: path("copy") };
  const options = { recursive: true, concurrency: 1, preserve: true, onError: "skip" } as const;
  const { files, failed } = await download(client, "t", to, options);
  expect(isSwapped).toBe(true);
  expect(await readdir(path("other"))).toEqual([]);
  expect((await readdir(path("moved"))).toSorted()).toEqual(["1", "2", "3"]);
  expect(files).toBe(3);
  // The attributes of the directory are set at the end, when its name leads elsewhere.
  expect(failed).toEqual([{ path: "d", error: expect.objectContaining({ code: "file-unwritable" }) }]);
  // A directory is not opened through a link.
  expect(await codeOf(nodeFiles.holdDirectory!(path("copy/d"), false))).toBe("file-unwritable");
  const held = await nodeFiles.holdDirectory!(path("copy/d"), true);
  await held.close();
});

test("special files · server", async () => {
  const folder = await temporaryFolder();
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  const links = [];
  for (const target of ["/dev/null", pipe, folder]) {
    const link = join(folder, `link-${links.length}`);
    await symlink(target, link);
    links.push(link);
  }
  const login = { method: "publickey", publicKey: userKey.publicKey.blob } as PublickeyLogin;
  for (const path of ["/dev/null", pipe, folder, ...links]) {
    const warnings: string[] = [];
    expect(await authorizedKeys(path, { warn: (text) => warnings.push(text) })(login)).toBe(false);
    expect(warnings).toEqual([`${path} is ignored: not a regular file`]);
    await expect(hostKeyFile(path)).rejects.toMatchObject({ code: "file-unreadable" });
  }
});

/** A client of a server with these forwarding options. */
async function forwardingClient(options: TcpForwardingOptions): ReturnType<Watched["login"]> {
  const { login } = await watched({
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding(options),
  });
  return login();
}

test("lost bytes · client", async () => {
  const thrown = uncaught();
  /** Uses a stream, then cuts the connection off. There is no listener for errors. */
  const cut = async (use: () => unknown, breakOff: () => void): Promise<unknown> => {
    use();
    await macrotask();
    breakOff();
    await macrotask();
    return thrown.splice(0);
  };
  const [command, closed, dialled] = [new FakeChannel(), new FakeChannel(), new FakeChannel()];
  const output = new NodeProcess(command as unknown as Channel).stdout;
  expect(
    await cut(
      () => output.pipe(new PassThrough()),
      () => command.finish(LOST),
    ),
  ).toEqual([LOST]);
  // The server closes the channel in the middle of the output.
  const half = new NodeProcess(closed as unknown as Channel).stdout;
  const closing = await cut(
    () => half.pipe(new PassThrough()),
    () => closed.finish(undefined, UNTOLD),
  );
  expect(closing).toEqual([expect.objectContaining({ code: "channel-closed" })]);
  const connection = channelPair(dialled as unknown as Channel, nodeStreams);
  expect(
    await cut(
      () => connection.on("data", () => {}),
      () => dialled.finish(LOST),
    ),
  ).toEqual([LOST]);
  const server = new MemorySftp({ answer: ({ request }) => request.type === "read" });
  server.files.open("/home/file", SSH_FXF.CREAT);
  const files = await openSftp(server, nodeStreams);
  expect(
    await cut(
      () => files.createReadStream("file").pipe(new PassThrough()),
      () => server.lose(LOST),
    ),
  ).toEqual([LOST]);
});

test("forwarding · server", async () => {
  const folder = await temporaryFolder();
  const [inside, path] = [await serve(() => {}), join(folder, "app.sock")];
  await serve(() => {}, path);
  // A name that resolves to an address of this machine or to a cloud metadata service, in any notation, is not dialled.
  const answers = [["127.0.0.1"], ["::ffff:127.0.0.2"], ["::ffff:7f00:2"], ["169.254.169.254"], ["::1", "0.0.0.0"]];
  const lookup = (host: string): Promise<readonly string[]> => Promise.resolve(answers[Number(host[4])] ?? []);
  for (const permitOpen of [undefined, answers.map((_, index) => `evil${index}.example.org:*`)]) {
    const ssh = await forwardingClient({ permitOpen, lookup, connectTimeout: 5000 });
    for (const index of answers.keys())
      expect(await codeOf(ssh.dial({ host: `evil${index}.example.org`, port: inside.port }))).toBe("forward-denied");
    await ssh.close();
  }
  expect(inside.sockets).toHaveLength(0);
  // The name is resolved once, and the checked address is dialled: a second lookup would fail.
  const named = await forwardingClient({
    permitOpen: ["*:*", "127.0.0.1:*"],
    lookup: () => Promise.resolve(["127.0.0.1"]),
  });
  await named.dial({ host: "db.nacre.invalid", port: inside.port });
  await vi.waitUntil(() => inside.sockets.length === 1, { timeout: 10_000 });
  // Other targets are refused: another port, and every Unix socket. Listeners bind loopback only, and sockets have mode 0600.
  const few = await forwardingClient({
    permitOpen: ["127.0.0.1:1"],
    permitListen: ["localhost:0", join(folder, "own.sock")],
  });
  expect(await codeOf(few.dial({ host: "127.0.0.1", port: inside.port }))).toBe("forward-denied");
  expect(await codeOf(few.dial({ path }))).toBe("forward-denied");
  expect(await codeOf(few.listen({ path: join(folder, "other.sock") }))).toBe("forward-denied");
  expect(await codeOf(few.listen({ host: "", port: 0 }))).toBe("forward-denied");
  await few.listen({ path: join(folder, "own.sock") });
  expect((await stat(join(folder, "own.sock"))).mode & 0o777).toBe(0o600);
  const { port = 0 } = await named.listen({ host: "", port: 0 });
  expect(await codeOf(once(dial(port, "127.0.0.2"), "connect"))).toBe("ECONNREFUSED");
  await Promise.all([named.close(), few.close()]);
});

test("trust on first use · client", async () => {
  const remembered = ["host-key-changed", "no error"];
  // A second instance of the module shares no memory with the first, like another process. This test is the last: those behind it would
  // load a second instance of other code too.
  vi.resetModules();
  const elsewhere = await import("../src/keys/known-hosts.ts");
  for (let pair = 0; pair < 20; pair++) {
    const two = await hostOptions("known_hosts");
    expect(await twoKeys(await knownHost(two), await elsewhere.knownHost(two))).toEqual(remembered);
    expect((await readFile(two.files![0]!, "utf8")).match(/\n/g)).toHaveLength(1);
    // Within one process this also works if no lock file can be created, because its path exists as a folder.
    const one = await hostOptions("k".repeat(255));
    expect(await twoKeys(await knownHost(one), await knownHost(one))).toEqual(remembered);
  }
});
