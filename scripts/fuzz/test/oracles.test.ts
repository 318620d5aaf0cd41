import type { ServerProtocolEvent } from "@nacre/protocol";
import { signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { askToken } from "@nacre/wire";
import { beforeEach, describe, expect, it } from "vitest";
import { Broken } from "../contract.ts";
import { ChannelOracle } from "../targets/protocol/channel-oracle.ts";
import { LoginOracle } from "../targets/protocol/login-oracle.ts";
import { SUITES } from "../targets/protocol/suites.ts";

const { userKey } = SUITES[1]!;
const sessionId = new Uint8Array(32);
const facts = { userName: "alice", serviceName: "ssh-connection", factors: [] };
const asked: ServerProtocolEvent = {
  type: "publickey",
  method: "publickey",
  isFirst: true,
  token: askToken("publickey"),
  ...facts,
  algorithm: "ssh-ed25519",
  publicKey: userKey.publicKey.blob,
  signature: new Uint8Array(0),
  signedData: new Uint8Array(0),
};
const inside: ServerProtocolEvent = { type: "authenticated", ...facts };

describe("LoginOracle for a server", () => {
  let oracle: LoginOracle;
  beforeEach(() => {
    oracle = new LoginOracle({ userKey, sessionId: () => sessionId });
  });

  it("accepts a login that is signed and granted", () => {
    oracle.peerSent(signedLogin(sessionId, userKey));
    oracle.told(asked);
    oracle.answered(asked, true);
    oracle.told(inside);
    oracle.told({ type: "eof", channel: 0 });
  });

  it("detects a signature for another connection", () => {
    oracle.peerSent(signedLogin(new Uint8Array(32).fill(1), userKey));
    expect(() => oracle.told(asked)).toThrow(Broken);
  });

  it("detects a login that the application refused", () => {
    oracle.peerSent(signedLogin(sessionId, userKey));
    oracle.told(asked);
    oracle.answered(asked, false);
    expect(() => oracle.told(inside)).toThrow(Broken);
  });

  it("detects a login as another user than the granted one", () => {
    oracle.peerSent(signedLogin(sessionId, userKey));
    oracle.told(asked);
    oracle.answered(asked, true);
    expect(() => oracle.told({ ...inside, userName: "root" })).toThrow(Broken);
  });

  it("detects a channel event before the login", () => {
    expect(() => oracle.told({ type: "eof", channel: 0 })).toThrow(Broken);
  });
});

describe("LoginOracle for a client", () => {
  let oracle: LoginOracle;
  beforeEach(() => {
    oracle = new LoginOracle({ userKey, sessionId: () => sessionId });
  });

  function accept(): void {
    const token = askToken("verify-host-key");
    const proof = { algorithm: "ssh-ed25519", hostKey: sessionId, certificate: undefined };
    oracle.answered({ type: "verify-host-key", token, ...proof }, true);
  }

  it("accepts a login that the server accepts", () => {
    accept();
    oracle.machineSent(signedLogin(sessionId, userKey));
    oracle.peerSent(message.authSuccess);
    oracle.told({ type: "authenticated" });
  });

  it("detects credentials sent before the host key is accepted", () => {
    expect(() => oracle.machineSent(signedLogin(sessionId, userKey))).toThrow(Broken);
  });

  it("detects a client that is logged in after a success without an earlier request", () => {
    accept();
    oracle.peerSent(message.authSuccess);
    oracle.machineSent(signedLogin(sessionId, userKey));
    expect(() => oracle.told({ type: "authenticated" })).toThrow(Broken);
  });
});

describe("ChannelOracle", () => {
  /** The machine's number of the channel that has number 7 at the peer. */
  const channel = 1007;
  let oracle: ChannelOracle;
  beforeEach(() => {
    oracle = new ChannelOracle();
    oracle.peerSent(message.channelOpen("session", 7, { initialWindowSize: 100, maximumPacketSize: 60 }));
    oracle.machineSent(message.channelConfirmation(7, { initialWindowSize: 200 }));
  });

  function receive(length: number): void {
    oracle.told({ type: "data", channel, stream: 0, data: new Uint8Array(length) });
    oracle.settle();
  }

  it("accepts data up to the windows of both sides, including window adjusts", () => {
    receive(200);
    oracle.machineSent(message.channelAdjust(7, 50));
    receive(50);
    oracle.machineSent(message.channelData(7, 60));
    oracle.machineSent(message.channelData(7, 40));
    oracle.peerSent(message.channelAdjust(channel, 10));
    oracle.machineSent(message.channelData(7, 10));
  });

  it("detects received data beyond the window", () => {
    expect(() => receive(201)).toThrow(Broken);
  });

  it("detects sent data beyond the window or the maximum packet size", () => {
    oracle.machineSent(message.channelData(7, 60));
    expect(() => oracle.machineSent(message.channelData(7, 41))).toThrow(Broken);
    expect(() => oracle.machineSent(message.channelData(7, 61))).toThrow(Broken);
  });

  it("detects data after CLOSE, and a second CLOSE", () => {
    oracle.machineSent(message.channelClose(7));
    expect(() => oracle.machineSent(message.channelData(7, 1))).toThrow(Broken);
    expect(() => oracle.machineSent(message.channelClose(7))).toThrow(Broken);
  });

  it("detects a second reply, and a reply without a request", () => {
    expect(() => oracle.machineSent(message.channelSuccess(7))).toThrow(Broken);
    oracle.peerSent(message.channelRequest(channel, "shell", true));
    // The reply without a request still counts, so the one to this request is one too many.
    expect(() => oracle.machineSent(message.channelSuccess(7))).toThrow(Broken);
    expect(() => oracle.machineSent(message.channelOpenFailure(7))).toThrow(Broken);
  });
});
