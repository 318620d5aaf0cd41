import { askToken, SSH_MSG_SERVICE_ACCEPT, SSH_MSG_USERAUTH_REQUEST, type SshErrorCode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import type { ClientAuthOptions } from "../src/index.ts";
import {
  accept,
  banner,
  ClientRig,
  changereq,
  elsewhere,
  failure,
  infoRequest,
  inMemory,
  keyOf,
  pkOk,
  rsaLike,
  success,
} from "./support.ts";

const ED = "ssh-ed25519";
const usage = expect.objectContaining({ code: "usage" });
const prompts = [{ prompt: "?", echo: false }];

/** The client must end with this error, send nothing more, and stay ended. */
function expectFatal(rig: ClientRig, code: SshErrorCode, message: RegExp): void {
  const events = rig.events();
  const last = events.at(-1);
  expect(last?.type).toBe("closed");
  if (last?.type === "closed") {
    expect(last.error.code).toBe(code);
    expect(last.error.message).toMatch(message);
  }
  expect(rig.client.waitingForApplication).toBe(false);
  rig.sent();
  expect(rig.receive(accept, banner("more"), failure("password", "publickey"), success)).toEqual([]);
  expect(rig.events()).toEqual([]);
}

/** Started, with the service accepted. */
function begun(options: Partial<ClientAuthOptions>): ClientRig {
  const rig = new ClientRig(options);
  rig.start();
  rig.events();
  return rig;
}

function received(options: Partial<ClientAuthOptions>, ...payloads: Uint8Array[]): ClientRig {
  const rig = begun(options);
  rig.receive(...payloads);
  rig.events();
  return rig;
}

function passwordInFlight(): ClientRig {
  const rig = begun({ password: true });
  rig.receive(failure("password"));
  rig.client.answerPassword(rig.event("password").token, "secret");
  return rig;
}

describe("order: the service is accepted first, and once", () => {
  test.each([
    ["success", success],
    ["failure", failure("password")],
    ["banner", banner("hello")],
    ["60", pkOk(inMemory(1), ED)],
  ])("%s before SERVICE_ACCEPT", (_, payload) => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.client.start();
    rig.client.receive(payload);
    expectFatal(rig, "unexpected-message", /before it was asked/);
  });

  test("twice", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.start();
    rig.client.receive(accept);
    expectFatal(rig, "unexpected-message", /SSH_MSG_SERVICE_ACCEPT \(6\)/);
  });

  test("another service", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.client.start();
    rig.client.receive(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-connection" }));
    expectFatal(rig, "unexpected-message", /accepted the service ssh-connection/);
  });

  test("anything before the client has begun", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.client.receive(accept);
    expectFatal(rig, "unexpected-message", /SSH_MSG_SERVICE_ACCEPT/);
  });

  test("beginning twice is the caller's mistake", () => {
    const rig = new ClientRig({});
    rig.client.start();
    expect(() => rig.client.start()).toThrow(usage);
  });
});

describe("answers that nothing asked for", () => {
  const states = {
    "signed request in flight": () => begun({ identities: [inMemory(1)] }),
    "query in flight": () => begun({ identities: [elsewhere(1)] }),
    "signature asked": () => received({ identities: [elsewhere(1)] }, pkOk(elsewhere(1), ED)),
    "none in flight": () => begun({}),
    "password asked": () => received({ password: true }, failure("password")),
    "password in flight": passwordInFlight,
    "new password asked": () => {
      const rig = passwordInFlight();
      rig.receive(changereq("expired"));
      rig.events();
      return rig;
    },
    "keyboard-interactive in flight": () => received({ keyboardInteractive: true }, failure("keyboard-interactive")),
    "prompts asked": () =>
      received({ keyboardInteractive: true }, failure("keyboard-interactive"), infoRequest(prompts)),
  };

  test.each<[state: keyof typeof states, payload: Uint8Array]>([
    ["signature asked", success],
    ["password asked", success],
    ["new password asked", success],
    ["prompts asked", success],
    ["signature asked", failure("publickey", "password")],
    ["password asked", failure("publickey", "password")],
    ["new password asked", failure("publickey", "password")],
    ["prompts asked", failure("publickey", "password")],
    // A query can be answered by yes or no (RFC 4252 §7), not by a login.
    ["query in flight", success],
    // Number 60 under the wrong method, or at the wrong time.
    ["signed request in flight", pkOk(inMemory(1), ED)],
    ["signature asked", pkOk(inMemory(1), ED)],
    ["none in flight", infoRequest(prompts)],
    ["none in flight", changereq("x")],
    ["password asked", changereq("x")],
    ["new password asked", changereq("x")],
    ["prompts asked", infoRequest(prompts)],
    // What only a client sends, and what no one sends yet.
    [
      "none in flight",
      SSH_MSG_USERAUTH_REQUEST.encode({
        userName: "alice",
        serviceName: "ssh-connection",
        methodName: "none",
        methodData: new Uint8Array(0),
      }),
    ],
    ["none in flight", new Uint8Array([61, 0, 0, 0, 0])],
    ["none in flight", new Uint8Array([90])],
    ["none in flight", new Uint8Array([0])],
    ["none in flight", new Uint8Array(0)],
  ])("%s: case %#", (state, payload) => {
    const rig = states[state]();
    rig.client.receive(payload);
    expectFatal(rig, "unexpected-message", /^the server sent /);
  });

  test.each<[state: keyof typeof states, payload: Uint8Array]>([
    ["query in flight", infoRequest(prompts)],
    ["query in flight", changereq("new password")],
    ["password in flight", infoRequest(prompts)],
    ["keyboard-interactive in flight", changereq("x")],
    ["keyboard-interactive in flight", pkOk(inMemory(1), ED)],
    // SUCCESS in answer to "none" is legal; with a body it is not.
    ["none in flight", new Uint8Array([52, 0])],
    ["none in flight", new Uint8Array([51, 0, 0, 0, 200])],
    ["none in flight", new Uint8Array([51, 0, 0, 0, 0])],
  ])("%s: a body that is not the message's, case %#", (state, payload) => {
    const rig = states[state]();
    rig.client.receive(payload);
    expectFatal(rig, "malformed-message", /^SSH_MSG_USERAUTH_/);
  });
});

describe("PK_OK names the very key and algorithm of the query", () => {
  test.each([
    ["another key", pkOk(elsewhere(2), ED)],
    ["another algorithm", pkOk(elsewhere(1), "rsa-sha2-512")],
  ])("%s", (_, payload) => {
    const rig = new ClientRig({ identities: [elsewhere(1), elsewhere(2)] });
    rig.start();
    rig.client.receive(payload);
    expectFatal(rig, "unexpected-message", /answered for/);
  });

  test("SHA-1 is not slipped under an RSA key", () => {
    const identity = { publicKey: rsaLike(1).publicKey };
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    rig.client.receive(pkOk(identity, "ssh-rsa"));
    expectFatal(rig, "unexpected-message", /rsa-sha2-512 and answered for ssh-rsa/);
  });
});

describe("an answer is for one ask, once", () => {
  test("sign", () => {
    const first = elsewhere(1);
    const second = elsewhere(2);
    const rig = new ClientRig({ identities: [first, second] });
    rig.start();
    rig.receive(pkOk(first, ED));
    const ask = rig.event("sign");
    const signature = keyOf(1).sign(ED, ask.data, () => new Uint8Array());
    expect(() => rig.client.answerSignature(askToken("sign"), signature)).toThrow(usage);
    expect(() => rig.client.answerPassword(ask.token, "secret")).toThrow(usage);
    expect(() => rig.client.answerPrompts(ask.token, [])).toThrow(usage);
    expect(rig.sent()).toEqual([]);
    rig.client.answerSignature(ask.token, signature);
    expect(() => rig.client.answerSignature(ask.token, signature)).toThrow(usage);
    expect(rig.sent()).toEqual([`publickey ${ED}`]);
    // The first key's answer does not sign for the second.
    expect(rig.receive(failure("publickey"), pkOk(second, ED))).toEqual([`publickey? ${ED}`]);
    expect(() => rig.client.answerSignature(ask.token, signature)).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });

  test("password", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    const { token } = rig.event("password");
    rig.client.answerPassword(token, "one");
    expect(() => rig.client.answerPassword(token, "two")).toThrow(usage);
    expect(rig.receive(failure("password"))).toEqual(["password one"]);
    expect(() => rig.client.answerPassword(token, "three")).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });

  test("change-password", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    const password = rig.event("password").token;
    rig.client.answerPassword(password, "one");
    rig.receive(changereq("expired"));
    rig.sent();
    expect(() => rig.client.answerPassword(password, "two")).toThrow(usage);
    const { token } = rig.event("change-password");
    expect(() => rig.client.answerPassword(token, "two")).toThrow(usage);
    rig.client.answerChangePassword(token, { oldPassword: "one", newPassword: "two" });
    expect(() => rig.client.answerChangePassword(token, { oldPassword: "one", newPassword: "three" })).toThrow(usage);
    expect(rig.sent()).toEqual(["password one -> two"]);
  });

  test("prompts", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    rig.sent();
    const { token } = rig.event("prompts");
    rig.client.answerPrompts(token, ["one"]);
    expect(rig.receive(infoRequest(prompts))).toEqual(['responses ["one"]']);
    expect(() => rig.client.answerPrompts(token, ["two"])).toThrow(usage);
    expect(() => rig.client.answerPrompts(token, undefined)).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });

  test("after the server has broken the protocol", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    const { token } = rig.event("password");
    rig.receive(success);
    expect(() => rig.client.answerPassword(token, "secret")).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });
});

describe("bounds", () => {
  test("banners by count", () => {
    const rig = new ClientRig({ limits: { authBanners: 3 } });
    rig.start();
    for (let i = 0; i < 3; i++) rig.receive(banner("x"));
    expect(rig.events()).toHaveLength(3);
    rig.receive(banner("x"));
    expectFatal(rig, "auth-limit", /banners/);
  });

  test("banners by size", () => {
    const size = banner("x".repeat(1000)).length;
    const rig = new ClientRig({ limits: { authBannerBytes: 2 * size } });
    rig.start();
    for (let i = 0; i < 2; i++) rig.receive(banner("x".repeat(1000)));
    expect(rig.events()).toHaveLength(2);
    rig.receive(banner(""));
    expectFatal(rig, "auth-limit", /bytes/);
  });

  test("prompts by the bytes that are there", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    rig.receive(failure("keyboard-interactive"));
    rig.receive(new Writer().byte(60).string("").string("").string("").uint32(0xffff_ffff).finish());
    expectFatal(rig, "malformed-message", /4294967295 items/);
  });

  test("prompts at and over the limit", () => {
    for (const [count, within] of [
      [2, true],
      [3, false],
    ] as const) {
      const rig = new ClientRig({ keyboardInteractive: true, limits: { promptsPerRound: 2 } });
      rig.start();
      rig.receive(failure("keyboard-interactive"));
      rig.receive(infoRequest(Array.from({ length: count }, () => ({ prompt: "?", echo: true }))));
      if (within) rig.event("prompts");
      else expectFatal(rig, "auth-limit", /3 prompts/);
    }
  });

  test("the size of a prompt", () => {
    const promptBytes = infoRequest(prompts, "name").length;
    const rig = new ClientRig({ keyboardInteractive: true, limits: { promptBytes } });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts, "name"));
    rig.client.answerPrompts(rig.event("prompts").token, ["x"]);
    rig.receive(infoRequest(prompts, "name!"));
    expectFatal(rig, "auth-limit", /prompt of \d+ bytes/);
  });

  test("the size of a demand for a new password", () => {
    const promptBytes = changereq("expired").length;
    const rig = new ClientRig({ password: true, limits: { promptBytes } });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answerPassword(rig.event("password").token, "old");
    rig.receive(changereq("expired"));
    rig.client.answerChangePassword(rig.event("change-password").token, { oldPassword: "old", newPassword: "new" });
    rig.receive(changereq("expired!"));
    expectFatal(rig, "auth-limit", /prompt of \d+ bytes/);
  });

  test("keyboard-interactive without end", () => {
    const rig = new ClientRig({ keyboardInteractive: true, limits: { keyboardInteractiveRounds: 5 } });
    rig.start();
    rig.receive(failure("keyboard-interactive"));
    for (let i = 0; i < 5; i++) expect(rig.receive(infoRequest([]))).toEqual(["responses []"]);
    rig.receive(infoRequest([]));
    expectFatal(rig, "auth-limit", /more than 5 times/);
  });

  test("a new password is never good enough", () => {
    const rig = new ClientRig({ password: true, limits: { passwordChanges: 2 } });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answerPassword(rig.event("password").token, "old");
    for (let i = 0; i < 2; i++) {
      rig.receive(changereq("again"));
      rig.client.answerChangePassword(rig.event("change-password").token, { oldPassword: "old", newPassword: `${i}` });
    }
    rig.receive(changereq("again"));
    expectFatal(rig, "auth-limit", /more than 2 times/);
  });

  test("a server that alternates what it takes does not keep a client busy", () => {
    const rig = new ClientRig({ identities: [inMemory(1), inMemory(2)], password: true, keyboardInteractive: true });
    rig.start();
    let sent = 0;
    for (let turn = 0; rig.events().every((event) => event.type !== "closed"); turn++) {
      rig.receive(turn % 2 === 0 ? failure("keyboard-interactive") : failure("publickey"));
      expect(++sent).toBeLessThan(50);
    }
  });

  test("an error repeats no more of the server's list than a person reads", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(failure(...Array.from({ length: 5000 }, (_, i) => `${i}`.padStart(100, "m"))));
    const { message } = rig.event("closed").error;
    expect(message.length).toBeLessThan(1200);
    expect(message).toContain("5000 in all");
  });

  test("text of the caller is escaped", () => {
    const rig = new ClientRig({ userName: "al\u001bice" });
    rig.start();
    rig.receive(failure());
    expect(rig.event("closed").error.message).toContain("al\\x1bice");
  });
});
