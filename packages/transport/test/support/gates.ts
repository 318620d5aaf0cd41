import type { KexStep, MethodContext, Phase } from "@nacre/wire";
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
  readonly kexMethod: MethodContext | undefined;
  readonly authMethod: MethodContext | undefined;
}

/** Returns a gate in the given situation. After NEWKEYS, one SSH_MSG_IGNORE has already arrived. */
export function gateIn(
  { sender, phase, step, strict, kexMethod, authMethod }: Situation,
  { discardsGuess }: { readonly discardsGuess: boolean } = { discardsGuess: false },
): Gate {
  const gate = new Gate(sender);
  if (phase !== "kex") {
    passNewKeys(gate);
    gate.admit(2);
  }
  if (phase === "connection") gate.enterConnection();
  gate.setAuthMethod(authMethod);
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
