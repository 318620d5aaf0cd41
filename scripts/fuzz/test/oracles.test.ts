import type { ServerSessionEvent } from "@nacre/session";
import { signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { askToken } from "@nacre/wire";
import { beforeEach, describe, expect, it } from "vitest";
import { Broken } from "../contract.ts";
import { ChannelOracle } from "../targets/sessions/channel-oracle.ts";
import { LoginOracle } from "../targets/sessions/login-oracle.ts";
import { SUITES } from "../targets/sessions/suites.ts";

const { userKey } = SUITES[1]!;
const sessionId = new Uint8Array(32);
const facts = { userName: "alice", serviceName: "ssh-connection", factors: [] };
const asked: ServerSessionEvent = {
  type: "publickey",
  token: askToken("publickey"),
  ...facts,
  algorithm: "ssh-ed25519",
  publicKey: userKey.publicKey.blob,
};
const inside: ServerSessionEvent = { type: "authenticated", ...facts };

describe("the oracle of a server's logins", () => {
  let oracle: LoginOracle;
  beforeEach(() => {
    oracle = new LoginOracle({ userKey, sessionId: () => sessionId });
  });

  it("takes a login that was signed and granted", () => {
    oracle.peerSent(signedLogin(sessionId, userKey));
    oracle.told(asked);
    oracle.answered(asked, true);
    oracle.told(inside);
    oracle.told({ type: "eof", channel: 0 });
  });

  it("finds a signature that is another session's", () => {
    oracle.peerSent(signedLogin(new Uint8Array(32).fill(1), userKey));
    expect(() => oracle.told(asked)).toThrow(Broken);
  });

  it("finds a user in whom nobody has let in", () => {
    oracle.peerSent(signedLogin(sessionId, userKey));
    oracle.told(asked);
    oracle.answered(asked, false);
    expect(() => oracle.told(inside)).toThrow(Broken);
  });

  it("finds another user in than the one who was let in", () => {
    oracle.peerSent(signedLogin(sessionId, userKey));
    oracle.told(asked);
    oracle.answered(asked, true);
    expect(() => oracle.told({ ...inside, userName: "root" })).toThrow(Broken);
  });

  it("finds a channel's event before the login", () => {
    expect(() => oracle.told({ type: "eof", channel: 0 })).toThrow(Broken);
  });
});

describe("the oracle of a client's logins", () => {
  let oracle: LoginOracle;
  beforeEach(() => {
    oracle = new LoginOracle({ userKey, sessionId: () => sessionId });
  });

  function accept(): void {
    const token = askToken("verify-host-key");
    oracle.answered({ type: "verify-host-key", token, algorithm: "ssh-ed25519", hostKey: sessionId }, true);
  }

  it("takes a login that the server accepts", () => {
    accept();
    oracle.sessionSent(signedLogin(sessionId, userKey));
    oracle.peerSent(message.authSuccess);
    oracle.told({ type: "authenticated" });
  });

  it("finds a credential sent to a host whose key nobody has accepted", () => {
    expect(() => oracle.sessionSent(signedLogin(sessionId, userKey))).toThrow(Broken);
  });

  it("finds a client in whose server said so before any login, or never", () => {
    accept();
    oracle.peerSent(message.authSuccess);
    oracle.sessionSent(signedLogin(sessionId, userKey));
    expect(() => oracle.told({ type: "authenticated" })).toThrow(Broken);
  });
});

describe("the oracle of channels", () => {
  /** The session's own number of the channel that is the peer's 7. */
  const channel = 1007;
  let oracle: ChannelOracle;
  beforeEach(() => {
    oracle = new ChannelOracle();
    oracle.peerSent(message.channelOpen("session", 7, { initialWindowSize: 100, maximumPacketSize: 60 }));
    oracle.sessionSent(message.channelConfirmation(7, { initialWindowSize: 200 }));
  });

  function receive(length: number): void {
    oracle.told({ type: "data", channel, stream: "stdout", data: new Uint8Array(length) });
    oracle.settle();
  }

  it("takes data up to the windows of both sides, and what was added to them", () => {
    receive(200);
    oracle.sessionSent(message.channelAdjust(7, 50));
    receive(50);
    oracle.sessionSent(message.channelData(7, 60));
    oracle.sessionSent(message.channelData(7, 40));
    oracle.peerSent(message.channelAdjust(channel, 10));
    oracle.sessionSent(message.channelData(7, 10));
  });

  it("finds data that was taken beyond the window", () => {
    expect(() => receive(201)).toThrow(Broken);
  });

  it("finds data that was sent beyond the window, or in too large a piece", () => {
    oracle.sessionSent(message.channelData(7, 60));
    expect(() => oracle.sessionSent(message.channelData(7, 41))).toThrow(Broken);
    expect(() => oracle.sessionSent(message.channelData(7, 61))).toThrow(Broken);
  });

  it("finds data after the end, and an end after the end", () => {
    oracle.sessionSent(message.channelClose(7));
    expect(() => oracle.sessionSent(message.channelData(7, 1))).toThrow(Broken);
    expect(() => oracle.sessionSent(message.channelClose(7))).toThrow(Broken);
  });

  it("finds a second answer, and one to what nobody asked", () => {
    expect(() => oracle.sessionSent(message.channelSuccess(7))).toThrow(Broken);
    oracle.peerSent(message.channelRequest(channel, "shell", true));
    // The unrequested reply stays counted.
    expect(() => oracle.sessionSent(message.channelSuccess(7))).toThrow(Broken);
    expect(() => oracle.sessionSent(message.channelOpenFailure(7))).toThrow(Broken);
  });
});
