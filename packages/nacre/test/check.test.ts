import { impossibleLimits, notIntegers } from "@nacre/testing/limits";
import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms, hostKey as serverKey, userKey } from "@nacre/testing/session/pair";
import { MAX_MILLISECONDS } from "@nacre/wire";
import { type ConnectOptions, connect, pinnedHostKey, serve } from "nacre";
import { connect as connectWith, serve as serveWith } from "nacre/core";
import { connectDuplex, SERVER_LIMITS, SESSION_LIMITS } from "nacre/internal";
import { describe, expect, it } from "vitest";

const TEXT = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0";

/** What a program without types may give, and what the error says. */
const mistakes: readonly (readonly [what: string, changes: object, words: string])[] = [
  ["no user", { user: undefined }, "user is missing"],
  ["an empty user", { user: "" }, "not empty"],
  ["a user that is a number", { user: 1000 }, "text"],
  ["a user with a NUL", { user: "root\0" }, "without NUL"],
  ["the user by ssh2's name", { user: undefined, username: "alice" }, "did you mean `user`?"],
  ["the key by ssh2's name", { identities: undefined, privateKey: TEXT }, "did you mean `identities`?"],
  ["no host-key decision", { hostKey: undefined }, "hostKey is required: pinnedHostKey("],
  ["a fingerprint for one", { hostKey: `SHA256:${"A".repeat(43)}` }, "a function that decides"],
  ["true for one", { hostKey: true }, "a function that decides"],
  ["a lone identity", { identities: userKey }, "an array of keys"],
  ["a path for identities", { identities: "/a/path" }, "an array of keys"],
  ["the text of a key", { identities: [TEXT] }, "not its file or text"],
  ["the bytes of that", { identities: [new TextEncoder().encode(TEXT)] }, "not its file or text"],
  ["an identity that is nothing", { identities: [userKey, undefined] }, "a private key, opened"],
  ["an empty object for an identity", { identities: [{}] }, "a private key, opened"],
  ["an identity without a public key", { identities: [{ publicKey: {}, sign() {} }] }, "a private key, opened"],
  ["a controller for its signal", { signal: new AbortController() }, "of an AbortController"],
  ["an identity that was not awaited", { identities: [Promise.resolve(userKey)] }, "await it"],
];

describe("connecting", () => {
  it.each(mistakes)("with %s is a mistake that is told, and the streams are left alone", async (_, changes, words) => {
    for (const begin of [connect, connectWith]) {
      const { near } = wire();
      const options = { ...visitor, algorithms, ...changes } as ConnectOptions & { algorithms: typeof algorithms };
      const error = await failure(begin(near, options));
      expect(error).toMatchObject({ name: "SshError", code: "usage", message: expect.stringContaining(words) });
      expect((error as Error).message).not.toContain("c2VjcmV0");
      expect(near.readable.locked || near.writable.locked).toBe(false);
    }
  });

  it("with nothing at all is told as well", async () => {
    const bare = connect as (...args: unknown[]) => Promise<unknown>;
    expect(await failure(bare())).toMatchObject({ code: "usage" });
    expect(await failure(bare(wire().near))).toMatchObject({ code: "usage" });
    const core = connectWith as (...args: unknown[]) => Promise<unknown>;
    expect(await failure(core())).toMatchObject({ code: "usage" });
    expect(await failure(core(wire().near, visitor))).toMatchObject({ code: "usage", message: /algorithms/ });
  });

  it("over what are no byte streams, or are read already, is told as well", async () => {
    const socket = { send() {} } as never;
    expect(await failure(connect(socket, visitor))).toMatchObject({ code: "usage", message: /readable, writable/ });
    expect(await failure(connect(undefined as never, visitor))).toMatchObject({ code: "usage" });
    const { near } = wire();
    const writer = near.writable.getWriter();
    expect(await failure(connect(near, visitor))).toMatchObject({ code: "usage", message: /locked/ });
    expect(near.readable.locked).toBe(false);
    writer.releaseLock();
  });

  it("over another kind of byte connection closes it", async () => {
    let closed = 0;
    const duplex = {
      open() {},
      write: () => true,
      pause() {},
      resume() {},
      end: async () => {},
      close: async () => void closed++,
    };
    const options = { ...visitor, algorithms, fingerprint: () => "", hostKey: undefined as never };
    const connecting = connectDuplex(duplex, options, () => undefined);
    expect(await failure(connecting)).toMatchObject({ code: "usage" });
    expect(closed).toBe(1);
  });

  it("with what is allowed is not in the way", async () => {
    const { near } = wire();
    const identities = [{ publicKey: userKey.publicKey, sign: () => Promise.resolve(undefined) }];
    const hostKey = pinnedHostKey(`SHA256:${"A".repeat(43)}`);
    const connecting = connect(near, { ...visitor, identities, hostKey, signal: AbortSignal.abort() });
    expect(await failure(connecting)).toMatchObject({ code: "aborted" });
  });
});

describe("serving", () => {
  it.each<[string, object, string]>([
    ["no host keys", { hostKeys: undefined }, "an array of keys"],
    ["a lone host key", { hostKeys: serverKey }, "an array of keys"],
    ["none of them", { hostKeys: [] }, "a server needs a host key"],
    ["a path of one", { hostKeys: ["/etc/ssh/c2VjcmV0"] }, "hostKeyFile of @nacre/node"],
    ["one that was not awaited", { hostKeys: [Promise.resolve(serverKey)] }, "a host key is a promise: await it"],
    ["a controller for its signal", { signal: new AbortController() }, "of an AbortController"],
    ["nobody to decide", { authenticate: undefined }, "authenticate"],
  ])("with %s is a mistake that is told, and the streams are left alone", (_, changes, words) => {
    for (const begin of [serve, serveWith]) {
      const { far } = wire();
      const beginning = (): unknown => begin(far, { ...open, algorithms, ...changes });
      expect(beginning).toThrow(expect.objectContaining({ code: "usage", message: expect.stringContaining(words) }));
      expect(beginning).toThrow(expect.objectContaining({ message: expect.not.stringContaining("c2VjcmV0") }));
      expect(far.readable.locked || far.writable.locked).toBe(false);
    }
  });

  it("with nothing at all, or over no streams, is told as well", () => {
    for (const begin of [serve, serveWith] as ((...args: unknown[]) => unknown)[]) {
      expect(() => begin()).toThrow(expect.objectContaining({ code: "usage" }));
      expect(() => begin(wire().far)).toThrow(expect.objectContaining({ code: "usage" }));
      expect(() => begin({}, { ...open, algorithms })).toThrow(expect.objectContaining({ code: "usage" }));
    }
    expect(() => serveWith(wire().far, open as never)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("limits", () => {
  it.each(impossibleLimits(SESSION_LIMITS.ranges))("are rejected by connect: %s", async (_, limits) => {
    const { near } = wire();
    const signal = AbortSignal.abort();
    expect(await failure(connect(near, { ...visitor, signal, limits }))).toMatchObject({ code: "usage" });
    expect(near.readable.locked || near.writable.locked).toBe(false);
  });

  it.each(impossibleLimits(SERVER_LIMITS.ranges))("are rejected by serve: %s", (_, limits) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, limits })).toThrow(expect.objectContaining({ code: "usage" }));
    expect(far.readable.locked || far.writable.locked).toBe(false);
  });

  it.each(notIntegers({ least: 0, most: MAX_MILLISECONDS }))("are rejected by serve: loginGraceTime %s", (_, value) => {
    const loginGraceTime = value as number;
    expect(() => serve(wire().far, { ...open, loginGraceTime })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});
