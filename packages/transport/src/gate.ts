import type { Role } from "@nacre/negotiation";
import {
  type ExtInfoPlace,
  isKexMethodNumber,
  isUnderMethod,
  MESSAGE_TABLE,
  type MessageRow,
  type MethodContext,
  type Phase,
  type Receiver,
  SSH_MSG_EXT_INFO,
  SshError,
} from "@nacre/wire";

/** The rows of the message table by number. */
const ROWS: readonly (readonly MessageRow[] | undefined)[] = Array.from({ length: 256 }, (_, number) => {
  const rows = MESSAGE_TABLE.filter((row) => row.message.number === number);
  return rows.length === 0 ? undefined : rows;
});

/** Who takes the message of a number, by the message table; `undefined` for a number that is not in it. */
export const RECEIVERS: readonly (Receiver | undefined)[] = ROWS.map((rows) => rows?.[0]?.receiver);

/** Whether the message of a number may be sent and received while a key exchange is under way (RFC 4253 §7.1). */
export const DURING_REKEY: readonly boolean[] = ROWS.map((rows) => rows?.[0]?.duringRekey ?? false);

/** What to do with a message that came: take it, ignore it (a wrong guess, a late login), or answer that it is not understood. */
export type GateVerdict = "admit" | "discard" | "unimplemented";

/** The peer's part of a key exchange, by the message that must come next. */
type PeerExchange =
  /** The peer has none under way. */
  | { readonly kind: "kexinit" }
  | {
      readonly kind: "method";
      readonly method: MethodContext;
      /** The peer has guessed wrong: its next key exchange packet is to be ignored (RFC 4253 §7). */
      readonly discardsGuess: boolean;
    }
  | { readonly kind: "newkeys"; readonly method: MethodContext };

const NO_EXCHANGE: PeerExchange = { kind: "kexinit" };

/**
 * Decides what may arrive when, by the message table. The transport reports how far the connection has come; every message of the peer
 * must pass `admit` before it is read.
 */
export class Gate {
  /** The side that sends what comes. */
  readonly #sender: Role;
  #phase: Phase = "kex";
  #exchange: PeerExchange = NO_EXCHANGE;
  /** The first key exchange is under way and strict. */
  #isStrict = false;
  #place: ExtInfoPlace = "past";
  #authMethod: MethodContext | undefined;

  constructor(sender: Role) {
    this.#sender = sender;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Both sides have offered strict key exchange. */
  enforceStrictKex(): void {
    this.#isStrict = true;
  }

  /** The peer's KEXINIT arrived, and this method was chosen. */
  methodMayCome(method: MethodContext, { discardsGuess }: { readonly discardsGuess: boolean }): void {
    this.#exchange = { kind: "method", method, discardsGuess };
  }

  /** The method is over: the peer's NEWKEYS must come. */
  newKeysMustCome(): void {
    const { kind } = this.#exchange;
    if (kind === "kexinit") throw new SshError("internal", "NEWKEYS is due without a key exchange");
    this.#exchange = { kind: "newkeys", method: this.#exchange.method };
  }

  /** The peer's NEWKEYS arrived. */
  newKeysCame(): void {
    this.#exchange = NO_EXCHANGE;
    this.#isStrict = false;
    if (this.#phase !== "kex") return;
    this.#phase = "auth";
    this.#place = "first";
  }

  /** The authentication method that the numbers of its range belong to. */
  setAuthMethod(method: MethodContext | undefined): void {
    this.#authMethod = method;
  }

  /** Authentication has succeeded. */
  enterConnection(): void {
    this.#phase = "connection";
    this.#place = "past";
  }

  /** Throws `unexpected-message` for a message that the peer must not send now. */
  admit(number: number): GateVerdict {
    const place = this.#place;
    if (place === "first") this.#place = this.#sender === "server" ? "before-success" : "past";

    const exchange = this.#exchange;
    if (exchange.kind === "method" && exchange.discardsGuess && isKexMethodNumber(number)) {
      // rule: one-wrong-guess
      this.#exchange = { ...exchange, discardsGuess: false };
      return "discard";
    }
    const rows = ROWS[number];
    if (rows === undefined) return this.#unknown(number);
    const row = this.#underThisMethod(rows);
    if (row === undefined) return this.#refuse(number, "which has no meaning there");
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
      if (row.method === undefined || isUnderMethod(row, { kex, auth: this.#authMethod })) return row;
    return undefined;
  }

  /** Unknown numbers are answered with SSH_MSG_UNIMPLEMENTED (RFC 4253 §11.4), except where no unknown message is allowed at all. */
  #unknown(number: number): GateVerdict {
    if (this.#exchange.kind !== "kexinit") return this.#refuse(number, "after its own SSH_MSG_KEXINIT");
    return "unimplemented";
  }

  #refuse(number: number, because = "where it must not come"): never {
    const names = new Set(ROWS[number]?.map((row) => row.message.name));
    const what = names.size === 0 ? `unknown message ${number}` : `${[...names].join(" or ")} (${number})`;
    throw new SshError("unexpected-message", `The ${this.#sender} sent ${what} ${this.#when()}, ${because}`);
  }

  #when(): string {
    if (this.#phase === "kex") return "during the first key exchange";
    const phase = this.#phase === "auth" ? "before authentication has succeeded" : "after authentication";
    return this.#exchange.kind === "kexinit" ? phase : `${phase}, during a key exchange`;
  }
}

/** Why a message is refused at a place of SSH_MSG_EXT_INFO. */
const MISPLACED: Readonly<Partial<Record<ExtInfoPlace, string>>> = {
  "success-due": "where SSH_MSG_USERAUTH_SUCCESS had to follow its SSH_MSG_EXT_INFO",
};
