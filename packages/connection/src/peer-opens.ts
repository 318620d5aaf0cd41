import { CHANNEL_OPEN_FAILURE_REASON, type ChannelOpen, SSH_MSG_CHANNEL_OPEN_FAILURE, SshError } from "@nacre/wire";
import type { ConnectionContext } from "./context.ts";
import type { ReplyToken } from "./events.ts";
import { newToken } from "./replies.ts";

/** Why an open of the peer is refused: one of `CHANNEL_OPEN_FAILURE_REASON`, and a text for people. */
export interface OpenRefusal {
  readonly reasonCode: number;
  readonly description: string;
}

/** Types of channel that exist: refused as forbidden where they are not allowed, others as unknown (RFC 4250 §4.9.1, OpenSSH PROTOCOL). */
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

/** The channels that the peer asks for (RFC 4254 §5.1): refused unless their type is allowed, else put to the application. */
export class PeerOpens {
  readonly #context: ConnectionContext;
  #allowed: readonly string[];
  /** What the application has not decided yet. */
  #questions: readonly { readonly token: ReplyToken; readonly open: ChannelOpen }[] = [];

  constructor(context: ConnectionContext, allowed: readonly string[]) {
    this.#context = context;
    this.#allowed = allowed;
  }

  /** Opens that the application has not decided yet. */
  get size(): number {
    return this.#questions.length;
  }

  allow(channelType: string): void {
    if (!this.#allowed.includes(channelType)) this.#allowed = [...this.#allowed, channelType];
  }

  disallow(channelType: string): void {
    // rule: disallow-opens
    this.#allowed = this.#allowed.filter((allowed) => allowed !== channelType);
  }

  /** `hasRoom`: whether one more channel may be. */
  receive(open: ChannelOpen, hasRoom: boolean): void {
    this.#context.admitQuestion();
    const { channelType, data } = open;
    if (/* rule: unsolicited-open */ !this.#allowed.includes(channelType)) {
      const known = KNOWN_CHANNEL_TYPES.has(channelType);
      if (known) this.refuse(open, { reasonCode: ADMINISTRATIVELY_PROHIBITED, description: "not allowed here" });
      else this.refuse(open, { reasonCode: UNKNOWN_CHANNEL_TYPE, description: "unknown channel type" });
    } else if (/* rule: open-maximum-zero */ open.maximumPacketSize === 0) {
      this.refuse(open, { reasonCode: RESOURCE_SHORTAGE, description: "a maximum packet size of 0 lets no data pass" });
    } else if (
      /* rule: room-for-open */ !hasRoom ||
      /* rule: pending-opens */ this.size >= this.#context.limits.maxPendingOpens
    ) {
      this.refuse(open, { reasonCode: RESOURCE_SHORTAGE, description: "too many channels" });
    } else {
      const token = newToken(channelType);
      this.#questions = [...this.#questions, { token, open }];
      this.#context.emit({ type: "open-request", token, channelType, data });
    }
  }

  /** The open that a token stands for, which is decided hereby. Throws `usage` when there is none. */
  take(token: ReplyToken): ChannelOpen {
    const question = this.#questions.find((one) => one.token === token);
    if (question === undefined) throw new SshError("usage", "the token is of no unanswered open-request");
    this.#questions = this.#questions.filter((one) => one !== question);
    return question.open;
  }

  refuse(open: ChannelOpen, refusal: OpenRefusal): void {
    const { reasonCode, description } = refusal;
    const recipientChannel = open.senderChannel;
    this.#context.sink.write(
      SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel, reasonCode, description, languageTag: "" }),
    );
  }
}
