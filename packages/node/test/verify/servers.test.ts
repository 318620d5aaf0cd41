import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { startDelayProxy } from "@nacre/testing/interop/delay-proxy";
import { fingerprintOf, type KeyFile, type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { failure } from "@nacre/testing/interop/server";
import type { TraceRecord } from "nacre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConnectOptions, connect } from "../../src/index.ts";
import { startDevTunnels } from "./dev-tunnels-server.ts";
import { startAsyncssh, startErlang, startGo, startParamiko } from "./programs.ts";
import type { PeerServer, PeerSettings } from "./settings.ts";
import { startSsh2 } from "./ssh2-server.ts";
import { startTinysshd } from "./tinysshd.ts";

// Tests our client against servers of other implementations.

interface Peer {
  readonly name: string;
  readonly start: (settings: PeerSettings) => Promise<PeerServer & { readonly hostKey?: KeyFile }>;
  /** Type of the host key and the user keys; default Ed25519. */
  readonly keyType?: KeyType;
  /** Whether it accepts passwords. */
  readonly password: boolean;
  /** Prompts of keyboard-interactive with the correct answers; default none. */
  readonly questions?: readonly (readonly [prompt: string, answer: string])[];
  /** Missing features: rekeying that we start; standard error; input, standard error and exit status. */
  readonly lacks?: readonly ("rekey" | "stderr" | "process")[];
  /** Whether it rekeys after `REKEY_THRESHOLD`. */
  readonly rekeys?: boolean;
  /** Bytes to download over a slow link; default 16 MiB. */
  readonly download?: number;
}

const REKEY_THRESHOLD = 2 * MIB;
const PASSWORD = "the password";
const questions = [
  ["First: ", "one"],
  ["Second: ", "two"],
] as const;

const PEERS: readonly Peer[] = [
  { name: "tinysshd", start: ({ userKey }) => startTinysshd(userKey), password: false, download: 64 * MIB },
  { name: "Go x/crypto", start: startGo, password: true, questions, rekeys: true },
  { name: "paramiko", start: startParamiko, password: true, questions },
  { name: "asyncssh", start: startAsyncssh, password: true, questions, rekeys: true },
  {
    name: "Erlang's ssh",
    start: startErlang,
    password: true,
    questions: [["password: ", PASSWORD]],
    lacks: ["process"],
  },
  { name: "ssh2 with an asynchronous authenticator", start: startSsh2, password: true, questions },
  {
    name: "dev-tunnels",
    start: startDevTunnels,
    keyType: "ecdsa-256",
    password: true,
    lacks: ["rekey", "stderr"],
  },
];

describe.each(PEERS)("$name", (peer) => {
  const { start, keyType = "ed25519", questions = [], lacks = [], download = 16 * MIB } = peer;
  const folder = useFolder();
  let server: PeerServer;
  let options: ConnectOptions;
  let userKey: KeyFile;
  let strangerKey: KeyFile;
  beforeAll(async () => {
    const hostKey = await makeKey(folder, "host", keyType);
    userKey = await makeKey(folder, "user", keyType);
    strangerKey = await makeKey(folder, "stranger", keyType);
    const answers = questions.map(([, answer]) => answer);
    const login = { userKey, password: PASSWORD, answers };
    const started = await start({ folder, hostKey, ...login, rekeyThreshold: REKEY_THRESHOLD });
    server = started;
    const { port } = server;
    const pinned = fingerprintOf(started.hostKey ?? hostKey);
    options = { host: "127.0.0.1", port, user: "alice", agent: false, identities: [], hostKey: pinned };
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  /** Logs in with these credentials and runs a command. */
  async function login(changes: Partial<ConnectOptions>): Promise<void> {
    await using client = await connect({ ...options, ...changes });
    expect((await client.exec("echo $((40 + 2))")).stdout).toBe("42\n");
  }

  test("accepts a key and runs commands", async () => {
    await login({ identities: [await readKey(userKey)] });
  });

  test("accepts the second of two keys", async () => {
    await login({ identities: [await readKey(strangerKey), await readKey(userKey)] });
  });

  test("refuses an unknown key", async () => {
    const identities = [await readKey(strangerKey)];
    expect(await failure(connect({ ...options, identities }))).toMatchObject({ code: "auth-failed" });
  });

  if (peer.password) {
    test("accepts a password", () => login({ password: PASSWORD }));

    test("refuses a wrong password, given as a string and by a function", async () => {
      expect(await failure(connect({ ...options, password: "wrong" }))).toMatchObject({ code: "auth-failed" });
      const answers = ["wrong", undefined];
      const password = (attempt: number): string | undefined => answers[attempt - 1];
      expect(await failure(connect({ ...options, password }))).toMatchObject({ code: "auth-failed" });
    });

    test("accepts a password after an unknown key", async () => {
      await login({ identities: [await readKey(strangerKey)], password: PASSWORD });
    });
  }

  if (questions.length > 0) {
    test("accepts answers to its prompts", async () => {
      const asked: string[][] = [];
      await login({
        prompts: ({ prompts }) => {
          asked.push(prompts.map(({ prompt }) => prompt));
          // Some servers end with a round without prompts.
          return prompts.length === 0 ? [] : questions.map(([, answer]) => answer);
        },
      });
      expect(asked[0]).toEqual(questions.map(([prompt]) => prompt));
    });

    test("refuses wrong answers", async () => {
      let rounds = 0;
      const prompts = (): string[] | undefined => (++rounds > 1 ? undefined : questions.map(() => "wrong"));
      expect(await failure(connect({ ...options, prompts }))).toMatchObject({ code: "auth-failed" });
    });

    test("refuses a login with unanswered prompts", async () => {
      const unanswered = connect({ ...options, prompts: () => undefined });
      expect(await failure(unanswered)).toMatchObject({ code: "auth-failed" });
    });
  }

  test("keeps the connection while we send keepalives", async () => {
    const limits = { keepaliveInterval: 50, keepaliveCount: 200 };
    await using client = await connect({ ...options, identities: [await readKey(userKey)], limits });
    expect((await client.exec("sleep 0.5; echo on")).stdout).toBe("on\n");
  });

  if (!lacks.includes("process")) {
    test("runs a command with input, output, standard error and an exit status", async () => {
      await using client = await connect({ ...options, identities: [await readKey(userKey)] });
      const bytes = randomData(8 * MIB);
      const command = "cat; echo err >&2; exit 3";
      const { stdout, stderr, status } = await client.exec(command, { input: bytes, encoding: "bytes" });
      expect(stdout.length).toBe(bytes.length);
      expect(sha256(stdout)).toBe(sha256(bytes));
      expect(Buffer.from(stderr).toString()).toBe(lacks.includes("stderr") ? "" : "err\n");
      expect(status).toBe(3);
    });

    test(`sends ${download / MIB} MiB over a link with a delay of 30 ms`, async () => {
      const proxy = await startDelayProxy({ host: "127.0.0.1", port: server.port, holdMs: 15 });
      try {
        await using client = await connect({ ...options, port: proxy.port, identities: [await readKey(userKey)] });
        const { stdout } = await client.exec(`head -c ${download} /dev/zero`, { encoding: "bytes" });
        expect(sha256(stdout)).toBe(sha256(new Uint8Array(download)));
      } finally {
        await proxy.close();
      }
    });
  }

  if (!lacks.includes("process") && !lacks.includes("rekey")) {
    test("transfers data while we rekey", async () => {
      expect(await exchangesDuring({ limits: { rekeyBytes: MIB } }, 4 * MIB)).toBeGreaterThan(2);
    });
  }

  if (peer.rekeys === true) {
    test("transfers data while it rekeys", async () => {
      expect(await exchangesDuring({}, 4 * REKEY_THRESHOLD)).toBeGreaterThan(2);
    });
  }

  /** Sends this many bytes through `cat` and returns the number of key exchanges, including the first. */
  async function exchangesDuring(changes: Partial<ConnectOptions>, length: number): Promise<number> {
    let exchanges = 0;
    const trace = (record: TraceRecord): void => {
      if (record.type !== "packet" || record.direction !== "received") return;
      if (record.message === "SSH_MSG_NEWKEYS") exchanges++;
    };
    await using client = await connect({ ...options, identities: [await readKey(userKey)], trace, ...changes });
    const bytes = randomData(length);
    const { stdout } = await client.exec("cat", { input: bytes, encoding: "bytes" });
    expect(sha256(stdout)).toBe(sha256(bytes));
    return exchanges;
  }
});

describe("a DISCONNECT of dev-tunnels, which has no language tag", () => {
  const folder = useFolder();

  test("is reported with its description", async () => {
    const hostKey = await makeKey(folder, "last-words", "ecdsa-256");
    const settings = { folder, hostKey, userKey: hostKey, password: PASSWORD, answers: [] } as const;
    await using server = await startDevTunnels(settings);
    const { port } = server;
    const where = { host: "127.0.0.1", port, user: "alice", agent: false, hostKey: fingerprintOf(hostKey) } as const;
    await using client = await connect({ ...where, identities: [], password: PASSWORD });
    // Only this server supports the command.
    client.exec("close the connection").catch(() => {});
    expect(await client.ended).toMatchObject({
      code: "disconnected",
      message: expect.stringContaining("closed for maintenance") as string,
    });
  });
});
