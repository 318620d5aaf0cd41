import type { Role } from "@nacre/negotiation";
import {
  type ExtInfoPlace,
  isKexMethodNumber,
  isLoginMethodNumber,
  isUnderMethod,
  type KexContext,
  type LoginMessages,
  type MessageRow,
  type Phase,
  type Receiver,
  rowsOf,
  SSH_MSG_EXT_INFO,
  SshError,
} from "@nacre/wire";

/** The first row of each message number in the message table. */
const FIRST_ROWS: readonly (MessageRow | undefined)[] = Array.from(
  { length: 256 },
  (_, number) => rowsOf(number, [])[0],
);

/** Receiver of each message number, from the message table; `undefined` for an unknown number. */
export const RECEIVERS: readonly (Receiver | undefined)[] = FIRST_ROWS.map((row, number) =>
  isLoginMethodNumber(number) ? "layer-above" : row?.receiver,
);

/** Whether each message number may be sent and received during a key exchange (RFC 4253 §7.1). */
export const DURING_REKEY: readonly boolean[] = FIRST_ROWS.map((row) => row?.duringRekey ?? false);

/** How to treat a received message: process it, ignore it (a wrong guess, a late login request), or answer SSH_MSG_UNIMPLEMENTED. */
export type GateVerdict = "admit" | "discard" | "unimplemented";

/** State of the peer's key exchange. `kind` is the key exchange message that must come next. */
type PeerExchange =
  /** No key exchange of the peer is in progress. */
  | { readonly kind: "kexinit" }
  | {
      readonly kind: "method";
      readonly method: KexContext;
      /** The peer guessed wrong, so its next key exchange packet must be ignored (RFC 4253 §7). */
      readonly discardsGuess: boolean;
    }
  | { readonly kind: "newkeys"; readonly method: KexContext };

const NO_EXCHANGE: PeerExchange = { kind: "kexinit" };

/**
 * Decides by the message table which messages the peer may send at the moment. The transport reports the progress of the connection, and
 * passes every received message number to `admit` before it decodes the message.
 */
export class Gate {
  /** Role of the peer, the sender of the messages. */
  readonly #sender: Role;
  #phase: Phase = "kex";
  #exchange: PeerExchange = NO_EXCHANGE;
  /** Whether the first key exchange is in progress and strict. */
  #isStrict = false;
  #place: ExtInfoPlace = "past";
  readonly #loginMethods: readonly LoginMessages[];
  #loginMethod: string | undefined;

  /** `loginMethods` define the message numbers 60 to 79. */
  constructor(sender: Role, loginMethods: readonly LoginMessages[]) {
    this.#sender = sender;
    this.#loginMethods = loginMethods;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Reports that both sides offered strict key exchange. */
  enforceStrictKex(): void {
    this.#isStrict = true;
  }

  /** Reports that the peer's KEXINIT arrived and this method was chosen. */
  methodMayCome(method: KexContext, { discardsGuess }: { readonly discardsGuess: boolean }): void {
    this.#exchange = { kind: "method", method, discardsGuess };
  }

  /** Reports that the method is complete. The peer's NEWKEYS must come next. */
  newKeysMustCome(): void {
    const { kind } = this.#exchange;
    if (kind === "kexinit") throw new SshError("internal", "NEWKEYS expected without a key exchange");
    this.#exchange = { kind: "newkeys", method: this.#exchange.method };
  }

  /** Reports that the peer's NEWKEYS arrived. */
  newKeysCame(): void {
    this.#exchange = NO_EXCHANGE;
    this.#isStrict = false;
    if (this.#phase !== "kex") return;
    this.#phase = "auth";
    this.#place = "first";
  }

  /** Sets the login method in use, by name. Only its messages are admitted among the numbers 60–79. */
  setLoginMethod(name: string | undefined): void {
    this.#loginMethod = name;
  }

  /** Reports that authentication succeeded. */
  enterConnection(): void {
    this.#phase = "connection";
    this.#place = "past";
  }

  /** Returns how to treat a received message. Throws `unexpected-message` if the peer must not send it now. */
  admit(number: number): GateVerdict {
    const place = this.#place;
    if (place === "first") this.#place = this.#sender === "server" ? "before-success" : "past";

    const exchange = this.#exchange;
    if (exchange.kind === "method" && exchange.discardsGuess && isKexMethodNumber(number)) {
      // rule: one-wrong-guess
      this.#exchange = { ...exchange, discardsGuess: false };
      return "discard";
    }
    const rows = rowsOf(number, this.#loginMethods);
    if (rows.length === 0) return this.#unknown(number);
    const row = this.#underThisMethod(rows);
    if (row === undefined) return this.#refuse(number, "which no active method uses");
    // rule: message-sender
    if (row.sender !== "both" && row.sender !== this.#sender)
      return this.#refuse(number, `which only a ${row.sender} sends`);
    const isQuiet = exchange.kind === "kexinit";
    if (/* rule: message-phase */ !row.phases.includes(this.#phase)) {
      if (/* rule: early-sender */ row.early === this.#sender && this.#phase === "auth" && isQuiet)
        return "unimplemented";
      if (row.late === this.#sender && this.#phase === "connection" && isQuiet) return "discard";
      return this.#refuse(number);
    }
    // rule: message-during-rekey
    if (!isQuiet && !row.duringRekey) return this.#refuse(number, "after its own SSH_MSG_KEXINIT");
    // rule: message-during-strict-kex
    if (this.#isStrict && !row.duringStrictKex) return this.#refuse(number, "which strict key exchange forbids");
    // rule: message-step
    if (row.step !== undefined && row.step !== exchange.kind) return this.#refuse(number, "out of order");
    // rule: ext-info-place
    if (!row.places.includes(place)) return this.#refuse(number, MISPLACED[place]);
    if (number === SSH_MSG_EXT_INFO.number && place === "before-success") this.#place = "success-due";
    return "admit";
  }

  #underThisMethod(rows: readonly MessageRow[]): MessageRow | undefined {
    const exchange = this.#exchange;
    const kex = exchange.kind === "kexinit" ? undefined : exchange.method;
    // rule: message-method
    for (const row of rows)
      if (row.method === undefined || isUnderMethod(row, { kex, login: this.#loginMethod })) return row;
    return undefined;
  }

  /** Answers an unknown number with SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4), except during a key exchange, which allows none. */
  #unknown(number: number): GateVerdict {
    if (this.#exchange.kind !== "kexinit") return this.#refuse(number, "after its own SSH_MSG_KEXINIT");
    return "unimplemented";
  }

  #refuse(number: number, because = "where it is not allowed"): never {
    const names = new Set(rowsOf(number, this.#loginMethods).map((row) => row.message.name));
    const what = names.size === 0 ? `unknown message ${number}` : `${[...names].join(" or ")} (${number})`;
    throw new SshError("unexpected-message", `the ${this.#sender} sent ${what} ${this.#when()}, ${because}`);
  }

  #when(): string {
    if (this.#phase === "kex") return "during the first key exchange";
    const phase = this.#phase === "auth" ? "before authentication succeeded" : "after authentication";
    return this.#exchange.kind === "kexinit" ? phase : `${phase}, during a key exchange`;
  }
}

/** Reason for refusing a message, by its place relative to SSH_MSG_EXT_INFO. */
const MISPLACED: Readonly<Partial<Record<ExtInfoPlace, string>>> = {
  "success-due": "where SSH_MSG_USERAUTH_SUCCESS must follow its SSH_MSG_EXT_INFO",
};
