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

/** One direction of a channel: what may still be sent, and in how large pieces. */
interface Offer {
  readonly window: number;
  readonly packet: number;
}

/** A channel as both sides have spoken of it. Numbers of bytes count from its opening. */
interface Channel {
  readonly theirs: number;
  /** Another open channel has the same number of the peer's: what is said of it fits either. */
  ambiguous: boolean;
  /** What the session has granted. */
  granted: number;
  /** What the peer has granted. */
  allowed: number;
  readonly packet: number;
  sent: number;
  ended: "no" | "eof" | "closed";
}

/** An answer and what it answers: of the former there may never be more than of the latter. */
interface Dialogue {
  readonly about: string;
  asked: number;
  answered: number;
}

/**
 * Judges channels and replies from what went over the wire, in both directions, and from what the session told.
 *
 * @throws Broken from every method that sees a rule broken.
 */
export class ChannelOracle {
  /** By the session's own number. */
  readonly #channels = new Map<number, Channel>();
  /** Data that the session handed to the application, by its own number of the channel. */
  readonly #received = new Map<number, number>();
  /** What the session has offered with its own opens, and the peer with its. */
  readonly #opening = { ours: new Map<number, Offer>(), theirs: new Map<number, Offer>() };
  readonly #logins: Dialogue = dialogue("a login");
  readonly #opens: Dialogue = dialogue("a channel's opening");
  readonly #globals: Dialogue = dialogue("a global request");
  readonly #requests: Dialogue = dialogue("a channel's request");
  /** While a key exchange runs, what the session grants waits. */
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

  sessionSent(payload: Uint8Array): void {
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

  /** After all output of the session is read, the data that it accepted must fit the window that it granted. */
  settle(): void {
    if (this.#exchanging) return;
    for (const [number, received] of this.#received) {
      const channel = this.#channels.get(number);
      if (channel === undefined || channel.ambiguous) continue;
      expectTrue(received <= channel.granted, `${received} bytes were taken where ${channel.granted} were granted`);
    }
  }

  #open(ours: number, theirs: number, offers: Map<number, Offer>, { window, packet }: Offer): void {
    const own = offers.get(ours);
    // A second confirmation of the same channel changes nothing.
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
      expectTrue(channel.ended === "no", "data was sent after the end");
      expectTrue(length <= channel.packet, `${length} bytes were sent at once where ${channel.packet} were allowed`);
      expectTrue(
        channel.sent <= channel.allowed,
        `${channel.sent} bytes were sent where ${channel.allowed} were allowed`,
      );
    }
  }

  #ends(theirs: number, how: "eof" | "closed"): void {
    for (const channel of this.#of(theirs)) {
      const isSecond = channel.ended === "closed" || channel.ended === how;
      expectTrue(channel.ambiguous || !isSecond, `a channel that was ${channel.ended} was ended again`);
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
  expectTrue(one.answered <= one.asked, `${one.about} was answered without a request, or twice`);
}

/** Hands over the message when the payload is one. What cannot be decoded was not said. */
function read<T extends object>(payload: Uint8Array, message: Message<T>, use: (value: T) => void): void {
  if (payload[0] !== message.number) return;
  const value = attempt(() => message.decode(payload));
  if (value !== undefined) use(value);
}
