import { connect, type Socket } from "node:net";
import type { SshErrorCode } from "@nacre/wire";
import ssh2, { type ConnectConfig, type ServerConfig } from "ssh2";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { CONNECTION_ERRORS } from "../../src/connection-errors.ts";
import { ed25519Pair } from "../parity/made-keys.ts";
import { errorsOf, HOST_KEY, serve, serveSockets, type Target } from "./support.ts";

type Scenario = () => Promise<readonly [target: Target, options: ConnectConfig]>;

/** Ways to a connection that ends with each error which has ssh2's words. Each is taken with ssh2 and with this package. */
const SCENARIOS: readonly (readonly [code: SshErrorCode, name: string, scenario: Scenario])[] = [
  ["protocol-version", "an unknown version of the protocol", says("SSH-3.0-Test\r\n")],
  ["banner-limit", "a long line before the identification", says(`${"x".repeat(10_000)}\r\n`)],
  ["banner-limit", "many lines before the identification", says("x\r\n".repeat(2000))],
  ["packet-length", "a packet that is too long", says("SSH-2.0-Test\r\n", Buffer.alloc(64, 0xff))],
  ["mac-mismatch", "a packet that was changed on its way", changed],
  [
    "no-common-algorithm",
    "no key exchange method",
    offers({ kex: ["curve25519-sha256"] }, { kex: ["ecdh-sha2-nistp256"] }),
  ],
  ["bad-signature", "a signature of another host key", signsWrongly],
  ["host-key-refused", "a host key that is refused", async () => [await serve(), { hostVerifier: () => false }]],
  ["auth-failed", "a login that is refused", refusesLogins],
];

test.for(SCENARIOS)("%s: %s", async ([code, , scenario]) => {
  const theirs = (await outcome(new ssh2.Client(), scenario))[0]!;
  const [ours, ...more] = await outcome(new Client(), scenario);
  expect(more).toEqual([]);
  expect(ours?.message).toBe(theirs.message);
  // ssh2 gives some errors of its parser no level.
  expect(ours?.level).toBe(theirs.level ?? CONNECTION_ERRORS[code]?.level);
  // A login is given up before Nacre does.
  if (code !== "auth-failed") expect(ours?.cause).toMatchObject({ code });
});

test("has a scenario for each message of ssh2 that a peer can cause", () => {
  const covered = new Set<string>(SCENARIOS.map(([code]) => code));
  const sameAs = { "host-key-unknown": "host-key-refused", "host-key-changed": "host-key-refused" };
  // Nacre's own limits, which are reported as those of ssh2; and rows of the key exchange that share a message.
  const others = ["kex-timeout", "auth-timeout", "keepalive-timeout", "host-key-revoked", ...Object.keys(sameAs)];
  const rows = Object.entries(CONNECTION_ERRORS).filter(([, { message }]) => message !== undefined);
  expect(rows.map(([code]) => code).filter((code) => !covered.has(code) && !others.includes(code))).toEqual([]);
});

test.for([
  ["kex-timeout", { limits: { kexTimeout: 30 }, readyTimeout: 0 }, "Timed out while waiting for handshake"],
] as const)("reports %s of Nacre as ssh2 does", async ([code, options, message]) => {
  const target = await serveSockets((socket) => socket.write("SSH-2.0-Test\r\n"));
  const client = new Client();
  onTestFinished(() => void client.destroy());
  const errors = errorsOf(client);
  client.connect({ ...target, ...options });
  expect(await errors).toMatchObject([{ level: "client-timeout", message, cause: { code } }]);
});

test("an error without words of ssh2 has the level protocol and Nacre's text", async () => {
  const target = await serveSockets((socket) => socket.write("SSH-2.0-Test\r\n\0\0\0\x0c\x0a\x14garbage\0\0\0"));
  const client = new Client();
  onTestFinished(() => void client.destroy());
  const errors = errorsOf(client);
  client.connect(target);
  const [error] = await errors;
  const { message } = error!;
  expect(error).toMatchObject({ level: "protocol", cause: { code: "malformed-message", message } });
});

async function outcome(
  client: Client | InstanceType<typeof ssh2.Client>,
  scenario: Scenario,
): ReturnType<typeof errorsOf> {
  const [target, options] = await scenario();
  onTestFinished(() => void client.destroy());
  const errors = errorsOf(client);
  (client as Client).connect({ ...target, ...options });
  return errors;
}

function says(...bytes: readonly (string | Buffer)[]): Scenario {
  return async () => [await serveSockets((socket) => bytes.forEach((one) => void socket.write(one))), {}];
}

function offers(server: ServerConfig["algorithms"], client: ConnectConfig["algorithms"]): Scenario {
  return async () => [await serve({ algorithms: server! }), { algorithms: client! }];
}

async function refusesLogins(): ReturnType<Scenario> {
  const target = await serve({}, (connection) => void connection.on("authentication", (context) => context.reject()));
  return [target, {}];
}

/** A server whose host key signs with another key. */
async function signsWrongly(): ReturnType<Scenario> {
  const key = ssh2.utils.parseKey(HOST_KEY) as unknown as { sign(data: Buffer): Buffer };
  const other = ssh2.utils.parseKey(ed25519Pair().private) as unknown as typeof key;
  key.sign = (data) => other.sign(data);
  return [await serve({ hostKeys: [{ key } as never] }), {}];
}

/** Starts a server and a proxy that changes the last byte of the first packet after the login. */
async function changed(): ReturnType<Scenario> {
  let isLoggedIn = false;
  const server = await serve({}, (connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("ready", () =>
      setImmediate(() => {
        isLoggedIn = true;
        connection.forwardOut("a", 1, "b", 2, () => {});
      }),
    );
  });
  const target = await serveSockets((socket: Socket) => {
    const onward = connect({ port: server.port, host: server.host, noDelay: true });
    onTestFinished(() => void onward.destroy());
    onward.on("error", () => {});
    onward.on("close", () => socket.end());
    socket.on("data", (chunk) => void onward.write(chunk));
    socket.on("end", () => onward.end());
    onward.on("data", (chunk) => {
      if (isLoggedIn) chunk[chunk.length - 1]! ^= 1;
      socket.write(chunk);
    });
  });
  return [target, { algorithms: { cipher: ["aes128-ctr"], hmac: ["hmac-sha2-256"] } }];
}
