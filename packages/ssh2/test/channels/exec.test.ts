import { uncaught } from "@nacre/testing/nacre/outcomes";
import { exitSignal, exitStatus, ptyRequest } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import type { Channel } from "../../src/channel/channel.ts";
import { exec, shell, subsys } from "../../src/client/sessions.ts";
import { Log, Script, server, told, turn } from "./support.ts";

const status = (code: number): Uint8Array => exitStatus.encode({ exitStatus: code });

/** Runs a command, and records its callback and the events of its channel. */
function run(script: Script, log: Log, options: Parameters<typeof exec>[2] = {}): void {
  exec(script.client, "true", options, (error, channel) => {
    log.add("exec", told(error));
    if (error === undefined) watch(log, channel);
  });
}

function watch(log: Log, channel: Channel): void {
  log.watch("channel", channel, "data", "end", "finish", "exit", "close", "error");
  log.watch("stderr", channel.stderr, "data", "end", "close");
}

describe("a command", () => {
  it("calls back before any event of its channel when all arrives in one packet", async () => {
    const script = await Script.begin();
    const log = new Log();
    run(script, log);
    await script.receive(server.confirm(0));
    await script.receive(
      server.success(0),
      server.data(0, "out"),
      server.errors(0, "err"),
      server.request(0, "exit-status", status(3)),
      server.eof(0),
      server.close(0),
    );
    expect(log.events).toEqual([
      ["exec", undefined],
      ["channel exit", 3],
      ["channel data", "out"],
      ["stderr data", "err"],
      ["channel finish"],
      ["channel end"],
      ["channel close", 3],
      ["stderr end"],
      ["stderr close"],
    ]);
  });

  it("calls back before what arrives with the confirmation", async () => {
    const script = await Script.begin();
    const log = new Log();
    exec(script.client, "true", {}, (error, channel) => {
      log.add("exec", told(error));
      channel.on("data", (data: Buffer) => log.add("data", data.toString()));
    });
    await script.receive(server.confirm(0), server.data(0, "early"));
    await script.receive(server.success(0));
    expect(log.events).toEqual([
      ["exec", undefined],
      ["data", "early"],
    ]);
  });

  it("is closed even if a listener of its end throws", async () => {
    const script = await Script.begin();
    const log = new Log();
    const thrown = uncaught();
    exec(script.client, "true", {}, (_error, channel) => {
      channel.on("end", () => {
        throw new Error("in end");
      });
      watch(log, channel);
    });
    await script.receive(server.confirm(0));
    await script.receive(server.success(0), server.data(0, "out"), server.close(0));
    expect(thrown).toEqual([new Error("in end")]);
    expect(log.names.filter((name) => name === "channel close")).toHaveLength(1);
  });

  it("reports a signal with all of its values", async () => {
    const script = await Script.begin();
    const log = new Log();
    run(script, log);
    await script.receive(server.confirm(0));
    const data = exitSignal.encode({ signalName: "KILL", coreDumped: true, errorMessage: "bye", languageTag: "" });
    await script.receive(server.success(0), server.request(0, "exit-signal", data), server.close(0));
    expect(log.events).toContainEqual(["channel exit", null, "SIGKILL", true, "bye"]);
    expect(log.events).toContainEqual(["channel close", null, "SIGKILL", true, "bye"]);
  });

  it("reports only the first exit, and refuses other requests", async () => {
    const script = await Script.begin();
    const log = new Log();
    run(script, log);
    await script.receive(server.confirm(0));
    await script.receive(
      server.success(0),
      server.request(0, "exit-status", status(1)),
      server.request(0, "exit-status", status(2)),
    );
    expect(log.names.filter((name) => name === "channel exit")).toHaveLength(1);
    await script.sent();
    await script.receive(server.request(0, "unknown@example.org", new Uint8Array(0), true));
    expect(await script.sent()).toEqual([{ message: "100" }]);
  });

  it.each([
    ["is refused", [server.failure(0)], "Unable to exec"],
    ["is cut off by CLOSE", [server.close(0)], "Unable to exec"],
  ])("fails if its request %s", async (_, answer, text) => {
    const script = await Script.begin();
    const log = new Log();
    run(script, log);
    await script.receive(server.confirm(0));
    await script.sent();
    await script.receive(...answer);
    expect(log.events).toEqual([["exec", text]]);
    expect(await script.sent()).toContainEqual({ message: "close", recipientChannel: 1000 });
  });

  it("fails with the server's words if the channel is refused", async () => {
    const script = await Script.begin();
    let failure: unknown;
    exec(script.client, "true", {}, (error) => (failure = error));
    await script.receive(server.refuse(0, "no \u001b[0m"));
    expect(failure).toMatchObject({ message: "(SSH) Channel open failure: no \u001b[0m", reason: 2 });
  });

  it.each([
    ["the open is pending", [], "No response from server"],
    ["the request is pending", [server.confirm(0)], "Unable to exec"],
  ])('fails once, after "close", if the connection is lost while %s', async (_, before, text) => {
    const script = await Script.begin();
    const log = new Log();
    script.client.on("close", () => log.add("close"));
    run(script, log);
    await turn();
    if (before.length > 0) await script.receive(...before);
    await script.lose();
    expect(log.events).toEqual([["close"], ["exec", text]]);
    expect(script.client.listenerCount("close")).toBe(1);
  });

  it('ends its channel after the client\'s "close" if the connection is lost', async () => {
    const script = await Script.begin();
    const log = new Log();
    script.client.on("close", () => log.add("close"));
    run(script, log);
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.lose();
    expect(log.names).toEqual(["exec", "close", "channel end", "channel close", "stderr end", "stderr close"]);
  });

  it("receives the exit after it has closed the channel itself", async () => {
    const script = await Script.begin();
    const log = new Log();
    exec(script.client, "cat", {}, (_error, channel) => {
      watch(log, channel);
      channel.end();
    });
    await script.receive(server.confirm(0));
    await script.receive(server.success(0), server.eof(0));
    expect((await script.sent()).map(({ message }) => message)).toEqual(["open", "request", "eof", "close"]);
    await script.receive(server.request(0, "exit-status", status(5)), server.close(0));
    expect(log.events).toContainEqual(["channel exit", 5]);
    expect(log.events).toContainEqual(["channel close", 5]);
  });
});

describe("requests of a session", () => {
  it("go out one by one: env, agent, terminal, X11, command", async () => {
    const script = await Script.begin();
    script.client._agent = {};
    const options = { env: { A: "1", B: Buffer.of(255) }, pty: true, x11: true, agentForward: true };
    const log = new Log();
    run(script, log, options);
    const types: unknown[] = [];
    const note = async (): Promise<void> => {
      for (const { message, requestType, wantReply } of await script.sent())
        if (message === "request") types.push(`${String(requestType)} ${wantReply ? "?" : "!"}`);
    };
    await script.receive(server.confirm(0));
    for (let i = 0; i < 4; i++) {
      await note();
      await script.receive(server.success(0));
    }
    expect(types).toEqual(["env !", "env !", "auth-agent-req@openssh.com ?", "pty-req ?", "x11-req ?", "exec ?"]);
    expect(log.events).toEqual([["exec", undefined]]);
  });

  it("stop at the first that is refused, and close the channel", async () => {
    const script = await Script.begin();
    const log = new Log();
    run(script, log, { pty: true });
    await script.receive(server.confirm(0));
    await script.sent();
    await script.receive(server.failure(0));
    expect(log.events).toEqual([["exec", "Unable to request a pseudo-terminal"]]);
    expect(await script.sent()).toEqual([{ message: "close", recipientChannel: 1000 }]);
  });

  it("that are too long fail with their length, and close the channel", async () => {
    const script = await Script.begin();
    const log = new Log();
    const long = "x".repeat(300_000);
    exec(script.client, "true", { env: { LONG: long } }, (error) => log.add("env", told(error)));
    await script.receive(server.confirm(0));
    exec(script.client, long, {}, (error) => log.add("exec", told(error)));
    await script.receive(server.confirm(1));
    expect(log.events).toEqual([
      ["env", 'the request "env" is too long: its message has 300025 bytes, but the maximum is 261888'],
      ["exec", "the command is too long: its message has 300018 bytes, but the maximum is 261888"],
    ]);
    expect((await script.sent()).filter(({ message }) => message === "close")).toHaveLength(2);
  });

  it("describe the terminal", async () => {
    const script = await Script.begin();
    const modes = { ECHO: 0, VINTR: 3, nonsense: 1, ISIG: "x" as unknown as number };
    shell(script.client, { rows: 2, cols: 3, width: 4, height: 5, term: "xterm", modes }, () => {});
    await script.receive(server.confirm(0));
    const [, sent] = await script.sent();
    expect(ptyRequest.decode(sent?.["data"] as Uint8Array)).toEqual({
      term: "xterm",
      columns: 3,
      rows: 2,
      widthPixels: 4,
      heightPixels: 5,
      modes: new Uint8Array([53, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0]),
    });
  });

  it("of a shell have a terminal unless it is false", async () => {
    const script = await Script.begin();
    const types = async (): Promise<unknown[]> =>
      (await script.sent()).map(({ requestType }) => requestType).filter(Boolean);
    shell(script.client, false, () => {});
    await script.receive(server.confirm(0));
    expect(await types()).toEqual(["shell"]);
    shell(script.client, { env: { A: "1" } }, () => {});
    await script.receive(server.confirm(1));
    expect(await types()).toEqual(["env", "pty-req"]);
  });

  it("name the subsystem that cannot be started", async () => {
    const script = await Script.begin();
    const log = new Log();
    subsys(script.client, "netconf", (error) => log.add(told(error)));
    await script.receive(server.confirm(0));
    await script.receive(server.failure(0));
    expect(log.events).toEqual([["Unable to start subsystem: netconf"]]);
  });

  it("throw for arguments of a wrong type, and send nothing", async () => {
    const script = await Script.begin();
    expect(() => exec(script.client, 5 as never, {}, () => {})).toThrow(TypeError);
    expect(() => exec(script.client, "a", { env: { A: 1 } }, () => {})).toThrow(TypeError);
    expect(() => exec(script.client, "a", {})).toThrow(TypeError);
    expect(() => subsys(script.client, undefined as never, () => {})).toThrow(TypeError);
    expect(await script.sent()).toEqual([]);
  });

  it("need a connection", async () => {
    const script = await Script.begin();
    script.client._sock?.destroy();
    expect(() => exec(script.client, "a", {}, () => {})).toThrow("Not connected");
  });
});
