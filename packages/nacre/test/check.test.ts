import { impossibleLimits, notIntegers } from "@nacre/testing/limits";
import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms, hostKey as serverKey, userKey } from "@nacre/testing/protocol/pair";
import { MAX_MILLISECONDS } from "@nacre/wire";
import { connect, serve } from "nacre";
import { connect as connectWith, serve as serveWith, webDuplex } from "nacre/core";
import { logIn, PROTOCOL_LIMITS } from "nacre/extend";
import { SERVER_LIMITS } from "nacre/internal-on-demand";
import { describe, expect, it } from "vitest";

const TEXT = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0";

/** Invalid options that a JavaScript program may pass, and a part of the error message. */
const mistakes: readonly (readonly [what: string, changes: object, words: string])[] = [
  ["a missing user", { user: undefined }, "`user` is required"],
  ["an empty user", { user: "" }, "non-empty"],
  ["a numeric user", { user: 1000 }, "must be a non-empty string"],
  ["a user with a NUL", { user: "root\0" }, "without NUL"],
  ["the user under ssh2's option name", { user: undefined, username: "alice" }, "did you mean `user`?"],
  ["the key under ssh2's option name", { identities: undefined, privateKey: TEXT }, "did you mean `identities`?"],
  ["a missing hostKey", { hostKey: undefined }, "`hostKey` must be one or several fingerprints"],
  ["an empty list as hostKey", { hostKey: [] }, "(SHA256:…, of `ssh-keygen -l`), a function, or"],
  ["true as hostKey", { hostKey: true }, "(SHA256:…, of `ssh-keygen -l`), a function, or"],
  ["a key instead of an array of identities", { identities: userKey }, "must be array"],
  ["a path as identities", { identities: "/a/path" }, "must be array"],
  ["the text of a key file as identity", { identities: [TEXT] }, "not a file name or key text"],
  [
    "the bytes of a key file as identity",
    { identities: [new TextEncoder().encode(TEXT)] },
    "not a file name or key text",
  ],
  ["undefined as identity", { identities: [userKey, undefined] }, "an opened private key"],
  ["an empty object as identity", { identities: [{}] }, "an opened private key"],
  ["an identity without a public key", { identities: [{ publicKey: {}, sign() {} }] }, "an opened private key"],
  ["an AbortController as signal", { signal: new AbortController() }, "of the AbortController"],
  ["an identity that was not awaited", { identities: [Promise.resolve(userKey)] }, "await it"],
];

describe("connect", () => {
  it.each(mistakes)("rejects %s and leaves the streams untouched", async (_, changes, words) => {
    for (const takes of ["streams", "a byte connection"]) {
      const { near } = wire();
      const options = { ...visitor, algorithms, ...changes } as typeof visitor & { algorithms: typeof algorithms };
      const error = await failure(takes === "streams" ? connect(near, options) : connectWith(webDuplex(near), options));
      expect(error).toMatchObject({ name: "SshError", code: "usage", message: expect.stringContaining(words) });
      expect((error as Error).message).not.toContain("c2VjcmV0");
      expect(near.readable.locked || near.writable.locked).toBe(false);
    }
  });

  it("rejects missing arguments", async () => {
    const bare = connect as (...args: unknown[]) => Promise<unknown>;
    expect(await failure(bare())).toMatchObject({ code: "usage" });
    expect(await failure(bare(wire().near))).toMatchObject({ code: "usage" });
    const core = connectWith as (...args: unknown[]) => Promise<unknown>;
    expect(await failure(core())).toMatchObject({ code: "usage" });
    expect(await failure(core(wire().near, visitor))).toMatchObject({ code: "usage", message: /algorithms/ });
    expect(await failure(core(wire().near, { ...visitor, algorithms }))).toMatchObject({
      code: "usage",
      message: /webDuplex/,
    });
  });

  it("rejects invalid and locked streams", async () => {
    const socket = { send() {} } as never;
    expect(await failure(connect(socket, visitor))).toMatchObject({ code: "usage", message: /readable, writable/ });
    expect(await failure(connect(undefined as never, visitor))).toMatchObject({ code: "usage" });
    const { near } = wire();
    const writer = near.writable.getWriter();
    expect(await failure(connect(near, visitor))).toMatchObject({ code: "usage", message: /locked/ });
    expect(near.readable.locked).toBe(false);
    writer.releaseLock();
  });

  it("closes a custom byte connection when it rejects the options", async () => {
    let closed = 0;
    const duplex = {
      open() {},
      write: () => true,
      pause() {},
      resume() {},
      end: async () => {},
      close: async () => void closed++,
    };
    const options = { ...visitor, algorithms, fingerprint: () => "", loginMethods: [], hostKey: undefined as never };
    const connecting = logIn(duplex, options);
    expect(await failure(connecting)).toMatchObject({ code: "usage" });
    expect(closed).toBe(1);
  });

  it("accepts valid options", async () => {
    const { near } = wire();
    const identities = [{ publicKey: userKey.publicKey, sign: () => Promise.resolve(undefined) }];
    const hostKey = [`SHA256:${"A".repeat(43)}`];
    const connecting = connect(near, { ...visitor, identities, hostKey, signal: AbortSignal.abort() });
    expect(await failure(connecting)).toMatchObject({ code: "aborted" });
  });
});

describe("serve", () => {
  it.each<[string, object, string]>([
    ["missing host keys", { hostKeys: undefined }, "an array of private keys"],
    ["a key instead of an array of host keys", { hostKeys: serverKey }, "an array of private keys"],
    ["an empty array of host keys", { hostKeys: [] }, "`hostKeys` has no key for any host-key algorithm"],
    ["a path as host key", { hostKeys: ["/etc/ssh/c2VjcmV0"] }, "`hostKeyFile` of @nacre/node"],
    [
      "a host key that was not awaited",
      { hostKeys: [Promise.resolve(serverKey)] },
      "a host key is a promise; await it",
    ],
    ["an AbortController as signal", { signal: new AbortController() }, "of the AbortController"],
    ["a missing authenticate", { authenticate: undefined }, "`authenticate` is required"],
  ])("rejects %s and leaves the streams untouched", (_, changes, words) => {
    const { far } = wire();
    const duplex = new FakeDuplex();
    const options = { ...open, algorithms, ...changes };
    for (const beginning of [() => serve(far, options), () => serveWith(duplex, options)]) {
      expect(beginning).toThrow(expect.objectContaining({ code: "usage", message: expect.stringContaining(words) }));
      expect(beginning).toThrow(expect.objectContaining({ message: expect.not.stringContaining("c2VjcmV0") }));
    }
    expect(far.readable.locked || far.writable.locked).toBe(false);
    expect([duplex.handler, duplex.calls]).toEqual([undefined, []]);
  });

  it("rejects missing arguments and invalid streams", () => {
    for (const begin of [serve, serveWith] as ((...args: unknown[]) => unknown)[]) {
      expect(() => begin()).toThrow(expect.objectContaining({ code: "usage" }));
      expect(() => begin(wire().far)).toThrow(expect.objectContaining({ code: "usage" }));
      expect(() => begin({}, { ...open, algorithms })).toThrow(expect.objectContaining({ code: "usage" }));
    }
    expect(() => serveWith(wire().far as never, { ...open, algorithms })).toThrow(/webDuplex/);
    expect(() => serveWith(new FakeDuplex(), open as never)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("a limit outside its range", () => {
  it.each(impossibleLimits(PROTOCOL_LIMITS.ranges))("is rejected by connect: %s", async (_, limits) => {
    const { near } = wire();
    const signal = AbortSignal.abort();
    expect(await failure(connect(near, { ...visitor, signal, limits }))).toMatchObject({ code: "usage" });
    expect(near.readable.locked || near.writable.locked).toBe(false);
  });

  it.each(impossibleLimits(SERVER_LIMITS.ranges))("is rejected by serve: %s", (_, limits) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, limits })).toThrow(expect.objectContaining({ code: "usage" }));
    expect(far.readable.locked || far.writable.locked).toBe(false);
  });

  it.each(notIntegers({ least: 0, most: MAX_MILLISECONDS }))("is rejected by serve: loginGraceTime %s", (_, value) => {
    const loginGraceTime = value as number;
    expect(() => serve(wire().far, { ...open, loginGraceTime })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});
