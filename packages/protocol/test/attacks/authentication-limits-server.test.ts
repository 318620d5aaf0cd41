import { defaultSignatureAlgorithms, generateEd25519, type PrivateKey, type SignatureFacts } from "@nacre/keys";
import {
  keyboardInteractiveLogin,
  keyQuery,
  noneLogin,
  passwordLogin,
  signedLogin,
} from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { otherHostKey as otherKey, userKey } from "@nacre/testing/attacks/protocol-target";
import { seededRandom } from "@nacre/testing/random";
import {
  equalBytes,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  toHex,
  userauthPassword,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { ServerTarget } from "./support/server-target.ts";

const FAILURE = SSH_MSG_USERAUTH_FAILURE.number;
const SUCCESS = 52;
const SECRET = "correct horse battery staple";

const signed = (target: ServerTarget, key: PrivateKey, change: Parameters<typeof signedLogin>[2] = {}): Uint8Array =>
  signedLogin(target.peer.sessionId, key, change);
const tampered = (key: PrivateKey) => (data: Uint8Array) => key.sign("ssh-ed25519", data.toReversed(), seededRandom(1));

/** Asserts that no user is authenticated and no connection event occurred. */
function expectOutside(target: ServerTarget): void {
  expect(target.authenticated).toBe(false);
  expect(target.sent).not.toContain(SUCCESS);
  const types = target.events.map(({ type }) => type);
  expect(types.filter((type) => /^(open-request|exec|shell|subsystem|global-request|data)$/.test(type))).toEqual([]);
}

test("limits · server", () => {
  // Failed attempts are limited. Queries do not count, so a client with six keys can log in.
  const keys = [1, 2, 3, 4, 5].map((i) => generateEd25519(seededRandom(400 + i)));
  const six = new ServerTarget().service();
  for (const key of [...keys, userKey]) six.peer.send(keyQuery(key.publicKey));
  expect(six.sent.slice(-6)).toEqual([FAILURE, FAILURE, FAILURE, FAILURE, FAILURE, SSH_MSG_USERAUTH_PK_OK.number]);
  six.peer.send(signed(six, userKey));
  expect(six.authenticated).toBe(true);

  const attempts: Readonly<Record<string, (target: ServerTarget) => readonly Uint8Array[]>> = {
    password: () => [passwordLogin("wrong")],
    "an invalid signature": (target) => [signed(target, userKey, { sign: tampered(userKey) })],
    "an unknown key": (target) => [signed(target, otherKey)],
    "an unknown method": () => [
      SSH_MSG_USERAUTH_REQUEST.encode({
        userName: "alice",
        serviceName: "ssh-connection",
        methodName: "hostbased",
        methodData: new Uint8Array(0),
      }),
    ],
    "abandoned conversations": () => [keyboardInteractiveLogin()],
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    const target = new ServerTarget().service();
    let count = 0;
    for (; target.error === undefined && count < 100; count++) target.peer.send(...attempt(target));
    expect([name, count]).toEqual([name, 6]);
    target.expectClosed("auth-limit");
    expectOutside(target);
  }
  // Queries and `none` requests have their own limits.
  const queries = new ServerTarget().service();
  let count = 0;
  for (; queries.error === undefined && count < 1000; count++) queries.peer.send(keyQuery(userKey.publicKey));
  expect(count).toBe(65);
  queries.expectClosed("auth-limit");
  const nones = new ServerTarget().service();
  for (count = 0; nones.error === undefined && count < 1000; count++) nones.peer.send(noneLogin());
  expect(count).toBe(7);
  nones.expectClosed("auth-limit");

  // Login timeout: received bytes do not restart it, and the application's delays do not count.
  const mute = new ServerTarget();
  mute.advance(59_999);
  expect(mute.error).toBeUndefined();
  mute.advance(1).expectClosed("kex-timeout");
  const idle = new ServerTarget().handshake();
  idle.advance(119_999);
  expect(idle.error).toBeUndefined();
  idle.advance(1).expectClosed("auth-timeout");
  const drip = new ServerTarget().service();
  for (let seconds = 0; seconds < 119; seconds++) drip.advance(1000).peer.send(message.ignore());
  expect(drip.error).toBeUndefined();
  drip.advance(1000).expectClosed("auth-timeout");
  const thinking = new ServerTarget({ hold: ["publickey"] }).service();
  thinking.peer.send(signed(thinking, userKey));
  thinking.advance(3_600_000);
  expect(thinking.error).toBeUndefined();
  thinking.machine.auth.answer(thinking.eventsOf("publickey")[0]!.token, "failure");
  thinking.turn().advance(120_000).expectClosed("auth-timeout");

  // Input received while the application decides is limited.
  const ahead = new ServerTarget({ hold: ["publickey"] }).service();
  ahead.peer.send(signed(ahead, userKey));
  for (let i = 0; i < 100; i++) ahead.peer.send(passwordLogin("x".repeat(30_000)));
  expect(ahead.machine.wantsInput).toBe(false);
  expect(ahead.eventsOf("password")).toEqual([]);
});

const questioned = (): ServerTarget => {
  const target = new ServerTarget({
    hold: ["responses"],
    onEvent: (event, machine) => {
      if (event.type !== "keyboard-interactive") return false;
      machine.auth.answer(event.token, {
        prompts: [
          { prompt: "one", echo: false },
          { prompt: "two", echo: false },
        ],
      });
      return true;
    },
  }).service();
  target.peer.send(keyboardInteractiveLogin());
  expect(target.sent.at(-1)).toBe(SSH_MSG_USERAUTH_INFO_REQUEST.number);
  return target;
};
const response = (count: number, ...responses: readonly string[]): Uint8Array => {
  const payload = SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses });
  payload.set(new Writer().uint32(count).finish(), 1);
  return payload;
};

test("kbd-int · server", () => {
  // The response count is checked against the message length before memory is allocated.
  for (const count of [2 ** 32 - 1, 2 ** 31, 3]) {
    const target = questioned();
    target.peer.send(response(count, "1", "2"));
    expect(target.expectClosed("malformed-message").message).toContain(`${count} items`);
    expect(target.eventsOf("responses")).toEqual([]);
  }
  // A wrong number of responses is a failed attempt; the application gets no event.
  for (const responses of [[], ["1"], ["1", "2", "3"]]) {
    const target = questioned();
    target.peer.send(response(responses.length, ...responses));
    expect(target.sent.at(-1)).toBe(FAILURE);
    expect(target.eventsOf("responses")).toEqual([]);
    target.expectAlive();
  }
  const right = questioned();
  right.peer.send(response(2, "1", "2"));
  expect(right.eventsOf("responses")[0]?.responses).toEqual(["1", "2"]);
  // Responses without an open request.
  for (const target of [new ServerTarget().service(), right]) {
    if (target === right) right.machine.auth.answer(right.eventsOf("responses")[0]!.token, "failure");
    target.turn().peer.send(response(2, "1", "2"));
    target.expectClosed("unexpected-message");
  }
});

test("enumeration · server", () => {
  let verified = 0;
  const userKeys = defaultSignatureAlgorithms.map((algorithm) => ({
    ...algorithm,
    verify: (...args: Parameters<typeof algorithm.verify>): SignatureFacts | undefined => {
      verified++;
      return algorithm.verify(...args);
    },
  }));
  /** Tries every method as this user. Returns the server's replies and the number of verified signatures. */
  const transcript = (userName: string): { readonly replies: string[]; readonly work: number } => {
    verified = 0;
    const target = new ServerTarget({
      server: { userKeys },
      onEvent: (event, machine) => {
        if (event.type === "query") {
          const { token, publicKey } = event;
          machine.auth.answer(token, event.userName === "alice" && equalBytes(publicKey, userKey.publicKey.blob));
          return true;
        }
        if (event.type !== "keyboard-interactive") return false;
        machine.auth.answer(event.token, { prompts: [{ prompt: "?", echo: false }] });
        return true;
      },
    }).service();
    const { length } = target.sent;
    target.peer.send(
      noneLogin({ userName }),
      keyQuery(otherKey.publicKey, { userName }),
      signed(target, otherKey, { userName }),
      signed(target, userKey, { userName, sign: tampered(userKey) }),
      passwordLogin("wrong", { userName }),
      keyboardInteractiveLogin({ userName }),
      SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses: ["wrong"] }),
      passwordLogin("x".repeat(2000), { userName }),
      passwordLogin("wrong", { userName }),
    );
    target.expectClosed("auth-limit");
    return { replies: target.peer.received.slice(length).map(toHex), work: verified };
  };
  const alice = transcript("alice");
  expect(alice.replies).toHaveLength(9);
  expect(alice.work).toBe(2);
  for (const userName of ["nobody", "", "root", "alice\0", "\u202ealice"]) expect(transcript(userName)).toEqual(alice);
});

test("passwords · server", () => {
  // Length limits: longer passwords are refused without an event; much longer ones end the connection.
  const lengths = [
    [1024, "asked"],
    [1025, "refused"],
    [30_000, "refused"],
    [33_500, "auth-limit"],
    [40_000, "packet-length"],
    [250_000, "packet-length"],
  ] as const;
  for (const [length, outcome] of lengths) {
    for (const newPassword of [undefined, "x".repeat(length)]) {
      const target = new ServerTarget().service();
      const password = "x".repeat(newPassword === undefined ? length : 10);
      target.peer.send(passwordLogin(password, { ...(newPassword !== undefined && { newPassword }) }));
      const asked = target.eventsOf("password").length + target.eventsOf("change-password").length;
      expect([length, asked]).toEqual([length, outcome === "asked" ? 1 : 0]);
      if (outcome === "auth-limit" || outcome === "packet-length") target.expectClosed(outcome);
      else expect(target.sent.at(-1)).toBe(FAILURE);
      expectOutside(target);
    }
  }
  // The limit counts bytes, not characters.
  const letters = new ServerTarget().service();
  letters.peer.send(passwordLogin("é".repeat(513)));
  expect(letters.eventsOf("password")).toEqual([]);
  const mebibyte = new ServerTarget().service();
  mebibyte.peer.raw(mebibyte.peer.seal(passwordLogin("x".repeat(2 ** 20))));
  mebibyte.expectClosed("packet-length");

  // The password reaches the application and appears nowhere else.
  const target = new ServerTarget().service();
  target.peer.send(passwordLogin(SECRET), passwordLogin("old", { newPassword: SECRET }));
  expect(target.eventsOf("password")[0]?.password).toBe(SECRET);
  target.peer.send(
    SSH_MSG_USERAUTH_REQUEST.encode({
      userName: "alice",
      serviceName: "ssh-connection",
      methodName: "password",
      methodData: userauthPassword.encode({ password: SECRET, newPassword: undefined }).subarray(0, -1),
    }),
  );
  const error = target.expectClosed("malformed-message");
  const told = JSON.stringify([target.trace, error.message, error.stack, target.peer.received.map(toHex)]);
  expect(told).toContain("SSH_MSG_USERAUTH_REQUEST");
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain(toHex(utf8Encode(SECRET)));
});
