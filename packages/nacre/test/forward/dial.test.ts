import { code, failure } from "@nacre/testing/nacre/outcomes";
import {
  type Bytes,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SshError,
  toHex,
  utf8Encode,
} from "@nacre/wire";
import type { DialOptions, ForwardTarget } from "nacre";
import { describe, expect, it } from "vitest";
import { webStreams } from "../../src/streams/web-streams.ts";
import { channelPair } from "../../src/users/forward/channel-pair.ts";
import { dialOver } from "../../src/users/forward/dial.ts";
import { looseMux } from "../support/muxes.ts";

const LOST = new SshError("connection-lost", "gone");
const TARGET: ForwardTarget = { host: "example.org", port: 80 };

const confirms = (recipientChannel: number): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
    recipientChannel,
    senderChannel: 7,
    initialWindowSize: 100,
    maximumPacketSize: 100,
    data: new Uint8Array(0),
  });
const refuses = (reasonCode: number, description: string, recipientChannel = 0): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel, reasonCode, description, languageTag: "" });
const numbers = (sent: readonly Uint8Array[]): readonly (number | undefined)[] => sent.map((payload) => payload[0]);
const hex = (bytes: Uint8Array | undefined): string => toHex(bytes ?? new Uint8Array(0));

describe("the open of a connection", () => {
  // Written by hand: each string is a four-byte length and its bytes; each number has four bytes.
  it.each<[title: string, target: ForwardTarget, options: DialOptions, type: string, data: string]>([
    [
      "to a port (RFC 4254 §7.2)",
      TARGET,
      {},
      "direct-tcpip",
      "0000000b6578616d706c652e6f7267 00000050 000000093132372e302e302e31 00000000",
    ],
    [
      "to a port, with an originator",
      { host: "::1", port: 65_535 },
      { originator: { address: "192.0.2.1", port: 49_152 } },
      "direct-tcpip",
      "000000033a3a31 0000ffff 000000093139322e302e322e31 0000c000",
    ],
    [
      "to a Unix socket (OpenSSH PROTOCOL §2.4)",
      { path: "/run/ä" },
      {},
      "direct-streamlocal@openssh.com",
      "000000072f72756e2fc3a4 00000000 00000000",
    ],
  ])("%s has the specified bytes", (_, target, options, type, data) => {
    const { mux, sent } = looseMux();
    void dialOver(mux, target, options);
    const open = SSH_MSG_CHANNEL_OPEN.decode(sent[0] as Bytes);
    expect([open.channelType, hex(open.data)]).toEqual([type, data.replaceAll(" ", "")]);
  });

  it.each<[title: string, target: unknown, options?: unknown]>([
    ["undefined", undefined],
    ["a string", "example.org:80"],
    ["a missing host", { port: 80 }],
    ["an empty host", { host: "", port: 80 }],
    ["a host with NUL", { host: "a\0b", port: 80 }],
    ["a number as host", { host: 1, port: 80 }],
    ["a missing port", { host: "a" }],
    ["port 0", { host: "a", port: 0 }],
    ["port 65536", { host: "a", port: 65_536 }],
    ["a fraction as port", { host: "a", port: 1.5 }],
    ["a string as port", { host: "a", port: "80" }],
    ["NaN as port", { host: "a", port: Number.NaN }],
    ["a path and a port", { path: "/x", port: 80 }],
    ["a path and a host", { path: "/x", host: "a" }],
    ["an empty path", { path: "" }],
    ["a path with NUL", { path: "/a\0" }],
    ["a path of 108 bytes", { path: `/${"ä".repeat(53)}x` }],
    ["a host of 300,000 letters", { host: "a".repeat(300_000), port: 80 }],
    ["an unknown option", TARGET, { timeout: 5 }],
    ["null as options", TARGET, null],
    ["an AbortController as signal", TARGET, { signal: new AbortController() }],
    ["an originator without an address", TARGET, { originator: { port: 1 } }],
    ["an originator of port 65536", TARGET, { originator: { address: "a", port: 65_536 } }],
    ["null as originator", TARGET, { originator: null }],
  ])("is rejected with usage before anything is sent: %s", async (_, target, options) => {
    const { mux, sent } = looseMux();
    expect(await failure(dialOver(mux, target as ForwardTarget, options as DialOptions))).toEqual(code("usage"));
    expect(sent).toEqual([]);
    expect(mux.engine.machine.connection.channelCount).toBe(0);
  });

  it.each<[target: unknown, problem: string]>([
    [undefined, "invalid forwarding target"],
    [{ port: 80 }, "invalid forwarding target"],
    [{ path: "/x", host: "a" }, "invalid forwarding target"],
    [{ path: "" }, "a Unix socket path"],
    [{ host: "a" }, "invalid port undefined"],
    [{ host: "a", port: "80" }, 'invalid port "80"; expected an integer from 1 to 65535'],
    [{ host: "a", port: Number.NaN }, "invalid port NaN;"],
  ])("to %j is rejected with what is wrong", async (target, problem) => {
    const { message } = (await failure(dialOver(looseMux().mux, target as ForwardTarget))) as SshError;
    expect(message).toContain(problem);
  });

  it("accepts a path of 107 bytes", () => {
    const { mux, sent } = looseMux();
    void dialOver(mux, { path: `/${"ä".repeat(53)}` });
    expect(sent).toHaveLength(1);
  });
});

describe("a refusal", () => {
  it.each([
    [1, "forward-denied", "prohibits"],
    [2, "forward-unreachable", "cannot connect to it"],
    [3, "forward-unsupported", "does not support"],
    [4, "forward-limit", "short of resources"],
    [0, "channel-open-failed", "the server refused it (0)"],
    [0xfe00_0001, "channel-open-failed", "the server refused it (4261412865)"],
  ])("with reason code %i rejects with %s", async (reasonCode, expected, words) => {
    const { mux, receive } = looseMux();
    const dialing = failure(dialOver(mux, TARGET));
    receive(refuses(reasonCode, "because"));
    const error = (await dialing) as SshError;
    expect(error).toEqual(code(expected));
    expect(error.message).toContain(words);
    expect(error.message).toMatch(/^cannot connect to example\.org:80: .*: because$/);
  });

  it("shows the server's text and the target escaped, and no colon for an empty text", async () => {
    const { mux, receive } = looseMux();
    const path = "/run/\u001b[2J";
    const dialing = [failure(dialOver(mux, { path })), failure(dialOver(mux, TARGET))];
    receive(refuses(2, "\u001b]0;owned\u0007\r\n\u202e", 0), refuses(2, "", 1));
    const [hostile, silent] = (await Promise.all(dialing)) as SshError[];
    expect(hostile?.message).toContain("/run/\\x1b[2J");
    expect(hostile?.message).toContain("\\x1b]0;owned\\x07\\x0d\\x0a\\u{202e}");
    for (const char of ["\u001b", "\u0007", "\r", "\n", "\u202e"]) expect(hostile?.message).not.toContain(char);
    expect(silent?.message).toBe("cannot connect to example.org:80: the server cannot connect to it");
  });

  it("shows an IPv6 address in brackets", async () => {
    const { mux, receive } = looseMux();
    const dialing = failure(dialOver(mux, { host: "2001:db8::1", port: 22 }));
    receive(refuses(2, ""));
    expect(((await dialing) as SshError).message).toContain("[2001:db8::1]:22");
  });
});

describe("the end of the connection", () => {
  it("while dialing rejects with its error, later dials with closed", async () => {
    const { mux, lose } = looseMux();
    const dialing = failure(dialOver(mux, TARGET));
    lose(LOST);
    expect(await dialing).toBe(LOST);
    expect(await failure(dialOver(mux, TARGET))).toEqual(code("connection-lost"));
  });
});

describe("aborting", () => {
  const reason = new Error("no longer wanted");

  it("before dialing rejects, and nothing is sent", async () => {
    const { mux, sent } = looseMux();
    const error = (await failure(dialOver(mux, TARGET, { signal: AbortSignal.abort(reason) }))) as SshError;
    expect(error).toEqual(code("aborted"));
    expect([error.cause, sent]).toEqual([reason, []]);
  });

  it("while dialing rejects immediately, and closes the channel if the server opens it", async () => {
    const { mux, receive, sent } = looseMux();
    const abort = new AbortController();
    const dialing = failure(dialOver(mux, TARGET, { signal: abort.signal }));
    abort.abort(reason);
    expect(await dialing).toEqual(code("aborted"));
    receive(confirms(0), SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data: utf8Encode("dropped") }));
    await Promise.resolve();
    expect(numbers(sent)).toEqual([SSH_MSG_CHANNEL_OPEN.number, SSH_MSG_CHANNEL_CLOSE.number]);
    receive(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: 0 }));
    expect(mux.engine.machine.connection.channelCount).toBe(0);
  });

  it("while dialing rejects once, even if the server refuses later or the connection ends", async () => {
    for (const end of ["refusal", "loss"]) {
      const { mux, receive, lose } = looseMux();
      const abort = new AbortController();
      const dialing = failure(dialOver(mux, TARGET, { signal: abort.signal }));
      abort.abort();
      if (end === "refusal") receive(refuses(2, ""));
      else lose(LOST);
      expect(await dialing).toEqual(code("aborted"));
    }
  });

  it("after dialing has no effect; one signal serves many connections without a leak warning", async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const { mux, receive, sent } = looseMux();
    const abort = new AbortController();
    const dialing = Array.from({ length: 20 }, () => dialOver(mux, TARGET, { signal: abort.signal }));
    for (let i = 0; i < 20; i++) receive(confirms(i));
    const channels = await Promise.all(dialing);
    abort.abort();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(channels.map(({ closed }) => closed)).toEqual(Array(20).fill(false));
    expect(numbers(sent)).toEqual(Array(20).fill(SSH_MSG_CHANNEL_OPEN.number));
    expect(warnings).toEqual([]);
  });
});

describe("a connection", () => {
  it("refuses requests on its channel", async () => {
    const { mux, receive, sent } = looseMux();
    const dialing = dialOver(mux, TARGET).then((channel) => channelPair(channel, webStreams));
    receive(confirms(0));
    await dialing;
    const request = { recipientChannel: 0, requestType: "unknown@example.org", data: new Uint8Array(0) };
    receive(SSH_MSG_CHANNEL_REQUEST.encode({ ...request, wantReply: true }));
    expect(numbers(sent)).toEqual([SSH_MSG_CHANNEL_OPEN.number, SSH_MSG_CHANNEL_FAILURE.number]);
  });

  it("delivers bytes and EOF that arrive right after its confirmation", async () => {
    const { mux, receive } = looseMux();
    const dialing = dialOver(mux, TARGET);
    receive(
      confirms(0),
      SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data: utf8Encode("220 hello") }),
      SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: 0 }),
      SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: 0 }),
    );
    const { readable } = channelPair(await dialing, webStreams);
    expect(await new Response(readable).text()).toBe("220 hello");
  });
});
