import {
  type AskToken,
  askToken,
  CHANNEL_OPEN_FAILURE_REASON,
  type ChannelOpen,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  staleAnswer,
} from "@nacre/wire";
import type { ConnectionContext } from "./context.ts";

/** Reason for refusing an open of the peer: a code of `CHANNEL_OPEN_FAILURE_REASON` and a human-readable text. */
export interface OpenRefusal {
  readonly reasonCode: number;
  readonly description: string;
}

/** An open that the application has not decided yet, with the fields needed for the answer. */
export interface PendingOpen extends Omit<ChannelOpen, "data"> {
  readonly token: AskToken;
}

/** Known channel types. If not allowed, they are refused as prohibited, all others as unknown (RFC 4250 §4.9.1, OpenSSH PROTOCOL). */
const KNOWN_CHANNEL_TYPES: ReadonlySet<string> = new Set([
  "session",
  "x11",
  "forwarded-tcpip",
  "direct-tcpip",
  "auth-agent@openssh.com",
  "direct-streamlocal@openssh.com",
  "forwarded-streamlocal@openssh.com",
  "tun@openssh.com",
]);

const { ADMINISTRATIVELY_PROHIBITED, UNKNOWN_CHANNEL_TYPE, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;

/** Handles the peer's opens (RFC 4254 §5.1): asks the application about allowed types and refuses others. */
export class PeerOpens {
  readonly #context: ConnectionContext;
  #allowed: readonly string[];
  /** Opens that the application has not decided yet. */
  #asks: readonly PendingOpen[] = [];

  constructor(context: ConnectionContext, allowed: readonly string[]) {
    this.#context = context;
    this.#allowed = allowed;
  }

  /** Number of opens that the application has not decided yet. */
  get size(): number {
    return this.#asks.length;
  }

  allow(...channelTypes: readonly string[]): void {
    const added = channelTypes.filter((channelType) => !this.#allowed.includes(channelType));
    if (added.length > 0) this.#allowed = [...this.#allowed, ...added];
  }

  disallow(channelType: string): void {
    // rule: disallow-opens
    this.#allowed = this.#allowed.filter((allowed) => allowed !== channelType);
  }

  /** Asks the application about an open, or refuses it. `hasRoom`: whether another channel may be opened. */
  receive(open: ChannelOpen, hasRoom: boolean): void {
    this.#context.admitAsk();
    const { channelType, senderChannel, initialWindowSize, maximumPacketSize } = open;
    const refusal = this.#refusalOf(open, hasRoom);
    if (refusal !== undefined) {
      this.refuse(open, refusal);
      this.#context.emit({ type: "open-refused", channelType });
      return;
    }
    const token = askToken(channelType);
    const ask = { token, channelType, senderChannel, initialWindowSize, maximumPacketSize };
    this.#asks = [...this.#asks, ask];
    this.#context.emit({ type: "open-request", token, channelType, data: open.data });
  }

  #refusalOf({ channelType, maximumPacketSize }: ChannelOpen, hasRoom: boolean): OpenRefusal | undefined {
    if (/* rule: unsolicited-open */ !this.#allowed.includes(channelType)) {
      return KNOWN_CHANNEL_TYPES.has(channelType)
        ? { reasonCode: ADMINISTRATIVELY_PROHIBITED, description: "channel type not allowed" }
        : { reasonCode: UNKNOWN_CHANNEL_TYPE, description: "unknown channel type" };
    }
    if (/* rule: open-maximum-zero */ maximumPacketSize === 0)
      return { reasonCode: RESOURCE_SHORTAGE, description: "a maximum packet size of 0 allows no data" };
    if (
      /* rule: room-for-open */ !hasRoom ||
      /* rule: pending-opens */ this.#pending(channelType) >= this.#context.limits.maxPendingOpens
    )
      return { reasonCode: RESOURCE_SHORTAGE, description: "too many channels" };
    return undefined;
  }

  /**
   * Returns the number of undecided opens of a type. Types are counted separately, so slow decisions about one type do not block another.
   */
  #pending(channelType: string): number {
    return this.#asks.filter((ask) => ask.channelType === channelType).length;
  }

  /** Removes and returns the open with this token. Throws `usage` for an unknown token. */
  take(token: AskToken): PendingOpen {
    const ask = this.#asks.find((one) => one.token === token);
    if (ask === undefined) throw staleAnswer(token);
    this.#asks = this.#asks.filter((one) => one !== ask);
    return ask;
  }

  refuse({ senderChannel }: Pick<ChannelOpen, "senderChannel">, refusal: OpenRefusal): void {
    const { reasonCode, description } = refusal;
    const recipientChannel = senderChannel;
    this.#context.sink.write(
      SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel, reasonCode, description, languageTag: "" }),
    );
  }
}
