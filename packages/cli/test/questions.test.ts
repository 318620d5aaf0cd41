import { randomart } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import type { HostKey, PromptRequest } from "@nacre/node";
import { describe, expect, test } from "vitest";
import { questions } from "../src/questions.ts";
import { FakeTerminal } from "./support.ts";

const login = { user: "alice", host: "example.org" };
const { blob } = generateEd25519((length) => new Uint8Array(length).fill(5)).publicKey;
const hostKey: HostKey = { algorithm: "ssh-ed25519", blob, fingerprint: fingerprint(blob, "sha256") };

function at(...answers: string[]) {
  const fake = new FakeTerminal(...answers);
  return { fake, ask: questions(fake.terminal, login) };
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
  const ask = questions(undefined, login);

  test("new hosts are refused and passphrases not asked for", () => {
    expect(ask.unknownHost).toBeUndefined();
    expect(ask.passphrase).toBeUndefined();
    expect(ask.changePassword).toBeUndefined();
  });

  test("what a server wants to know ends the login", () => {
    expect(() => call(ask.password, 1)).toThrow(
      "alice@example.org wants a password, and there is no terminal to ask on",
    );
    expect(() => call(ask.prompts, { name: "", instruction: "", prompts: [] })).toThrow(
      expect.objectContaining({ code: "auth-cancelled" }),
    );
  });
});
