import { chacha20Poly1305 } from "@nacre/ciphers";
import { deriveKeys, exchangeHash } from "@nacre/kdf";
import { curve25519Sha256, type KexClient, type KexMethod, type KexSecret } from "@nacre/kex";
import type { PrivateKey } from "@nacre/keys";
import {
  type CipherAlgorithm,
  type MacAlgorithm,
  type PacketOpener,
  PacketReader,
  type PacketSealer,
} from "@nacre/packet";
import {
  type KexInit,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_KEXINIT,
  SSH_MSG_NEWKEYS,
  utf8DecodeLossy,
  utf8Encode,
} from "@nacre/wire";
import { seededRandom } from "../random.ts";

/** Attacked side: the protocol machine of a client or server with its driver, connected in memory. */
export interface Target {
  /** Receives bytes and handles all resulting events. */
  deliver(bytes: Uint8Array): void;
  /** Returns the output to send, or `undefined`. */
  takeOutput(): Uint8Array | undefined;
}

export interface PeerOptions {
  /** Role of the peer, opposite to the target's. */
  readonly role: "client" | "server";
  readonly hostKey: PrivateKey;
  /** Signature algorithm of a server's host key; by default the first one of the key. */
  readonly hostKeyAlgorithm?: string;
  readonly kex?: KexMethod;
  readonly cipher?: CipherAlgorithm;
  readonly mac?: MacAlgorithm;
  /** Whether to offer strict key exchange in the first KEXINIT and to follow it; default true. */
  readonly strict?: boolean;
}

const LINE = "SSH-2.0-Attack";
const PLAINTEXT: PacketSealer = { blockSize: 8, lengthIsPadded: true, tagLength: 0, seal: () => {} };

/** Packet fields that can be set to unusual or invalid values (RFC 4253 §6). */
interface Layout {
  /** Padding length in bytes; by default the minimum for whole blocks. */
  readonly padding?: number;
  /** Value of the padding length field; by default the actual padding length. */
  readonly paddingField?: number;
}

/**
 * Peer that can send any message or any bytes at any time. It uses real algorithms, but follows only the parts of the protocol that a test
 * chooses.
 */
export class AttackPeer {
  /** Payloads sent by the target, in order. */
  readonly received: Uint8Array[] = [];
  /** Sequence numbers of the packets in `received`. */
  readonly sequenceNumbers: number[] = [];
  readonly #options: PeerOptions;
  readonly #target: Target;
  readonly #random = seededRandom(66);
  readonly #reader = new PacketReader();
  #sealer: PacketSealer = PLAINTEXT;
  #sequence = 0;
  #line = LINE;
  #theirLine = "";
  #ownInit: Uint8Array = new Uint8Array(0);
  #theirInit: Uint8Array = new Uint8Array(0);
  #kexClient: KexClient | undefined;
  #secret: KexSecret | undefined;
  #hash: Uint8Array = new Uint8Array(0);
  #sessionId: Uint8Array | undefined;

  constructor(target: Target, options: PeerOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Sends bytes, or text as UTF-8, unchanged. */
  raw(bytes: Uint8Array | string): this {
    this.#target.deliver(typeof bytes === "string" ? utf8Encode(bytes) : bytes);
    return this.take();
  }

  identify(line: string = LINE): this {
    this.#line = line;
    return this.raw(`${line}\r\n`);
  }

  send(...payloads: readonly Uint8Array[]): this {
    for (const payload of payloads) this.raw(this.seal(payload));
    return this;
  }

  /** Seals packets without sending them, as if they were lost. */
  drop(...payloads: readonly Uint8Array[]): this {
    for (const payload of payloads) this.seal(payload);
    return this;
  }

  /** Returns the bytes of the next packet without sending them. */
  seal(payload: Uint8Array, layout: Layout = {}): Uint8Array {
    const { blockSize, lengthIsPadded, tagLength } = this.#sealer;
    const least = blockSize - (((lengthIsPadded ? 5 : 1) + payload.length) % blockSize);
    const padding = layout.padding ?? (least < 4 ? least + blockSize : least);
    const packetLength = 1 + payload.length + padding;
    const slab = new Uint8Array(4 + packetLength + tagLength);
    new DataView(slab.buffer).setUint32(0, packetLength);
    slab[4] = layout.paddingField ?? padding;
    slab.set(payload, 5);
    this.#sealer.seal(this.#sequence, slab, 0, 4 + packetLength);
    this.#sequence = (this.#sequence + 1) >>> 0;
    return slab;
  }

  /** Sends a KEXINIT with the peer's algorithms and the changes of a test. The first one contains the markers. */
  init(change: Partial<KexInit> = {}): this {
    return this.send(this.makeInit(change));
  }

  /** Returns the KEXINIT payload of `init`, and treats it as sent. */
  makeInit(change: Partial<KexInit> = {}): Uint8Array {
    this.#ownInit = SSH_MSG_KEXINIT.encode({ ...this.proposal(), ...change });
    return this.#ownInit;
  }

  proposal(): KexInit {
    const { role, kex = curve25519Sha256, cipher = chacha20Poly1305, mac, strict = true } = this.#options;
    const letter = role === "client" ? "c" : "s";
    const first = this.#sessionId === undefined;
    const markers = first ? [`ext-info-${letter}`, ...(strict ? [`kex-strict-${letter}-v00@openssh.com`] : [])] : [];
    const macs = mac === undefined ? [] : [mac.name];
    return {
      cookie: this.#random(16),
      kexAlgorithms: [kex.name, ...markers],
      serverHostKeyAlgorithms: [this.#hostKeyAlgorithm],
      encryptionAlgorithmsClientToServer: [cipher.name],
      encryptionAlgorithmsServerToClient: [cipher.name],
      macAlgorithmsClientToServer: macs,
      macAlgorithmsServerToClient: macs,
      compressionAlgorithmsClientToServer: ["none"],
      compressionAlgorithmsServerToClient: ["none"],
      languagesClientToServer: [],
      languagesServerToClient: [],
      firstKexPacketFollows: false,
      reserved: 0,
    };
  }

  /** As a client: sends the first message of the method. */
  startKex(): this {
    this.#kexClient = (this.#options.kex ?? curve25519Sha256).client(this.#random);
    return this.send(this.#kexClient.start());
  }

  /** As a server: sends the reply to the target's first message. */
  reply(change: Reply = {}): this {
    return this.send(this.makeReply(change));
  }

  /** Returns the payload of `reply`. */
  makeReply(change: Reply = {}): Uint8Array {
    const { hostKey, kex = curve25519Sha256 } = this.#options;
    const step = kex.server(this.#random).receive(this.last(30));
    if (step.type !== "done") throw new Error("`reply` supports only methods with one server message");
    const shown = change.hostKey ?? hostKey.publicKey.blob;
    this.#settle(change.secret?.(step.secret) ?? step.secret, shown);
    const algorithm = this.#hostKeyAlgorithm;
    const sign = change.sign ?? ((hash) => hostKey.sign(algorithm, hash, this.#random));
    const payload = step.reply(shown, sign(this.#hash));
    if (change.publicKey === undefined) return payload;
    const reply = SSH_MSG_KEX_ECDH_REPLY.decode(payload);
    return SSH_MSG_KEX_ECDH_REPLY.encode({ ...reply, serverPublicKey: change.publicKey });
  }

  /** Sends NEWKEYS and switches to the new keys. */
  newKeys(): this {
    const packet = this.seal(SSH_MSG_NEWKEYS.encode({}));
    this.useKeys();
    return this.raw(packet);
  }

  /** Switches to the new keys without sending NEWKEYS. */
  useKeys(): void {
    this.#sealer = this.#keys().sealer;
    if (this.#strict) this.#sequence = 0;
  }

  /** Runs a whole key exchange, the first or a rekey. */
  exchange(change: Partial<KexInit> = {}): this {
    return this.init(change).run().newKeys();
  }

  /** Sends the peer's message of the key exchange method. */
  run(): this {
    return this.#options.role === "client" ? this.startKex() : this.reply();
  }

  /** Identifies and runs the first key exchange. */
  handshake(): this {
    return this.identify().exchange();
  }

  /** Returns the last received payload with this message number. Throws if there is none. */
  last(number: number): Uint8Array {
    const found = this.received.findLast((payload) => payload[0] === number);
    if (found === undefined) throw new Error(`expected message ${number} from the target, got ${this.numbers.join()}`);
    return found;
  }

  /** Message numbers of all payloads sent by the target. */
  get numbers(): number[] {
    return this.received.map((payload) => payload[0]!);
  }

  /** Number of received bytes that do not form a whole packet yet. */
  get unread(): number {
    return this.#reader.buffered;
  }

  /** Exchange hash of the first key exchange (RFC 4253 §7.2). */
  get sessionId(): Uint8Array {
    if (this.#sessionId === undefined) throw new Error("no key exchange has finished");
    return this.#sessionId;
  }

  /** Block size and alignment of packets under the current keys. */
  get shape(): Pick<PacketSealer, "blockSize" | "lengthIsPadded"> {
    return this.#sealer;
  }

  /** Sequence number of the peer's next packet. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The target's identification string. */
  get theirLine(): string {
    return this.#theirLine;
  }

  /** Reads the target's output. */
  take(): this {
    for (let bytes = this.#target.takeOutput(); bytes !== undefined; bytes = this.#target.takeOutput()) {
      // The first output contains the complete identification line.
      const line = this.#theirLine === "" ? bytes.indexOf(0x0a) + 1 : 0;
      if (line > 0) this.#theirLine = utf8DecodeLossy(bytes.subarray(0, line)).trimEnd();
      this.#reader.push(bytes.subarray(line));
      for (let payload = this.#reader.next(); payload !== undefined; payload = this.#reader.next())
        this.#onPayload(payload.slice());
    }
    return this;
  }

  #onPayload(payload: Uint8Array): void {
    this.received.push(payload);
    this.sequenceNumbers.push(this.#reader.counts.sequenceNumber);
    if (payload[0] === SSH_MSG_KEXINIT.number) this.#theirInit = payload;
    if (payload[0] === SSH_MSG_KEX_ECDH_REPLY.number && this.#kexClient !== undefined) {
      const step = this.#kexClient.receive(payload);
      if (step.type === "done") this.#settle(step.secret, step.hostKey);
    }
    if (payload[0] === SSH_MSG_NEWKEYS.number)
      this.#reader.useOpener(this.#keys().opener, { resetSequence: this.#strict });
  }

  get #strict(): boolean {
    return this.#options.strict ?? true;
  }

  get #hostKeyAlgorithm(): string {
    return this.#options.hostKeyAlgorithm ?? this.#options.hostKey.publicKey.algorithms[0]!.name;
  }

  #settle(secret: KexSecret, hostKey: Uint8Array): void {
    const [own, theirs] = [utf8Encode(this.#line), utf8Encode(this.#theirLine)];
    const isClient = this.#options.role === "client";
    this.#secret = secret;
    this.#hash = exchangeHash((this.#options.kex ?? curve25519Sha256).hash, {
      clientVersion: isClient ? own : theirs,
      serverVersion: isClient ? theirs : own,
      clientKexInit: isClient ? this.#ownInit : this.#theirInit,
      serverKexInit: isClient ? this.#theirInit : this.#ownInit,
      hostKey,
      ...secret,
    });
    this.#sessionId ??= this.#hash;
  }

  #keys(): { readonly sealer: PacketSealer; readonly opener: PacketOpener } {
    const { role, kex = curve25519Sha256, cipher = chacha20Poly1305, mac } = this.#options;
    if (this.#secret === undefined || this.#sessionId === undefined) throw new Error("no key exchange has finished");
    const lengths = { ivLength: cipher.ivLength, keyLength: cipher.keyLength, macKeyLength: mac?.keyLength ?? 0 };
    const { sharedSecret } = this.#secret;
    const keys = deriveKeys(
      { hash: kex.hash, sharedSecret, exchangeHash: this.#hash, sessionId: this.#sessionId },
      { clientToServer: lengths, serverToClient: lengths },
    );
    const isClient = role === "client";
    return {
      sealer: cipher.createSealer(isClient ? keys.clientToServer : keys.serverToClient, mac),
      opener: cipher.createOpener(isClient ? keys.serverToClient : keys.clientToServer, mac),
    };
  }
}

/** Fields of a server's key exchange reply that a test may change. */
export interface Reply {
  /** Host key blob in the reply. */
  readonly hostKey?: Uint8Array;
  /** Replaces the signature over the exchange hash. */
  readonly sign?: (hash: Uint8Array) => Uint8Array;
  /** Public value in the reply. */
  readonly publicKey?: Uint8Array;
  /** Replaces the secret from which the exchange hash and the keys are computed. */
  readonly secret?: (secret: KexSecret) => KexSecret;
}
