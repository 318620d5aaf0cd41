import { settle } from "@nacre/testing/nacre/network";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import type { PeerOpen, Session } from "nacre";
import { describe, expect, test, vi } from "vitest";
import { connected, pass, virtualTime } from "./support.ts";

const LOST = code("connection-lost");

/** Commands that a server has started. `hang` never ends. */
function server(): { readonly runs: string[]; readonly session: (session: Session) => Promise<number> } {
  const runs: string[] = [];
  const session = async ({ command, stdout }: Session): Promise<number> => {
    runs.push(command ?? "shell");
    if (command === undefined || command.startsWith("hang")) return new Promise<never>(() => {});
    const writer = stdout.getWriter();
    await writer.write(command);
    await writer.close();
    return 0;
  };
  return { runs, session };
}

describe.each([5, 30, 300])("the network taken away for %i s", (seconds) => {
  test("fails a command once, runs nothing twice, and serves the next", async () => {
    virtualTime();
    const { runs, session } = server();
    const { client, network, events } = await connected({ session });
    const outcomes: unknown[] = [];
    void failure(client.exec("hang")).then((outcome) => outcomes.push(outcome));
    await pass(1);
    expect(runs).toEqual(["hang"]);
    network.cut();
    await pass(0);
    expect(outcomes).toEqual([LOST]);
    await pass(seconds);
    network.state = "up";
    await pass(40);
    expect((await client.exec("echo")).stdout).toBe("echo");
    expect(runs).toEqual(["hang", "echo"]);
    expect(outcomes).toHaveLength(1);
    expect(events.filter(({ type }) => type !== "retry").map(({ type }) => type)).toEqual(["lost", "connected"]);
  });

  test("fails a shell once, which does not come back", async () => {
    virtualTime();
    const { runs, session } = server();
    const { client, network } = await connected({ session, acceptPty: true });
    const shell = await client.shell();
    const exit = failure(shell.exit);
    network.cut();
    await pass(0);
    expect(await exit).toEqual(LOST);
    await pass(seconds);
    network.state = "up";
    await pass(40);
    expect(client.info.peerVersion).toContain("Nacre");
    expect(runs).toEqual(["shell"]);
  });
});

test("a call made meanwhile waits for 30 s", async () => {
  virtualTime();
  const { session } = server();
  const { client, network } = await connected({ session }, { maxDelay: 10_000 });
  network.cut();
  await pass(1);
  const early = failure(client.exec("early"));
  await pass(20);
  const late = client.exec("late");
  await pass(10);
  expect(await early).toEqual(LOST);
  network.state = "up";
  await pass(19);
  expect((await late).stdout).toBe("late");
});

test("a signal ends the wait of a call sooner", async () => {
  virtualTime();
  const { client, network } = await connected();
  network.cut();
  await pass(1);
  const over = new AbortController();
  const outcome = failure(client.exec("x", { signal: over.signal }));
  await settle();
  over.abort();
  expect(await outcome).toEqual(code("aborted"));
});

test("reconnect: waiting calls · client", async () => {
  virtualTime();
  const { client, network } = await connected();
  network.cut();
  await pass(0);
  const outcomes: unknown[] = [];
  for (let i = 0; i < 300; i++) void failure(client.dial({ host: "a", port: 1 })).then((error) => outcomes.push(error));
  await settle();
  expect(outcomes).toHaveLength(300 - 256);
  expect(outcomes).toEqual(outcomes.map(() => LOST));
});

test("delays are 0, then double up to `maxDelay`, 20 % shorter to 20 % longer", async () => {
  virtualTime();
  const { network, events } = await connected({}, { maxDelay: 10_000 });
  network.cut();
  await pass(60);
  const delays = events.flatMap((event) => (event.type === "retry" ? [event.delay] : []));
  for (const [index, expected] of [0, 1000, 2000, 4000, 8000, 10_000, 10_000].entries()) {
    expect(delays[index]).toBeGreaterThanOrEqual(expected * 0.8);
    expect(delays[index]).toBeLessThanOrEqual(expected * 1.2);
  }
});

test("delays begin with 0 again after a connection has stood for a minute", async () => {
  virtualTime();
  const { network, events } = await connected();
  const lose = async (): Promise<void> => {
    network.cut();
    await pass(2);
    network.state = "up";
    await pass(10);
  };
  await lose();
  await lose();
  const last = (): number =>
    events.findLast((event) => event.type === "lost" || (event.type === "retry" && event.attempt === 1)) as never;
  expect(last()).not.toEqual(expect.objectContaining({ delay: 0 }));
  await pass(60);
  await lose();
  expect(last()).toEqual(expect.objectContaining({ type: "retry", attempt: 1, delay: 0 }));
});

test("reconnect: a server that drops at once · client", async () => {
  virtualTime();
  const { client, network } = await connected();
  network.serve = (far) => void far.close();
  network.cut();
  network.state = "up";
  await pass(600);
  // Delays of 31 s in all, then one every 30 s.
  expect(network.attempts).toBeLessThan(35);
  expect(network.attempts).toBeGreaterThan(20);
  expect(network.unclosed).toBe(0);
  await client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("reconnect: a server that drops after the login · client", async () => {
  virtualTime();
  const { client, network } = await connected();
  network.cut();
  network.state = "up";
  const serve = network.serve;
  network.serve = (far) => {
    serve(far);
    setTimeout(() => void far.close(), 1000);
  };
  await pass(600);
  expect(network.attempts).toBeLessThan(35);
  expect(network.unclosed).toBeLessThan(2);
  const closing = client.close();
  await pass(3);
  await closing;
  expect(network.unclosed).toBe(0);
});

test("reconnect: another host key · client", async () => {
  virtualTime();
  let isKnown = true;
  const { client, network, events } = await connected({}, {}, { hostKey: () => isKnown });
  isKnown = false;
  network.cut();
  network.state = "up";
  await pass(120);
  expect(network.attempts).toBe(2);
  expect(await client.ended).toEqual(code("host-key-refused"));
  expect(events.map(({ type }) => type)).toEqual(["lost", "retry"]);
  expect(await failure(client.exec("x"))).toEqual(code("host-key-refused"));
  expect(vi.getTimerCount()).toBe(0);
});

test("reconnect: a banner that never comes · client", async () => {
  virtualTime();
  const { client, network } = await connected();
  network.cut();
  network.state = "up";
  network.serve = () => {};
  await pass(600);
  expect(network.attempts).toBeLessThan(15);
  expect(network.attempts).toBeGreaterThan(5);
  expect(network.unclosed).toBeLessThanOrEqual(1);
  await client.close();
  expect(network.unclosed).toBe(0);
  await settle();
  expect(vi.getTimerCount()).toBe(0);
});

test("a dead peer is found within 60 s", async () => {
  virtualTime();
  const { session } = server();
  const { client, network } = await connected({ session });
  const outcome = failure(client.exec("hang"));
  await pass(1);
  network.state = "silent";
  await pass(61);
  expect(await outcome).toEqual(expect.objectContaining({ code: "connection-lost", cause: code("keepalive-timeout") }));
});

test("a dead peer is found within 5 s after the machine slept", async () => {
  virtualTime();
  const { network, events } = await connected();
  vi.setSystemTime(Date.now() + 300_000);
  await pass(16);
  expect(events).toEqual([]);
  network.state = "silent";
  vi.setSystemTime(Date.now() + 300_000);
  await pass(16);
  expect(events[0]).toEqual({ type: "lost", error: code("keepalive-timeout") });
});

test("`giveUpAfter` ends the client", async () => {
  virtualTime();
  const { client, network } = await connected({}, { giveUpAfter: 20_000 });
  network.cut();
  await pass(19);
  const waiting = failure(client.exec("x"));
  await pass(2);
  expect(await client.ended).toEqual(LOST);
  expect(await waiting).toEqual(LOST);
  expect(network.attempts).toBeLessThan(8);
  expect(vi.getTimerCount()).toBe(0);
});

test("the client's signal ends it while it has no connection", async () => {
  virtualTime();
  const over = new AbortController();
  const { client, network } = await connected({}, {}, { signal: over.signal });
  network.cut();
  await pass(10);
  over.abort();
  expect(await client.ended).toEqual(code("aborted"));
  expect(vi.getTimerCount()).toBe(0);
});

test("a connection that is lost before the client uses it is a failed attempt, and calls wait on", async () => {
  virtualTime();
  const { session } = server();
  let logins = 0;
  const { client, network, events } = await connected({ session }, {}, {}, async ({ driver }, network) => {
    if (logins++ > 0) return;
    network.cut();
    await driver.ended;
    network.state = "up";
  });
  network.cut();
  network.state = "up";
  const echo = client.exec("echo");
  await pass(10);
  expect((await echo).stdout).toBe("echo");
  expect(events.map(({ type }) => type)).toEqual(["lost", "retry", "retry", "connected"]);
  await client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("a signal that aborts while the client is connected does not end it later", async () => {
  virtualTime();
  const over = new AbortController();
  const { session } = server();
  const { client, network } = await connected({ session }, {}, { signal: over.signal });
  over.abort();
  network.cut();
  await pass(10);
  network.state = "up";
  await pass(20);
  expect((await client.exec("echo")).stdout).toBe("echo");
  await client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("`close` ends the client at any time", async () => {
  virtualTime();
  for (const seconds of [0, 0.5, 10]) {
    const { client, network } = await connected();
    network.cut();
    await pass(seconds);
    const waiting = failure(client.exec("x"));
    await client.close();
    expect(await client.ended).toEqual(code("closed"));
    expect(await waiting).toEqual(code("closed"));
    expect(vi.getTimerCount()).toBe(0);
  }
});

test("`end` ends the client at any time, and no attempt follows", async () => {
  virtualTime();
  for (const seconds of [undefined, 0, 0.5, 10]) {
    const { client, network } = await connected();
    if (seconds !== undefined) network.cut();
    await pass(seconds ?? 0);
    const { attempts } = network;
    await client.end();
    expect(await client.ended).toEqual(code("closed"));
    expect(await failure(client.exec("x"))).toEqual(code("closed"));
    await pass(60);
    expect([seconds, network.attempts, network.unclosed]).toEqual([seconds, attempts, 0]);
    expect(vi.getTimerCount()).toBe(0);
  }
});

test("handlers that a client was given stay on each later connection, also those given without one", async () => {
  virtualTime();
  const { client, network } = await connected();
  const said: string[] = [];
  const refuse = (open: PeerOpen): void => {
    said.push(open.channelType);
    open.reject(1, "no");
  };
  client.accept("one@example.org", refuse);
  client.onGlobalRequest("four@example.org", () => {});
  network.cut();
  await pass(1);
  client.accept("two@example.org", refuse);
  expect(() => client.accept("one@example.org", refuse)).toThrow(code("usage"));
  network.state = "up";
  await pass(40);
  const last = network.served.at(-1)!;
  for (const type of ["one@example.org", "two@example.org", "three@example.org"])
    expect(await failure(last.openChannel(type))).toEqual(code("channel-open-failed"));
  expect(said).toEqual(["one@example.org", "two@example.org"]);
  // The new connection has this handler, too.
  expect(() => client.onGlobalRequest("four@example.org", () => {})).toThrow(code("usage"));
});

test("`close` after `end` does not wait for a silent server", async () => {
  virtualTime();
  const { client, network } = await connected();
  network.state = "silent";
  const ending = client.end();
  // No time passes.
  await client.close();
  await ending;
  expect(await client.ended).toEqual(code("closed"));
  expect(network.unclosed).toBe(0);
});

test("a later connection to a server that may be false goes on without handlers", async () => {
  virtualTime();
  let isKnown = true;
  const { client, network } = await connected({ session: () => 0 }, {}, { hostKey: () => isKnown || "restricted" });
  client.accept("one@example.org", (open) => void open.accept());
  client.onGlobalRequest("two@example.org", (request) => request.reply(true));
  isKnown = false;
  network.cut();
  network.state = "up";
  await pass(40);
  expect((await client.exec("x")).status).toBe(0);
  expect(await failure(network.served.at(-1)!.openChannel("one@example.org"))).toEqual(code("channel-open-failed"));
  expect(() => client.accept("three@example.org", () => {})).toThrow(code("host-key-changed"));
  await client.close();
  expect(network.unclosed).toBe(0);
});

test("a server's goodbye loses the connection", async () => {
  virtualTime();
  const { session } = server();
  const { client, network, events } = await connected({ session });
  const outcome = failure(client.exec("hang"));
  await pass(1);
  const closing = network.served[0]!.close();
  await pass(3);
  await closing;
  expect(await outcome).toEqual(LOST);
  expect(events.map(({ type }) => type)).toEqual(["lost", "retry", "connected"]);
  expect((events[0] as { error: SshError }).error.reasonCode).toBe(11);
});

describe("`retry` of `exec`", () => {
  test("runs the command again if no exit status came", async () => {
    virtualTime();
    const { runs, session } = server();
    let isFirst = true;
    const { client, network } = await connected({
      session: (one: Session) => {
        if (!isFirst) return session(one);
        isFirst = false;
        runs.push("first");
        return new Promise<never>(() => {});
      },
    });
    const result = client.exec("make", { retry: true });
    await pass(1);
    network.cut();
    await pass(100);
    expect(runs).toEqual(["first"]);
    network.state = "up";
    await pass(40);
    expect((await result).stdout).toBe("make");
    expect(runs).toEqual(["first", "make"]);
  });

  test("reconnect: a command runs twice · client", async () => {
    virtualTime();
    const { runs, session } = server();
    const { client, network } = await connected({ session });
    const outcome = failure(client.exec("hang"));
    await pass(1);
    network.cut();
    network.state = "up";
    await pass(40);
    expect(await outcome).toEqual(LOST);
    expect(runs).toEqual(["hang"]);
  });

  test("is refused for a client without `reconnect`", async () => {
    const { served } = await import("@nacre/testing/nacre/wire");
    const { client } = await served();
    expect(await failure(client.exec("x", { retry: true }))).toEqual(code("usage"));
    await client.close();
  });
});
