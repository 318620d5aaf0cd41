import { type ChosenAttempt, clientNone, clientPassword, type Identity } from "@nacre/auth";
import { generateEd25519 } from "@nacre/keys";
import * as message from "@nacre/testing/attacks/messages";
import { userKey } from "@nacre/testing/attacks/protocol-target";
import { seededRandom } from "@nacre/testing/random";
import {
  askToken,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_PASSWD_CHANGEREQ,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  toHex,
  userauthPassword,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { ClientTarget } from "./support/client-target.ts";

const usage = expect.objectContaining({ code: "usage" });
const SECRET = "correct horse battery staple";

/** Returns a client that logs in with a password provided by the test. */
function withPassword(): ClientTarget {
  return new ClientTarget({ client: { identities: [], password: true, keyboardInteractive: true } }).service();
}

test("asynchronous answers · client", () => {
  // A late signature is valid only for its own event, not after later messages.
  const keys = [userKey, generateEd25519(seededRandom(24))];
  const identities: Identity[] = keys.map(({ publicKey }) => ({ publicKey }));
  const target = new ClientTarget({ client: { identities } }).service();
  const accepts = (key: number): Uint8Array =>
    SSH_MSG_USERAUTH_PK_OK.encode({ algorithm: "ssh-ed25519", publicKey: keys[key]!.publicKey.blob });
  target.peer.send(accepts(0));
  const [first] = target.eventsOf("sign");
  const sign = (ask: typeof first, key: number): Uint8Array =>
    keys[key]!.sign("ssh-ed25519", ask!.data, seededRandom(1));
  // While the signature is pending, the client sends no further login.
  expect(target.sent.filter((number) => number === 50)).toHaveLength(1);
  target.machine.auth.answer(first!.token, undefined);
  target.turn().peer.send(accepts(1));
  const second = target.eventsOf("sign")[1];
  expect(() => target.machine.auth.answer(first!.token, sign(first, 0))).toThrow(usage);
  expect(() => target.machine.auth.answer(second!.token, SECRET)).toThrow(usage);
  expect(() => target.machine.auth.answer(askToken("forged"), sign(second, 1))).toThrow(usage);
  target.machine.auth.answer(second!.token, sign(second, 1));
  expect(() => target.machine.auth.answer(second!.token, sign(second, 1))).toThrow(usage);
  target.turn();
  // Two queries and one signed request.
  expect(target.sent.filter((number) => number === 50)).toHaveLength(3);

  // A reply while the signature is pending is fatal, because no request was sent.
  for (const payload of [message.authSuccess, message.authFailure("password")]) {
    const early = new ClientTarget({ client: { identities } }).service();
    early.peer.send(accepts(0), payload);
    early.expectClosed("unexpected-message");
    const { token } = early.eventsOf("sign")[0]!;
    expect(() => early.machine.auth.answer(token, new Uint8Array(0))).toThrow(usage);
    expect(early.eventsOf("authenticated")).toEqual([]);
  }
  // An answer after the end has no effect.
  const late = new ClientTarget({ client: { identities } }).service();
  late.peer.send(accepts(0), message.serviceRequest);
  late.expectClosed("unexpected-message");
  const { length } = late.sent;
  expect(() => late.machine.auth.answer(late.eventsOf("sign")[0]!.token, new Uint8Array(83))).toThrow(usage);
  expect(late.turn().sent).toHaveLength(length);
});

test("limits · client", () => {
  // Login timeout: only the server's delays count, and received bytes do not restart it.
  const slow = new ClientTarget().service();
  for (let seconds = 0; seconds < 119; seconds++) slow.advance(1000).peer.send(message.ignore(1));
  expect(slow.error).toBeUndefined();
  slow.advance(1000).expectClosed("auth-timeout");
  const mute = new ClientTarget();
  mute.advance(60_000).expectClosed("kex-timeout");
  const thinking = withPassword();
  thinking.peer.send(message.authFailure("password"));
  thinking.advance(3_600_000);
  expect(thinking.error).toBeUndefined();
  thinking.machine.auth.answer(thinking.eventsOf("password")[0]!.token, SECRET);
  thinking.turn().advance(119_999);
  expect(thinking.error).toBeUndefined();
  thinking.advance(1).expectClosed("auth-timeout");

  // Banners: limited in number and in total size.
  const many = new ClientTarget().service();
  for (let i = 0; i < 32; i++) many.peer.send(message.banner("hello"));
  expect(many.error).toBeUndefined();
  many.peer.send(message.banner("hello"));
  many.expectClosed("auth-limit");
  expect(many.eventsOf("banner")).toHaveLength(32);
  const large = new ClientTarget().service();
  large.peer.send(message.banner("x".repeat(40_000)), message.banner("x".repeat(40_000)));
  large.expectClosed("auth-limit");
  expect(large.eventsOf("banner")).toHaveLength(1);

  // Passwords: at most three are asked for, and at most three changes.
  const passwords = withPassword();
  for (let i = 0; i < 100 && passwords.error === undefined; i++) {
    passwords.peer.send(message.authFailure("password"));
    const ask = passwords.eventsOf("password").at(-1)!;
    if (passwords.error === undefined) passwords.machine.auth.answer(ask.token, SECRET);
    passwords.turn();
  }
  passwords.expectClosed("auth-failed");
  expect(passwords.eventsOf("password")).toHaveLength(3);
  const changes = withPassword();
  changes.peer.send(message.authFailure("password"));
  changes.machine.auth.answer(changes.eventsOf("password")[0]!.token, SECRET);
  changes.turn();
  for (let i = 0; i < 100 && changes.error === undefined; i++) {
    changes.peer.send(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt: "another", languageTag: "" }));
    const ask = changes.eventsOf("change-password").at(-1)!;
    if (changes.error !== undefined) break;
    changes.machine.auth.answer(ask.token, { oldPassword: SECRET, newPassword: `${SECRET}${i}` });
    changes.turn();
  }
  changes.expectClosed("auth-limit");
  expect(changes.eventsOf("change-password")).toHaveLength(3);

  // Endless keyboard-interactive rounds without prompts, which the user would not notice.
  const rounds = withPassword();
  rounds.peer.send(message.authFailure("keyboard-interactive"));
  let count = 0;
  for (; count < 100 && rounds.error === undefined; count++) rounds.peer.send(infoRequest(0));
  expect(count).toBe(33);
  rounds.expectClosed("auth-limit");

  // A server that alternates the methods in its refusals.
  const alternating = new ClientTarget({ client: { identities: keyring(6) } }).service();
  for (let i = 0; i < 100 && alternating.error === undefined; i++)
    alternating.peer.send(message.authFailure(...(i % 2 === 0 ? ["publickey"] : ["publickey", "password"])));
  alternating.expectClosed("auth-failed");
  expect(alternating.sent.filter((number) => number === 50).length).toBeLessThanOrEqual(7);
});

const questioned = (): ClientTarget => {
  const target = withPassword();
  target.peer.send(message.authFailure("keyboard-interactive"));
  expect(target.sent.at(-1)).toBe(50);
  return target;
};

test("kbd-int · client", () => {
  // The prompt count is checked against the message length before memory is allocated.
  for (const count of [2 ** 32 - 1, 2 ** 31, 3]) {
    const target = questioned();
    target.peer.send(infoRequest(2, count));
    expect(target.expectClosed("malformed-message").message).toContain(`${count} items`);
    expect(target.eventsOf("prompts")).toEqual([]);
  }
  const most = questioned();
  most.peer.send(infoRequest(64));
  expect(most.eventsOf("prompts")[0]?.prompts).toHaveLength(64);
  for (const responses of [[], Array.from({ length: 63 }, () => ""), Array.from({ length: 65 }, () => "")])
    expect(() => most.machine.auth.answer(most.eventsOf("prompts")[0]!.token, responses)).toThrow(usage);
  const over = questioned();
  over.peer.send(infoRequest(65));
  over.expectClosed("auth-limit");
  const large = questioned();
  large.peer.send(infoRequest(1, 1, "x".repeat(66_000)));
  large.expectClosed("auth-limit");
  expect(large.eventsOf("prompts")).toEqual([]);
});

test("passwords · client", () => {
  // A typed secret appears only in the message that carries it: not in traces, events or errors.
  const keyLog: string[] = [];
  const target = new ClientTarget({
    client: {
      identities: [],
      password: true,
      keyboardInteractive: true,
      keyLog: (cookie, secret) => keyLog.push(toHex(cookie), toHex(secret)),
    },
  }).service();
  target.peer.send(message.authFailure("password", "keyboard-interactive"));
  // keyboard-interactive comes first, as in OpenSSH. Its prompt is answered with the secret too.
  target.peer.send(infoRequest(1));
  target.machine.auth.answer(target.eventsOf("prompts")[0]!.token, [SECRET]);
  target.turn().peer.send(message.authFailure("password"));
  target.machine.auth.answer(target.eventsOf("password")[0]!.token, SECRET);
  target.turn();
  const request = SSH_MSG_USERAUTH_REQUEST.decode(target.peer.last(50));
  expect(userauthPassword.decode(request.methodData).password).toBe(SECRET);
  target.peer.send(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt: "another", languageTag: "" }));
  const { token } = target.eventsOf("change-password")[0]!;
  target.machine.auth.answer(token, { oldPassword: SECRET, newPassword: `${SECRET}!` });
  target.turn().peer.send(message.authFailure("publickey"));
  const error = target.expectClosed("auth-failed");
  const everything = JSON.stringify(
    [target.trace, target.events, keyLog, error.message, error.stack],
    (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value),
  );
  expect(target.trace.length).toBeGreaterThan(15);
  expect(everything).toContain("SSH_MSG_USERAUTH_REQUEST");
  expect(everything).not.toContain(SECRET);
  expect(everything).not.toContain(toHex(utf8Encode(SECRET)));

  // No password is asked for if the server has not accepted the service, or names another one.
  for (const payload of [
    message.authFailure("password"),
    SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-connection" }),
  ]) {
    const early = new ClientTarget({ client: { identities: [], password: true } }).handshake();
    early.peer.send(payload);
    early.expectClosed("unexpected-message");
    expect(early.eventsOf("password")).toEqual([]);
  }
});

/** Encodes SSH_MSG_USERAUTH_INFO_REQUEST with `length` prompts, and `count` as their stated number. */
function infoRequest(length: number, count = length, prompt = "?"): Uint8Array {
  const prompts = Array.from({ length }, () => ({ prompt, echo: false }));
  const payload = SSH_MSG_USERAUTH_INFO_REQUEST.encode({ name: "", instruction: "", languageTag: "", prompts });
  // The count follows the message number and three empty strings.
  payload.set(new Writer().uint32(count).finish(), 13);
  return payload;
}

function keyring(count: number): Identity[] {
  return Array.from({ length: count }, (_, i) => {
    const privateKey = generateEd25519(seededRandom(300 + i));
    return { publicKey: privateKey.publicKey, privateKey };
  });
}

test("chosen attempts · client", () => {
  // A server that refuses without end gets a bounded number of attempts, however the application chooses.
  let asked = 0;
  const password = { method: clientPassword, options: { password: "fixed" } } as const;
  const target = new ClientTarget({
    client: { identities: [], asksAttempts: true, limits: { chosenAttempts: 5 } },
    onEvent(event, machine) {
      if (event.type === "next-attempt" && ++asked <= 20) machine.auth.answer(event.token, password);
      if (event.type === "password") machine.auth.answer(event.token, SECRET);
    },
  }).service();
  for (let refusal = 0; refusal < 10 && target.error === undefined; refusal++)
    target.peer.send(message.authFailure("password"));
  target.expectClosed("auth-failed");
  expect([asked, target.sent.filter((number) => number === 50)]).toEqual([5, [50, 50, 50, 50, 50]]);

  // A false server gets no password, although the application chooses one.
  const attempts: (ChosenAttempt | undefined)[] = [password, { method: clientNone, options: {} }, undefined];
  const restricted = new ClientTarget({
    client: { identities: [], asksAttempts: true },
    onEvent(event, machine) {
      if (event.type === "verify-host-key") machine.answerHostKey(event.token, "restricted");
      if (event.type === "next-attempt") machine.auth.answer(event.token, attempts.shift());
      if (event.type === "password") machine.auth.answer(event.token, SECRET);
      return event.type === "verify-host-key";
    },
  }).service();
  restricted.peer.send(message.authFailure("password"));
  restricted.expectClosed("auth-failed");
  expect(restricted.sent.filter((number) => number === 50)).toHaveLength(1);
  expect(restricted.eventsOf("password")).toEqual([]);

  // An application that does not choose has the time of the login.
  const mute = new ClientTarget({ client: { identities: [], asksAttempts: true } }).service();
  for (let seconds = 0; seconds < 119; seconds++) mute.advance(1000).peer.send(message.ignore(1));
  expect(mute.error).toBeUndefined();
  mute.advance(1000).expectClosed("auth-timeout");
});
