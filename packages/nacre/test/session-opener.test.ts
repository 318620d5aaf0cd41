import { openSftp, sftp } from "@nacre/files";
import { macrotask } from "@nacre/testing/macrotask";
import { failure } from "@nacre/testing/nacre/outcomes";
import { served } from "@nacre/testing/nacre/wire";
import { SshError } from "@nacre/wire";
import { webStreams } from "nacre/extend";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Channel } from "../src/mux/channel.ts";
import type { OpenHandler } from "../src/mux/mux.ts";
import { SessionOpener } from "../src/users/session/session-opener.ts";

/** A server that holds the opens of sessions until the test answers them. */
class Server {
  readonly pending: OpenHandler[] = [];
  readonly #ends: (() => void)[] = [];
  readonly sessions: SessionOpener = new SessionOpener(
    { open: (_, __, handler) => void this.pending.push(handler) },
    undefined,
  );

  /** Answers the oldest open. */
  async answer(isAllowed: boolean): Promise<void> {
    const handler = this.pending.shift();
    if (handler === undefined) throw new Error("no open");
    if (!isAllowed) handler.refused(2, "open failed");
    else {
      let end: (() => void) | undefined;
      const ended = new Promise<unknown>((resolve) => {
        end = () => resolve(undefined);
      });
      this.#ends.push(() => end?.());
      handler.opened({ ended } as unknown as Channel);
    }
    await settled();
  }

  /** Ends the session that opened first. */
  async end(): Promise<void> {
    this.#ends.shift()?.();
    await settled();
  }
}

/** Lets all promise jobs run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Opens a session; the returned list gets its outcome. */
function opened(server: Server, options: Parameters<SessionOpener["open"]>[0] = {}): unknown[] {
  const outcome: unknown[] = [];
  void failure(server.sessions.open(options)).then((value) => {
    outcome.push(value instanceof SshError ? value.code : "open");
  });
  return outcome;
}

describe("a refused session", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("fails at once if no other session is open", async () => {
    const server = new Server();
    const [first, second] = [opened(server), opened(server)];
    await server.answer(false);
    expect(first).toEqual(["channel-open-failed"]);
    await server.answer(true);
    expect(second).toEqual(["open"]);
  });

  it("fails at once with `queue: false`", async () => {
    const server = new Server();
    opened(server);
    const refused = opened(server, { queue: false });
    await server.answer(true);
    await server.answer(false);
    expect(refused).toEqual(["channel-open-failed"]);
  });

  it("waits until another session ends, then tries twice", async () => {
    const server = new Server();
    opened(server);
    opened(server);
    const third = opened(server);
    await server.answer(true);
    await server.answer(true);
    await server.answer(false);
    expect([third, server.pending.length]).toEqual([[], 0]);
    await server.end();
    await server.answer(false);
    await server.answer(false);
    expect([third, server.pending.length]).toEqual([[], 0]);
    await server.end();
    // No other session is open any more.
    await server.answer(false);
    await server.answer(false);
    expect(third).toEqual(["channel-open-failed"]);
  });

  it("is tried again at once if a session has ended, which the server may not have freed yet", async () => {
    const server = new Server();
    opened(server);
    opened(server);
    await server.answer(true);
    await server.answer(true);
    await server.end();
    const next = opened(server);
    await server.answer(false);
    expect([next, server.pending.length]).toEqual([[], 1]);
    await server.answer(true);
    expect(next).toEqual(["open"]);
  });

  it("waits in the order of the calls, and later calls wait behind it", async () => {
    const server = new Server();
    const outcomes = [opened(server), opened(server), opened(server)];
    await server.answer(true);
    await server.answer(false);
    await server.answer(false);
    outcomes.push(opened(server));
    await settled();
    expect(server.pending).toHaveLength(0);
    for (const count of [2, 3, 4]) {
      await server.end();
      expect(server.pending).toHaveLength(1);
      await server.answer(true);
      expect(outcomes.filter(([outcome]) => outcome === "open")).toHaveLength(count);
    }
  });

  it("fails after 60 seconds with the server's refusal, which names MaxSessions", async () => {
    const server = new Server();
    opened(server);
    const refused = failure(server.sessions.open({}));
    await server.answer(true);
    await server.answer(false);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(server.pending).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(2);
    await server.answer(false);
    expect(await refused).toMatchObject({
      code: "channel-open-failed",
      message: expect.stringContaining("MaxSessions"),
    });
  });

  it("is aborted by the signal while it waits", async () => {
    const server = new Server();
    const abort = new AbortController();
    opened(server);
    const refused = opened(server, { signal: abort.signal });
    const next = opened(server);
    await server.answer(true);
    await server.answer(false);
    await server.answer(false);
    abort.abort();
    await settled();
    expect(refused).toEqual(["aborted"]);
    await server.end();
    await server.answer(true);
    expect(next).toEqual(["open"]);
  });

  it("fails with all others that wait if no session is left", async () => {
    const server = new Server();
    opened(server);
    const waiting = [opened(server), opened(server), opened(server)];
    await server.answer(true);
    for (const _ of waiting) await server.answer(false);
    await server.end();
    for (const _ of [...waiting, ...waiting]) await server.answer(false);
    expect(waiting).toEqual(waiting.map(() => ["channel-open-failed"]));
  });

  it("fails with all others that wait if the connection is lost", async () => {
    const server = new Server();
    opened(server);
    const waiting = [opened(server), opened(server)];
    await server.answer(true);
    for (const _ of waiting) await server.answer(false);
    await server.end();
    server.pending.shift()?.lost(new SshError("connection-lost", "gone"));
    await settled();
    server.pending.shift()?.lost(new SshError("connection-lost", "gone"));
    await settled();
    expect(waiting).toEqual(waiting.map(() => ["connection-lost"]));
  });
});

const session = (): Promise<number> => macrotask().then(() => 0);

describe("a server that allows two sessions", () => {
  it("runs 20 commands that start at once", async () => {
    const { client } = await served({ limits: { maxSessions: 2 }, session });
    const results = await Promise.all(Array.from({ length: 20 }, () => client.exec("x")));
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 0));
    await client.close();
  });

  it("lets each kind of session wait, and ends the wait with the connection", async () => {
    const { client } = await served({ limits: { maxSessions: 1 }, session: () => new Promise(() => {}) });
    await client.spawn("first");
    const waiting = [
      client.exec("x"),
      client.spawn("x"),
      client.shell(),
      client.subsystem("x"),
      client.openChannel("session"),
      sftp(client),
      openSftp(client, webStreams),
    ].map(failure);
    for (const call of [
      () => client.exec("x", { queue: false }),
      () => client.spawn("x", { queue: false }),
      () => client.shell({ queue: false }),
      () => client.subsystem("x", { queue: false }),
      () => client.openChannel("session", undefined, { queue: false }),
      () => sftp(client, { queue: false }),
    ])
      expect(await failure(call())).toMatchObject({ code: "channel-open-failed" });
    await client.close();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: "closed" });
  });

  it("ends the wait of an aborted call", async () => {
    const { client, connection } = await served({ limits: { maxSessions: 1 }, session: () => new Promise(() => {}) });
    const first = await client.spawn("first");
    const abort = new AbortController();
    const { signal } = abort;
    const waiting = [client.exec("x", { signal }), sftp(client, { signal }), client.spawn("x", { signal })].map(
      failure,
    );
    // The server's refusals arrive before this one.
    await failure(client.exec("x", { queue: false }));
    abort.abort();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: "aborted" });
    await first.close();
    await failure(client.exec("x", { signal: AbortSignal.abort() }));
    expect(connection.sessionCount).toBe(0);
    await client.close();
  });
});
