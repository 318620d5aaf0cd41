import {
  aes128Ctr,
  aes256Ctr,
  aes256Gcm,
  chacha20Poly1305,
  hmacSha256,
  hmacSha256Etm,
  hmacSha512,
} from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { defaultSignatureAlgorithms, generateEd25519, type PrivateKey } from "@nacre/keys";
import { nodeAlgorithms } from "@nacre/node";
import type {
  ClientSession,
  ClientSessionEvent,
  ClientSessionOptions,
  ServerSession,
  ServerSessionEvent,
  TraceRecord,
} from "@nacre/session";
import type { TransportAlgorithms } from "@nacre/transport";
import { SSH_MSG_PING, SSH_MSG_PONG, type SshError, type SshErrorCode, utf8Encode } from "@nacre/wire";
import { expect } from "vitest";
import { seededRandom } from "../random.ts";
import type { AttackPeer, PeerOptions, Target } from "./attack-peer.ts";

/** Everything a session can do, so that an attacker has the choice. */
export const algorithms: TransportAlgorithms = {
  kex: [curve25519Sha256],
  hostKeys: defaultSignatureAlgorithms,
  ciphers: [chacha20Poly1305, aes256Gcm, aes128Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha256, hmacSha512],
};

/** What sessions compute with: the portable algorithms, and those of Node. */
export const IMPLEMENTATIONS: readonly TransportAlgorithms[] = [
  algorithms,
  { ...algorithms, hostKeys: nodeAlgorithms.hostKeys, ciphers: nodeAlgorithms.ciphers, macs: nodeAlgorithms.macs },
];

export const userKey: PrivateKey = generateEd25519(seededRandom(21));
export const hostKey: PrivateKey = generateEd25519(seededRandom(22));
export const otherHostKey: PrivateKey = generateEd25519(seededRandom(23));

/** Ciphers each in a mode of its own: how it protects the length differs. */
export const MODES: Readonly<Record<string, Pick<PeerOptions, "cipher" | "mac">>> = {
  "chacha20-poly1305": { cipher: chacha20Poly1305 },
  "aes256-gcm": { cipher: aes256Gcm },
  "aes128-ctr, etm": { cipher: aes128Ctr, mac: hmacSha256Etm },
  "aes256-ctr, and MAC": { cipher: aes256Ctr, mac: hmacSha512 },
};

export type AnyEvent = ClientSessionEvent | ServerSessionEvent;

/** What a test can ask of either side's session. */
export interface CommonOptions {
  readonly session?: Partial<Pick<ClientSessionOptions, "algorithms" | "limits" | "random" | "requireStrictKex">>;
  readonly peer?: Partial<PeerOptions>;
  /** Events of these types stay unanswered. */
  readonly hold?: readonly AnyEvent["type"][];
}

/** What a peer says of a channel. */
export interface ChannelChange {
  readonly initialWindowSize?: number;
  readonly maximumPacketSize?: number;
  /** The data of the channel type. */
  readonly data?: Uint8Array;
}

/** A whole session under attack by a peer in the other role. */
export abstract class SessionTarget<E extends AnyEvent = AnyEvent> implements Target {
  abstract readonly session: ClientSession | ServerSession;
  abstract readonly peer: AttackPeer;
  readonly events: E[] = [];
  readonly trace: TraceRecord[] = [];
  /** False: what the session has to say stays with it, as when a peer does not read. */
  reading = true;
  now = 0;

  /** After a handshake: to a session whose user is in. */
  abstract finish(): this;

  /** A session channel; returns the session's number of it. The peer's is 1000 or more. */
  abstract openChannel(change?: ChannelChange): number;

  protected abstract nextEvent(): E | undefined;
  protected abstract answer(event: E): void;

  deliver(bytes: Uint8Array): void {
    this.session.tick(this.now);
    this.session.receive(bytes);
    this.#work();
  }

  takeOutput(): Uint8Array | undefined {
    if (!this.reading) return undefined;
    const output = this.session.takeOutput();
    this.#work();
    return output;
  }

  /** Works on what a test has asked of the session, and lets the peer read. */
  turn(): this {
    this.#work();
    this.peer.take();
    return this;
  }

  /** Time passes. */
  advance(milliseconds: number): this {
    this.now += milliseconds;
    this.session.tick(this.now);
    return this.turn();
  }

  handshake(): this {
    this.peer.handshake();
    return this;
  }

  login(): this {
    return this.handshake().finish();
  }

  eventsOf<T extends E["type"]>(type: T): Extract<E, { type: T }>[] {
    return this.events.filter((event): event is Extract<E, { type: T }> => event.type === type);
  }

  /** Why the session has ended; `undefined` while it has not. */
  get error(): SshError | undefined {
    const closed = this.events.find((event) => event.type === "closed");
    return closed?.type === "closed" ? closed.error : undefined;
  }

  /** Message numbers of all sent messages, in order. */
  get sent(): number[] {
    return this.peer.numbers;
  }

  /** Whether the user is in. */
  get authenticated(): boolean {
    return this.events.some(({ type }) => type === "authenticated");
  }

  /** It has ended with that error, all of it, and nothing moves it any more. */
  expectClosed(code: SshErrorCode): SshError {
    const { error } = this;
    if (error === undefined) throw new Error(`the session goes on where it should end with ${code}`);
    expect([error.code, error.message]).toEqual([code, error.message]);
    expect(this.events.filter(({ type }) => type === "closed")).toHaveLength(1);
    expect(this.events.at(-1)?.type).toBe("closed");
    this.reading = true;
    this.turn();
    expect(this.session.deadline()).toBeUndefined();
    expect(this.session.wantsInput).toBe(false);
    const { length } = this.events;
    const sent = this.sent.length;
    this.session.receive(new Uint8Array(1000));
    this.advance(1e9);
    expect(this.events).toHaveLength(length);
    expect(this.sent).toHaveLength(sent);
    expect(this.peer.unread).toBe(0);
    return error;
  }

  /** It goes on, and still answers. To be called outside of key exchanges. */
  expectAlive(): this {
    const data = utf8Encode(`ping ${this.sent.length}`);
    this.peer.send(SSH_MSG_PING.encode({ data }));
    expect(this.error?.message).toBeUndefined();
    expect(this.peer.received.at(-1)).toEqual(SSH_MSG_PONG.encode({ data }));
    return this;
  }

  #work(): void {
    for (let event = this.nextEvent(); event !== undefined; event = this.nextEvent()) {
      this.events.push(event);
      this.answer(event);
    }
  }
}
