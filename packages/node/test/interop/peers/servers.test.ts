import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDelayProxy } from "../../../../../scripts/bench/delay-proxy.ts";
import { type ConnectOptions, connect } from "../../../src/index.ts";
import { MIB, randomData, sha256 } from "../support/data.ts";
import { fingerprintOf, type KeyFile, type KeyType, makeKey, readKey, useFolder } from "../support/keys.ts";
import { failure } from "../support/server.ts";
import { startDevTunnels } from "./dev-tunnels-server.ts";
import { startAsyncssh, startErlang, startGo, startParamiko } from "./programs.ts";
import type { PeerServer, PeerSettings } from "./settings.ts";
import { startSsh2 } from "./ssh2-server.ts";
import { startTinysshd } from "./tinysshd.ts";

// Our client to the servers of other implementations.

interface Peer {
  readonly name: string;
  readonly start: (settings: PeerSettings) => Promise<PeerServer & { readonly hostKey?: KeyFile }>;
  readonly keyType?: KeyType;
  /** How one logs in, beside a key. */
  readonly methods: readonly ("password" | "keyboard-interactive")[];
  /** What it cannot do: answer a key exchange of ours; run a command as a shell does, with input, errors and a status. */
  readonly lacks?: readonly ("rekey" | "stderr" | "process")[];
}

const both = ["password", "keyboard-interactive"] as const;
const PEERS: readonly Peer[] = [
  { name: "tinysshd", start: ({ userKey }) => startTinysshd(userKey), methods: [] },
  { name: "Go x/crypto", start: startGo, methods: both },
  { name: "paramiko", start: startParamiko, methods: both },
  { name: "asyncssh", start: startAsyncssh, methods: both },
  { name: "Erlang's ssh", start: startErlang, methods: ["password"], lacks: ["process"] },
  { name: "ssh2 with an authenticator that takes its time", start: startSsh2, methods: both },
  {
    name: "dev-tunnels",
    start: startDevTunnels,
    keyType: "ecdsa-256",
    methods: ["password"],
    lacks: ["rekey", "stderr"],
  },
];

const folder = useFolder();

describe.each(PEERS)("$name", ({ start, keyType = "ed25519", methods, lacks = [] }) => {
  let server: PeerServer;
  let options: ConnectOptions;
  let userKey: KeyFile;
  let strangerKey: KeyFile;
  beforeAll(async () => {
    const name = `${createHash("sha256").update(String(start)).digest("hex")}`;
    const hostKey = await makeKey(folder, `${name}_host`, keyType);
    userKey = await makeKey(folder, `${name}_user`, keyType);
    strangerKey = await makeKey(folder, `${name}_stranger`, keyType);
    const started = await start({ folder, hostKey, userKey, password: "the password", answers: ["one", "two"] });
    server = started;
    const { port } = server;
    const pinned = fingerprintOf(started.hostKey ?? hostKey);
    options = { host: "127.0.0.1", port, user: "alice", agent: false, identities: [], hostKey: pinned };
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  /** Logs in with these and runs a command. */
  async function login(changes: Partial<ConnectOptions>): Promise<void> {
    await using client = await connect({ ...options, ...changes });
    expect((await client.exec("echo $((40 + 2))")).stdout).toBe("42\n");
  }

  test("lets in with a key, and runs commands", async () => {
    await login({ identities: [await readKey(userKey)] });
  });

  test("lets in with the second of two keys", async () => {
    await login({ identities: [await readKey(strangerKey), await readKey(userKey)] });
  });

  test("refuses a key that it does not know", async () => {
    const identities = [await readKey(strangerKey)];
    expect(await failure(connect({ ...options, identities }))).toMatchObject({ code: "auth-failed" });
  });

  if (methods.includes("password")) {
    test("lets in with a password", () => login({ password: "the password" }));

    test("refuses a wrong password, given as a text and by a function", async () => {
      expect(await failure(connect({ ...options, password: "wrong" }))).toMatchObject({ code: "auth-failed" });
      const password = (attempt: number): string | undefined => (attempt < 2 ? "wrong" : undefined);
      expect(await failure(connect({ ...options, password }))).toMatchObject({ code: "auth-failed" });
    });

    test("lets in with a password after a key that it does not know", async () => {
      await login({ identities: [await readKey(strangerKey)], password: "the password" });
    });
  }

  if (methods.includes("keyboard-interactive")) {
    test("lets in by questions", async () => {
      const asked: string[][] = [];
      await login({
        prompts: ({ prompts }) => {
          asked.push(prompts.map(({ prompt }) => prompt));
          return prompts.length === 0 ? [] : ["one", "two"];
        },
      });
      expect(asked[0]).toEqual(["First: ", "Second: "]);
    });

    test("refuses wrong answers", async () => {
      let rounds = 0;
      const prompts = (): string[] | undefined => (++rounds > 1 ? undefined : ["one", "three"]);
      expect(await failure(connect({ ...options, prompts }))).toMatchObject({ code: "auth-failed" });
    });
  }

  test("answers keepalives, or says that it does not understand them, and the connection goes on", async () => {
    const limits = { keepaliveInterval: 50, keepaliveCount: 2 };
    await using client = await connect({ ...options, identities: [await readKey(userKey)], limits });
    expect((await client.exec("sleep 0.5; echo on")).stdout).toBe("on\n");
  });

  if (!lacks.includes("process")) {
    test("runs a command with input, output, errors and a status", async () => {
      await using client = await connect({ ...options, identities: [await readKey(userKey)] });
      const bytes = randomData(8 * MIB);
      const command = "cat; echo err >&2; exit 3";
      const { stdout, stderr, status } = await client.exec(command, { input: bytes, encoding: "bytes" });
      expect(stdout.length).toBe(bytes.length);
      expect(sha256(stdout)).toBe(sha256(bytes));
      expect(Buffer.from(stderr).toString()).toBe(lacks.includes("stderr") ? "" : "err\n");
      expect(status).toBe(3);
    });

    test("sends 16 MiB over a path of 30 ms", async () => {
      const proxy = await startDelayProxy({ host: "127.0.0.1", port: server.port, holdMs: 15 });
      try {
        await using client = await connect({ ...options, port: proxy.port, identities: [await readKey(userKey)] });
        const length = 16 * MIB;
        const { stdout } = await client.exec(`head -c ${length} /dev/zero`, { encoding: "bytes" });
        expect(sha256(stdout)).toBe(sha256(new Uint8Array(length)));
      } finally {
        await proxy.close();
      }
    });
  }

  if (!lacks.includes("process") && !lacks.includes("rekey")) {
    test("takes new keys of ours in the middle", async () => {
      let exchanges = 0;
      await using client = await connect({
        ...options,
        identities: [await readKey(userKey)],
        limits: { rekeyBytes: MIB },
        trace: (record) => {
          if (record.type === "packet" && record.direction === "received" && record.message === "SSH_MSG_NEWKEYS")
            exchanges++;
        },
      });
      const bytes = randomData(4 * MIB);
      const { stdout } = await client.exec("cat", { input: bytes, encoding: "bytes" });
      expect(sha256(stdout)).toBe(sha256(bytes));
      expect(exchanges).toBeGreaterThan(2);
    });
  }
});
