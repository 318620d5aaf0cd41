import type { KexStep, MethodContext, Phase } from "@nacre/wire";
import { Gate } from "../../src/gate.ts";

/** Where a peer stands with us. */
export interface Situation {
  readonly sender: "client" | "server";
  /** `kex`: it has not sent its first NEWKEYS; `auth`: it has; `connection`: and authentication has succeeded. */
  readonly phase: Phase;
  /** The message that must come next in its key exchange: `kexinit` when none is under way. */
  readonly step: KexStep;
  /** The first key exchange, and both sides have offered strict key exchange. */
  readonly strict: boolean;
  readonly kexMethod: MethodContext | undefined;
  readonly authMethod: MethodContext | undefined;
}

/** A gate brought to a situation. The first packet after NEWKEYS has come, an SSH_MSG_IGNORE. */
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

/** A whole key exchange of the peer. */
export function passNewKeys(gate: Gate): Gate {
  gate.methodMayCome("ecdh", { discardsGuess: false });
  gate.newKeysMustCome();
  gate.newKeysCame();
  return gate;
}
