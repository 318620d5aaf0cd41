import { keyboardInteractiveLogin, passwordLogin, signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { userKey } from "@nacre/testing/attacks/protocol-target";
import { requestsOf } from "@nacre/testing/protocol/requests";
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

/** Returns a server with a logged-in client of another implementation, identified by `line`. The test sends its messages. */
function guest(line: string, options: ServerTargetOptions = {}): ServerTarget {
  const server = new ServerTarget(options);
  server.peer.identify(line).exchange();
  return server.finish();
}

/** Sends UNIMPLEMENTED for the server's last message with this number. */
function sendUnimplemented(server: ServerTarget, number: number): void {
  const place = server.peer.numbers.lastIndexOf(number);
  server.peer.send(SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber: server.peer.sequenceNumbers[place]! }));
}

/** Opens a session channel and requests a command. */
function exec(server: ServerTarget): number {
  const channel = server.openChannel();
  const data = new Writer().string("true").finish();
  server.peer.send(new Writer().byte(98).uint32(channel).string("exec").boolean(true).raw(data).finish());
  expect(requestsOf(server.events, "exec").map((event) => event.channel)).toContain(channel);
  return channel;
}

describe("replies", () => {
  it("phpseclib sends REQUEST_FAILURE for hostkeys-00, which wants no reply: the server ignores it", () => {
    const server = guest("SSH-2.0-phpseclib_3.0 (mcrypt, gmp)");
    expect(SSH_MSG_GLOBAL_REQUEST.decode(server.peer.last(80))).toMatchObject({
      requestName: "hostkeys-00@openssh.com",
      wantReply: false,
    });
    server.peer.send(FAILURE);
    server.machine.connection.close(exec(server));
    server.turn().expectAlive();
  });

  it("an unrequested reply of phpseclib is not taken for the reply to a later request", () => {
    const server = guest("SSH-2.0-phpseclib_3.0");
    server.peer.send(FAILURE);
    const request = server.machine.connection.globalRequest("mine", NOTHING, { wantReply: true });
    server.turn().peer.send(SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING }));
    expect(server.eventsOf("global-reply")).toMatchObject([{ request, success: true }]);
  });

  it("UNIMPLEMENTED counts as a keepalive reply, and later replies match their requests", () => {
    const server = guest("SSH-2.0-Unimplementing");
    for (let minute = 0; minute < 50; minute++) {
      server.advance(60_000);
      sendUnimplemented(server, SSH_MSG_GLOBAL_REQUEST.number);
    }
    server.advance(60_000);
    const request = server.machine.connection.globalRequest("mine", NOTHING, { wantReply: true });
    server.turn();
    sendUnimplemented(server, SSH_MSG_GLOBAL_REQUEST.number);
    expect(server.eventsOf("global-reply")).toMatchObject([{ request, success: false }]);
    server.peer.send(FAILURE);
    expect(server.eventsOf("global-reply")).toHaveLength(1);
    server.expectAlive();
  });

  it("UNIMPLEMENTED for a reply during login does not end the connection", () => {
    const server = new ServerTarget();
    server.peer.identify("SSH-2.0-Puzzled").exchange().send(message.serviceRequest);
    sendUnimplemented(server, 6);
    server.peer.send(signedLogin(server.peer.sessionId, userKey));
    expect(server.authenticated).toBe(true);
    server.expectAlive();
  });

  it.each(["SSH-2.0-libssh2_1.11.1", "SSH-2.0-phpseclib_3.0"])(
    "%s reads only during calls: without keepalives it may be idle for days",
    (line) => {
      const limits = { keepaliveInterval: 0, rekeyInterval: 2 ** 31 };
      const server = guest(line, { machine: { limits } });
      const { length } = server.sent;
      for (let hour = 0; hour < 72; hour++) server.advance(3_600_000);
      expect(server.sent).toHaveLength(length);
      exec(server);
    },
  );
});

describe("ends of the connection", () => {
  it("dev-tunnels omits the language tag of DISCONNECT: its description is reported", () => {
    const server = guest("SSH-2.0-Microsoft.DevTunnels.Ssh_3.12");
    server.peer.send(new Writer().byte(SSH_MSG_DISCONNECT.number).uint32(11).string("enough").finish());
    expect(server.error).toMatchObject({ code: "disconnected", message: expect.stringContaining("enough (reason 11") });
  });

  it("dev-tunnels does not support a rekey by the server: the error names KEXINIT immediately", () => {
    const server = guest("SSH-2.0-Microsoft.DevTunnels.Ssh_3.12");
    server.machine.rekey();
    server.turn();
    sendUnimplemented(server, SSH_MSG_KEXINIT.number);
    expect(server.error?.message).toMatch(/^the client does not implement SSH_MSG_KEXINIT \(our packet \d+\)/);
  });
});

describe("sessions", () => {
  it("PuTTY's simple@putty request is ignored, and the connection continues", () => {
    const server = guest("SSH-2.0-PuTTY_Release_0.83");
    exec(server);
    const data = new Writer().string("simple@putty.projects.tartarus.org").boolean(false).finish();
    server.peer.send(new Writer().byte(98).uint32(0).raw(data).finish());
    server.expectAlive();
  });

  it("dropbear's client has a window of 24 KiB: further data waits for WINDOW_ADJUST", () => {
    const server = guest("SSH-2.0-dropbear_2025.89");
    const channel = server.openChannel({ initialWindowSize: 24 * 1024, maximumPacketSize: 24 * 1024 });
    const { connection } = server.machine;
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

  it("a client may refuse a channel without a description", () => {
    const server = guest("SSH-2.0-2.0.13");
    const channel = server.machine.connection.openChannel("forwarded-tcpip");
    server.turn().peer.send(new Writer().byte(SSH_MSG_CHANNEL_OPEN_FAILURE.number).uint32(channel).uint32(3).finish());
    expect(server.eventsOf("channel-open-failed")).toEqual([
      { type: "channel-open-failed", channel, reasonCode: 3, description: "" },
    ]);
    server.expectAlive();
  });

  it("a channel opened together with a login gets UNIMPLEMENTED if the login fails, and is opened if it succeeds", () => {
    const server = new ServerTarget();
    server.peer.identify("SSH-2.0-Nacre_0.1.0").exchange();
    server.peer.send(message.serviceRequest, passwordLogin("wrong"), message.channelOpen("session", 1000));
    expect(server.sent.slice(-2)).toEqual([SSH_MSG_USERAUTH_FAILURE.number, SSH_MSG_UNIMPLEMENTED.number]);
    server.peer.send(signedLogin(server.peer.sessionId, userKey), message.channelOpen("session", 1000));
    expect(server.sent.at(-1)).toBe(91);
  });

  it("twisted lacks strict key exchange and is served", () => {
    exec(guest("SSH-2.0-Twisted_24.11.0", { peer: { strict: false } }));
  });

  it("a client may abandon keyboard-interactive for another method (RFC 4252 §5.1)", () => {
    const server = new ServerTarget({ hold: ["keyboard-interactive"] });
    server.peer.identify("SSH-2.0-Erlang/5.2.9").exchange().send(message.serviceRequest, keyboardInteractiveLogin());
    const { token } = server.eventsOf("keyboard-interactive")[0]!;
    server.machine.auth.answer(token, { prompts: [{ prompt: "Password: ", echo: false }] });
    server.turn().peer.send(signedLogin(server.peer.sessionId, userKey));
    expect(server.authenticated).toBe(true);
    exec(server);
  });
});
