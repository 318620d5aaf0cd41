import type { AuthContext, KnownPublicKeys, ParsedKey, SigningRequestOptions } from "ssh2";
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { Server } from "../../src/server/server.ts";
import { ed25519Pair } from "../parity/made-keys.ts";
import { keys, outcome, serving } from "./serving.ts";

type SignCallback = (error?: Error, signature?: Buffer) => void;

/** An agent of an attacker: it knows a user's public key, and signs with a key of its own or not at all. */
class Attacker extends ssh2.BaseAgent<ParsedKey> {
  readonly #publicKey: ParsedKey;
  readonly #signs: ((data: Buffer) => Buffer) | undefined;

  constructor(publicKey: ParsedKey, signs?: (data: Buffer) => Buffer) {
    super();
    this.#publicKey = publicKey;
    this.#signs = signs;
  }

  override getIdentities(callback: (error: Error | undefined, known?: KnownPublicKeys<ParsedKey>) => void): void {
    callback(undefined, [this.#publicKey]);
  }

  override sign(
    _key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    const callback = typeof options === "function" ? options : done!;
    if (this.#signs === undefined) callback(new Error("no private key"));
    else callback(undefined, this.#signs(data));
  }
}

const parsed = (key: string): ParsedKey => ssh2.utils.parseKey(key) as ParsedKey;
const victim = parsed(keys.ed25519.public);
const owner = parsed(keys.ed25519.private);
const other = parsed(ed25519Pair().private);

const SIGNATURES: readonly (readonly [string, (data: Buffer) => Buffer])[] = [
  ["of another key", (data) => other.sign(data)],
  ["over other data", (data) => owner.sign(Buffer.concat([data, Buffer.of(0)]))],
  ["of zeros", () => Buffer.alloc(64)],
];

/** An application that never verifies anything. */
const acceptAll = (context: AuthContext): void => context.accept();

/** An application that wants a key and a password, and takes a mere query for the key. */
function wantBoth(context: AuthContext): void {
  if (context.method === "publickey") context.reject(["password"], true);
  else context.accept();
}

/** Servers, and how an attack on an application that accepts everything ends with each: with ssh2's it works. */
const servers = [
  [ssh2.Server, "ready"],
  [Server, "All configured authentication methods failed"],
] as const;

test("applications of ssh2 that verify nothing · server", async () => {
  for (const [implementation, expected] of servers) {
    for (const [name, signs] of SIGNATURES) {
      const { connect, seen } = await serving(implementation, acceptAll);
      const agent = new Attacker(victim, signs);
      expect(await outcome(connect({ agent, authHandler: ["agent"] })), `a signature ${name}`).toBe(expected);
      expect(seen.filter(({ signed }) => signed)).toHaveLength(expected === "ready" ? 1 : 0);
    }
    const { connect, seen } = await serving(implementation, acceptAll);
    const key = parsed(keys.ed25519.private);
    key.sign = () => Buffer.alloc(64);
    const authHandler = [{ type: "hostbased", username: "alice", key, localHostname: "h", localUsername: "u" }];
    expect(await outcome(connect({ authHandler: authHandler as never })), "a host's signature").toBe(expected);
    expect(seen).toHaveLength(expected === "ready" ? 1 : 0);
  }
});

test("queries of keys, as ssh2's applications accept them · server", async () => {
  const { connect, seen, connections } = await serving(Server, acceptAll);
  const client = connect({ agent: new Attacker(victim), authHandler: ["agent", "agent"] });
  expect(await outcome(client)).toBe("All configured authentication methods failed");
  expect(seen).toMatchObject([
    { method: "publickey", signed: false },
    { method: "publickey", signed: false },
  ]);
  expect(connections.map(({ authenticated }) => authenticated)).toEqual([false]);
});

test("factors of ssh2's applications that are only asked about · server", async () => {
  const { connect, seen } = await serving(Server, wantBoth);
  const attacker = connect({ agent: new Attacker(victim), password: "known", authHandler: ["agent", "password"] });
  expect(await outcome(attacker)).toBe("All configured authentication methods failed");
  expect(seen.map(({ method }) => method)).toEqual(["publickey"]);
  // The owner of the key gets in, and the application decides about each factor once.
  const { connect: connectOwner, seen: seenOfOwner } = await serving(Server, wantBoth);
  const user = connectOwner({
    privateKey: keys.ed25519.private,
    password: "known",
    authHandler: ["publickey", "password"],
  });
  expect(await outcome(user)).toBe("ready");
  expect(seenOfOwner.map(({ method }) => method)).toEqual(["publickey", "password"]);
});

/** An application that keeps the factors of a connection, and lets the user of the last one in. */
function keepFactors(): (context: AuthContext) => void {
  let hasKey = false;
  return (context) => {
    if (context.method === "publickey" && context.username === "alice") {
      if (context.signature === undefined) return context.accept();
      hasKey = true;
      return context.reject(["password"], true);
    }
    if (context.method === "password" && hasKey) context.accept();
    else context.reject(["publickey"]);
  };
}

test("changes of the user between the factors of ssh2's applications · server", async () => {
  for (const [username, expected] of [
    ["alice", "ready"],
    ["root", "protocol error"],
  ] as const) {
    const events: string[] = [];
    const { connect, seen } = await serving(Server, keepFactors(), (connection) => {
      for (const event of ["ready", "error", "end", "close"]) connection.on(event, () => events.push(event));
    });
    const client = connect({
      authHandler: [
        { type: "publickey", username: "alice", key: keys.ed25519.private },
        { type: "password", username, password: "root's" },
      ] as never,
    });
    expect(await outcome(client)).toBe(expected);
    expect(seen).toHaveLength(expected === "ready" ? 3 : 2);
    expect(events.includes("ready")).toBe(expected === "ready");
    // The application did nothing wrong.
    expect(events).not.toContain("error");
  }
});

test("new passwords for another user than ssh2's applications asked · server", async () => {
  for (const [username, expected] of [
    ["alice", "ready"],
    ["root", "protocol error"],
  ] as const) {
    const changed: string[] = [];
    const { connect, connections } = await serving(Server, (context) => {
      if (context.method !== "password") return context.reject(["password"]);
      context.requestChange("expired", (password) => {
        changed.push(password);
        context.accept();
      });
    });
    const client = connect({ password: "old", authHandler: ["password"] });
    client.on("change password", () => {
      const { _protocol } = client as unknown as { readonly _protocol: { authPassword(...values: string[]): void } };
      _protocol.authPassword(username, "old", "new");
    });
    expect(await outcome(client)).toBe(expected);
    expect([changed, connections[0]!.authenticated]).toEqual(expected === "ready" ? [["new"], true] : [[], false]);
  }
});
