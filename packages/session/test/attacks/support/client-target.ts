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
import { ClientSession, type ClientSessionEvent, type ClientSessionOptions, type TraceRecord } from "@nacre/session";
import type { TransportAlgorithms } from "@nacre/transport";
import {
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_PING,
  SSH_MSG_PONG,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_USERAUTH_SUCCESS,
  type SshError,
  type SshErrorCode,
  utf8Encode,
} from "@nacre/wire";
import { expect } from "vitest";
import { seededRandom } from "../../../../transport/test/support/random.ts";
import { AttackPeer, type PeerOptions, type Target } from "./attack-peer.ts";

/** Everything the client can do, so that an attacker has the choice. */
export const algorithms: TransportAlgorithms = {
  kex: [curve25519Sha256],
  hostKeys: defaultSignatureAlgorithms,
  ciphers: [chacha20Poly1305, aes256Gcm, aes128Ctr, aes256Ctr],
  macs: [hmacSha256Etm, hmacSha256, hmacSha512],
};

export const userKey: PrivateKey = generateEd25519(seededRandom(21));
export const hostKey: PrivateKey = generateEd25519(seededRandom(22));
export const otherHostKey: PrivateKey = generateEd25519(seededRandom(23));

/** The ciphers of a connection by name, each in a mode of its own: how it protects the length differs. */
export const MODES: Readonly<Record<string, Pick<PeerOptions, "cipher" | "mac">>> = {
  "chacha20-poly1305": { cipher: chacha20Poly1305 },
  "aes256-gcm": { cipher: aes256Gcm },
  "aes128-ctr, etm": { cipher: aes128Ctr, mac: hmacSha256Etm },
  "aes256-ctr, and MAC": { cipher: aes256Ctr, mac: hmacSha512 },
};

export interface ClientTargetOptions {
  readonly client?: Partial<ClientSessionOptions>;
  readonly peer?: Partial<PeerOptions>;
  /** Sees each event first; `true` keeps it from being answered. */
  readonly onEvent?: (event: ClientSessionEvent, session: ClientSession) => boolean | void;
}

type EventOf<T extends ClientSessionEvent["type"]> = Extract<ClientSessionEvent, { type: T }>;

/** A whole client session under attack by a server. It accepts the host key and consumes data, unless a test objects. */
export class ClientTarget implements Target {
  readonly session: ClientSession;
  readonly peer: AttackPeer;
  readonly events: ClientSessionEvent[] = [];
  readonly trace: TraceRecord[] = [];
  /** False: what the client has to say stays with it, as when a server does not read. */
  reading = true;
  now = 0;
  readonly #options: ClientTargetOptions;

  constructor(options: ClientTargetOptions = {}) {
    this.#options = options;
    this.session = new ClientSession({
      algorithms,
      random: seededRandom(1),
      userName: "alice",
      identities: [{ publicKey: userKey.publicKey, privateKey: userKey }],
      password: false,
      keyboardInteractive: false,
      trace: (record) => this.trace.push(record),
      ...options.client,
    });
    this.peer = new AttackPeer(this, { role: "server", hostKey, ...options.peer });
    this.session.start(this.now);
    this.turn();
  }

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

  /** To a client that is asked for its login. */
  service(): this {
    this.handshake();
    this.peer.send(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" }));
    return this;
  }

  login(): this {
    this.service();
    this.peer.send(SSH_MSG_USERAUTH_SUCCESS.encode({}));
    expect(this.eventsOf("authenticated")).toHaveLength(1);
    return this;
  }

  /** Opens a session channel, which the peer confirms; returns the client's number of it. Ours is 1000 more. */
  openChannel(change: { readonly initialWindowSize?: number; readonly maximumPacketSize?: number } = {}): number {
    const channel = this.session.connection.openChannel("session");
    this.turn();
    this.peer.send(
      SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
        recipientChannel: channel,
        senderChannel: 1000 + channel,
        initialWindowSize: 2 ** 20,
        maximumPacketSize: 2 ** 15,
        data: new Uint8Array(0),
        ...change,
      }),
    );
    return channel;
  }

  eventsOf<T extends ClientSessionEvent["type"]>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** Why the session has ended; `undefined` while it has not. */
  get error(): SshError | undefined {
    return this.eventsOf("closed")[0]?.error;
  }

  /** Message numbers of all that has left, in order. */
  get sent(): number[] {
    return this.peer.numbers;
  }

  /** Whether a signature, a password, or as much as the user's name has left. */
  get loginLeft(): boolean {
    return this.sent.some((number) => number >= 50);
  }

  /** It has ended with that error, all of it, and nothing moves it any more. */
  expectClosed(code: SshErrorCode): SshError {
    const { error } = this;
    if (error === undefined) throw new Error(`the session goes on where it should end with ${code}`);
    expect([error.code, error.message]).toEqual([code, error.message]);
    expect(this.events.at(-1)?.type).toBe("closed");
    expect(this.eventsOf("closed")).toHaveLength(1);
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
    for (let event = this.session.nextEvent(); event !== undefined; event = this.session.nextEvent()) {
      this.events.push(event);
      if (this.#options.onEvent?.(event, this.session) === true) continue;
      if (event.type === "verify-host-key") this.session.answerHostKey(event.token, true);
      else if (event.type === "data") this.session.connection.consumed(event.channel, event.data.length);
    }
  }
}

/** The first key exchange, step by step, as a server takes it. */
const FIRST_KEX: readonly ((target: ClientTarget) => unknown)[] = [
  (target) => target.peer.identify(),
  (target) => target.peer.init(),
  (target) => target.peer.reply(),
];

/** A client with which the server has come so far: 1 to 3 steps. */
export function afterSteps(count: number, options?: ClientTargetOptions): ClientTarget {
  const target = new ClientTarget(options);
  for (const step of FIRST_KEX.slice(0, count)) step(target);
  return target;
}
