import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519, type PrivateKey } from "@nacre/keys";
import type { LoginDecision, Permissions, PublickeyLogin } from "nacre";
import { expect, onTestFinished, test } from "vitest";
import { seededRandom } from "../../transport/test/support/random.ts";
import { authorizedKeys } from "../src/authorized-keys.ts";
import { connect } from "../src/connect.ts";
import { hostKeyFile } from "../src/host-key-file.ts";
import { listen, type SshServer } from "../src/listen.ts";
import type { ListenEvent, ListenOptions } from "../src/listen-options.ts";
import { inSlices } from "../src/slices.ts";
import { codeOf, temporaryFolder } from "./support.ts";

/*
 * Rows of the attack suite that need a socket or a file: the others are in packages/session/test/attacks.
 */

const keyOf = (seed: number): PrivateKey =>
  generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + seed));
const hostKey = keyOf(1);
const userKey = keyOf(2);

interface Watched {
  readonly server: SshServer;
  readonly events: ListenEvent[];
  /** Resolves when that many events of that type have come. */
  readonly seen: (type: ListenEvent["type"], count: number) => Promise<void>;
  /** A TCP connection that says nothing. */
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
  // As many as may be wait to log in: the next one is dropped, whatever it would do. Who is in does not count.
  const { server, events, seen, dial, login } = await watched({ maxUnauthenticated: { start: 3, rate: 100, full: 3 } });
  const inside = [await login(), await login(), await login(), await login()];
  const waiting = [await dial(), await dial(), await dial()];
  await seen("connected", 7);
  for (let i = 1; i <= 3; i++) {
    await once(await dial(), "close");
    expect(events.filter(({ type }) => type === "dropped")).toHaveLength(i);
  }
  expect(await codeOf(login())).toMatch(/not-ssh|connection-lost/);
  for (const client of inside) expect((await client.exec("x")).status).toBe(0);
  // One gone, there is room for one.
  waiting[0]!.destroy();
  await seen("closed", 1);
  inside.push(await login());
  expect(server.connections).toHaveLength(7);
  expect(events.filter(({ type }) => type === "dropped")).toHaveLength(4);
  await Promise.all(inside.map((client) => client.close()));

  // None stays longer than its time: who says nothing, and who drips, which is no login.
  const short = await watched({
    maxUnauthenticated: { start: 2, rate: 100, full: 2 },
    loginGraceTime: 200,
    perSource: { penalties: false },
  });
  const slow = [await short.dial(), await short.dial()];
  let dripped = 0;
  const drip = setInterval(() => slow[0]!.write("SSH-2.0-slow"[dripped++ % 12]!), 20);
  onTestFinished(() => clearInterval(drip));
  await short.seen("closed", 2);
  expect(dripped).toBeGreaterThan(0);
  await (await short.login()).close();

  // Before that is reached it is chance that decides, so that somebody gets in while others flood.
  const flooded = await watched({ maxUnauthenticated: { start: 1, rate: 40, full: 1000 } });
  for (let i = 0; i < 60; i++) await flooded.dial();
  await flooded.seen("dropped", 1);
  while (flooded.events.length < 60) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(flooded.events.filter(({ type }) => type === "connected").length).toBeGreaterThan(1);
});

/** What a file of that one line lets the key do; false for nothing. */
async function permitted(line: string, change: Partial<PublickeyLogin> = {}): Promise<Permissions | LoginDecision> {
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
  const decision = await authorizedKeys(path)(login);
  return typeof decision === "object" && "permissions" in decision ? decision.permissions : decision;
}

test("authorized_keys · server", async () => {
  const key = formatPublicKeyLine(userKey.publicKey);
  const [format, base64] = key.split(" ");
  expect(await permitted(key)).toEqual({ environment: {}, pty: true });
  // What is not known or cannot be kept lets nobody in, wherever it stands, and whatever stands beside it.
  for (const option of [
    "no-such-option",
    'no-such="x"',
    "cert-authority",
    'principals="alice"',
    "verify-required",
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
  // Nor a line that is no whole one, or is another key's.
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
  // What is kept is kept.
  expect(await permitted(`restrict,command="only this" ${key}`)).toEqual({
    command: "only this",
    environment: {},
    pty: false,
  });
  // Nobody has permitted the file to change the environment, in which a program finds its libraries.
  expect(await permitted(`environment="LD_PRELOAD=x" ${key}`)).toEqual({ environment: {}, pty: true });
  expect(await permitted(`command="a \\"b\\", restrict" ${key}`)).toMatchObject({ command: 'a "b", restrict' });
  expect(await permitted(`pty,restrict ${key}`)).toMatchObject({ pty: false });
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
  // A file that others may write says nothing.
  const path = join(await temporaryFolder(), "authorized_keys");
  await writeFile(path, `${key}\n`);
  for (const mode of [0o620, 0o602]) {
    await chmod(path, mode);
    const login = { method: "publickey", user: "alice", publicKey: userKey.publicKey.blob } as PublickeyLogin;
    expect(await authorizedKeys(path)(login)).toBe(false);
  }
});

test("encrypted private keys · server", async () => {
  // A server opens its host keys when it starts: no file keeps it from that for hours, or fills its memory.
  const options = { format: "openssh", random: seededRandom(7), passphrase: "x", rounds: 1 } as const;
  const text = await inSlices(formatPrivateKey(hostKey, options));
  const folder = await temporaryFolder();
  const body = Buffer.from(text.replaceAll(/-----.*-----|\n/g, ""), "base64");
  // Behind the magic, the names of cipher and KDF, and the salt stands the number of rounds.
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
  // Any other that is encrypted is refused without a single round.
  expect(await opened(1024)).toBe("passphrase-needed");
  const large = join(folder, "large");
  await writeFile(large, "x".repeat(2 ** 20 + 1), { mode: 0o600 });
  await expect(hostKeyFile(large)).rejects.toMatchObject({
    code: "file-malformed",
    message: expect.stringContaining("maxFileSize"),
  });
});
