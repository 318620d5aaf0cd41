import { sample } from "@nacre/testing/sample";
import { toyAlgorithms, toyKex } from "@nacre/testing/toys";
import { type KexContext, type KexStep, type Phase, SshError } from "@nacre/wire";
import { expect, test } from "vitest";
import { Gate } from "../src/gate.ts";
import { gateIn, LOGIN_METHODS, passNewKeys, type Situation } from "./support/gates.ts";
import { RawPeer } from "./support/raw-peer.ts";

/*
 * Checks every message number, from either side, in every situation, against the specifications. The table here was written from the
 * specifications and is independent of the table in the sources.
 */

type Side = "client" | "server";

const inKex = ({ step }: Situation): boolean => step !== "kexinit";
const after =
  (...phases: readonly Phase[]): ((s: Situation) => boolean) =>
  (s) =>
    !inKex(s) && phases.includes(s.phase);
const kexStep =
  (step: KexStep, method?: KexContext): ((s: Situation) => boolean) =>
  (s) =>
    s.step === step && (method === undefined || s.kexMethod === method);
const loginBy =
  (method: string): ((s: Situation) => boolean) =>
  (s) =>
    after("auth")(s) && s.loginMethod === method;

/**
 * Number, sender, and situations in which it is allowed. A number without a row is unknown. SSH_MSG_EXT_INFO also has its own test.
 */
const MAY: readonly (readonly [number, Side | "both", (s: Situation) => boolean])[] = [
  // RFC 4253 §11: at any time. OpenSSH PROTOCOL §1.10: only DISCONNECT in a strict first key exchange.
  [1, "both", () => true],
  [2, "both", ({ strict }) => !strict],
  [3, "both", ({ strict }) => !strict],
  [4, "both", ({ strict }) => !strict],
  // RFC 4253 §10: services are requested after the key exchange; §7.1: not during one.
  [5, "client", after("auth")],
  [6, "server", after("auth")],
  // RFC 8308 §2.4: the first of the two places is past; a server may still send one before it accepts the login.
  [7, "server", after("auth")],
  // RFC 4253 §7.1, §9: a key exchange may begin at any time except during another; §7.3: NEWKEYS ends it.
  [20, "both", kexStep("kexinit")],
  [21, "both", kexStep("newkeys")],
  // RFC 5656 §7.1 (ECDH), RFC 4253 §8 (DH), RFC 4419 §5 (group exchange; its number 30 is the old request, which we do not support).
  [30, "client", kexStep("method", "ecdh")],
  [31, "server", kexStep("method", "ecdh")],
  [30, "client", kexStep("method", "dh")],
  [31, "server", kexStep("method", "dh")],
  [34, "client", kexStep("method", "dh-gex")],
  [31, "server", kexStep("method", "dh-gex")],
  [32, "client", kexStep("method", "dh-gex")],
  [33, "server", kexStep("method", "dh-gex")],
  // RFC 4252 §6: not allowed after SUCCESS. For late requests (§5.3), see LATE.
  [50, "client", after("auth")],
  [51, "server", after("auth")],
  [52, "server", after("auth")],
  [53, "server", after("auth")],
  // RFC 4252 §7 (PK_OK), §8 (PASSWD_CHANGEREQ), RFC 4256 §5 (INFO_REQUEST, INFO_RESPONSE).
  [60, "server", loginBy("publickey")],
  [60, "server", loginBy("password")],
  [60, "server", loginBy("keyboard-interactive")],
  [61, "client", loginBy("keyboard-interactive")],
  // RFC 4250 §4.1.2, RFC 4254 §9.
  ...[80, 81, 82, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100].map(
    (number) => [number, "both", after("connection")] as const,
  ),
  // OpenSSH PROTOCOL §1.11: transport messages, but not allowed during a key exchange (RFC 4253 §7.1).
  [192, "both", after("auth", "connection")],
  [193, "both", after("auth", "connection")],
];

/** RFC 4252 §5.3: after SUCCESS "any further authentication requests […] SHOULD be silently ignored". RFC 4253 §7.1 still applies. */
const LATE = { number: 50, from: "client", when: after("connection") } as const;

type GateVerdict = "admit" | "unimplemented" | "discard" | "refused";

function expected(number: number, situation: Situation): GateVerdict {
  const rows = MAY.filter(([of]) => of === number);
  if (rows.some(([, from, when]) => (from === "both" || from === situation.sender) && when(situation))) return "admit";
  // RFC 4253 §11.4: unknown messages get UNIMPLEMENTED. §7.1: they are not allowed during a key exchange.
  if (rows.length === 0) return inKex(situation) ? "refused" : "unimplemented";
  if (number === LATE.number && situation.sender === LATE.from && LATE.when(situation)) return "discard";
  // A client may send CHANNEL_OPEN together with its login (RFC 4252 §5.1). OpenSSH answers one that comes too early with UNIMPLEMENTED.
  const ahead = number === 90 && situation.sender === "client";
  return ahead && after("auth")(situation) ? "unimplemented" : "refused";
}

const KEX_METHODS = ["ecdh", "dh", "dh-gex"] as const;
const LOGINS = [undefined, "publickey", "password", "keyboard-interactive"] as const;

function situations(): Situation[] {
  const all: Situation[] = [];
  for (const sender of ["client", "server"] as const)
    for (const phase of ["kex", "auth", "connection"] as const)
      for (const step of ["kexinit", "method", "newkeys"] as const)
        for (const strict of phase === "kex" && step !== "kexinit" ? [true, false] : [false])
          for (const kexMethod of step === "kexinit" ? [undefined] : KEX_METHODS)
            for (const loginMethod of LOGINS) all.push({ sender, phase, step, strict, kexMethod, loginMethod });
  return all;
}

function verdict(gate: Gate, number: number): string {
  try {
    return gate.admit(number);
  } catch (error) {
    return error instanceof SshError && error.code === "unexpected-message" ? "refused" : String(error);
  }
}

test("the gate admits, ignores, answers or refuses every number in every situation as specified", () => {
  const all = situations();
  expect(all).toHaveLength(2 * 4 * (1 + 2 * 3 * 2 + 2 * (1 + 2 * 3)));
  const wrong: unknown[] = [];
  for (const situation of all)
    for (let number = 0; number < 256; number++) {
      const is = verdict(gateIn(situation), number);
      const should = expected(number, situation);
      if (is !== should) wrong.push({ number, is, should, ...situation });
    }
  expect(wrong).toEqual([]);
});

test("after a wrong guess, ignores exactly one key exchange message, of any number", () => {
  for (const sender of ["client", "server"] as const)
    for (let number = 0; number < 256; number++) {
      const state = { phase: "kex", step: "method", strict: true, kexMethod: "ecdh", loginMethod: undefined } as const;
      const gate = gateIn({ sender, ...state }, { discardsGuess: true });
      // RFC 4253 §7: "the next packet".
      const guess = number >= 30 && number <= 49;
      const should = expected(number, { sender, ...state });
      expect([number, verdict(gate, number)]).toEqual([number, guess ? "discard" : should]);
      // Only once: the same number gets its usual verdict the second time.
      if (guess) expect([number, verdict(gate, number)]).toEqual([number, should]);
    }
});

/** Returns whether a sequence that starts after the sender's first NEWKEYS has SSH_MSG_EXT_INFO only in allowed places (RFC 8308 §2.4). */
function extInfoAllowed(sender: Side, numbers: readonly number[]): boolean {
  return numbers.every((number, i) => {
    if (number !== 7 || i === 0) return true;
    if (sender === "client" || numbers.slice(0, i).includes(52) || numbers.slice(1, i).includes(7)) return false;
    // "Immediately preceding" SUCCESS, except for messages 1 to 4 (RFC 4253 §11). SUCCESS may still be missing at the end.
    const next = numbers.slice(i + 1).find((other) => other > 4);
    return next === undefined || next === 52;
  });
}

test("admits SSH_MSG_EXT_INFO only in its places, in every sequence of up to five messages after NEWKEYS", () => {
  const others = { client: [2, 5, 50, 192], server: [2, 6, 51, 52, 53, 192] };
  let count = 0;
  for (const sender of ["client", "server"] as const) {
    let sequences: readonly number[][] = [[]];
    for (let length = 1; length <= 5; length++) {
      // After SUCCESS come connection messages; PING represents them.
      const next = (sequence: readonly number[]): readonly number[] =>
        sequence.includes(52) ? [7, 192] : [7, ...others[sender]];
      sequences = sequences.flatMap((sequence) => next(sequence).map((number) => [...sequence, number]));
      for (const sequence of sequences) {
        const gate = passNewKeys(new Gate(sender, LOGIN_METHODS));
        const refusedAt = sequence.findIndex((number) => {
          const is = verdict(gate, number);
          if (number === 52) gate.enterConnection();
          return is !== "admit";
        });
        const wrongAt = sequence.findIndex((_, i) => !extInfoAllowed(sender, sequence.slice(0, i + 1)));
        expect([sender, ...sequence, refusedAt]).toEqual([sender, ...sequence, wrongAt]);
        count++;
      }
    }
  }
  expect(count).toBeGreaterThan(10_000);
});

/** A situation, and the function that brings a transport to it with packets. */
interface Stage extends Omit<Situation, "sender" | "strict"> {
  readonly reach: (peer: RawPeer) => unknown;
}

const exchange = (peer: RawPeer): RawPeer =>
  peer.role === "client" ? peer.sendInit().startKex() : peer.sendInit().replyKex();
const settled = (peer: RawPeer, phase: "auth" | "connection", method?: string): RawPeer => {
  // After this packet, the first place of EXT_INFO is past.
  peer.handshake().send(Uint8Array.of(2, 0, 0, 0, 0));
  if (phase === "connection") peer.transport.enterConnection();
  peer.transport.setLoginMethod(method);
  return peer;
};

function stages(kexMethod: KexContext): Stage[] {
  const none = { loginMethod: undefined };
  return [
    { phase: "kex", step: "kexinit", kexMethod: undefined, ...none, reach: (peer) => peer.identify() },
    { phase: "kex", step: "method", kexMethod, ...none, reach: (peer) => peer.identify().sendInit() },
    { phase: "kex", step: "newkeys", kexMethod, ...none, reach: (peer) => exchange(peer.identify()) },
    ...LOGINS.map((loginMethod): Stage => {
      const reach = (peer: RawPeer): unknown => settled(peer, "auth", loginMethod);
      return { phase: "auth", step: "kexinit", kexMethod: undefined, loginMethod, reach };
    }),
    ...(["auth", "connection"] as const).flatMap((phase): Stage[] => [
      { phase, step: "method", kexMethod, ...none, reach: (peer) => settled(peer, phase).sendInit() },
      { phase, step: "newkeys", kexMethod, ...none, reach: (peer) => exchange(settled(peer, phase)) },
    ]),
    {
      phase: "connection",
      step: "kexinit",
      kexMethod: undefined,
      ...none,
      reach: (peer) => settled(peer, "connection"),
    },
  ];
}

/** Sends a message of that number without content to the transport, and returns how the transport treated it. */
function outcome(peer: RawPeer, number: number): string {
  const { length } = peer.received;
  const told = peer.events.length;
  peer.send(Uint8Array.of(number));
  const answered = peer.received.slice(length).map((payload) => payload[0]);
  if (peer.error === undefined) {
    // A message from 50 to 191 goes to a layer above as an event, unless it is ignored.
    const ignored = number >= 50 && number < 192 && peer.events.length === told;
    return answered.includes(3) ? "unimplemented" : ignored ? "discard" : "admit";
  }
  // Admitted: the message was decoded and found empty, or it is a DISCONNECT.
  if (peer.error.code === "malformed-message" || peer.error.code === "disconnected") return "admit";
  return peer.error.code === "unexpected-message" ? "refused" : peer.error.code;
}

test.each(["strict", "not strict"])(
  "a transport treats every number in packets as specified: %s",
  (how) => {
    const strict = how === "strict";
    const numbers = sample(0, 256, 7);
    const wrong: unknown[] = [];
    let count = 0;
    for (const sender of ["client", "server"] as const)
      for (const context of KEX_METHODS) {
        const algorithms = { ...toyAlgorithms, kex: [{ ...toyKex(), context }] };
        for (const { reach, ...stage } of stages(context)) {
          // The toy method uses ECDH messages. Under dh-gex, it cannot get beyond the first message.
          const beyond = stage.phase !== "kex" || stage.step === "newkeys";
          if (context === "dh-gex" && beyond) continue;
          // Without a key exchange in progress, the method does not matter.
          if (context !== "ecdh" && stage.step === "kexinit") continue;
          for (const number of numbers) {
            const peer = new RawPeer(sender, { strict, algorithms });
            reach(peer);
            const firstKex = stage.phase === "kex" && stage.step !== "kexinit";
            // A server may still send it before SUCCESS.
            const extInfo = number === 7 && sender === "server" && stage.phase === "auth" && stage.step === "kexinit";
            const should = extInfo ? "admit" : expected(number, { sender, ...stage, strict: strict && firstKex });
            const is = outcome(peer, number);
            count++;
            if (is !== should) wrong.push({ number, is, should, sender, ...stage });
          }
        }
      }
    expect(wrong).toEqual([]);
    expect(count).toBe(2 * numbers.length * (12 + 6 + 1));
  },
  120_000,
);
