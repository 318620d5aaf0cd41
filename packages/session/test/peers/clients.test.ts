import { keyboardInteractiveLogin, passwordLogin, signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { userKey } from "@nacre/testing/attacks/session-target";
import {
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_DISCONNECT,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_KEXINIT,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SSH_MSG_UNIMPLEMENTED,
  SSH_MSG_USERAUTH_FAILURE,
  Writer,
} from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { ServerTarget, type ServerTargetOptions } from "../attacks/support/server-target.ts";

const NOTHING = new Uint8Array(0);
const FAILURE = SSH_MSG_REQUEST_FAILURE.encode({});

/** A client of another's making that is logged in: its bytes are the test's. */
function guest(line: string, options: ServerTargetOptions = {}): ServerTarget {
  const server = new ServerTarget(options);
  server.peer.identify(line).exchange();
  return server.finish();
}

/** Answers the last message of that number with UNIMPLEMENTED. */
function doesNotUnderstand(server: ServerTarget, number: number): void {
  const place = server.peer.numbers.lastIndexOf(number);
  server.peer.send(SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber: server.peer.sequenceNumbers[place]! }));
}

/** Opens a session and has a command run. */
function exec(server: ServerTarget): number {
  const channel = server.openChannel();
  const data = new Writer().string("true").finish();
  server.peer.send(new Writer().byte(98).uint32(channel).string("exec").boolean(true).raw(data).finish());
  expect(server.eventsOf("exec").map((event) => event.channel)).toContain(channel);
  return channel;
}

describe("replies", () => {
  it("phpseclib answers the announcement of host keys, which wants no reply, with REQUEST_FAILURE: it is served", () => {
    const server = guest("SSH-2.0-phpseclib_3.0 (mcrypt, gmp)");
    expect(SSH_MSG_GLOBAL_REQUEST.decode(server.peer.last(80))).toMatchObject({
      requestName: "hostkeys-00@openssh.com",
      wantReply: false,
    });
    server.peer.send(FAILURE);
    server.session.connection.close(exec(server));
    server.turn().expectAlive();
  });

  it("phpseclib's needless reply does not end what asks for one later", () => {
    const server = guest("SSH-2.0-phpseclib_3.0");
    server.peer.send(FAILURE);
    const request = server.session.connection.globalRequest("mine", NOTHING, { wantReply: true });
    server.turn().peer.send(SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING }));
    expect(server.eventsOf("global-reply")).toMatchObject([{ request, success: true }]);
  });

  it("a client that answers keepalives with UNIMPLEMENTED is there, and its later replies go where they belong", () => {
    const server = guest("SSH-2.0-Unimplementing");
    for (let minute = 0; minute < 50; minute++) {
      server.advance(60_000);
      doesNotUnderstand(server, SSH_MSG_GLOBAL_REQUEST.number);
    }
    server.advance(60_000);
    const request = server.session.connection.globalRequest("mine", NOTHING, { wantReply: true });
    server.turn();
    doesNotUnderstand(server, SSH_MSG_GLOBAL_REQUEST.number);
    expect(server.eventsOf("global-reply")).toMatchObject([{ request, success: false }]);
    server.peer.send(FAILURE);
    expect(server.eventsOf("global-reply")).toHaveLength(1);
    server.expectAlive();
  });

  it("a client that does not understand an answer of the login is not sent away for it", () => {
    const server = new ServerTarget();
    server.peer.identify("SSH-2.0-Puzzled").exchange().send(message.serviceRequest);
    doesNotUnderstand(server, 6);
    server.peer.send(signedLogin(server.peer.sessionId, userKey));
    expect(server.authenticated).toBe(true);
    server.expectAlive();
  });

  it.each(["SSH-2.0-libssh2_1.11.1", "SSH-2.0-phpseclib_3.0"])(
    "%s reads only when it is called: without keepalives it may be idle for days",
    (line) => {
      const limits = { keepaliveInterval: 0, rekeyInterval: 2 ** 31 };
      const server = guest(line, { session: { limits } });
      const { length } = server.sent;
      for (let hour = 0; hour < 72; hour++) server.advance(3_600_000);
      expect(server.sent).toHaveLength(length);
      exec(server);
    },
  );
});

describe("goodbyes", () => {
  it("dev-tunnels disconnects without a language tag: its words are told", () => {
    const server = guest("SSH-2.0-Microsoft.DevTunnels.Ssh_3.12");
    server.peer.send(new Writer().byte(SSH_MSG_DISCONNECT.number).uint32(11).string("enough").finish());
    expect(server.error).toMatchObject({ code: "disconnected", message: expect.stringContaining("enough (reason 11") });
  });

  it("dev-tunnels takes no rekey of ours: what was not understood is told at once", () => {
    const server = guest("SSH-2.0-Microsoft.DevTunnels.Ssh_3.12");
    server.session.rekey();
    server.turn();
    doesNotUnderstand(server, SSH_MSG_KEXINIT.number);
    expect(server.error?.message).toMatch(/^the client does not implement SSH_MSG_KEXINIT \(our packet \d+\)/);
  });
});

describe("sessions", () => {
  it("PuTTY opens a channel type of its own first, which is refused, and then works", () => {
    const server = guest("SSH-2.0-PuTTY_Release_0.83");
    exec(server);
    const data = new Writer().string("simple@putty.projects.tartarus.org").boolean(false).finish();
    server.peer.send(new Writer().byte(98).uint32(0).raw(data).finish());
    server.expectAlive();
  });

  it("dropbear's client has a window of 24 KiB: what is written beyond waits for its adjusts", () => {
    const server = guest("SSH-2.0-dropbear_2025.89");
    const channel = server.openChannel({ initialWindowSize: 24 * 1024, maximumPacketSize: 24 * 1024 });
    const { connection } = server.session;
    const bytes = new Uint8Array(100_000);
    let written = connection.write(channel, bytes);
    while (written < bytes.length) {
      server.turn().peer.send(message.channelAdjust(channel, 24 * 1024));
      written += connection.write(channel, bytes.subarray(written));
    }
    server.turn();
    const sizes = server.peer.received
      .filter((payload) => payload[0] === SSH_MSG_CHANNEL_DATA.number)
      .map((payload) => SSH_MSG_CHANNEL_DATA.decode(payload).data.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(bytes.length);
    expect(Math.max(...sizes)).toBe(24 * 1024);
    server.expectAlive();
  });

  it("a client may refuse a channel of ours without a text", () => {
    const server = guest("SSH-2.0-2.0.13");
    const channel = server.session.connection.openChannel("forwarded-tcpip");
    server.turn().peer.send(new Writer().byte(SSH_MSG_CHANNEL_OPEN_FAILURE.number).uint32(channel).uint32(3).finish());
    expect(server.eventsOf("channel-open-failed")).toEqual([
      { type: "channel-open-failed", channel, reasonCode: 3, description: "" },
    ]);
    server.expectAlive();
  });

  it("Nacre and others open a channel with their login: it is not understood where the login fails, and opened where it succeeds", () => {
    const server = new ServerTarget();
    server.peer.identify("SSH-2.0-Nacre_0.1.0").exchange();
    server.peer.send(message.serviceRequest, passwordLogin("wrong"), message.channelOpen("session", 1000));
    expect(server.sent.slice(-2)).toEqual([SSH_MSG_USERAUTH_FAILURE.number, SSH_MSG_UNIMPLEMENTED.number]);
    server.peer.send(signedLogin(server.peer.sessionId, userKey), message.channelOpen("session", 1000));
    expect(server.sent.at(-1)).toBe(91);
  });

  it("twisted and others have no strict key exchange, and are served", () => {
    exec(guest("SSH-2.0-Twisted_24.11.0", { peer: { strict: false } }));
  });

  it("a client that abandons a conversation for another method is served (RFC 4252 §5.1)", () => {
    const server = new ServerTarget({ hold: ["keyboard-interactive"] });
    server.peer.identify("SSH-2.0-Erlang/5.2.9").exchange().send(message.serviceRequest, keyboardInteractiveLogin());
    const { token } = server.eventsOf("keyboard-interactive")[0]!;
    server.session.auth.answerKeyboardInteractive(token, { prompts: [{ prompt: "Password: ", echo: false }] });
    server.turn().peer.send(signedLogin(server.peer.sessionId, userKey));
    expect(server.authenticated).toBe(true);
    exec(server);
  });
});
