import {
  type KexContext,
  type KexStep,
  type LoginMessages,
  type Phase,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_PASSWD_CHANGEREQ,
  SSH_MSG_USERAUTH_PK_OK,
} from "@nacre/wire";
import { Gate } from "../../src/gate.ts";

/** State of a connection as the gate sees it. */
export interface Situation {
  readonly sender: "client" | "server";
  /** `kex` until the peer's first NEWKEYS, `auth` until authentication succeeds, then `connection`. */
  readonly phase: Phase;
  /** Message that must come next in the peer's key exchange; `kexinit` if none is in progress. */
  readonly step: KexStep;
  /** Whether this is the first key exchange and both sides offered strict key exchange. */
  readonly strict: boolean;
  readonly kexMethod: KexContext | undefined;
  readonly loginMethod: string | undefined;
}

/** Messages of the three login methods that have some (RFC 4252 §7, §8, RFC 4256). */
export const LOGIN_METHODS: readonly LoginMessages[] = [
  { name: "publickey", messages: [{ message: SSH_MSG_USERAUTH_PK_OK, sender: "server" }] },
  { name: "password", messages: [{ message: SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, sender: "server" }] },
  {
    name: "keyboard-interactive",
    messages: [
      { message: SSH_MSG_USERAUTH_INFO_REQUEST, sender: "server" },
      { message: SSH_MSG_USERAUTH_INFO_RESPONSE, sender: "client" },
    ],
  },
];

/** Returns a gate in the given situation. After NEWKEYS, one SSH_MSG_IGNORE has already arrived. */
export function gateIn(
  { sender, phase, step, strict, kexMethod, loginMethod }: Situation,
  { discardsGuess }: { readonly discardsGuess: boolean } = { discardsGuess: false },
): Gate {
  const gate = new Gate(sender, LOGIN_METHODS);
  if (phase !== "kex") {
    passNewKeys(gate);
    gate.admit(2);
  }
  if (phase === "connection") gate.enterConnection();
  gate.setLoginMethod(loginMethod);
  if (strict) gate.enforceStrictKex();
  if (step !== "kexinit") gate.methodMayCome(kexMethod ?? "ecdh", { discardsGuess });
  if (step === "newkeys") gate.newKeysMustCome();
  return gate;
}

/** Passes a complete key exchange of the peer through the gate. */
export function passNewKeys(gate: Gate): Gate {
  gate.methodMayCome("ecdh", { discardsGuess: false });
  gate.newKeysMustCome();
  gate.newKeysCame();
  return gate;
}
