import { type PrivateKey } from "@nacre/keys";
import type { ServerProtocol, ServerProtocolEvent } from "@nacre/protocol";
import { keyQuery, noneLogin, passwordLogin, signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { hostKey, otherHostKey as otherKey, userKey } from "@nacre/testing/attacks/protocol-target";
import { seededRandom } from "@nacre/testing/random";
import {
  askToken,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  userauthSignedData,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { ServerTarget } from "./support/server-target.ts";

const usage = expect.objectContaining({ code: "usage" });
const FAILURE = SSH_MSG_USERAUTH_FAILURE.number;
const SUCCESS = 52;

const signed = (target: ServerTarget, key: PrivateKey, change: Parameters<typeof signedLogin>[2] = {}): Uint8Array =>
  signedLogin(target.peer.sessionId, key, change);
const tampered = (key: PrivateKey) => (data: Uint8Array) => key.sign("ssh-ed25519", data.toReversed(), seededRandom(1));

/** An application that accepts every login. */
function acceptEverything(event: ServerProtocolEvent, machine: ServerProtocol): boolean {
  if (!("method" in event)) return false;
  machine.auth.answer(event.token, event.type === "query" ? true : "success");
  return true;
}

/** Asserts that no user is authenticated and no connection event occurred. */
function expectOutside(target: ServerTarget): void {
  expect(target.authenticated).toBe(false);
  expect(target.sent).not.toContain(SUCCESS);
  const types = target.events.map(({ type }) => type);
  expect(types.filter((type) => /^(open-request|exec|shell|subsystem|global-request|data)$/.test(type))).toEqual([]);
}

test("CVE-2018-10933 · server", () => {
  // USERAUTH_SUCCESS from the client in every phase, followed by a connection message.
  const starts: readonly ((target: ServerTarget) => unknown)[] = [
    (target) => target.peer.identify(),
    (target) => target.peer.identify().init(),
    (target) => target.handshake(),
    (target) => target.service(),
    (target) => target.service().peer.send(noneLogin()),
    (target) => target.service().peer.send(keyQuery(userKey.publicKey)),
    (target) => target.service().peer.send(signed(target, otherKey)),
  ];
  for (const start of starts)
    for (const behind of [message.channelOpen("session", 0), message.globalRequest("x", true), message.ping()]) {
      const target = new ServerTarget();
      start(target);
      const bytes = [message.authSuccess, behind].map((payload) => target.peer.seal(payload));
      for (const packet of bytes) target.peer.raw(packet);
      const { message: why } = target.expectClosed("unexpected-message");
      // The message is rejected because of its sender, not because of its phase.
      expect(why).toContain("which only a server sends");
      expectOutside(target);
    }
  const asked = new ServerTarget({ hold: ["publickey"] }).service();
  asked.peer.send(signed(asked, userKey), message.authSuccess, message.channelOpen("session", 0));
  expectOutside(asked);
  asked.machine.auth.answer(asked.eventsOf("publickey")[0]!.token, "failure");
  asked.turn().expectClosed("unexpected-message");
  expectOutside(asked);
});

test("CVE-2025-32433 · server", () => {
  const exec = message.channelRequest(0, "exec", true);
  // All message numbers of the connection protocol except CHANNEL_OPEN.
  const numbers = [80, 81, 82, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100];
  for (const start of [
    (): ServerTarget => new ServerTarget().handshake(),
    (): ServerTarget => new ServerTarget().service(),
  ])
    for (const number of numbers) {
      const target = start();
      target.peer.send(Uint8Array.of(number));
      target.expectClosed("unexpected-message");
      expectOutside(target);
    }
  // An early CHANNEL_OPEN gets UNIMPLEMENTED and creates no channel, so exec on it fails.
  for (const later of [false, true]) {
    const target = new ServerTarget().service();
    target.peer.send(message.channelOpen("session", 0));
    expect(target.sent.at(-1)).toBe(3);
    expectOutside(target);
    if (later) {
      target.peer.send(signed(target, userKey));
      expect(target.authenticated).toBe(true);
      expect(target.machine.connection.channelCount).toBe(0);
    }
    target.peer.send(exec);
    target.expectClosed(later ? "channel-unknown" : "unexpected-message");
    expect(target.eventsOf("channel-request")).toEqual([]);
  }
  // Messages after a login wait for its answer and are not handled if the login fails.
  for (const verdict of ["failure", "success"] as const) {
    const target = new ServerTarget({ hold: ["publickey"] }).service();
    target.peer.send(signed(target, userKey), message.channelOpen("session", 7));
    expectOutside(target);
    target.machine.auth.answer(target.eventsOf("publickey")[0]!.token, verdict);
    target.turn();
    expect(target.eventsOf("open-request")).toHaveLength(verdict === "success" ? 1 : 0);
    expect(target.machine.connection.channelCount).toBe(verdict === "success" ? 1 : 0);
  }
});

const signature = (key: PrivateKey) => (data: Uint8Array) => key.sign("ssh-ed25519", data, seededRandom(1));

test("CVE-2024-45337 · server", () => {
  // The client queries both keys and signs with the second. Only that one is a factor.
  const target = new ServerTarget({ hold: ["publickey"] }).service();
  target.peer.send(keyQuery(userKey.publicKey), keyQuery(otherKey.publicKey), signed(target, otherKey));
  const [ask] = target.eventsOf("publickey");
  expect(ask?.publicKey).toEqual(otherKey.publicKey.blob);
  target.machine.auth.answer(ask!.token, "success");
  target.turn();
  const [authenticated] = target.eventsOf("authenticated");
  expect(authenticated?.factors).toEqual([
    { method: "publickey", algorithm: "ssh-ed25519", publicKey: otherKey.publicKey.blob },
  ]);

  // A signature that does not match the request causes no event.
  const forged: readonly ((target: ServerTarget) => Uint8Array)[] = [
    (target) => signed(target, userKey, { sign: signature(otherKey) }),
    (target) => signed(target, otherKey, { sign: signature(userKey) }),
    (target) => signed(target, userKey, { sign: tampered(userKey) }),
    // Signatures for another connection, user or service.
    () => signedLogin(new Uint8Array(32), userKey),
    (target) => withChange(signed(target, userKey, { userName: "bob" }), { userName: "alice" }),
    (target) => withChange(signed(target, userKey, { serviceName: "ssh-other" }), { serviceName: "ssh-connection" }),
  ];
  for (const forge of forged) {
    const target = new ServerTarget({ hold: ["publickey"] }).service();
    target.peer.send(forge(target));
    expect(target.sent.at(-1)).toBe(FAILURE);
    expect(target.eventsOf("publickey")).toEqual([]);
    expectOutside(target);
    target.expectAlive();
  }
  // Reusing the input buffer must not change earlier events.
  const reused = new ServerTarget({ hold: ["publickey"] }).service();
  const packet = reused.peer.seal(signed(reused, userKey));
  reused.peer.raw(packet);
  packet.fill(0);
  expect(reused.eventsOf("publickey")[0]?.publicKey).toEqual(userKey.publicKey.blob);
});

test("asynchronous answers · server", () => {
  // A positive query answer does not authenticate an invalid signature that follows.
  const late = new ServerTarget({ hold: ["query"] }).service();
  late.peer.send(keyQuery(userKey.publicKey), signed(late, userKey, { sign: tampered(userKey) }));
  const [query] = late.eventsOf("query");
  late.machine.auth.answer(query!.token, true);
  late.turn();
  expect(late.sent.slice(-2)).toEqual([SSH_MSG_USERAUTH_PK_OK.number, FAILURE]);
  expectOutside(late);
  expect(() => late.machine.auth.answer(query!.token, true)).toThrow(usage);

  // A token is valid for one answer, only for its own event and only of the matching type.
  const twice = new ServerTarget({ hold: ["publickey", "password"] }).service();
  twice.peer.send(signed(twice, otherKey));
  const [first] = twice.eventsOf("publickey");
  twice.machine.auth.answer(first!.token, "failure");
  twice.turn().peer.send(signed(twice, otherKey));
  const second = twice.eventsOf("publickey")[1];
  expect(() => twice.machine.auth.answer(first!.token, "success")).toThrow(usage);
  expect(() => twice.machine.auth.answer(second!.token, { changePrompt: "again" })).toThrow(usage);
  expect(() => twice.machine.auth.answer(second!.token, true)).toThrow(usage);
  expect(() => twice.machine.auth.answer(askToken("forged"), "success")).toThrow(usage);
  expectOutside(twice.turn());

  // If another user name arrives while the application decides, the answer applies to the original user.
  const changing = new ServerTarget({ hold: ["publickey", "password"] }).service();
  changing.peer.send(signed(changing, userKey), passwordLogin("root's", { userName: "root" }));
  const [ask] = changing.eventsOf("publickey");
  expect(ask?.userName).toBe("alice");
  expect(changing.eventsOf("password")).toEqual([]);
  changing.machine.auth.answer(ask!.token, "success");
  changing.turn();
  expect(changing.eventsOf("authenticated")[0]?.userName).toBe("alice");
  expect(changing.eventsOf("password")).toEqual([]);
  const refused = new ServerTarget({ hold: ["publickey", "password"] }).service();
  refused.peer.send(signed(refused, userKey), passwordLogin("root's", { userName: "root" }));
  const [old] = refused.eventsOf("publickey");
  refused.machine.auth.answer(old!.token, "failure");
  refused.turn();
  const [root] = refused.eventsOf("password");
  expect(root?.userName).toBe("root");
  expect(() => refused.machine.auth.answer(old!.token, "success")).toThrow(usage);
  expectOutside(refused);

  // After the end, a late success does not authenticate.
  for (const end of [
    (target: ServerTarget) => target.machine.end(),
    (target: ServerTarget) => target.peer.send(message.authSuccess, message.unknown(50)),
    (target: ServerTarget) => target.peer.raw(new Uint8Array(1000)),
  ]) {
    const gone = new ServerTarget({ hold: ["publickey"] }).service();
    gone.peer.send(signed(gone, userKey));
    const { token } = gone.eventsOf("publickey")[0]!;
    end(gone);
    gone.turn();
    if (gone.error === undefined) gone.machine.auth.answer(token, "failure");
    expect(gone.turn().error).toBeDefined();
    expect(() => gone.machine.auth.answer(token, "success")).toThrow(usage);
    expectOutside(gone);
  }
});

const twoFactor = (): ServerTarget =>
  new ServerTarget({
    hold: ["password"],
    onEvent: (event, machine) => {
      if (event.type !== "publickey") return false;
      machine.auth.answer(event.token, { partial: ["password"] });
      return true;
    },
  }).service();

test("host-bound logins for another host · server", () => {
  const blob = hostKey.publicKey.blob;
  for (const [claimed, over, accepted] of [
    [blob, blob, true],
    [otherKey.publicKey.blob, otherKey.publicKey.blob, false],
    [blob.subarray(0, -1), blob.subarray(0, -1), false],
    [new Uint8Array(0), new Uint8Array(0), false],
    // The signature covers the host key.
    [blob, otherKey.publicKey.blob, false],
    [blob, undefined, false],
  ] as const) {
    const target = new ServerTarget().service();
    const subject = { userName: "alice", serviceName: "ssh-connection" };
    const fields = { algorithm: "ssh-ed25519", publicKey: userKey.publicKey.blob, hostKey: over };
    const data = userauthSignedData(target.peer.sessionId, subject, fields);
    const sign = (): Uint8Array => userKey.sign("ssh-ed25519", data, seededRandom(1));
    target.peer.send(signed(target, userKey, { hostKey: claimed, sign }));
    expect(target.authenticated).toBe(accepted);
    if (!accepted) expect(target.sent.at(-1)).toBe(FAILURE);
  }
  // A query of the wrong host key gets no answer that tells whether the user's key is accepted.
  const target = new ServerTarget().service();
  target.peer.send(keyQuery(userKey.publicKey, { hostKey: otherKey.publicKey.blob }));
  expect(target.sent.at(-1)).toBe(FAILURE);
  target.peer.send(keyQuery(userKey.publicKey, { hostKey: blob }));
  expect(target.sent.at(-1)).toBe(SSH_MSG_USERAUTH_PK_OK.number);
});

test("user or service change · server", () => {
  const honest = twoFactor();
  honest.peer.send(signed(honest, userKey), passwordLogin("right"));
  const [ask] = honest.eventsOf("password");
  expect(ask?.factors.map(({ method }) => method)).toEqual(["publickey"]);
  honest.machine.auth.answer(ask!.token, "success");
  honest.turn().expectAlive();

  // alice's partial success does not count for bob, nor for alice after the change.
  const changed = twoFactor();
  changed.peer.send(signed(changed, userKey));
  expect(SSH_MSG_USERAUTH_FAILURE.decode(changed.peer.received.at(-1)!)).toMatchObject({ partialSuccess: true });
  changed.peer.send(passwordLogin("right", { userName: "bob" }));
  const bob = changed.eventsOf("password")[0]!;
  expect([bob.userName, bob.factors]).toEqual(["bob", []]);
  changed.machine.auth.answer(bob.token, "failure");
  changed.turn().peer.send(passwordLogin("right"));
  expect(changed.eventsOf("password")[1]?.factors).toEqual([]);

  // Other services are refused, even during a login. The number of user changes is limited.
  const service = twoFactor();
  service.peer.send(signed(service, userKey), passwordLogin("right", { serviceName: "ssh-other" }));
  service.expectClosed("service-unavailable");
  const first = new ServerTarget().handshake();
  first.peer.send(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-connection" }));
  first.expectClosed("service-unavailable");
  expectOutside(first);
  const restless = new ServerTarget().service();
  let count = 0;
  for (; restless.error === undefined && count < 100; count++)
    restless.peer.send(keyQuery(userKey.publicKey, { userName: `user${count}` }));
  restless.expectClosed("auth-limit");
  expect(count).toBe(7);
});

/** Returns a login request with another user or service than the signed one. */
function withChange(
  payload: Uint8Array,
  change: { readonly userName?: string; readonly serviceName?: string },
): Uint8Array {
  return SSH_MSG_USERAUTH_REQUEST.encode({ ...SSH_MSG_USERAUTH_REQUEST.decode(payload), ...change });
}

test("logins without proof · server", () => {
  // Without the method's name, an application that would accept everything is not even asked.
  const accepting = { onEvent: acceptEverything };
  for (const methods of [["publickey"], ["publickey", "password", "keyboard-interactive"], []]) {
    const target = new ServerTarget({ ...accepting, server: { methods } }).service();
    target.peer.send(noneLogin(), noneLogin({ userName: "root" }));
    expectOutside(target);
    expect(target.eventsOf("none")).toEqual([]);
  }
  // With it, none of what is after the first request is free.
  const refusing = new ServerTarget({
    server: { methods: ["none", "publickey"] },
    onEvent: (event, machine) => event.type === "none" && (machine.auth.answer(event.token, "failure"), true),
  }).service();
  for (let attempt = 0; attempt < 10 && refusing.error === undefined; attempt++) refusing.peer.send(noneLogin());
  refusing.expectClosed("auth-limit");
  expectOutside(refusing);
  expect(refusing.eventsOf("none")).toHaveLength(6);
  // The name is never told.
  for (const payload of refusing.peer.received.filter(([number]) => number === FAILURE))
    expect(SSH_MSG_USERAUTH_FAILURE.decode(payload).authenticationsThatCanContinue).toEqual(["publickey"]);
});

test("empty user names · server", () => {
  // The empty name is another user: what was proved before does not count, and the change is a failed attempt.
  const target = new ServerTarget({
    onEvent(event, machine) {
      if (event.type !== "publickey") return false;
      machine.auth.answer(event.token, event.factors.length > 0 ? "success" : { partial: ["publickey"] });
      return true;
    },
  }).service();
  const keys = [userKey, otherKey];
  target.peer.send(signed(target, keys[0]!), signed(target, keys[1]!, { userName: "" }));
  expectOutside(target);
  expect(target.eventsOf("publickey").map(({ userName, factors }) => [userName, factors.length])).toEqual([
    ["alice", 0],
    ["", 0],
  ]);
  target.peer.send(signed(target, keys[1]!));
  expectOutside(target);

  const changing = new ServerTarget({ hold: ["none"] }).service();
  const users = ["", "alice", "", "alice", "", "alice", ""];
  for (const userName of users)
    if (changing.error === undefined) changing.peer.send(keyQuery(userKey.publicKey, { userName }));
  changing.expectClosed("auth-limit");
  expectOutside(changing);
});
