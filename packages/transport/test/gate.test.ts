import { MESSAGE_TABLE, SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { Gate, RECEIVERS } from "../src/gate.ts";
import { gateIn, LOGIN_METHODS, passNewKeys, type Situation } from "./support/gates.ts";

const KEX_MESSAGES: Readonly<Record<string, { client: number[]; server: number[] }>> = {
  ecdh: { client: [30], server: [31] },
  dh: { client: [30], server: [31] },
  "dh-gex": { client: [34, 32], server: [31, 33] },
};

const when = (allowed: boolean): "admit" | "refused" => (allowed ? "admit" : "refused");

/** Restates the table by message number. The first packet after NEWKEYS is past; other tests below cover EXT_INFO (7). */
function expected(number: number, s: Situation): "admit" | "unimplemented" | "discard" | "refused" {
  const inRange = (low: number, high: number): boolean => number >= low && number <= high;
  const quiet = s.step === "kexinit";
  const known =
    inRange(1, 7) ||
    inRange(20, 21) ||
    inRange(30, 34) ||
    inRange(50, 53) ||
    inRange(60, 61) ||
    inRange(80, 82) ||
    inRange(90, 100) ||
    inRange(192, 193);
  if (!known) return s.strict || !quiet ? "refused" : "unimplemented";
  if (number === 1) return "admit";
  if (inRange(2, 4)) return when(!s.strict);
  if (number === 20) return when(s.step === "kexinit");
  if (number === 21) return when(s.step === "newkeys");
  if (inRange(30, 34))
    return when(s.step === "method" && (KEX_MESSAGES[s.kexMethod ?? ""]?.[s.sender].includes(number) ?? false));
  // A strict first key exchange admits no other message (OpenSSH PROTOCOL §1.10).
  if (s.strict || s.phase === "kex" || !quiet) return "refused";
  if (number === 7) return when(s.phase === "auth" && s.sender === "server");
  if (inRange(192, 193)) return "admit";
  if (inRange(80, 100)) {
    if (s.phase === "auth" && number === 90 && s.sender === "client") return "unimplemented";
    return when(s.phase === "connection");
  }
  // A late authentication request is ignored (RFC 4252 §5.3).
  if (s.phase !== "auth") return number === 50 && s.sender === "client" ? "discard" : "refused";
  if (number === 60) return when(s.sender === "server" && s.loginMethod !== undefined);
  if (number === 61) return when(s.sender === "client" && s.loginMethod === "keyboard-interactive");
  return when(s.sender === (number === 5 || number === 50 ? "client" : "server"));
}

function situations(): Situation[] {
  const all: Situation[] = [];
  for (const sender of ["client", "server"] as const)
    for (const phase of ["kex", "auth", "connection"] as const)
      for (const step of ["kexinit", "method", "newkeys"] as const)
        for (const strict of phase === "kex" && step !== "kexinit" ? [true, false] : [false])
          for (const kexMethod of step === "kexinit" ? [undefined] : (["ecdh", "dh", "dh-gex"] as const))
            for (const loginMethod of [undefined, "publickey", "password", "keyboard-interactive"] as const)
              all.push({ sender, phase, step, strict, kexMethod, loginMethod });
  return all;
}

function verdict(number: number, situation: Situation): string {
  try {
    return gateIn(situation).admit(number);
  } catch (error) {
    return error instanceof SshError && error.code === "unexpected-message" ? "refused" : String(error);
  }
}

test("treats every message number in every situation as specified", () => {
  const all = situations();
  expect(all.length).toBeGreaterThan(150);
  const wrong: unknown[] = [];
  for (const situation of all)
    for (let number = 0; number < 256; number++) {
      const [is, should] = [verdict(number, situation), expected(number, situation)];
      if (is !== should) wrong.push({ number, is, should, ...situation });
    }
  expect(wrong).toEqual([]);
});

/** Returns a function that gives the verdicts on these numbers, the first packets after the first NEWKEYS. */
function after(sender: "client" | "server", ...numbers: number[]): () => unknown {
  const gate = passNewKeys(new Gate(sender, LOGIN_METHODS));
  return () => numbers.map((number) => gate.admit(number));
}

describe("SSH_MSG_EXT_INFO (RFC 8308 §2.4)", () => {
  const refused = expect.objectContaining({ code: "unexpected-message" });

  test("is admitted from a client only as the first packet after its NEWKEYS", () => {
    expect(after("client", 7, 5)()).toEqual(["admit", "admit"]);
    expect(after("client", 5, 7)).toThrow(refused);
    expect(after("client", 2, 7)).toThrow(refused);
    expect(after("client", 7, 7)).toThrow(refused);
  });

  test("is admitted from a server as the first packet, and once more right before USERAUTH_SUCCESS", () => {
    expect(after("server", 7, 6, 53, 7, 52)()).toEqual(Array(5).fill("admit"));
    expect(after("server", 6, 7, 2, 52)()).toEqual(Array(4).fill("admit"));
    expect(after("server", 7, 7, 52)()).toEqual(Array(3).fill("admit"));
    expect(after("server", 7, 7, 7)).toThrow(refused);
    expect(after("server", 6, 7, 51)).toThrow(refused);
    expect(after("server", 6, 7, 53)).toThrow(refused);
    expect(after("server", 6, 7, 20)).toThrow(refused);
  });

  test("is refused during a key exchange and after authentication", () => {
    expect(() => new Gate("server", LOGIN_METHODS).admit(7)).toThrow(refused);
    const gate = passNewKeys(new Gate("server", LOGIN_METHODS));
    gate.enterConnection();
    expect(() => gate.admit(7)).toThrow(refused);
  });
});

const START = { phase: "kex", step: "kexinit", strict: false, kexMethod: undefined, loginMethod: undefined } as const;

function message(sender: "client" | "server", number: number, state: Partial<Situation>): string {
  try {
    gateIn({ ...START, sender, ...state }).admit(number);
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
  return "admitted";
}

test("a refusal names the message, the sender, the phase and the reason", () => {
  expect(message("client", 52, { phase: "auth" })).toBe(
    "the client sent SSH_MSG_USERAUTH_SUCCESS (52) before authentication succeeded, which only a server sends",
  );
  expect(message("server", 2, { step: "method", strict: true })).toBe(
    "the server sent SSH_MSG_IGNORE (2) during the first key exchange, which strict key exchange forbids",
  );
  expect(message("server", 94, { phase: "connection", step: "method" })).toBe(
    "the server sent SSH_MSG_CHANNEL_DATA (94) after authentication, during a key exchange, after its own SSH_MSG_KEXINIT",
  );
  expect(message("server", 200, { step: "method" })).toMatch(/^the server sent unknown message 200 during the first/);
});

test("the table assigns each message to the receiver of its number range (RFC 4250 §4.1.1)", () => {
  for (const { message, receiver } of MESSAGE_TABLE) {
    const { number, name } = message;
    const service = number === 5 || number === 6;
    const above = service || (number >= 50 && number <= 127);
    const expected = above ? "layer-above" : number >= 20 && number <= 49 ? "key-exchange" : "transport";
    expect([name, receiver]).toEqual([name, expected]);
    expect([name, RECEIVERS[number]]).toEqual([name, expected]);
  }
  // The numbers 60 to 79 belong to the login methods of a connection.
  const numbers = new Set([
    ...MESSAGE_TABLE.map(({ message }) => message.number),
    ...Array.from({ length: 20 }, (_, i) => 60 + i),
  ]);
  for (let number = 0; number < 256; number++) expect(RECEIVERS[number] !== undefined).toBe(numbers.has(number));
});
