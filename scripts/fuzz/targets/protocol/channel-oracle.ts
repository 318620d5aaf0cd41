import {
  type Message,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_KEXINIT,
  SSH_MSG_NEWKEYS,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
} from "@nacre/wire";
import { attempt, expectTrue } from "../../contract.ts";
import type { AnyEvent } from "./subject.ts";

/** Initial window and maximum packet size of one direction of a channel. */
interface Offer {
  readonly window: number;
  readonly packet: number;
}

/** State of a channel, from the messages of both sides. Byte counts start at its opening. */
interface Channel {
  readonly theirs: number;
  /** Whether another open channel has the same peer number, so that messages for it may belong to either. */
  ambiguous: boolean;
  /** Total window granted by the protocol machine, in bytes. */
  granted: number;
  /** Total window granted by the peer, in bytes. */
  allowed: number;
  readonly packet: number;
  sent: number;
  ended: "no" | "eof" | "closed";
}

/** Counts of requests and replies of one kind. There must never be more replies than requests. */
interface Dialogue {
  readonly about: string;
  asked: number;
  answered: number;
}

/**
 * Checks channels and replies against the messages in both directions and the machine's events.
 *
 * @throws Broken from every method that detects a violation.
 */
export class ChannelOracle {
  /** Open channels, by the machine's number. */
  readonly #channels = new Map<number, Channel>();
  /** Bytes that the protocol machine passed to the application, by its channel number. */
  readonly #received = new Map<number, number>();
  /** Windows and packet sizes in the opens of the protocol machine (`ours`) and of the peer (`theirs`), by the sender's channel number. */
  readonly #opening = { ours: new Map<number, Offer>(), theirs: new Map<number, Offer>() };
  readonly #logins: Dialogue = dialogue("a login");
  readonly #opens: Dialogue = dialogue("a channel open");
  readonly #globals: Dialogue = dialogue("a global request");
  readonly #requests: Dialogue = dialogue("a channel request");
  /** Whether a key exchange is running. The protocol machine then holds back its window adjusts. */
  #exchanging = false;

  peerSent(payload: Uint8Array): void {
    read(payload, SSH_MSG_USERAUTH_REQUEST, () => this.#logins.asked++);
    read(payload, SSH_MSG_GLOBAL_REQUEST, ({ wantReply }) => (this.#globals.asked += Number(wantReply)));
    read(payload, SSH_MSG_CHANNEL_REQUEST, ({ wantReply }) => (this.#requests.asked += Number(wantReply)));
    read(payload, SSH_MSG_CHANNEL_OPEN, ({ senderChannel, initialWindowSize, maximumPacketSize }) => {
      this.#opens.asked++;
      this.#opening.theirs.set(senderChannel, { window: initialWindowSize, packet: maximumPacketSize });
    });
    read(payload, SSH_MSG_CHANNEL_OPEN_CONFIRMATION, (message) => {
      const { recipientChannel, senderChannel, initialWindowSize: window, maximumPacketSize: packet } = message;
      this.#open(recipientChannel, senderChannel, this.#opening.ours, { window, packet });
    });
    read(payload, SSH_MSG_CHANNEL_WINDOW_ADJUST, ({ recipientChannel, bytesToAdd }) => {
      const channel = this.#channels.get(recipientChannel);
      if (channel !== undefined) channel.allowed += bytesToAdd;
    });
  }

  machineSent(payload: Uint8Array): void {
    read(payload, SSH_MSG_KEXINIT, () => (this.#exchanging = true));
    read(payload, SSH_MSG_NEWKEYS, () => (this.#exchanging = false));
    read(payload, SSH_MSG_USERAUTH_FAILURE, () => answer(this.#logins));
    read(payload, SSH_MSG_USERAUTH_SUCCESS, () => answer(this.#logins));
    read(payload, SSH_MSG_REQUEST_SUCCESS, () => answer(this.#globals));
    read(payload, SSH_MSG_REQUEST_FAILURE, () => answer(this.#globals));
    read(payload, SSH_MSG_CHANNEL_SUCCESS, () => answer(this.#requests));
    read(payload, SSH_MSG_CHANNEL_FAILURE, () => answer(this.#requests));
    read(payload, SSH_MSG_CHANNEL_OPEN_FAILURE, () => answer(this.#opens));
    read(payload, SSH_MSG_CHANNEL_OPEN, ({ senderChannel, initialWindowSize, maximumPacketSize }) =>
      this.#opening.ours.set(senderChannel, { window: initialWindowSize, packet: maximumPacketSize }),
    );
    read(payload, SSH_MSG_CHANNEL_OPEN_CONFIRMATION, (message) => {
      const { recipientChannel, senderChannel, initialWindowSize: granted } = message;
      answer(this.#opens);
      const offer = this.#opening.theirs.get(recipientChannel);
      if (offer !== undefined)
        this.#open(senderChannel, recipientChannel, new Map([[senderChannel, { ...offer, window: granted }]]), offer);
    });
    read(payload, SSH_MSG_CHANNEL_WINDOW_ADJUST, ({ recipientChannel, bytesToAdd }) => {
      for (const channel of this.#of(recipientChannel)) channel.granted += bytesToAdd;
    });
    read(payload, SSH_MSG_CHANNEL_DATA, ({ recipientChannel, data }) => this.#sent(recipientChannel, data.length));
    read(payload, SSH_MSG_CHANNEL_EXTENDED_DATA, ({ recipientChannel, data }) =>
      this.#sent(recipientChannel, data.length),
    );
    read(payload, SSH_MSG_CHANNEL_EOF, ({ recipientChannel }) => this.#ends(recipientChannel, "eof"));
    read(payload, SSH_MSG_CHANNEL_CLOSE, ({ recipientChannel }) => this.#ends(recipientChannel, "closed"));
  }

  told(event: AnyEvent): void {
    if (event.type === "data")
      this.#received.set(event.channel, (this.#received.get(event.channel) ?? 0) + event.data.length);
    if (event.type !== "channel-closed") return;
    this.#channels.delete(event.channel);
    this.#received.delete(event.channel);
  }

  /** Checks that the received data fits the granted window. Called after all output of the protocol machine is read. */
  settle(): void {
    if (this.#exchanging) return;
    for (const [number, received] of this.#received) {
      const channel = this.#channels.get(number);
      if (channel === undefined || channel.ambiguous) continue;
      expectTrue(
        received <= channel.granted,
        `the session accepted ${received} bytes with a window of ${channel.granted}`,
      );
    }
  }

  #open(ours: number, theirs: number, offers: Map<number, Offer>, { window, packet }: Offer): void {
    const own = offers.get(ours);
    // Ignores a second confirmation of the same channel.
    if (own === undefined || !offers.delete(ours)) return;
    const others = this.#of(theirs);
    for (const other of others) other.ambiguous = true;
    const ambiguous = others.length > 0;
    const opened = { theirs, ambiguous, granted: own.window, allowed: window, packet, sent: 0, ended: "no" } as const;
    this.#channels.set(ours, { ...opened });
  }

  #sent(theirs: number, length: number): void {
    for (const channel of this.#of(theirs)) {
      channel.sent += length;
      if (channel.ambiguous) continue;
      expectTrue(channel.ended === "no", "data was sent after EOF or CLOSE");
      expectTrue(
        length <= channel.packet,
        `a message with ${length} bytes of data exceeds the maximum packet size ${channel.packet}`,
      );
      expectTrue(
        channel.sent <= channel.allowed,
        `the session sent ${channel.sent} bytes with a window of ${channel.allowed}`,
      );
    }
  }

  #ends(theirs: number, how: "eof" | "closed"): void {
    for (const channel of this.#of(theirs)) {
      const isSecond = channel.ended === "closed" || channel.ended === how;
      expectTrue(channel.ambiguous || !isSecond, `the session sent ${how} on a channel with state ${channel.ended}`);
      channel.ended = how;
    }
  }

  #of(theirs: number): Channel[] {
    return [...this.#channels.values()].filter((channel) => channel.theirs === theirs);
  }
}

function dialogue(about: string): Dialogue {
  return { about, asked: 0, answered: 0 };
}

function answer(one: Dialogue): void {
  one.answered++;
  expectTrue(one.answered <= one.asked, `a reply to ${one.about} was sent without a request, or twice`);
}

/** Calls `use` with the decoded message if the payload is such a message. Ignores a payload that cannot be decoded. */
function read<T extends object>(payload: Uint8Array, message: Message<T>, use: (value: T) => void): void {
  if (payload[0] !== message.number) return;
  const value = attempt(() => message.decode(payload));
  if (value !== undefined) use(value);
}
