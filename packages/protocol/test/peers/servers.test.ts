import { channelAdjust, channelData, channelOpenFailure } from "@nacre/testing/attacks/messages";
import { userKey } from "@nacre/testing/attacks/protocol-target";
import {
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_KEXINIT,
  SSH_MSG_REQUEST_SUCCESS,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  Writer,
} from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { exited, type Habits, visit } from "./support/foreign-server.ts";

const OK = { stdout: "ok", status: 0, error: undefined };
const OPEN = SSH_MSG_CHANNEL_OPEN.number;
const NOTHING = new Uint8Array(0);

/** Returns SSH_MSG_USERAUTH_INFO_REQUEST with these hidden prompts. */
const asks = (...prompts: readonly string[]): Uint8Array =>
  SSH_MSG_USERAUTH_INFO_REQUEST.encode({
    name: "",
    instruction: "",
    languageTag: "",
    prompts: prompts.map((prompt) => ({ prompt, echo: false })),
  });

/** Server that disconnects when a channel is opened before the login has succeeded. */
const hangsUpOnEarlyOpen = (line: string): Habits => ({
  line,
  looksAhead: true,
  answer: ({ number, loggedIn }, server) =>
    number === OPEN && !loggedIn && server.hangUp("Invalid request before authentication was complete"),
});

describe("opening a channel before the login has succeeded", () => {
  it.each([
    ["asyncssh", "SSH-2.0-AsyncSSH_2.20.0"],
    ["libssh", "SSH-2.0-libssh_0.11.2"],
    ["PuTTY's uppity", "SSH-2.0-Uppity_Release_0.83"],
  ])("%s would disconnect, so the client waits: a right key logs in, a wrong key gives auth-failed", (_, line) => {
    expect(visit(hangsUpOnEarlyOpen(line)).outcome).toEqual(OK);
    expect(visit({ ...hangsUpOnEarlyOpen(line), knowsKey: false }).target.error).toMatchObject({
      code: "auth-failed",
      message: expect.stringContaining("the server refused publickey ("),
    });
  });

  it("ssh2 would send CHANNEL_OPEN_FAILURE before the login reply, so the client waits", () => {
    const ssh2: Habits = {
      line: "SSH-2.0-ssh2js1.17.0srv",
      looksAhead: true,
      answer: ({ number, loggedIn, payload }, server) => {
        if (number !== OPEN || loggedIn) return false;
        return server.send(channelOpenFailure(SSH_MSG_CHANNEL_OPEN.decode(payload).senderChannel));
      },
    };
    expect(visit(ssh2).outcome).toEqual(OK);
    expect(visit({ ...ssh2, knowsKey: false }).outcome.error).toBe("auth-failed");
  });

  it("tinysshd would stop responding, so the client waits", () => {
    let hangs = false;
    const tinysshd: Habits = {
      line: "SSH-2.0-tinyssh_noversion",
      looksAhead: true,
      answer: ({ number, loggedIn }) => {
        hangs ||= number === OPEN && !loggedIn;
        return hangs;
      },
    };
    expect(visit(tinysshd).outcome).toEqual(OK);
  });

  it("OpenSSH sends UNIMPLEMENTED if the login fails; the channel is opened again with the next login", () => {
    const openssh: Habits = { line: "SSH-2.0-OpenSSH_10.0p2 Debian-7", knowsKey: false, methods: ["password"] };
    const identities = [{ publicKey: userKey.publicKey, privateKey: userKey }];
    const server = visit(openssh, { password: "right", client: { identities } });
    expect(server.numbersOf(OPEN)).toHaveLength(2);
    expect(server.outcome).toEqual(OK);
    expect(visit(openssh).outcome.error).toBe("auth-failed");
  });

  it("the channel is opened again if the server sends UNIMPLEMENTED but accepts the login", () => {
    const server = visit({
      line: "SSH-2.0-OpenSSH_10.0",
      answer: ({ number, loggedIn }) => number === SSH_MSG_USERAUTH_REQUEST.number || (number === OPEN && !loggedIn),
    });
    const early = server.peer.received.findIndex((payload) => payload[0] === OPEN);
    expect(early).toBeGreaterThan(0);
    server.unimplemented({
      number: OPEN,
      payload: server.peer.received[early]!,
      sequenceNumber: server.peer.sequenceNumbers[early]!,
      loggedIn: false,
    });
    expect(server.talk().numbersOf(OPEN)).toHaveLength(1);
    server.letIn();
    expect(server.talk().outcome).toEqual(OK);
    expect(server.numbersOf(OPEN)).toHaveLength(2);
  });
});

describe("global requests", () => {
  /** tinysshd sends UNIMPLEMENTED instead of REQUEST_FAILURE. */
  const unimplementing: Habits = {
    line: "SSH-2.0-tinyssh_noversion",
    answer: (message, server) => {
      if (message.number === SSH_MSG_GLOBAL_REQUEST.number) return server.unimplemented(message);
      // Accept the command and keep it running.
      return (
        message.number === SSH_MSG_CHANNEL_REQUEST.number &&
        server.send(SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: 0 }))
      );
    },
  };

  it("tinysshd answers keepalives with UNIMPLEMENTED: the connection stays open for hours", () => {
    const server = visit(unimplementing, { client: { limits: { rekeyInterval: 2 ** 31 } } });
    for (let minute = 0; minute < 300; minute++) server.advance(60_000);
    expect(server.numbersOf(SSH_MSG_GLOBAL_REQUEST.number)).toHaveLength(300);
    server.run(0, "done");
    expect(server.talk().outcome).toEqual({ stdout: "done", status: 0, error: undefined });
  });

  it("tinysshd answers round-trip measurements with UNIMPLEMENTED: a transfer of 64 MiB completes, and the window grows", () => {
    const MiB = 1024 * 1024;
    const server = visit({
      ...unimplementing,
      answer: (message, it) => {
        // Every reply takes 30 ms.
        it.target.now += 30;
        return unimplementing.answer?.(message, it);
      },
    });
    const chunk = channelData(0, 32 * 1024);
    for (let sent = 0; sent < 64 * MiB; sent += 32 * 1024) {
      server.send(chunk);
      if (sent % MiB === 0) server.advance(1);
    }
    server.run(0, "");
    expect(server.talk().outcome).toMatchObject({ status: 0, error: undefined });
    const adjusts = server.peer.received.filter((payload) => payload[0] === SSH_MSG_CHANNEL_WINDOW_ADJUST.number);
    const credit = adjusts.reduce((sum, one) => sum + SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(one).bytesToAdd, 0);
    expect(credit).toBeGreaterThan(64 * MiB + 4 * MiB);
  });

  it("UNIMPLEMENTED counts as the reply to its request, so a later reply matches the right request", () => {
    const server = visit({
      ...unimplementing,
      answer: (message, it) => {
        if (message.number !== SSH_MSG_GLOBAL_REQUEST.number) return unimplementing.answer!(message, it);
        const { requestName } = SSH_MSG_GLOBAL_REQUEST.decode(message.payload);
        return requestName === "mine"
          ? it.send(SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING }))
          : it.unimplemented(message);
      },
    });
    server.advance(60_000);
    const request = server.target.machine.connection.globalRequest("mine", NOTHING, { wantReply: true });
    server.talk();
    expect(server.target.eventsOf("global-reply")).toMatchObject([{ request, success: true }]);
  });

  it("global replies that were not requested are ignored", () => {
    const server = visit({
      line: "SSH-2.0-Talkative",
      answer: ({ number }, it) =>
        number === SSH_MSG_GLOBAL_REQUEST.number && it.send(SSH_MSG_REQUEST_SUCCESS.encode({ data: NOTHING })),
    });
    for (let i = 0; i < 1000; i++) {
      server.target.machine.connection.globalRequest("telling@example", NOTHING, { wantReply: false });
      server.talk();
    }
    expect(server.outcome).toEqual(OK);
  });
});

/** Erlang's server: a new login request during keyboard-interactive is a protocol error. */
function erlang(methods: readonly string[]): Habits {
  let questioned = false;
  return {
    line: "SSH-2.0-Erlang/5.2.9",
    methods,
    answer: ({ number, payload }, server) => {
      if (number === SSH_MSG_USERAUTH_INFO_RESPONSE.number) questioned = false;
      if (number !== SSH_MSG_USERAUTH_REQUEST.number) return false;
      if (questioned) return server.hangUp("Protocol error");
      const { methodName } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
      questioned = methodName === "keyboard-interactive";
      return questioned && server.send(asks("password: "));
    },
  };
}

describe("passwords", () => {
  it("Erlang rejects an abandoned keyboard-interactive: a right password logs in by either method", () => {
    for (const methods of [["keyboard-interactive", "password"], ["password"], ["keyboard-interactive"]])
      expect([methods, visit(erlang(methods), { password: "right" }).outcome]).toEqual([methods, OK]);
  });

  it("Erlang rejects an abandoned keyboard-interactive: a wrong password gives auth-failed", () => {
    for (const [refused, methods] of [
      ["password", ["keyboard-interactive", "password"]],
      ["password", ["password"]],
      ["keyboard-interactive", ["keyboard-interactive"]],
    ] as const)
      expect(visit(erlang(methods), { password: "wrong" }).target.error).toMatchObject({
        code: "auth-failed",
        message: `alice: the server refused ${refused}; it accepts: publickey, ${methods.join(", ")}`,
      });
  });

  it("Erlang rejects an abandoned keyboard-interactive: without answers, the client sends empty responses", () => {
    const server = visit(erlang(["keyboard-interactive", "password"]), {
      client: { keyboardInteractive: true, identities: [] },
    });
    expect(server.target.error).toMatchObject({
      code: "auth-failed",
      message: expect.stringContaining("keyboard-interactive was abandoned because no answer was given"),
    });
    const responses = server.peer.received.filter((payload) => payload[0] === SSH_MSG_USERAUTH_INFO_RESPONSE.number);
    expect(responses.map((payload) => SSH_MSG_USERAUTH_INFO_RESPONSE.decode(payload).responses)).toEqual([[""]]);
  });

  it("PuTTY's uppity refuses a password after an abandoned keyboard-interactive: the client does not start one", () => {
    let begun = false;
    const uppity: Habits = {
      line: "SSH-2.0-Uppity_Release_0.83",
      methods: ["keyboard-interactive", "password"],
      answer: ({ number, payload }, server) => {
        if (number !== SSH_MSG_USERAUTH_REQUEST.number) return false;
        if (begun) return server.refuse();
        begun = SSH_MSG_USERAUTH_REQUEST.decode(payload).methodName === "keyboard-interactive";
        return begun && server.send(asks("First: ", "Second: "));
      },
    };
    expect(visit(uppity, { password: "right" }).outcome).toEqual(OK);
  });
});

describe("informational messages", () => {
  it("dev-tunnels omits the language tag of DISCONNECT: its description is reported", () => {
    const server = visit({ line: "SSH-2.0-Microsoft.DevTunnels.Ssh_3.12" });
    server.send(new Writer().byte(1).uint32(11).string("the tunnel was closed").finish());
    expect(server.talk().target.error).toMatchObject({
      code: "disconnected",
      message: expect.stringContaining("the tunnel was closed"),
    });
  });

  it("PuTTY's uppity sends exit-signal with a signal number: it is ignored, and the output is complete", () => {
    const data = new Writer().uint32(9).boolean(false).string("").string("").finish();
    const signal = SSH_MSG_CHANNEL_REQUEST.encode({
      recipientChannel: 0,
      requestType: "exit-signal",
      wantReply: false,
      data,
    });
    const server = visit({
      line: "SSH-2.0-Uppity_Release_0.83",
      answer: ({ number }, it) => number === SSH_MSG_CHANNEL_REQUEST.number && it.run(0, "killed", [signal]),
    });
    expect(server.outcome).toEqual({ stdout: "killed", status: undefined, error: undefined });
    expect(server.target.eventsOf("channel-closed")).toHaveLength(1);
    const traced = server.target.trace.filter((record) => record.type === "packet" && record.direction === "received");
    expect(traced).toContainEqual(expect.objectContaining({ summary: "0 exit-signal (malformed)" }));
    server.target.expectAlive();
  });

  it("an old server refuses a channel without a description: the refusal is reported", () => {
    const server = visit({
      line: "SSH-2.0-2.0.13",
      answer: ({ number }, it) =>
        number === OPEN && it.send(new Writer().byte(SSH_MSG_CHANNEL_OPEN_FAILURE.number).uint32(0).uint32(1).finish()),
    });
    expect(server.target.eventsOf("channel-open-failed")).toEqual([
      { type: "channel-open-failed", channel: 0, reasonCode: 1, description: "" },
    ]);
    server.target.expectAlive();
  });
});

describe("channels", () => {
  it("tinysshd allows one session per connection: the second is refused, the first continues", () => {
    let opened = 0;
    const server = visit({
      line: "SSH-2.0-tinyssh_noversion",
      answer: ({ number, payload }, it) => {
        if (number === SSH_MSG_CHANNEL_REQUEST.number) return true;
        if (number !== OPEN || ++opened === 1) return false;
        return it.send(channelOpenFailure(SSH_MSG_CHANNEL_OPEN.decode(payload).senderChannel));
      },
    });
    server.target.machine.connection.openChannel("session");
    expect(server.talk().target.eventsOf("channel-open-failed")).toMatchObject([{ channel: 1 }]);
    server.run(0, "ok");
    expect(server.talk().outcome).toEqual(OK);
  });

  it("UNIMPLEMENTED for CHANNEL_OPEN counts as a refusal", () => {
    const server = visit({
      line: "SSH-2.0-Limited",
      answer: (message, it) => message.number === OPEN && it.unimplemented(message),
    });
    expect(server.target.eventsOf("channel-open-failed")).toMatchObject([{ channel: 0, reasonCode: 3 }]);
    server.target.expectAlive();
  });

  it("an unanswered CHANNEL_OPEN does not block other channels; a reply after the close is accepted", () => {
    let opened = 0;
    const server = visit({ line: "SSH-2.0-Silent", answer: ({ number }) => number === OPEN && ++opened === 1 });
    const { connection } = server.target.machine;
    connection.close(0);
    expect(connection.openChannel("session")).toBe(1);
    expect(server.talk().outcome).toEqual(OK);
    server.send(channelOpenFailure(0));
    expect(server.target.eventsOf("channel-closed").map(({ channel }) => channel)).toEqual([1, 0]);
    server.target.expectAlive();
  });

  it("dropbear has windows of 24 KiB: further data waits for WINDOW_ADJUST", () => {
    const server = visit({
      line: "SSH-2.0-dropbear_2025.89",
      answer: ({ number }, it) => {
        if (number === OPEN) {
          return it.send(
            new Writer()
              .byte(91)
              .uint32(0)
              .uint32(0)
              .uint32(24 * 1024)
              .uint32(24 * 1024)
              .finish(),
          );
        }
        return number === SSH_MSG_CHANNEL_REQUEST.number;
      },
    });
    const { connection } = server.target.machine;
    const bytes = new Uint8Array(100_000).fill(0x78);
    let written = connection.write(0, bytes);
    expect(written).toBe(24 * 1024);
    while (written < bytes.length) {
      server.talk().send(channelAdjust(0, 24 * 1024));
      expect(server.target.eventsOf("writable").length).toBeGreaterThan(0);
      written += connection.write(0, bytes.subarray(written));
    }
    server.run(0, "ok", [exited(0)]);
    expect(server.talk().outcome).toEqual(OK);
  });

  it("channel replies that were not requested are ignored", () => {
    const server = visit({
      line: "SSH-2.0-Talkative",
      answer: ({ number }, it) =>
        number === SSH_MSG_CHANNEL_REQUEST.number && it.send(SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: 0 })),
    });
    for (let i = 0; i < 1000; i++) {
      server.target.machine.connection.request(0, "window-change", new Uint8Array(16), { wantReply: false });
      server.talk();
    }
    server.run(0, "ok");
    expect(server.talk().outcome).toEqual(OK);
  });
});

describe("key exchanges", () => {
  it("twisted's conch lacks strict key exchange: a login and a command work without it", () => {
    expect(visit({ line: "SSH-2.0-Twisted_24.11.0", peer: { strict: false } }).outcome).toEqual(OK);
  });

  it("dev-tunnels does not support a rekey by the client: the error names KEXINIT immediately", () => {
    const server = visit({
      line: "SSH-2.0-Microsoft.DevTunnels.Ssh_3.12",
      answer: (message, it) =>
        message.number === SSH_MSG_KEXINIT.number && message.loggedIn && it.unimplemented(message),
    });
    server.target.machine.rekey();
    expect(server.talk().target.error?.message).toMatch(
      /^the server does not implement SSH_MSG_KEXINIT \(our packet \d+\), which the connection requires$/,
    );
  });

  it("UNIMPLEMENTED for the login request gives an error that names it", () => {
    const server = visit({
      line: "SSH-2.0-Lost",
      answer: (message, it) => message.number === SSH_MSG_USERAUTH_REQUEST.number && it.unimplemented(message),
    });
    expect(server.target.error).toMatchObject({
      code: "unexpected-message",
      message: "the server does not implement SSH_MSG_USERAUTH_REQUEST (our packet 1), which the connection requires",
    });
  });

  it("UNIMPLEMENTED for an unknown packet never ends a connection", () => {
    const server = visit({
      line: "SSH-2.0-Puzzled",
      answer: (message, it) => {
        if (message.number === SSH_MSG_USERAUTH_REQUEST.number) it.unimplemented({ ...message, sequenceNumber: 9999 });
      },
    });
    for (let i = 0; i < 2000; i++)
      server.unimplemented({ number: 0, payload: NOTHING, sequenceNumber: i, loggedIn: true });
    expect(server.outcome).toEqual(OK);
    server.target.expectAlive();
    expect(server.peer.numbers).not.toContain(SSH_MSG_USERAUTH_SUCCESS.number);
  });
});
