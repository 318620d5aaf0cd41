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

/** Expects that the client ended with this error, sends nothing more, and ignores further messages. */
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

/** Returns a started client that received SSH_MSG_SERVICE_ACCEPT. */
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
  rig.client.answer(rig.event("password").token, "secret");
  return rig;
}

describe("SSH_MSG_SERVICE_ACCEPT", () => {
  test.each([
    ["success", success],
    ["failure", failure("password")],
    ["banner", banner("hello")],
    ["60", pkOk(inMemory(1), ED)],
  ])("rejects %s before SSH_MSG_SERVICE_ACCEPT", (_, payload) => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.client.start();
    rig.client.receive(payload);
    expectFatal(rig, "unexpected-message", /before it accepted the service ssh-userauth$/);
  });

  test("rejects a second SSH_MSG_SERVICE_ACCEPT", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.start();
    rig.client.receive(accept);
    expectFatal(rig, "unexpected-message", /SSH_MSG_SERVICE_ACCEPT \(6\)/);
  });

  test("rejects an SSH_MSG_SERVICE_ACCEPT for another service", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.client.start();
    rig.client.receive(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-connection" }));
    expectFatal(rig, "unexpected-message", /accepted the service ssh-connection/);
  });

  test("rejects any message before `start`", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.client.receive(accept);
    expectFatal(rig, "unexpected-message", /SSH_MSG_SERVICE_ACCEPT/);
  });

  test("throws `usage` if `start` is called twice", () => {
    const rig = new ClientRig({});
    rig.client.start();
    expect(() => rig.client.start()).toThrow(usage);
  });
});

describe("unexpected messages", () => {
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
    // A query is answered with yes or no, not with SSH_MSG_USERAUTH_SUCCESS (RFC 4252 §7).
    ["query in flight", success],
    // Number 60 under the wrong method or at the wrong time.
    ["signed request in flight", pkOk(inMemory(1), ED)],
    ["signature asked", pkOk(inMemory(1), ED)],
    ["none in flight", infoRequest(prompts)],
    ["none in flight", changereq("x")],
    ["password asked", changereq("x")],
    ["new password asked", changereq("x")],
    ["prompts asked", infoRequest(prompts)],
    // Messages that only a client sends, or that are not allowed before login.
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
  ])("rejects an unexpected message with %s: case %#", (state, payload) => {
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
    // SSH_MSG_USERAUTH_SUCCESS is a legal answer to "none", but not with a body.
    ["none in flight", new Uint8Array([52, 0])],
    ["none in flight", new Uint8Array([51, 0, 0, 0, 200])],
    ["none in flight", new Uint8Array([51, 0, 0, 0, 0])],
  ])("rejects a malformed message with %s: case %#", (state, payload) => {
    const rig = states[state]();
    rig.client.receive(payload);
    expectFatal(rig, "malformed-message", /^SSH_MSG_USERAUTH_/);
  });
});

describe("SSH_MSG_USERAUTH_PK_OK", () => {
  test.each([
    ["another key", pkOk(elsewhere(2), ED)],
    ["another algorithm", pkOk(elsewhere(1), "rsa-sha2-512")],
  ])("rejects an SSH_MSG_USERAUTH_PK_OK for %s than in the query", (_, payload) => {
    const rig = new ClientRig({ identities: [elsewhere(1), elsewhere(2)] });
    rig.start();
    rig.client.receive(payload);
    expectFatal(rig, "unexpected-message", /^the server answered a query about /);
  });

  test("cannot make an RSA key sign with SHA-1", () => {
    const identity = { publicKey: rsaLike(1).publicKey };
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    rig.client.receive(pkOk(identity, "ssh-rsa"));
    // ssh2's server names the format of the key. The signature is made with the algorithm of the query.
    expect(rig.event("sign").algorithm).toBe("rsa-sha2-512");
  });

  test("does not accept another algorithm of the same RSA key", () => {
    const identity = { publicKey: rsaLike(1).publicKey };
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    rig.client.receive(pkOk(identity, "rsa-sha2-256"));
    expectFatal(rig, "unexpected-message", /query about rsa-sha2-512 with the algorithm rsa-sha2-256$/);
  });
});

describe("a token admits one answer", () => {
  test("of a `sign` event", () => {
    const first = elsewhere(1);
    const second = elsewhere(2);
    const rig = new ClientRig({ identities: [first, second] });
    rig.start();
    rig.receive(pkOk(first, ED));
    const ask = rig.event("sign");
    const signature = keyOf(1).sign(ED, ask.data, () => new Uint8Array());
    expect(() => rig.client.answer(askToken("sign"), signature)).toThrow(usage);
    expect(() => rig.client.answer(ask.token, "secret")).toThrow(usage);
    expect(() => rig.client.answer(ask.token, [])).toThrow(usage);
    expect(rig.sent()).toEqual([]);
    rig.client.answer(ask.token, signature);
    expect(() => rig.client.answer(ask.token, signature)).toThrow(usage);
    expect(rig.sent()).toEqual([`publickey ${ED}`]);
    // The first key's token cannot answer for the second key.
    expect(rig.receive(failure("publickey"), pkOk(second, ED))).toEqual([`publickey? ${ED}`]);
    expect(() => rig.client.answer(ask.token, signature)).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });

  test("of a `password` event", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    const { token } = rig.event("password");
    rig.client.answer(token, "one");
    expect(() => rig.client.answer(token, "two")).toThrow(usage);
    expect(rig.receive(failure("password"))).toEqual(["password one"]);
    expect(() => rig.client.answer(token, "three")).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });

  test("of a `change-password` event", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    const password = rig.event("password").token;
    rig.client.answer(password, "one");
    rig.receive(changereq("expired"));
    rig.sent();
    expect(() => rig.client.answer(password, "two")).toThrow(usage);
    const { token } = rig.event("change-password");
    expect(() => rig.client.answer(token, "two")).toThrow(usage);
    rig.client.answer(token, { oldPassword: "one", newPassword: "two" });
    expect(() => rig.client.answer(token, { oldPassword: "one", newPassword: "three" })).toThrow(usage);
    expect(rig.sent()).toEqual(["password one -> two"]);
  });

  test("of a `prompts` event", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    rig.sent();
    const { token } = rig.event("prompts");
    rig.client.answer(token, ["one"]);
    expect(rig.receive(infoRequest(prompts))).toEqual(['responses ["one"]']);
    expect(() => rig.client.answer(token, ["two"])).toThrow(usage);
    expect(() => rig.client.answer(token, undefined)).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });

  test("and none after the server broke the protocol", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    const { token } = rig.event("password");
    rig.receive(success);
    expect(() => rig.client.answer(token, "secret")).toThrow(usage);
    expect(rig.sent()).toEqual([]);
  });
});

describe("limits", () => {
  test("rejects more than `authBanners` banners", () => {
    const rig = new ClientRig({ limits: { authBanners: 3 } });
    rig.start();
    for (let i = 0; i < 3; i++) rig.receive(banner("x"));
    expect(rig.events()).toHaveLength(3);
    rig.receive(banner("x"));
    expectFatal(rig, "auth-limit", /banners/);
  });

  test("rejects more than `authBannerBytes` bytes of banners", () => {
    const size = banner("x".repeat(1000)).length;
    const rig = new ClientRig({ limits: { authBannerBytes: 2 * size } });
    rig.start();
    for (let i = 0; i < 2; i++) rig.receive(banner("x".repeat(1000)));
    expect(rig.events()).toHaveLength(2);
    rig.receive(banner(""));
    expectFatal(rig, "auth-limit", /bytes/);
  });

  test("rejects a prompt count that the message is too short for", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    rig.receive(failure("keyboard-interactive"));
    rig.receive(new Writer().byte(60).string("").string("").string("").uint32(0xffff_ffff).finish());
    expectFatal(rig, "malformed-message", /4294967295 items/);
  });

  test("allows `promptsPerRound` prompts and rejects one more", () => {
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

  test("rejects an SSH_MSG_USERAUTH_INFO_REQUEST longer than `promptBytes`", () => {
    const promptBytes = infoRequest(prompts, "name").length;
    const rig = new ClientRig({ keyboardInteractive: true, limits: { promptBytes } });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts, "name"));
    rig.client.answer(rig.event("prompts").token, ["x"]);
    rig.receive(infoRequest(prompts, "name!"));
    expectFatal(rig, "auth-limit", /prompt message of \d+ bytes/);
  });

  test("rejects an SSH_MSG_USERAUTH_PASSWD_CHANGEREQ longer than `promptBytes`", () => {
    const promptBytes = changereq("expired").length;
    const rig = new ClientRig({ password: true, limits: { promptBytes } });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answer(rig.event("password").token, "old");
    rig.receive(changereq("expired"));
    rig.client.answer(rig.event("change-password").token, { oldPassword: "old", newPassword: "new" });
    rig.receive(changereq("expired!"));
    expectFatal(rig, "auth-limit", /prompt message of \d+ bytes/);
  });

  test("rejects more than `keyboardInteractiveRounds` rounds", () => {
    const rig = new ClientRig({ keyboardInteractive: true, limits: { keyboardInteractiveRounds: 5 } });
    rig.start();
    rig.receive(failure("keyboard-interactive"));
    for (let i = 0; i < 5; i++) expect(rig.receive(infoRequest([]))).toEqual(["responses []"]);
    rig.receive(infoRequest([]));
    expectFatal(rig, "auth-limit", /more than 5 rounds/);
  });

  test("rejects more than `passwordChanges` demands for a new password", () => {
    const rig = new ClientRig({ password: true, limits: { passwordChanges: 2 } });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answer(rig.event("password").token, "old");
    for (let i = 0; i < 2; i++) {
      rig.receive(changereq("again"));
      rig.client.answer(rig.event("change-password").token, { oldPassword: "old", newPassword: `${i}` });
    }
    rig.receive(changereq("again"));
    expectFatal(rig, "auth-limit", /more than 2 times/);
  });

  test("ends a login with a server that alternates its methods", () => {
    const rig = new ClientRig({ identities: [inMemory(1), inMemory(2)], password: true, keyboardInteractive: true });
    rig.start();
    let sent = 0;
    for (let round = 0; rig.events().every((event) => event.type !== "closed"); round++) {
      rig.receive(round % 2 === 0 ? failure("keyboard-interactive") : failure("publickey"));
      expect(++sent).toBeLessThan(50);
    }
  });

  test("shortens the server's list of methods in the error", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(failure(...Array.from({ length: 5000 }, (_, i) => `${i}`.padStart(100, "m"))));
    const { message } = rig.event("closed").error;
    expect(message.length).toBeLessThan(1200);
    expect(message).toContain("5000 in total");
  });

  test("escapes the user name in the error", () => {
    const rig = new ClientRig({ userName: "al\u001bice" });
    rig.start();
    rig.receive(failure());
    expect(rig.event("closed").error.message).toContain("al\\x1bice");
  });
});
