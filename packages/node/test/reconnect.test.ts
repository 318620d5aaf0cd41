import { readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fingerprint } from "@nacre/keys";
import type { SshError } from "@nacre/wire";
import { describe, expect, test, vi } from "vitest";
import { connect, type ForwardOptions, type ReconnectEvent, tcpForwarding } from "../src/index.ts";
import { answerAfterEnd, ask, connectLocally } from "./forward/support.ts";
import { Cable, connectedBy, hostKey, otherKey, pass, started, userKey, virtualTime } from "./reconnect-support.ts";
import { codeOf, serve, temporaryFolder, watchResources } from "./support.ts";

const TCP = tcpForwarding({ permitOpen: ["127.0.0.1:*"] });

test("commands go on over a new connection, and nothing runs twice", async () => {
  const runs: string[] = [];
  const { port } = await started({
    session: async ({ command, stdout }) => {
      runs.push(command!);
      if (command === "hang") await new Promise(() => {});
      stdout.write(command!);
    },
  });
  const cable = await Cable.plug(port);
  const left = await watchResources();
  const ssh = await connectedBy(cable);
  const hanging = codeOf(ssh.exec("hang"));
  await vi.waitFor(() => expect(runs).toEqual(["hang"]), 10_000);
  await cable.flicker();
  expect(await hanging).toBe("connection-lost");
  expect((await ssh.exec("echo")).stdout).toBe("echo");
  expect((await ssh.exec("again", { encoding: "latin1" })).stdout).toBe("again");
  expect(runs).toEqual(["hang", "echo", "again"]);
  await ssh.close();
  // The server may still notice that its first connection is gone.
  await vi.waitFor(async () => expect(await left()).not.toContain("Timeout"), 10_000);
});

describe.each([5, 30, 300])("the network taken away for %i s", (seconds) => {
  test("keeps local forwards", async () => {
    const target = await serve(answerAfterEnd);
    virtualTime();
    const cable = await Cable.plug((await started({ forwarding: TCP })).port);
    const ssh = await connectedBy(cable);
    const to = { host: "127.0.0.1", port: target.port };
    const local = await ssh.forwardLocal({ host: "127.0.0.1", port: 0 }, to, {});
    const dynamic = await ssh.forwardDynamic({ host: "127.0.0.1", port: 0 });
    expect(await ask(connectLocally(local), "one")).toBe("got one");
    const running = connectLocally(local);
    const broken = codeOf(text(running));
    running.write("x");
    await vi.waitFor(async () => {
      await pass(0);
      expect(target.sockets).toHaveLength(2);
    }, 10_000);
    cable.cut();
    expect(await broken).toBe("ECONNRESET");
    const tooEarly = connectLocally(local);
    const reset = codeOf(text(tooEarly));
    await pass(seconds);
    await pass(10);
    expect(await reset).toBe("ECONNRESET");
    cable.isCut = false;
    await pass(40);
    expect(await ask(connectLocally(local), "two")).toBe("got two");
    const request = Buffer.concat([
      Buffer.from("050100", "hex"),
      Buffer.from("050100017f000001", "hex"),
      Buffer.from([to.port >> 8, to.port & 255]),
    ]);
    const answer = await ask(connectLocally(dynamic), Buffer.concat([request, Buffer.from("three")]));
    expect(answer.endsWith("got three")).toBe(true);
    expect(target.sockets).toHaveLength(4);
    await ssh.close();
  });

  test("keeps remote forwards", async () => {
    const target = await serve(answerAfterEnd);
    virtualTime();
    const cable = await Cable.plug((await started({ forwarding: TCP })).port);
    const events: ReconnectEvent[] = [];
    const ssh = await connectedBy(cable, { reconnect: { onEvent: (event) => events.push(event) } });
    const to = { host: "127.0.0.1", port: target.port };
    const remote = await ssh.forwardRemote({ host: "127.0.0.1", port: 0 }, to);
    const dynamic = await ssh.forwardRemoteDynamic({ host: "127.0.0.1", port: 0 });
    expect(await ask(connectLocally(remote), "one")).toBe("got one");
    cable.cut();
    await pass(seconds);
    cable.isCut = false;
    await pass(40);
    expect(events.filter(({ type }) => type === "listening").map((event) => "port" in event && event.port)).toEqual([
      remote.port,
      dynamic.port,
    ]);
    expect(await ask(connectLocally(remote), "two")).toBe("got two");
    await ssh.close();
  });
});

/** A client with a local forward to a server of TCP. */
async function forwarding(onConnection: (socket: Socket) => void, options: ForwardOptions = {}) {
  const target = await serve(onConnection);
  const cable = await Cable.plug((await started({ forwarding: TCP })).port);
  const ssh = await connectedBy(cable);
  const to = { host: "127.0.0.1", port: target.port };
  return { target, cable, ssh, local: await ssh.forwardLocal({ host: "127.0.0.1", port: 0 }, to, options) };
}

test("a local connection waits for the next SSH connection", async () => {
  virtualTime();
  const { cable, ssh, local } = await forwarding(answerAfterEnd);
  cable.cut();
  await pass(1);
  const answer = ask(connectLocally(local), "early");
  await pass(1);
  cable.isCut = false;
  await pass(6);
  expect(await answer).toBe("got early");
  await ssh.close();
});

test("a local connection that is reset while it waits is not dialled", async () => {
  virtualTime();
  const { target, cable, ssh, local } = await forwarding(answerAfterEnd);
  cable.cut();
  await pass(1);
  const gone = connectLocally(local);
  await vi.waitFor(() => expect(local.connections).toBe(1));
  gone.resetAndDestroy();
  await vi.waitFor(() => expect(local.connections).toBe(0));
  cable.isCut = false;
  await pass(6);
  expect(await ask(connectLocally(local), "next")).toBe("got next");
  expect(target.sockets).toHaveLength(1);
  await ssh.close();
});

test("a forward reports connections that are lost, and none that end with the client", async () => {
  const errors: string[] = [];
  const onError = ({ code }: SshError): void => void errors.push(code);
  const { target, cable, ssh, local } = await forwarding(() => {}, { onError });
  const open = async (count: number): Promise<void> => {
    connectLocally(local)
      .on("error", () => {})
      .write("x");
    await vi.waitFor(() => expect(target.sockets).toHaveLength(count), 10_000);
  };
  await open(1);
  await cable.flicker();
  await open(2);
  expect(errors).toEqual(["connection-lost"]);
  await ssh.close();
  expect(local.connections).toBe(0);
  expect(errors).toEqual(["connection-lost"]);
});

describe("host keys", () => {
  test("reconnect: a new key for an unknown host · client", async () => {
    const [first, second] = await Promise.all([started(), started({ hostKeys: [otherKey] })]);
    for (const options of [{ hostKey: "accept-new" }, { hostKey: undefined, unknownHost: () => true }]) {
      const cable = await Cable.plug(first.port);
      const ssh = await connectedBy(cable, { ...options, knownHosts: "/dev/null" });
      cable.to = second.port;
      await cable.flicker();
      expect(await codeOf(ssh.exec("x"))).toBe("host-key-refused");
      expect(cable.connections).toBe(2);
    }
  });

  test("the user is not asked again about the key that was accepted", async () => {
    const { port } = await started({ session: () => {} });
    const cable = await Cable.plug(port);
    let asked = 0;
    const unknownHost = (): boolean => ++asked > 0;
    const ssh = await connectedBy(cable, { hostKey: undefined, unknownHost, knownHosts: "/dev/null" });
    await cable.flicker();
    expect((await ssh.exec("x")).status).toBe(0);
    expect(asked).toBe(1);
    await ssh.close();
  });

  test("known_hosts is read again", async () => {
    const folder = await temporaryFolder();
    const knownHosts = join(folder, "known_hosts");
    const { port } = await started({ session: () => {} });
    const cable = await Cable.plug(port);
    const ssh = await connectedBy(cable, { hostKey: "accept-new", knownHosts });
    expect(await readFile(knownHosts, "utf8")).toContain("ssh-ed25519");
    const key = Buffer.from(otherKey.publicKey.blob).toString("base64");
    await writeFile(knownHosts, `[127.0.0.1]:${cable.port} ssh-ed25519 ${key}\n`);
    cable.cut();
    cable.isCut = false;
    expect((await ssh.ended).code).toBe("host-key-changed");
  });
});

describe("`via`", () => {
  test("a jump host that is lost is connected to again", async () => {
    const target = await started({ session: ({ stdout }) => void stdout.write("here") });
    const cable = await Cable.plug((await started({ forwarding: TCP })).port);
    const pinned = fingerprint(hostKey.publicKey.blob, "sha256");
    const via = { host: "127.0.0.1", port: cable.port, user: "alice", identities: [userKey], hostKey: pinned };
    const ssh = await connectedBy({ port: target.port } as Cable, { via });
    await cable.flicker();
    expect((await ssh.exec("x")).stdout).toBe("here");
    await ssh.close();
  });

  test("a signal that aborts once connected does not count later, for jump hosts either", async () => {
    const target = await started({ session: ({ stdout }) => void stdout.write("here") });
    const cable = await Cable.plug((await started({ forwarding: TCP })).port);
    const pinned = fingerprint(hostKey.publicKey.blob, "sha256");
    const via = { host: "127.0.0.1", port: cable.port, user: "alice", identities: [userKey], hostKey: pinned };
    const over = new AbortController();
    const ssh = await connectedBy({ port: target.port } as Cable, { via, signal: over.signal });
    over.abort();
    await cable.flicker();
    expect((await ssh.exec("x")).stdout).toBe("here");
    await ssh.close();
  });

  test("a client as the first hop must have `reconnect`, too", async () => {
    const target = await started({ session: ({ stdout }) => void stdout.write("here") });
    const cable = await Cable.plug((await started({ forwarding: TCP })).port);
    const plain = await connectedBy(cable, { reconnect: false });
    expect(await codeOf(connectedBy({ port: target.port } as Cable, { via: plain }))).toBe("usage");
    const lasting = await connectedBy(cable);
    const ssh = await connectedBy({ port: target.port } as Cable, { via: lasting });
    await cable.flicker();
    expect((await ssh.exec("x")).stdout).toBe("here");
    await lasting.close();
    expect((await ssh.ended).code).toBe("closed");
  });
});

test("reconnect: delays of milliseconds · client", async () => {
  const options = { host: "127.0.0.1", port: 1, identities: [userKey], agent: false, knownHosts: [] } as const;
  expect(await codeOf(connect({ ...options, reconnect: { maxDelay: 10 } }))).toBe("usage");
});

test("needs a host that it can connect to again", async () => {
  const options = { host: "a", user: "b", identities: [userKey], agent: false, reconnect: true } as const;
  const duplex = { open() {}, write: () => true, pause() {}, resume() {}, end: async () => {}, close: async () => {} };
  expect(await codeOf(connect({ ...options, duplex }))).toBe("usage");
  expect(await codeOf(connect({ ...options, reconnect: 3 as never }))).toBe("usage");
});
