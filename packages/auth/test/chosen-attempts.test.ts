import { SSH_MSG_USERAUTH_REQUEST, userauthSignedData } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import {
  type ChosenAttempt,
  type ClientAuthOptions,
  type ClientMethod,
  clientKeyboardInteractive,
  clientNone,
  clientPassword,
  clientPublickey,
} from "../src/index.ts";
import {
  ClientRig,
  changereq,
  elsewhere,
  failure,
  infoRequest,
  inMemory,
  keyOf,
  partial,
  pkOk,
  rsaLike,
  sessionId,
  success,
} from "./support.ts";

const ED = "ssh-ed25519";
const NONE: ChosenAttempt = { method: clientNone, options: {} };
const PASSWORD: ChosenAttempt = { method: clientPassword, options: { password: "fixed" } };
const PROMPTS: ChosenAttempt = { method: clientKeyboardInteractive, options: { keyboardInteractive: true } };

function withKey(...identities: NonNullable<ClientAuthOptions["identities"]>): ChosenAttempt {
  return { method: clientPublickey, options: { identities } };
}

/** Returns a client whose attempts the test chooses. It waits for the first. */
function choosing(options: Partial<ClientAuthOptions> = {}): ClientRig {
  const rig = new ClientRig({ asksAttempts: true, ...options });
  expect(rig.start()).toEqual(["service ssh-userauth"]);
  return rig;
}

/** Answers the ask for the next attempt. Returns what the client sends. */
function choose(rig: ClientRig, attempt: ChosenAttempt | undefined): string[] {
  rig.client.answer(rig.event("next-attempt").token, attempt);
  return rig.sent();
}

/** Like `choose`, for an attempt that asks for a password. */
function choosePassword(rig: ClientRig, attempt: ChosenAttempt, password: string | undefined): string[] {
  expect(choose(rig, attempt)).toEqual([]);
  rig.client.answer(rig.event("password").token, password);
  return rig.sent();
}

describe("attempts that the application chooses", () => {
  test("are made in its order, whatever the server accepts", () => {
    const rig = choosing();
    expect(rig.event("next-attempt")).toMatchObject({ methods: undefined, partialSuccess: false });
    const again = choosing();
    expect(choosePassword(again, PASSWORD, "one")).toEqual(["password one"]);
    again.receive(failure("publickey"));
    expect(choosePassword(again, PASSWORD, "two")).toEqual(["password two"]);
    again.receive(failure("publickey"));
    expect(choose(again, NONE)).toEqual(["none"]);
    again.receive(failure("publickey"));
    expect(choose(again, PROMPTS)).toEqual(["keyboard-interactive"]);
    again.receive(failure("publickey"));
    expect(choose(again, withKey(inMemory(1)))).toEqual([`publickey ${ED}`]);
    again.receive(success);
    again.event("success");
  });

  test("learn what the server accepts, and that a factor was not enough", () => {
    const rig = choosing();
    choose(rig, withKey(inMemory(1)));
    rig.receive(partial("password", "other"));
    const { token, ...state } = rig.event("next-attempt");
    expect(state).toEqual({ type: "next-attempt", methods: ["password", "other"], partialSuccess: true });
    rig.client.answer(token, PASSWORD);
    rig.client.answer(rig.event("password").token, "secret");
    rig.receive(failure("password"));
    expect(rig.event("next-attempt")).toMatchObject({ methods: ["password"], partialSuccess: false });
  });

  test("are made once each: a refused method is not repeated by itself", () => {
    const rig = choosing({ password: true, keyboardInteractive: true, identities: [inMemory(1), inMemory(2)] });
    choose(rig, PROMPTS);
    rig.receive(infoRequest([{ prompt: "?", echo: false }]));
    rig.client.answer(rig.event("prompts").token, ["wrong"]);
    rig.sent();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual([]);
    rig.event("next-attempt");
  });

  test("end the login with what was refused, by user, when none is chosen", () => {
    const rig = choosing();
    choose(rig, NONE);
    rig.receive(failure("password"));
    const bob = { ...PASSWORD, options: { ...PASSWORD.options, userName: "bob\n" } };
    choosePassword(rig, bob, "secret");
    rig.receive(failure("password"));
    choosePassword(rig, { ...PASSWORD, options: { ...PASSWORD.options, userName: "" } }, "secret");
    rig.receive(failure("password"));
    expect(choose(rig, undefined)).toEqual([]);
    const { error } = rig.event("closed");
    expect(error.code).toBe("auth-failed");
    expect(error.message).toBe(
      'alice: the server refused none, password as bob\\x0a and password as ""; it accepts: password',
    );
  });

  test("log in as their own user, also the empty one, which signatures cover", () => {
    for (const userName of ["root", ""]) {
      const rig = choosing();
      rig.client.answer(rig.event("next-attempt").token, {
        method: clientPublickey,
        options: { identities: [elsewhere(1)], userName },
      });
      expect(SSH_MSG_USERAUTH_REQUEST.decode(rig.sink.last()).userName).toBe(userName);
      rig.receive(pkOk(elsewhere(1), ED));
      const { data } = rig.event("sign");
      const signed = { algorithm: ED, publicKey: keyOf(1).publicKey.blob };
      const request = { userName, serviceName: "ssh-connection" };
      expect(data).toEqual(userauthSignedData(sessionId, request, signed));
    }
  });

  test("query a key or sign at once, as told", () => {
    const cases = [
      [{ ...inMemory(1), isQueried: true }, `publickey? ${ED}`],
      [{ ...inMemory(1), isQueried: false }, `publickey ${ED}`],
      [inMemory(1), `publickey ${ED}`],
      [elsewhere(1), `publickey? ${ED}`],
      [{ ...rsaLike(1), algorithm: "rsa-sha2-256" }, "publickey rsa-sha2-256"],
    ] as const;
    for (const [identity, sent] of cases) expect(choose(choosing(), withKey(identity))).toEqual([sent]);
    const rig = choosing();
    expect(choose(rig, withKey({ ...elsewhere(1), isQueried: false }))).toEqual([]);
    rig.event("sign");
  });

  test("try a named algorithm even if the server does not list it, and others only if it does", () => {
    const rig = choosing();
    rig.client.setServerSigAlgs([ED]);
    expect(choose(rig, withKey({ ...rsaLike(1), algorithm: "rsa-sha2-256" }))).toEqual(["publickey rsa-sha2-256"]);
    rig.receive(failure("publickey"));
    expect(choose(rig, withKey(rsaLike(1)))).toEqual([]);
    expect(choose(rig, undefined)).toEqual([]);
    expect(rig.event("closed").error.message).toMatch(/skipped SHA256:\S+ because the server supports none/);
  });

  test("go on after an answer that is not given", () => {
    const rig = choosing();
    expect(choosePassword(rig, PASSWORD, undefined)).toEqual([]);
    choose(rig, withKey({ ...elsewhere(1), isQueried: false }));
    rig.client.answer(rig.event("sign").token, undefined);
    expect(choosePassword(rig, PASSWORD, "old")).toEqual(["password old"]);
    rig.receive(changereq("new?"));
    rig.client.answer(rig.event("change-password").token, undefined);
    rig.event("next-attempt");
  });

  test("may be of a method that is not in the list, if it has no messages of its own", () => {
    const quiet: ClientMethod = {
      name: "hostbased",
      messages: [],
      start: (login) => ({
        begin() {
          login.request(new Uint8Array(0), { failed: () => "hostbased" });
          return true;
        },
      }),
    };
    const rig = choosing({ loginMethods: [clientNone] });
    expect(choose(rig, { method: quiet, options: {} })).toEqual(["hostbased"]);
    rig.receive(failure("hostbased"));
    const { token } = rig.event("next-attempt");
    expect(() => rig.client.answer(token, PASSWORD)).toThrow(expect.objectContaining({ code: "usage" }));
    for (const invalid of [null, {}, { method: {} }, "password"])
      expect(() => rig.client.answer(token, invalid)).toThrow(expect.objectContaining({ code: "usage" }));
    // The ask stays open, and its token is good for one answer.
    rig.client.answer(token, NONE);
    expect(() => rig.client.answer(token, NONE)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(rig.sent()).toEqual(["none"]);
  });

  test("do not wait for the application in the time of the server", () => {
    const rig = choosing();
    expect([rig.client.isUndecided, rig.client.waitingForApplication]).toEqual([true, false]);
    choose(rig, PASSWORD);
    expect([rig.client.isUndecided, rig.client.waitingForApplication]).toEqual([false, true]);
  });

  test("are as many as the limit allows, however often the server refuses", () => {
    const rig = choosing({ limits: { chosenAttempts: 3 } });
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(choosePassword(rig, PASSWORD, "secret")).toEqual(["password secret"]);
      rig.receive(failure("password"));
    }
    const { error } = rig.event("closed");
    expect(error).toMatchObject({ code: "auth-failed" });
    expect(error.message).toContain("password (3 times); no more than 3 attempts are made (`chosenAttempts`)");
  });

  test("give a restricted server no secret", () => {
    const rig = choosing({ isRestricted: true });
    expect(choose(rig, PASSWORD)).toEqual([]);
    expect(choose(rig, PROMPTS)).toEqual([]);
    expect(choose(rig, withKey(inMemory(1)))).toEqual([`publickey ${ED}`]);
    rig.receive(failure("password"));
    expect(choose(rig, undefined)).toEqual([]);
    expect(rig.event("closed").error.message).toMatch(/password was not tried.+keyboard-interactive was not tried/);
  });

  test("end the connection if the server answers while one is being chosen", () => {
    for (const payload of [success, failure("password"), pkOk(inMemory(1), ED)]) {
      const rig = choosing();
      rig.client.receive(payload);
      const events = rig.events();
      expect(events.at(-1)).toMatchObject({ type: "closed", error: { code: "unexpected-message" } });
    }
  });
});

test("an RSA key below the bound is left out, and so is its certificate", () => {
  const rig = new ClientRig({ identities: [rsaLike(1)], minRsaBits: 3072 });
  expect(rig.start()).toEqual(["service ssh-userauth", "none"]);
  rig.receive(failure("publickey"));
  expect(rig.event("closed").error.message).toMatch(
    /skipped SHA256:\S+ because it has 2048 bits, fewer than `minRsaBits`/,
  );
  const short = { ...rsaLike(1).publicKey, bits: 1024 };
  for (const publicKey of [short, { ...short, format: "ssh-rsa-cert-v01@openssh.com", certifies: short }]) {
    const identity = { publicKey, privateKey: rsaLike(1).privateKey };
    expect(new ClientRig({ identities: [identity] }).start()).toEqual(["service ssh-userauth", "none"]);
    expect(new ClientRig({ identities: [identity], minRsaBits: 1024 }).start()).toEqual([
      "service ssh-userauth",
      "publickey rsa-sha2-512",
    ]);
  }
});
