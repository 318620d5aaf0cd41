import { failure } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import { connect, type ExecOptions, type Session, serve } from "nacre";
import { connect as connectWith, serve as serveWith, webDuplex } from "nacre/core";
import { describe, expect, it } from "vitest";

const usage = (words: string): object =>
  expect.objectContaining({ code: "usage", message: expect.stringContaining(words) });

/** Options with any names, as a JavaScript program can pass them. */
const given = (options: object): ExecOptions => options;

const nothing = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, undefined]));

describe("an unknown option name", () => {
  it.each([
    ["passwd", "`passwd` is not an option of `connect`; did you mean `password`?"],
    ["pasword", "did you mean `password`?"],
    ["hostkey", "did you mean `hostKey`?"],
    ["username", "did you mean `user`?"],
    ["privateKey", "did you mean `identities`?"],
    ["hostVerifier", "did you mean `hostKey`?"],
    ["readyTimeout", "did you mean `signal`?"],
    ["keepaliveInterval", "did you mean `limits.keepaliveInterval`?"],
    ["compress", "is not an option of `connect`; its options are user, hostKey, identities"],
    ["constructor", "`constructor` is not an option of `connect`; its options are"],
    ["x\u001b[2J", "`x\\x1b[2J` is not an option"],
    ["n".repeat(50_000), "`nnnnnnnnnn"],
  ])("is rejected by connect, which leaves the streams untouched: %s", async (name, words) => {
    for (const takes of ["streams", "a byte connection"]) {
      const { near } = wire();
      const options = { ...visitor, algorithms, [name]: "c2VjcmV0" };
      const error = await failure(takes === "streams" ? connect(near, options) : connectWith(webDuplex(near), options));
      expect(error).toEqual(usage(words));
      expect((error as Error).message).not.toContain("c2VjcmV0");
      expect((error as Error).message.length).toBeLessThan(400);
      expect(near.readable.locked || near.writable.locked).toBe(false);
    }
  });

  it("is rejected by connect, which closes a byte connection other than a pair of streams", async () => {
    let closed = 0;
    const duplex = {
      open() {},
      write: () => true,
      pause() {},
      resume() {},
      end: async () => {},
      close: async () => void closed++,
    };
    const options = { ...visitor, algorithms, passwd: "x" };
    expect(await failure(connect(duplex, options))).toEqual(usage("`password`"));
    expect(closed).toBe(1);
    expect(await failure(connectWith(duplex, options))).toEqual(usage("`password`"));
    expect(closed).toBe(2);
  });

  it.each([
    ["authentication", "is not an option of `serve`; did you mean `authenticate`?"],
    ["hostKey", "did you mean `hostKeys`?"],
    ["privateKey", "did you mean `hostKeys`?"],
    ["acceptPTY", "did you mean `acceptPty`?"],
  ])("is rejected by serve, which leaves the streams untouched: %s", (name, words) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, algorithms, [name]: 1 })).toThrow(usage(words));
    expect(far.readable.locked || far.writable.locked).toBe(false);
    expect(() => serveWith(webDuplex(far), { ...open, algorithms, [name]: 1 })).toThrow(usage(words));
  });

  it("is rejected in the limits of a client and of a server", async () => {
    const mistaken = { keepAliveIntervall: 1000 } as object;
    const words = "is not an option of `limits`; did you mean `keepaliveInterval`?";
    expect(await failure(connect(wire().near, { ...visitor, limits: mistaken }))).toEqual(usage(words));
    expect(() => serve(wire().far, { ...open, limits: mistaken })).toThrow(usage(words));
    expect(() => serve(wire().far, { ...open, limits: { maxSession: 1 } as object })).toThrow(usage("maxSessions"));
  });

  it("is rejected when starting a command, and opens no channel", async () => {
    const { client, connection } = await served({ session: () => 0 });
    expect(await failure(client.exec("x", given({ timeout: 5 })))).toEqual(
      usage("option of `exec`; did you mean `signal`?"),
    );
    expect(await failure(client.exec("x", given({ stdin: "" })))).toEqual(usage("`input`"));
    expect(await failure(client.spawn("x", given({ input: "" })))).toEqual(
      usage("of `spawn`; its options are env, envMode, pty, requests, signal"),
    );
    expect(await failure(client.shell(given({ environment: {} })))).toEqual(usage("of `shell`; did you mean `env`?"));
    expect(await failure(client.subsystem("x", given({ envs: {} })))).toEqual(
      usage("of `subsystem`; did you mean `env`?"),
    );
    expect(await failure(client.shell(given({ pty: { cols: 80 } })))).toEqual(
      usage("of `pty`; did you mean `columns`?"),
    );
    for (const wrong of ["utf8", null, 7])
      expect(await failure(client.exec("x", wrong as never))).toEqual(usage("an object"));
    expect(connection.sessionCount).toBeLessThanOrEqual(1);
    expect(await client.exec("x")).toMatchObject({ status: 0 });
    await client.close();
  });
});

describe("an option set to undefined", () => {
  it("counts as missing, on both sides and in every method that starts a command", async () => {
    const client = nothing([
      "password",
      "changePassword",
      "prompts",
      "banner",
      "events",
      "algorithms",
      "limits",
      "nextLogin",
      "minRsaBits",
      "softwareVersion",
      "requireStrictKex",
      "signal",
      "earlyChannel",
      "trace",
      "keyLog",
      "random",
    ]);
    const server = nothing([
      "methods",
      "banner",
      "subsystems",
      "acceptEnv",
      "loginGraceTime",
      "algorithms",
      "userKeys",
      "authorityAlgorithms",
      "limits",
      "greeting",
      "minRsaBits",
      "softwareVersion",
      "requireStrictKex",
      "remoteAddress",
      "signal",
      "log",
      "trace",
      "keyLog",
      "random",
    ]);
    const ptys: boolean[] = [];
    const session = (session: Session): number => ptys.push(session.pty !== undefined);
    const { client: ssh } = await served({ ...server, session, acceptPty: true }, client);
    const started = nothing(["env", "pty", "signal", "killSignal", "input", "maxOutput"]);
    expect(await ssh.exec("x", { ...started, encoding: undefined })).toMatchObject({ status: 1, stdout: "" });
    expect(await (await ssh.shell({ env: undefined, pty: undefined, signal: undefined })).exit).toMatchObject({
      status: 2,
    });
    expect(ptys).toEqual([false, true]);
    await ssh.close();
  });
});
