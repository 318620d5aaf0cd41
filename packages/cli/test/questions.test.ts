import { randomart } from "@nacre/keyfiles";
import { type Certificate, fingerprint, generateEd25519 } from "@nacre/keys";
import type { PresentedHostKey, PromptRequest } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { type LoginTarget, questions } from "../src/ssh/questions.ts";
import { FakeTerminal } from "./support.ts";

const login = { user: "alice", host: "example.org", port: undefined, knownHosts: undefined };
const { blob } = generateEd25519((length) => new Uint8Array(length).fill(5)).publicKey;
const hostKey: PresentedHostKey = {
  algorithm: "ssh-ed25519",
  blob,
  fingerprint: fingerprint(blob, "sha256"),
  host: "example.org",
  port: 22,
};

function at(...answers: string[]) {
  const fake = new FakeTerminal(...answers);
  return { fake, ask: questions(fake.terminal, login).options };
}

/** Calls an option that must be a function. */
function call<T extends unknown[], R>(question: ((...parameters: T) => R) | string | undefined, ...parameters: T): R {
  if (typeof question !== "function") throw new Error("the option is not a function");
  return question(...parameters);
}

describe("questions at a terminal", () => {
  test("asks for a password without echo, and states that the first one was wrong", async () => {
    const { fake, ask } = at("first\r", "second\r");
    expect(await call(ask.password, 1)).toBe("first");
    expect(await call(ask.password, 2)).toBe("second");
    expect(fake.shown).toBe(
      "alice@example.org's password: \nPermission denied, please try again.\nalice@example.org's password: \n",
    );
  });

  test("asks for a passphrase with the escaped file name", async () => {
    const { fake, ask } = at("open\r", "open says me\r");
    expect(await call(ask.passphrase, "key\x1b[2J", 1)).toBe("open");
    expect(fake.shown).toBe("Enter passphrase for key 'key\\x1b[2J': \n");
    expect(await call(ask.passphrase, "key", 2)).toBe("open says me");
    expect(fake.shown).toContain("\nWrong passphrase.\nEnter passphrase for key 'key': \n");
  });

  test("asks for a passphrase as often as it may, and not again after an empty answer", async () => {
    const fake = new FakeTerminal("\r", "wrong\r");
    const { passphrase } = questions(fake.terminal, { ...login, passphraseAttempts: 1 }).options;
    expect(await call(passphrase, "key", 1)).toBeUndefined();
    expect(await call(passphrase, "key", 1)).toBe("wrong");
    expect(await call(passphrase, "key", 2)).toBeUndefined();
  });

  test("asks for a new password until both entries match", async () => {
    const { fake, ask } = at("old\r", "new\r", "knew\r", "new\r", "new\r");
    expect(await call(ask.changePassword, "too old\x07")).toEqual({ oldPassword: "old", newPassword: "new" });
    expect(fake.shown).toContain("The server requires a new password for alice@example.org: too old\\x07\n");
    expect(fake.shown).toContain("Retype alice@example.org's new password: \nMismatch; try again.\n");
  });

  test("prefixes the server's prompts with the login and escapes them", async () => {
    const request: PromptRequest = {
      name: "Login\x1b[1A",
      instruction: "of two\r\nlines",
      prompts: [
        { prompt: "Code\u202e: ", echo: true },
        { prompt: "Password: ", echo: false },
      ],
    };
    const { fake, ask } = at("123\r", "secret\r");
    expect(await call(ask.prompts, request)).toEqual(["123", "secret"]);
    expect(fake.shown).toBe(
      "(alice@example.org) Login\\x1b[1A\nof two\nlines\n(alice@example.org) Code\\u{202e}: 123\n(alice@example.org) Password: \n",
    );
  });

  test("names the host as in the known hosts, and shows the fingerprint of FingerprintHash", async () => {
    const fake = new FakeTerminal("no\r");
    const target: LoginTarget = { ...login, port: 2222, hostKeyAlias: "alias", fingerprintHash: "md5" };
    expect(await call(questions(fake.terminal, target).options.unknownHost, hostKey)).toBe(false);
    expect(fake.shown).toContain("The authenticity of host 'alias' can't be established.\n");
    const refuse = questions(undefined, target).options.unknownHost;
    for (const text of [
      fake.shown,
      String(
        await Promise.resolve()
          .then(() => call(refuse, hostKey))
          .catch(String),
      ),
    ])
      expect(text).toContain(fingerprint(blob, "md5"));
  });

  test("shows nothing for an empty request without prompts", async () => {
    const { fake, ask } = at();
    expect(await call(ask.prompts, { name: "", instruction: "", prompts: [] })).toEqual([]);
    expect(fake.shown).toBe("");
  });
});

describe("an unknown host", () => {
  test("is shown with its fingerprint and randomart, and accepted by yes", async () => {
    const { fake, ask } = at("maybe\r", "yes\r");
    expect(await call(ask.unknownHost, hostKey)).toBe(true);
    expect(fake.shown).toContain(
      `${randomart(blob)}\nThe authenticity of host 'example.org' can't be established.\nED25519 key fingerprint is: ${hostKey.fingerprint}\nAre you sure`,
    );
  });

  test.each<[string[], boolean]>([
    [["no\r"], false],
    [["Yes\r"], true],
    [["y\r", "no\r"], false],
    [["\r"], false],
    [Array<string>(10).fill("what?\r"), false],
    [[`${hostKey.fingerprint}\r`], true],
    [["SHA256:another\r", "no\r"], false],
  ])("answers %j: accepted is %s", async (answers, accepted) => {
    const { ask } = at(...answers);
    expect(await call(ask.unknownHost, hostKey)).toBe(accepted);
  });

  test("shows the MD5 fingerprint of a new host with FingerprintHash md5, and takes it as the answer", async () => {
    const md5 = fingerprint(blob, "md5");
    const fake = new FakeTerminal(`${md5}\r`);
    const { options } = questions(fake.terminal, { ...login, fingerprintHash: "md5" });
    expect(await call(options.unknownHost, hostKey)).toBe(true);
    expect(fake.shown).toContain(`${randomart(blob, "md5")}\n`);
    expect(fake.shown).toContain(`key fingerprint is: ${md5}\n`);
  });

  test("does not ask about an unknown host with StrictHostKeyChecking yes", () => {
    const fake = new FakeTerminal("yes\r");
    const { options } = questions(fake.terminal, { ...login, strictHostKeys: true });
    expect(() => options.unknownHost?.(hostKey)).toThrow(expect.objectContaining({ code: "host-key-unknown" }));
    expect(fake.shown).toBe("");
  });

  test("is shown and refused with the reason why its certificate was not accepted", async () => {
    const certificate = { principals: ["a.example"] } as unknown as Certificate;
    const certified = { ...hostKey, certificate, certificateProblem: { reason: "principal" } } as const;
    const { fake, ask } = at("no\r");
    expect(await call(ask.unknownHost, certified)).toBe(false);
    expect(fake.shown).toContain(`${hostKey.fingerprint} (the certificate is for a.example)\n`);
    const refused = expect.stringContaining(`${hostKey.fingerprint} (the certificate is for a.example); if`);
    const { options } = questions(undefined, login);
    expect(() => options.unknownHost?.(certified)).toThrow(expect.objectContaining({ message: refused }));
  });

  test("is not accepted when the question is cancelled", async () => {
    const { ask } = at("\x03");
    await expect(call(ask.unknownHost, hostKey)).rejects.toMatchObject({ code: "auth-cancelled" });
  });
});

describe("without a terminal", () => {
  test("does not ask for passphrases", () => {
    const { options } = questions(undefined, login);
    expect(options.passphrase).toBeUndefined();
    expect(options.changePassword).toBeUndefined();
  });

  test.each<[string, Partial<LoginTarget>, string, string]>([
    ["named by its host", {}, "example.org", "~/.ssh/known_hosts"],
    ["named by its host and port", { port: 2222, knownHosts: ["known\x07"] }, "example.org port 2222", "known\\x07"],
  ])("refuses an unknown host, %s", (_, more, where, file) => {
    const { options } = questions(undefined, { ...login, ...more });
    expect(() => options.unknownHost?.(hostKey)).toThrow(
      expect.objectContaining({
        code: "host-key-unknown",
        message: `the host key of ${where} is unknown: ssh-ed25519 ${hostKey.fingerprint}; if the administrator confirms this fingerprint, pass it with --host-key, or connect once with --accept-new to add it to ${file}`,
      }),
    );
  });

  test("refuses an unknown jump host without suggesting --host-key", () => {
    const { options } = questions(undefined, { ...login, isJumpHost: true });
    expect(() => options.unknownHost?.(hostKey)).toThrow(
      expect.objectContaining({ message: expect.stringContaining("this fingerprint, connect once with --accept-new") }),
    );
  });

  test("does not try password or keyboard-interactive", () => {
    expect(Object.keys(questions(undefined, login).options)).toEqual(["unknownHost"]);
  });

  test.each([
    [
      "publickey, password",
      "; there is no terminal to ask for a password, so log in with another key (-i) or run nacre in a terminal",
    ],
    [
      "publickey, keyboard-interactive",
      "; there is no terminal to ask for answers to the server's questions, so log in with another key (-i) or run nacre in a terminal",
    ],
    ["publickey", ""],
    ["no further method", ""],
  ])("completes the error if the server would accept %s", (methods, added) => {
    const { explain } = questions(undefined, login);
    const message = `alice: the server refused publickey (SHA256:x); it accepts: ${methods}`;
    expect(explain(new SshError("auth-failed", message))).toMatchObject({
      code: "auth-failed",
      message: `${message}${added}`,
    });
  });

  test("returns other errors unchanged", () => {
    const lost = new SshError("connection-lost", "gone; it accepts: password");
    expect(questions(undefined, login).explain(lost)).toBe(lost);
  });
});
