import { randomart } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import type { HostKey, PromptRequest } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { type LoginTarget, questions } from "../src/questions.ts";
import { FakeTerminal } from "./support.ts";

const login = { user: "alice", host: "example.org", port: undefined, knownHosts: undefined };
const { blob } = generateEd25519((length) => new Uint8Array(length).fill(5)).publicKey;
const hostKey: HostKey = { algorithm: "ssh-ed25519", blob, fingerprint: fingerprint(blob, "sha256") };

function at(...answers: string[]) {
  const fake = new FakeTerminal(...answers);
  return { fake, ask: questions(fake.terminal, login).options };
}

/** Calls what may be a function or a value, as a connection does. */
function call<T extends unknown[], R>(question: ((...parameters: T) => R) | string | undefined, ...parameters: T): R {
  if (typeof question !== "function") throw new Error("there is no such question");
  return question(...parameters);
}

describe("questions of a connection", () => {
  test("a password is asked for without being shown, and a second time so that it is clear", async () => {
    const { fake, ask } = at("first\r", "second\r");
    expect(await call(ask.password, 1)).toBe("first");
    expect(await call(ask.password, 2)).toBe("second");
    expect(fake.shown).toBe("Password for alice@example.org: \nThat was not it. Password for alice@example.org: \n");
  });

  test("a passphrase names its file, escaped", async () => {
    const { fake, ask } = at("open\r");
    expect(await call(ask.passphrase, "key\x1b[2J", 1)).toBe("open");
    expect(fake.shown).toBe("Passphrase for the key key\\x1b[2J: \n");
  });

  test("a new password is asked for until both are the same", async () => {
    const { fake, ask } = at("old\r", "new\r", "knew\r", "new\r", "new\r");
    expect(await call(ask.changePassword, "too old\x07")).toEqual({ oldPassword: "old", newPassword: "new" });
    expect(fake.shown).toContain("alice@example.org wants another password: too old\\x07\n");
    expect(fake.shown).toContain("The two differ.\n");
  });

  test("a server's prompts say whose they are, and cannot move the cursor", async () => {
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

  test("no prompts, and nothing to say: nothing is shown", async () => {
    const { fake, ask } = at();
    expect(await call(ask.prompts, { name: "", instruction: "", prompts: [] })).toEqual([]);
    expect(fake.shown).toBe("");
  });
});

describe("a new host", () => {
  test("is shown with its fingerprint and picture, and accepted by a yes", async () => {
    const { fake, ask } = at("maybe\r", "yes\r");
    expect(await call(ask.unknownHost, hostKey)).toBe(true);
    expect(fake.shown).toContain(`Its ssh-ed25519 key is\n${hostKey.fingerprint}\n${randomart(blob)}\n`);
  });

  test.each<[string[], boolean]>([
    [["no\r"], false],
    [["Yes\r"], true],
    [["y\r", "no\r"], false],
    [["\r", "\r", "no\r"], false],
    [[`${hostKey.fingerprint}\r`], true],
    [["SHA256:another\r", "no\r"], false],
  ])("%j: %s", async (answers, accepted) => {
    const { ask } = at(...answers);
    expect(await call(ask.unknownHost, hostKey)).toBe(accepted);
  });

  test("is not accepted when the question is given up", async () => {
    const { ask } = at("\x03");
    await expect(call(ask.unknownHost, hostKey)).rejects.toMatchObject({ code: "auth-cancelled" });
  });
});

describe("without a terminal", () => {
  test("passphrases are not asked for", () => {
    const { options } = questions(undefined, login);
    expect(options.passphrase).toBeUndefined();
    expect(options.changePassword).toBeUndefined();
  });

  test.each<[string, Partial<LoginTarget>, string, string]>([
    ["as the options name it", {}, "example.org", "~/.ssh/known_hosts"],
    ["with its port and file", { port: 2222, knownHosts: "known\x07" }, "example.org port 2222", "known\\x07"],
  ])("a new host is refused, %s", (_, more, where, file) => {
    const { options } = questions(undefined, { ...login, ...more });
    expect(() => options.unknownHost?.(hostKey)).toThrow(
      expect.objectContaining({
        code: "host-key-unknown",
        message: `the host key of ${where} is not known: it is ssh-ed25519 ${hostKey.fingerprint}. If its administrator confirms this fingerprint, give it with --host-key, or connect once with --accept-new, which adds it to ${file}`,
      }),
    );
  });

  test("a new jump host is refused without --host-key, which is not about it", () => {
    const { options } = questions(undefined, { ...login, isJumpHost: true });
    expect(() => options.unknownHost?.(hostKey)).toThrow(
      expect.objectContaining({ message: expect.stringContaining("this fingerprint, connect once with --accept-new") }),
    );
  });

  test("nobody answers a server: it is not asked what it wants to know", () => {
    expect(Object.keys(questions(undefined, login).options)).toEqual(["unknownHost"]);
  });

  test.each([
    [
      "publickey, password",
      ". There is no terminal to ask for a password: log in with another key (-i), or run this in a terminal",
    ],
    [
      "publickey, keyboard-interactive",
      ". There is no terminal to ask for answers to the server's questions: log in with another key (-i), or run this in a terminal",
    ],
    ["publickey", ""],
    ["no further method", ""],
  ])("the error of a server that would take %s", (methods, added) => {
    const { explain } = questions(undefined, login);
    const message = `alice: the server refused publickey (SHA256:x); it accepts: ${methods}`;
    expect(explain(new SshError("auth-failed", message))).toMatchObject({
      code: "auth-failed",
      message: `${message}${added}`,
    });
  });

  test("an error that is not the login's stays as it is", () => {
    const lost = new SshError("connection-lost", "gone; it accepts: password");
    expect(questions(undefined, login).explain(lost)).toBe(lost);
  });
});
