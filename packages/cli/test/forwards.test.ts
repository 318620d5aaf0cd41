import { SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import type { ForwardArgument } from "../src/ssh/forward-arguments.ts";
import { startForwards, untilForwardsIdle } from "../src/ssh/forwards.ts";

type Forwarder = Parameters<typeof startForwards>[0];
type Forward = Awaited<ReturnType<Forwarder["forwardLocal"]>>;

/** Client that records calls. Its listeners get port 4000 unless they request a port; port 1 is refused. */
class FakeClient implements Forwarder {
  readonly calls: unknown[][] = [];
  onError: ((error: SshError) => void) | undefined;
  permit: ((target: { readonly host: string; readonly port: number }) => boolean) | undefined;

  readonly forwardLocal = this.#method("forwardLocal");
  readonly forwardRemote = this.#method("forwardRemote");
  readonly forwardDynamic = this.#method("forwardDynamic");
  readonly forwardRemoteDynamic = this.#method("forwardRemoteDynamic");

  #method(name: string) {
    return async (...given: unknown[]): Promise<Forward> => {
      ({ onError: this.onError, permit: this.permit } = given.at(-1) as Pick<FakeClient, "onError" | "permit">);
      this.calls.push([name, ...given.slice(0, -1)]);
      const { port } = given[0] as { readonly port: number };
      if (port === 1) throw new SshError("forward-denied", "refused");
      return { port: port || 4000 } as Forward;
    };
  }
}

const never = new AbortController().signal;

async function startAll(forwards: readonly ForwardArgument[], exitOnFailure = false, signal = never) {
  const client = new FakeClient();
  const said: string[] = [];
  const warned: string[] = [];
  const started = await startForwards(client, forwards, {
    exitOnFailure,
    say: (text) => said.push(text),
    warn: ({ message }) => warned.push(message),
    signal,
  });
  client.onError?.(new SshError("forward-unreachable", "one connection"));
  return { calls: client.calls, said, warned, started: started.length };
}

const web = { host: "web", port: 80 };
const LOCAL: ForwardArgument = { option: "-L", listen: { port: 8080 }, target: web };
const DYNAMIC: ForwardArgument = { option: "-D", listen: { port: 1080 }, target: undefined };
const remote = (port: number, target?: ForwardArgument["target"]): ForwardArgument => ({
  option: "-R",
  listen: { port },
  target,
});

describe("forwards", () => {
  test("call the client method of each option, with or without a target", async () => {
    const forwards = [LOCAL, DYNAMIC, remote(9090, web), remote(1081)];
    expect(await startAll(forwards)).toEqual({
      calls: [
        ["forwardLocal", { port: 8080 }, web],
        ["forwardDynamic", { port: 1080 }],
        ["forwardRemote", { port: 9090 }, web],
        ["forwardRemoteDynamic", { port: 1081 }],
      ],
      said: [],
      warned: ["one connection"],
      started: 4,
    });
  });

  test.each<[string[], [host: string, port: number][]]>([
    [
      ["any"],
      [
        ["a", 1],
        ["b", 2],
        ["::1", 3],
        ["c", 3],
      ],
    ],
    [["none"], []],
    [["a:1"], [["a", 1]]],
    [
      ["*:2", "a:*"],
      [
        ["a", 1],
        ["b", 2],
      ],
    ],
    [["[::1]:3"], [["::1", 3]]],
  ])("PermitRemoteOpen %j permits %j", async (permitRemoteOpen, permitted) => {
    const client = new FakeClient();
    const reports = { exitOnFailure: false, say() {}, warn() {}, signal: never };
    await startForwards(client, [remote(1080)], { ...reports, permitRemoteOpen });
    const targets: [string, number][] = [
      ["a", 1],
      ["b", 2],
      ["::1", 3],
      ["c", 3],
    ];
    const found = targets.filter(([host, port]) => client.permit!({ host, port }));
    expect(found).toEqual(permitted);
  });

  test("report an error that repeats twenty times a minute, and then how often it came", async () => {
    const client = new FakeClient();
    const said: string[] = [];
    const warned: string[] = [];
    const over = new AbortController();
    await startForwards(client, [DYNAMIC], {
      exitOnFailure: false,
      say: (text) => said.push(text),
      warn: ({ message }) => warned.push(message),
      signal: over.signal,
    });
    const half = new SshError("proxy-request-refused", "no complete proxy request within 10000 ms");
    for (let i = 0; i < 1200; i++) client.onError!(half);
    client.onError!(new SshError("forward-unreachable", "another"));
    expect(warned).toEqual([...Array.from({ length: 20 }, () => half.message), "another"]);
    over.abort();
    expect(said).toEqual(["1180 more times: no complete proxy request within 10000 ms"]);
  });

  test("print the port that the server chose, like ssh", async () => {
    const forwards = [web, { host: "2001:db8::1", port: 80 }, { path: "/run/web.sock" }, undefined].map((to) =>
      remote(0, to),
    );
    expect((await startAll(forwards)).said).toEqual([
      "Allocated port 4000 for remote forward to web:80",
      "Allocated port 4000 for remote forward to [2001:db8::1]:80",
      "Allocated port 4000 for remote forward to /run/web.sock",
      "Allocated port 4000 for remote forward to socks:0",
    ]);
  });

  test("report failures and keep the other forwards, or reject with the first failure", async () => {
    const forwards = [remote(1, web), LOCAL];
    expect(await startAll(forwards)).toMatchObject({ warned: ["refused", "one connection"], started: 1 });
    await expect(startAll(forwards, true)).rejects.toMatchObject({ code: "forward-denied" });
  });

  test("report no failure after an abort", async () => {
    const forwards = [remote(1, web), LOCAL];
    const aborted = AbortSignal.abort();
    expect(await startAll(forwards, true, aborted)).toMatchObject({ warned: ["one connection"], started: 1 });
  });

  test("are idle when none has a connection", async () => {
    const forward = { connections: 1 };
    const rest = untilForwardsIdle([{ forward: { connections: 0 } }, { forward }]);
    expect(await Promise.race([rest.then(() => "rest"), Promise.resolve("waits")])).toBe("waits");
    forward.connections = 0;
    await rest;
  });
});
