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

/** What is attacked, at the other end of a wire in memory: a client session or a server session with its driver. */
export interface Target {
  /** Takes bytes and works on them to the end. */
  deliver(bytes: Uint8Array): void;
  /** What it has to send; `undefined` when it has nothing more to say. */
  takeOutput(): Uint8Array | undefined;
}

export interface PeerOptions {
  /** Which side the peer plays: the other one of the target's. */
  readonly role: "client" | "server";
  readonly hostKey: PrivateKey;
  /** The signature algorithm that a server names and signs with; the first of its key by default. */
  readonly hostKeyAlgorithm?: string;
  readonly kex?: KexMethod;
  readonly cipher?: CipherAlgorithm;
  readonly mac?: MacAlgorithm;
  /** Sends the marker of strict key exchange in its first KEXINIT, and keeps it. True by default. */
  readonly strict?: boolean;
}

const LINE = "SSH-2.0-Attack";
const PLAINTEXT: PacketSealer = { blockSize: 8, lengthIsPadded: true, tagLength: 0, seal: () => {} };

/** Parts of a packet that an honest writer would not choose (RFC 4253 §6). */
interface Layout {
  /** Bytes of padding; the least that makes whole blocks by default. */
  readonly padding?: number;
  /** What the padding length field says; the truth by default. */
  readonly paddingField?: number;
}

/**
 * One end of a connection that can say anything at any time, message by message or byte by byte: real algorithms, and no
 * rule but those that a test chooses to keep.
 */
export class AttackPeer {
  /** Payloads that the target has sent, in order. */
  readonly received: Uint8Array[] = [];
  /** The sequence numbers of their packets. */
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

  /** Bytes as they stand, or text. */
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

  /** Seals packets that never arrive. */
  drop(...payloads: readonly Uint8Array[]): this {
    for (const payload of payloads) this.seal(payload);
    return this;
  }

  /** The bytes of the next packet, which are not sent. */
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

  /** A KEXINIT of our algorithms, with markers in the first one, changed as a test likes. */
  init(change: Partial<KexInit> = {}): this {
    return this.send(this.makeInit(change));
  }

  /** The payload of `init`, which from now on counts as sent. */
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

  /** As a client: the method's first message. */
  startKex(): this {
    this.#kexClient = (this.#options.kex ?? curve25519Sha256).client(this.#random);
    return this.send(this.#kexClient.start());
  }

  /** As a server: the reply to the target's first message. */
  reply(change: Reply = {}): this {
    return this.send(this.makeReply(change));
  }

  /** The payload of `reply`. */
  makeReply(change: Reply = {}): Uint8Array {
    const { hostKey, kex = curve25519Sha256 } = this.#options;
    const step = kex.server(this.#random).receive(this.last(30));
    if (step.type !== "done") throw new Error("a method of one step is meant");
    const shown = change.hostKey ?? hostKey.publicKey.blob;
    this.#settle(change.secret?.(step.secret) ?? step.secret, shown);
    const algorithm = this.#hostKeyAlgorithm;
    const sign = change.sign ?? ((hash) => hostKey.sign(algorithm, hash, this.#random));
    const payload = step.reply(shown, sign(this.#hash));
    if (change.publicKey === undefined) return payload;
    const reply = SSH_MSG_KEX_ECDH_REPLY.decode(payload);
    return SSH_MSG_KEX_ECDH_REPLY.encode({ ...reply, serverPublicKey: change.publicKey });
  }

  /** NEWKEYS, and from then on the new keys. */
  newKeys(): this {
    const packet = this.seal(SSH_MSG_NEWKEYS.encode({}));
    this.useKeys();
    return this.raw(packet);
  }

  /** The new keys without a NEWKEYS. */
  useKeys(): void {
    this.#sealer = this.#keys().sealer;
    if (this.#strict) this.#sequence = 0;
  }

  /** A whole key exchange, the first or a later one. */
  exchange(change: Partial<KexInit> = {}): this {
    return this.init(change).run().newKeys();
  }

  /** Our own part of the method, whichever side we play. */
  run(): this {
    return this.#options.role === "client" ? this.startKex() : this.reply();
  }

  /** All up to the first keys. */
  handshake(): this {
    return this.identify().exchange();
  }

  /** The last payload of that number. */
  last(number: number): Uint8Array {
    const found = this.received.findLast((payload) => payload[0] === number);
    if (found === undefined) throw new Error(`the target sent no message ${number}, but ${this.numbers.join()}`);
    return found;
  }

  /** Message numbers of all that the target has sent. */
  get numbers(): number[] {
    return this.received.map((payload) => payload[0]!);
  }

  /** Bytes that the target has sent and that are no whole packet. */
  get unread(): number {
    return this.#reader.buffered;
  }

  /** The exchange hash of the first key exchange. */
  get sessionId(): Uint8Array {
    if (this.#sessionId === undefined) throw new Error("there is no session yet");
    return this.#sessionId;
  }

  /** How packets are cut under the present keys. */
  get shape(): Pick<PacketSealer, "blockSize" | "lengthIsPadded"> {
    return this.#sealer;
  }

  /** Sequence number of the packet that comes next from us. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The target's identification string. */
  get theirLine(): string {
    return this.#theirLine;
  }

  /** Reads what the target has to say. */
  take(): this {
    for (let bytes = this.#target.takeOutput(); bytes !== undefined; bytes = this.#target.takeOutput()) {
      // The identification leaves first, and at once.
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
    this.sequenceNumbers.push(this.#reader.sequenceNumber);
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
    if (this.#secret === undefined || this.#sessionId === undefined) throw new Error("there is no secret yet");
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

/** What a server's reply can have other than it should. */
export interface Reply {
  /** The blob it shows. */
  readonly hostKey?: Uint8Array;
  /** The signature over the exchange hash. */
  readonly sign?: (hash: Uint8Array) => Uint8Array;
  /** Its public value. */
  readonly publicKey?: Uint8Array;
  /** What it computes the hash and the keys from. */
  readonly secret?: (secret: KexSecret) => KexSecret;
}
