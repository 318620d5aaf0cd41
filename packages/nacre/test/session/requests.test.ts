import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import {
  breakRequest,
  envRequest,
  execRequest,
  exitSignal,
  exitStatus,
  ptyRequest,
  signalRequest,
  subsystemRequest,
  windowChange,
  x11Request,
  xonXoff,
} from "@nacre/wire";
import { type Channel, connect, serve } from "nacre";
import { describe, expect, test } from "vitest";
import { decodeSessionRequest } from "../../src/users/session/client-requests.ts";
import { ExitReport } from "../../src/users/session/exit.ts";
import { encodeTerminalModes } from "../../src/users/session/terminal-modes.ts";

const NOTHING = new Uint8Array(0);

/** Passes requests to a new report. Returns it, and the replies. */
function reported(...requests: readonly (readonly [requestType: string, data: Uint8Array])[]): {
  readonly report: ExitReport;
  readonly replies: readonly boolean[];
} {
  const replies: boolean[] = [];
  const report = new ExitReport({ reply: (_: unknown, success: boolean) => replies.push(success) } as never);
  for (const [requestType, data] of requests)
    report.onRequest({ type: "channel-request", channel: 0, requestType, data, token: { about: requestType } });
  return { report, replies };
}

describe("a server's session requests", () => {
  const killed = exitSignal.encode({ signalName: "KILL", coreDumped: true, errorMessage: "bye", languageTag: "" });
  const ended = exitStatus.encode({ exitStatus: 0xffff_ffff });

  test("are understood", () => {
    expect(reported(["exit-status", ended]).report.exit).toMatchObject({ status: 0xffff_ffff, signal: undefined });
    expect(reported(["exit-signal", killed]).report.exit).toEqual({
      status: undefined,
      signal: "KILL",
      coreDumped: true,
    });
    expect(reported(["xon-xoff", xonXoff.encode({ clientCanDo: true })])).toMatchObject({
      report: { hasExit: false },
      replies: [true],
    });
  });

  test("report the end of the command once", () => {
    const { report, replies } = reported(["exit-status", ended], ["exit-signal", killed], ["exit-status", ended]);
    expect(report.exit).toMatchObject({ status: 0xffff_ffff, signal: undefined });
    expect(replies).toEqual([true, true, true]);
  });

  test.each(["exit-status", "exit-signal", "xon-xoff"])("are ignored if malformed: %s", (requestType) => {
    const malformed = [NOTHING, Uint8Array.of(0, 0, 9)].map((data) => [requestType, data] as const);
    const { report, replies } = reported(...malformed, ["exit-signal", killed]);
    expect(replies).toEqual([false, false, true]);
    // No earlier report was accepted, so this one counts.
    expect(report.exit.signal).toBe("KILL");
  });

  test("are understood if an exit-signal has no language tag or no text", () => {
    for (const kept of [16, 15, 9])
      expect(reported(["exit-signal", killed.subarray(0, kept)]).report.exit).toMatchObject({ signal: "KILL" });
  });

  test.each(["exec", "eow@openssh.com", "constructor"])("are refused if a server does not send them: %s", (type) => {
    const { report, replies } = reported([type, NOTHING]);
    expect([report.hasExit, replies]).toEqual([false, [false]]);
  });
});

describe("a client's session requests", () => {
  const size = { columns: 80, rows: 24, widthPixels: 640, heightPixels: 480 };
  const x11 = {
    singleConnection: true,
    authenticationProtocol: "MIT-MAGIC-COOKIE-1",
    authenticationCookie: "00ff",
    screenNumber: 2,
  };
  const command = new Uint8Array([0x6c, 0x73, 0xff]);
  const cases: readonly (readonly [string, Uint8Array, object])[] = [
    [
      "pty-req",
      ptyRequest.encode({ term: "xterm", ...size, modes: encodeTerminalModes({ ECHO: 1 }) }),
      { term: "xterm", ...size, modes: { ECHO: 1 } },
    ],
    ["x11-req", x11Request.encode(x11), {}],
    ["env", envRequest.encode({ name: "LANG", value: "de_DE" }), { name: "LANG", value: "de_DE" }],
    ["shell", NOTHING, {}],
    ["exec", execRequest.encode({ command }), { command }],
    ["subsystem", subsystemRequest.encode({ name: "sftp" }), { name: "sftp" }],
    ["window-change", windowChange.encode(size), size],
    ["signal", signalRequest.encode({ signalName: "TERM" }), { signalName: "TERM" }],
    ["break", breakRequest.encode({ breakLength: 500 }), { breakLength: 500 }],
  ];

  test.each(cases)("are decoded: %s", (type, data, fields) => {
    expect(decodeSessionRequest(type, data)).toEqual({ type, ...fields });
  });

  test.each(["eow@openssh.com", "constructor", "__proto__"])("are left to the application: %s", (type) => {
    expect(decodeSessionRequest(type, NOTHING)).toEqual({ type: "other" });
  });

  test.each(cases)(
    "end the connection if a byte is left over, and the client receives the reason: %s",
    async (type, data) => {
      const { near, far } = wire();
      const connection = serve(far, { ...open, session: () => 0 });
      const client = await connect(near, visitor);
      const channel = await client.openChannel("session");
      const asked = failure(channel.request(type, new Uint8Array([...data, 0])));
      const error = await connection.ended;
      expect([error.code, error.culprit]).toEqual(["malformed-message", "peer"]);
      expect(await asked).toMatchObject({ code: "disconnected", message: expect.stringContaining(error.message) });
      await client.close();
    },
  );

  test("do nothing on a channel of another type", async () => {
    const { near, far } = wire();
    const started: string[] = [];
    const opened: Channel[] = [];
    const server = serve(far, {
      ...open,
      authenticate: () => ({ permissions: { channels: ["news@example.org"] } }),
      session: () => void started.push("session"),
      channels: { "news@example.org": (request) => void opened.push(request.accept()!) },
    });
    const client = await connect(near, visitor);
    const channel = await client.openChannel("news@example.org");
    for (const [type, data] of cases)
      expect(await failure(channel.request(type, data))).toMatchObject({ code: "channel-request-failed" });
    expect([started, opened.length]).toEqual([[], 1]);
    await client.close();
    await server.close();
  });
});
