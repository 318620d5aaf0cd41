import type { Role } from "@nacre/negotiation";
import {
  type KexStep,
  MESSAGE_TABLE,
  type MessageRow,
  type MethodContext,
  type Phase,
  type Receiver,
  SSH_MSG_EXT_INFO,
  SSH_MSG_USERAUTH_SUCCESS,
  SshError,
} from "@nacre/wire";

/** The rows of the message table by number. */
const ROWS: readonly (readonly MessageRow[] | undefined)[] = Array.from({ length: 256 }, (_, number) => {
  const rows = MESSAGE_TABLE.filter((row) => row.message.number === number);
  return rows.length === 0 ? undefined : rows;
});

/** Who takes the message of a number, by the message table; `undefined` for a number that is not in it. */
export const RECEIVERS: readonly (Receiver | undefined)[] = ROWS.map((rows) => rows?.[0]?.receiver);

/** What to do with a message that came: take it, ignore it (a wrong guess, a late login), or answer that it is not understood. */
export type Verdict = "admit" | "discard" | "unimplemented";

/**
 * Where SSH_MSG_EXT_INFO may come (RFC 8308 §2.4): as the first packet after the peer's first NEWKEYS; from a server once more,
 * right before SSH_MSG_USERAUTH_SUCCESS.
 */
type ExtInfoPlace = "nowhere" | "first" | "before-success" | "success-must-follow";

/**
 * Decides what may arrive when, by the message table. The transport tells it how far the connection has come; whatever the peer
 * sends must pass `admit` before anything looks at it.
 */
export class Gate {
  /** The side that sends what comes. */
  readonly #sender: Role;
  #extInfo: ExtInfoPlace = "nowhere";
  phase: Phase = "kex";
  /** What the peer's part of a key exchange has come to: other than "kexinit", the peer is in the middle of one. */
  step: KexStep = "kexinit";
  kexMethod: MethodContext | undefined;
  authMethod: MethodContext | undefined;
  /** The first key exchange goes on, and is strict. */
  strict = false;
  /** The peer has guessed wrong: its next key exchange packet is to be ignored (RFC 4253 §7). */
  discardsGuess = false;

  constructor(sender: Role) {
    this.#sender = sender;
  }

  /** The peer's first NEWKEYS has come. */
  openAuth(): void {
    this.phase = "auth";
    this.#extInfo = "first";
  }

  /** Throws `unexpected-message` for a message that the peer must not send now. */
  admit(number: number): Verdict {
    const place = this.#extInfo;
    if (place === "first") this.#extInfo = this.#sender === "server" ? "before-success" : "nowhere";

    if (this.discardsGuess && number >= 30 && number <= 49) {
      // rule: one-wrong-guess
      this.discardsGuess = false;
      return "discard";
    }
    const rows = ROWS[number];
    if (rows === undefined) return this.#unknown(number);
    const row = this.#underThisMethod(rows, number);
    if (row === undefined) return this.#refuse(number, "which has no meaning there");
    // rule: message-sender
    if (row.sender !== "both" && row.sender !== this.#sender)
      return this.#refuse(number, `which only a ${row.sender} sends`);
    if (/* rule: message-phase */ !row.phases.includes(this.phase)) {
      if (/* rule: early-sender */ row.early === this.#sender && this.phase === "auth" && this.step === "kexinit")
        return "unimplemented";
      if (row.late === this.#sender && this.phase === "connection" && this.step === "kexinit") return "discard";
      return this.#refuse(number);
    }
    // rule: message-during-rekey
    if (this.step !== "kexinit" && !row.duringRekey) return this.#refuse(number, "after its own SSH_MSG_KEXINIT");
    // rule: message-during-strict-kex
    if (this.strict && !row.duringStrictKex) return this.#refuse(number, "which strict key exchange forbids");
    // rule: message-step
    if (row.step !== undefined && row.step !== this.step) return this.#refuse(number, "out of order");

    if (number === SSH_MSG_EXT_INFO.number) {
      // rule: ext-info-place
      if (place === "nowhere" || place === "success-must-follow") return this.#refuse(number);
      if (place === "before-success") this.#extInfo = "success-must-follow";
    } else if (place === "success-must-follow" && number > 4) {
      if (number !== SSH_MSG_USERAUTH_SUCCESS.number)
        return this.#refuse(number, "where SSH_MSG_USERAUTH_SUCCESS had to follow its SSH_MSG_EXT_INFO");
      this.#extInfo = "nowhere";
    }
    return "admit";
  }

  #underThisMethod(rows: readonly MessageRow[], number: number): MessageRow | undefined {
    const method = number < 50 ? this.kexMethod : this.authMethod;
    for (const row of rows)
      if (/* rule: message-method */ row.method === undefined || row.method === method) return row;
    return undefined;
  }

  /** RFC 4253 §11.4: what is not known is answered, except where nothing unknown may be sent at all. */
  #unknown(number: number): Verdict {
    if (this.step !== "kexinit") return this.#refuse(number, "after its own SSH_MSG_KEXINIT");
    return "unimplemented";
  }

  #refuse(number: number, because = "where it must not come"): never {
    const names = new Set(ROWS[number]?.map((row) => row.message.name));
    const what = names.size === 0 ? `unknown message ${number}` : `${[...names].join(" or ")} (${number})`;
    throw new SshError("unexpected-message", `The ${this.#sender} sent ${what} ${this.#when()}, ${because}`);
  }

  #when(): string {
    if (this.phase === "kex") return "during the first key exchange";
    const phase = this.phase === "auth" ? "before authentication has succeeded" : "after authentication";
    return this.step === "kexinit" ? phase : `${phase}, during a key exchange`;
  }
}
