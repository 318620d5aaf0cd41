import { uncaught } from "@nacre/testing/nacre/outcomes";
import { exitStatus } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import type { Channel } from "../../src/channel/channel.ts";
import { channelsOf } from "../../src/channel/private.ts";
import * as forwards from "../../src/client/forwards.ts";
import { noMoreSessions } from "../../src/client/global-requests.ts";
import { exec, shell, subsys } from "../../src/client/sessions.ts";
import { sftp } from "../../src/client/sftp.ts";
import { Log, Script, server, told, turn } from "./support.ts";

/** SSH_FXP_VERSION 3. */
const VERSION = Uint8Array.of(0, 0, 0, 5, 2, 0, 0, 0, 3);

type Callback = (error?: Error, result?: unknown) => void;

/** A method, and what a server sends until it has done its part. */
interface Method {
  readonly name: string;
  readonly call: (script: Script, callback: Callback) => void;
  readonly messages: readonly (() => Uint8Array)[];
  /** Whether the callback gets a channel. */
  readonly opens: boolean;
}

const METHODS: readonly Method[] = [
  {
    name: "exec",
    call: ({ client }, callback) => exec(client, "a", { pty: true, env: { A: "b" } }, callback),
    messages: [
      () => server.confirm(0),
      () => server.success(0),
      () => server.success(0),
      () => server.data(0, "out"),
      () => server.errors(0, "err"),
      () => server.eof(0),
      () => server.request(0, "exit-status", exitStatus.encode({ exitStatus: 0 })),
      () => server.close(0),
    ],
    opens: true,
  },
  {
    name: "shell",
    call: ({ client }, callback) => shell(client, {}, { x11: true }, callback),
    messages: [() => server.confirm(0), () => server.success(0), () => server.success(0), () => server.success(0)],
    opens: true,
  },
  {
    name: "subsys",
    call: ({ client }, callback) => subsys(client, "a", callback),
    messages: [() => server.confirm(0), () => server.success(0)],
    opens: true,
  },
  {
    name: "sftp",
    call: ({ client }, callback) => sftp(client, { A: "b" }, callback),
    messages: [
      () => server.confirm(0),
      () => server.success(0),
      () => server.success(0),
      () => server.data(0, VERSION.subarray(0, 3)),
      () => server.data(0, VERSION.subarray(3)),
    ],
    opens: false,
  },
  {
    name: "forwardOut",
    call: ({ client }, callback) => forwards.forwardOut(client, "a", 1, "b", 2, callback),
    messages: [() => server.confirm(0), () => server.data(0, "data"), () => server.close(0)],
    opens: true,
  },
  {
    name: "forwardIn",
    call: ({ client }, callback) => forwards.forwardIn(client, "a", 1, callback),
    messages: [() => server.granted()],
    opens: false,
  },
  {
    name: "openssh_forwardInStreamLocal",
    call: ({ client }, callback) => forwards.forwardInPath(client, "/a", callback),
    messages: [() => server.granted()],
    opens: false,
  },
  {
    name: "openssh_forwardOutStreamLocal",
    call: ({ client }, callback) => forwards.forwardOutPath(client, "/a", callback),
    messages: [() => server.confirm(0)],
    opens: true,
  },
  {
    name: "openssh_noMoreSessions",
    call: ({ client }, callback) => noMoreSessions(client, callback),
    messages: [() => server.granted()],
    opens: false,
  },
];

/** Each method, with each number of messages that arrive before the end. */
const POINTS = METHODS.flatMap((method) =>
  Array.from({ length: method.messages.length + 1 }, (_, count) => ({ ...method, count })),
);

describe.each(POINTS)(
  "$name, when the connection is lost after $count messages",
  ({ call, messages, opens, count }) => {
    it("calls back once, and ends its channel once", async () => {
      const script = await Script.begin();
      const log = new Log();
      call(script, (error, result) => {
        log.add("callback", told(error));
        if (error !== undefined || !opens) return;
        const channel = result as Channel;
        log.watch("channel", channel, "end", "close", "error");
        log.watch("stderr", channel.stderr, "end", "close", "error");
        channel.resume();
        channel.stderr.on("data", () => {});
      });
      await turn();
      for (const message of messages.slice(0, count)) await script.receive(message());
      const isOpen = opens && log.events.length > 0;
      await script.lose();
      const counts = Object.fromEntries(
        ["callback", "channel end", "channel close", "stderr end", "stderr close", "channel error"].map((name) => [
          name,
          log.names.filter((one) => one === name).length,
        ]),
      );
      const ends = isOpen ? 1 : 0;
      expect(counts).toEqual({
        callback: 1,
        "channel end": ends,
        "channel close": ends,
        "stderr end": ends,
        "stderr close": ends,
        "channel error": 0,
      });
      expect(channelsOf(script.client)).toMatchObject({ _count: 0, _channels: {} });
    });
  },
);

describe("SFTP", () => {
  it("fails with the exit of the server's program", async () => {
    const script = await Script.begin();
    let failure: unknown;
    sftp(script.client, (error) => (failure = error));
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.receive(server.request(0, "exit-status", exitStatus.encode({ exitStatus: 127 })), server.close(0));
    expect(failure).toMatchObject({ message: "Received exit code 127 while establishing SFTP session", code: 127 });
  });

  it("that the program did not get is closed, and drops what the server still sends", async () => {
    const script = await Script.begin();
    const thrown = uncaught();
    let failure: unknown;
    sftp(script.client, (error) => (failure = error));
    await script.receive(server.confirm(0));
    await script.receive(server.success(0));
    await script.sent();
    await script.receive(server.request(0, "exit-status", exitStatus.encode({ exitStatus: 1 })));
    expect((await script.sent()).map(({ message }) => message)).toContain("close");
    await script.receive(server.data(0, Buffer.of(0, 0, 0, 0, 1, 2, 3)));
    expect(told(failure)).toBe("Received exit code 1 while establishing SFTP session");
    expect(thrown).toEqual([]);
  });

  it("whose server sends no SFTP fails once", async () => {
    const script = await Script.begin();
    const thrown = uncaught();
    const failures: unknown[] = [];
    sftp(script.client, (error) => failures.push(error));
    await script.receive(server.confirm(0));
    await script.receive(
      server.success(0),
      server.data(0, Buffer.of(0, 0, 0, 0)),
      server.data(0, Buffer.of(0, 0, 0, 0)),
    );
    expect(failures).toMatchObject([{ level: "sftp-protocol" }]);
    expect(thrown).toEqual([]);
  });

  it("fails if the server closes the channel", async () => {
    const script = await Script.begin();
    let failure: unknown;
    sftp(script.client, (error) => (failure = error));
    await script.receive(server.confirm(0));
    await script.receive(server.success(0), server.close(0));
    expect(told(failure)).toBe("Received unexpected SFTP session termination");
  });

  it.each([
    ["variables", [server.failure(0)], "Unable to set environment"],
    ["subsystem", [server.success(0), server.failure(0)], "Unable to start subsystem: sftp"],
  ])("fails and closes the channel if the server refuses the %s", async (_, answers, text) => {
    const script = await Script.begin();
    let failure: unknown;
    sftp(script.client, { A: "b" }, (error) => (failure = error));
    await script.receive(server.confirm(0));
    for (const answer of answers) await script.receive(answer);
    expect(told(failure)).toBe(text);
    expect((await script.sent()).at(-1)).toEqual({ message: "close", recipientChannel: 1000 });
    expect(channelsOf(script.client)._channels).toEqual({});
  });
});
