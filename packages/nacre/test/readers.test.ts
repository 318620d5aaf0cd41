import { connected, type StreamServer } from "@nacre/testing/nacre/host";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { requestsOf } from "@nacre/testing/protocol/requests";
import { signalRequest } from "@nacre/wire";
import { describe, expect, it, vi } from "vitest";

// Commands whose output is read no further, and commands that are aborted, as a server sees them.

const onExec = (): void => {};

/** Requests on the first channel, and its end, as the server received them after the command. */
function told({ server }: StreamServer): readonly string[] {
  return server.events.flatMap((event) => {
    if (event.type === "channel-request" && event.requestType === "signal")
      return [signalRequest.decode(event.data).signalName];
    if (event.type === "channel-request")
      return ["exec", "pty-req"].includes(event.requestType) ? [] : [event.requestType];
    return event.type === "channel-closed" ? ["closed"] : [];
  });
}

describe("a reader of a command's output that goes away", () => {
  it("is reported to OpenSSH, and the command ends with its own status", async () => {
    const { client, host } = await connected({ softwareVersion: "OpenSSH_10.0", onExec });
    const running = await client.spawn("seq");
    await running.stdout.cancel();
    await vi.waitUntil(() => told(host).length > 0, { timeout: 10_000 });
    expect(told(host)).toEqual(["eow@openssh.com"]);
    const { connection } = host.server;
    connection.write(0, new Uint8Array(1000));
    connection.request(0, "exit-status", Uint8Array.of(0, 0, 0, 5), { wantReply: false });
    connection.close(0);
    await host.flush();
    expect((await running.exit).status).toBe(5);
    await client.close();
  });

  it.each([
    ["at another server", "TestServer", false],
    ["on a terminal", "OpenSSH_10.0", true],
  ])("closes the channel %s, and `exit` rejects", async (_, softwareVersion, pty) => {
    const { client, host } = await connected({ softwareVersion, onExec });
    const running = await client.spawn("yes", { pty });
    await running.stdout.cancel();
    expect(await failure(running.exit)).toEqual(code("closed"));
    expect(told(host)).toEqual(["closed"]);
    await client.close();
  });

  it("is not reported if the output had ended", async () => {
    const { client, host } = await connected({
      onExec(connection, channel) {
        connection.write(channel, Uint8Array.of(1));
        connection.sendEof(channel);
      },
    });
    const running = await client.spawn("true");
    await vi.waitUntil(() => requestsOf(host.server.events, "exec").length > 0, { timeout: 10_000 });
    await running.stdout.cancel();
    await running.close();
    expect(told(host)).toEqual(["closed"]);
    expect(await failure(running.exit)).toMatchObject({
      message: expect.stringContaining("was closed before its end"),
    });
    await client.close();
  });

  it("is not reported if it read only the error output", async () => {
    const { client, host } = await connected({ onExec });
    const running = await client.spawn("yes");
    await running.stderr.cancel();
    await running.close();
    expect(told(host)).toEqual(["closed"]);
    await client.close();
  });
});

describe("an aborted command", () => {
  it.each([
    ["TERM", {}],
    ["KILL", { killSignal: "SIGKILL" }],
  ])("gets %s before its channel closes", async (signalName, options) => {
    const { client, host } = await connected({ onExec });
    const abort = new AbortController();
    const { exit } = await client.spawn("sleep", { signal: abort.signal, ...options });
    const executed = failure(client.exec("sleep", { signal: abort.signal, ...options }));
    await vi.waitUntil(() => requestsOf(host.server.events, "exec").length === 2, { timeout: 10_000 });
    abort.abort();
    expect(await failure(exit)).toEqual(code("aborted"));
    expect(await executed).toEqual(code("aborted"));
    await vi.waitUntil(() => told(host).length === 4, { timeout: 10_000 });
    expect(told(host)).toEqual([signalName, "closed", signalName, "closed"]);
    await client.close();
  });

  it("that a signal ends while its channel opens does not start", async () => {
    const { client, host } = await connected({ onExec }, { earlyChannel: false });
    const abort = new AbortController();
    const running = failure(client.exec("touch", { signal: abort.signal }));
    abort.abort();
    expect(await running).toEqual(code("aborted"));
    await vi.waitUntil(() => told(host).includes("closed"), { timeout: 10_000 });
    expect(requestsOf(host.server.events, "exec")).toEqual([]);
    await client.close();
  });

  it("with an invalid `killSignal` opens no channel", async () => {
    const { client, host } = await connected({ onExec });
    expect(await failure(client.exec("x", { killSignal: "nine" }))).toEqual(code("usage"));
    expect(requestsOf(host.server.events, "exec")).toEqual([]);
    await client.close();
  });
});
