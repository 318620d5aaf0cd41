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
import type {
  ClientProtocol,
  ClientProtocolEvent,
  ClientProtocolOptions,
  ServerProtocol,
  ServerProtocolEvent,
  TraceRecord,
} from "@nacre/protocol";
import type { TransportAlgorithms } from "@nacre/transport";
import { concatBytes, SSH_MSG_PING, SSH_MSG_PONG, type SshError, type SshErrorCode, utf8Encode } from "@nacre/wire";
import { expect } from "vitest";
import { seededRandom } from "../random.ts";
import type { AttackPeer, PeerOptions, Target } from "./attack-peer.ts";

/** Algorithms of the attacked protocol machines, from which a test chooses. */
export const algorithms: TransportAlgorithms = {
  kex: [curve25519Sha256],
  hostKeys: defaultSignatureAlgorithms,
  ciphers: [chacha20Poly1305, aes256Gcm, aes128Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha256, hmacSha512],
};

export const userKey: PrivateKey = generateEd25519(seededRandom(21));
export const hostKey: PrivateKey = generateEd25519(seededRandom(22));
export const otherHostKey: PrivateKey = generateEd25519(seededRandom(23));

/** One cipher of each mode. The modes differ in how they protect the packet length. */
export const MODES: Readonly<Record<string, Pick<PeerOptions, "cipher" | "mac">>> = {
  "chacha20-poly1305": { cipher: chacha20Poly1305 },
  "aes256-gcm": { cipher: aes256Gcm },
  "aes128-ctr, etm": { cipher: aes128Ctr, mac: hmacSha256Etm },
  "aes256-ctr, and MAC": { cipher: aes256Ctr, mac: hmacSha512 },
};

export type AnyEvent = ClientProtocolEvent | ServerProtocolEvent;

/** Options for the protocol machine of either side and for its peer. */
export interface CommonOptions {
  readonly machine?: Partial<Pick<ClientProtocolOptions, "algorithms" | "limits" | "random" | "requireStrictKex">>;
  readonly peer?: Partial<PeerOptions>;
  /** Event types to leave unanswered. */
  readonly hold?: readonly AnyEvent["type"][];
}

/** Channel fields that the peer sends. */
export interface ChannelChange {
  readonly initialWindowSize?: number;
  readonly maximumPacketSize?: number;
  /** Data specific to the channel type. */
  readonly data?: Uint8Array;
}

/** Protocol machine attacked by a peer in the opposite role. */
export abstract class ProtocolTarget<E extends AnyEvent = AnyEvent> implements Target {
  abstract readonly machine: ClientProtocol | ServerProtocol;
  abstract readonly peer: AttackPeer;
  readonly events: E[] = [];
  readonly trace: TraceRecord[] = [];
  /** Whether the peer reads. If false, the output stays in the protocol machine. */
  reading = true;
  now = 0;

  /** After a handshake: completes the login. */
  abstract finish(): this;

  /** Opens a session channel. Returns the machine's channel number; the peer's number is 1000 or more. */
  abstract openChannel(change?: ChannelChange): number;

  protected abstract nextEvent(): E | undefined;
  protected abstract answer(event: E): void;

  deliver(bytes: Uint8Array): void {
    this.machine.tick(this.now);
    this.machine.receive(bytes);
    this.#work();
  }

  takeOutput(): Uint8Array | undefined {
    if (!this.reading) return undefined;
    const pieces = this.machine.takeOutput();
    this.#work();
    return pieces.length > 0 ? concatBytes(...pieces) : undefined;
  }

  /** Handles pending events and lets the peer read. */
  turn(): this {
    this.#work();
    this.peer.take();
    return this;
  }

  /** Advances the machine's clock. */
  advance(milliseconds: number): this {
    this.now += milliseconds;
    this.machine.tick(this.now);
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

  /** Error that ended the connection; `undefined` while it is open. */
  get error(): SshError | undefined {
    const closed = this.events.find((event) => event.type === "closed");
    return closed?.type === "closed" ? closed.error : undefined;
  }

  /** Numbers of all messages that the protocol machine sent, in order. */
  get sent(): number[] {
    return this.peer.numbers;
  }

  /** Whether the user is authenticated. */
  get authenticated(): boolean {
    return this.events.some(({ type }) => type === "authenticated");
  }

  /** Asserts that the connection ended with this error, and that later input and time have no effect. */
  expectClosed(code: SshErrorCode): SshError {
    const { error } = this;
    if (error === undefined) throw new Error(`expected the session to end with ${code}, but it is still open`);
    expect([error.code, error.message]).toEqual([code, error.message]);
    expect(this.events.filter(({ type }) => type === "closed")).toHaveLength(1);
    expect(this.events.at(-1)?.type).toBe("closed");
    this.reading = true;
    this.turn();
    expect(this.machine.deadline()).toBeUndefined();
    expect(this.machine.wantsInput).toBe(false);
    const { length } = this.events;
    const sent = this.sent.length;
    this.machine.receive(new Uint8Array(1000));
    this.advance(1e9);
    expect(this.events).toHaveLength(length);
    expect(this.sent).toHaveLength(sent);
    expect(this.peer.unread).toBe(0);
    return error;
  }

  /** Asserts that the connection is open and the protocol machine answers a ping. Do not call during a key exchange. */
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
