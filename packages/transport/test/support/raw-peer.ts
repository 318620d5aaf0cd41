import { deriveKeys, exchangeHash } from "@nacre/kdf";
import type { KexClient, KexSecret } from "@nacre/kex";
import { type PacketOpener, PacketReader, type PacketSealer, PacketWriter } from "@nacre/packet";
import { seededRandom } from "@nacre/testing/random";
import { sha256, toyAlgorithms, toyCipher, toyHostKey, toyKex, toySign } from "@nacre/testing/toys";
import { Transport, type TransportEvent, type TransportOptions } from "@nacre/transport";
import {
  type KexInit,
  SSH_MSG_DISCONNECT,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_KEXINIT,
  SSH_MSG_NEWKEYS,
  type SshError,
  utf8DecodeLossy,
  utf8Encode,
} from "@nacre/wire";
import { LOGIN_METHODS } from "./gates.ts";

const LINE = "SSH-2.0-Raw";

/** KEXINIT that matches the toy algorithms, without markers. */
export const rawKexInit: KexInit = {
  cookie: new Uint8Array(16).fill(7),
  kexAlgorithms: ["toy-kex"],
  serverHostKeyAlgorithms: ["toy-sig"],
  encryptionAlgorithmsClientToServer: ["toy-aead"],
  encryptionAlgorithmsServerToClient: ["toy-aead"],
  macAlgorithmsClientToServer: [],
  macAlgorithmsServerToClient: [],
  compressionAlgorithmsClientToServer: ["none"],
  compressionAlgorithmsServerToClient: ["none"],
  languagesClientToServer: [],
  languagesServerToClient: [],
  firstKexPacketFollows: false,
  reserved: 0,
};

/** Test peer driven message by message, connected to a transport in the other role. */
export class RawPeer {
  readonly role: "client" | "server";
  readonly transport: Transport;
  readonly events: TransportEvent[] = [];
  /** Payloads received from the transport. */
  readonly received: Uint8Array[] = [];
  readonly strict: boolean;
  hostKey = toyHostKey().blob;
  /** Whether to leave asks open. */
  silent = false;
  readonly #random = seededRandom(77);
  readonly #writer = new PacketWriter({ random: this.#random });
  readonly #reader = new PacketReader();
  #theirLine = "";
  #ownInit: Uint8Array = new Uint8Array();
  #theirInit: Uint8Array = new Uint8Array();
  #client: KexClient | undefined;
  #sessionId: Uint8Array | undefined;
  #hash: Uint8Array = new Uint8Array();
  #secret: KexSecret | undefined;

  constructor(role: "client" | "server", options: Partial<TransportOptions> & { strict?: boolean } = {}) {
    const { strict, ...rest } = options;
    this.role = role;
    this.strict = strict ?? true;
    this.transport = new Transport({
      role: role === "client" ? "server" : "client",
      softwareVersion: "Test",
      algorithms: toyAlgorithms,
      random: seededRandom(5),
      hostKeys: [toyHostKey()],
      loginMethods: LOGIN_METHODS,
      ...rest,
    });
    this.transport.start(0);
    this.turn();
  }

  /** Sends text or bytes outside of packets. */
  sendRaw(text: string | Uint8Array): this {
    this.transport.receive(typeof text === "string" ? utf8Encode(text) : text);
    return this.turn();
  }

  identify(): this {
    return this.sendRaw(`${LINE}\r\n`);
  }

  send(payload: Uint8Array): this {
    this.#writer.write(payload);
    return this.turn();
  }

  /** Sends a message without processing the transport's reaction. */
  sendOnly(payload: Uint8Array): void {
    this.#writer.write(payload);
    for (const piece of this.#writer.takeOutput()) this.transport.receive(piece);
  }

  /** Seals a message but does not deliver it. */
  skip(payload: Uint8Array): this {
    this.#writer.write(payload);
    this.#writer.takeOutput();
    return this;
  }

  sendInit(change: Partial<KexInit> = {}): this {
    const marker = this.role === "client" ? "kex-strict-c-v00@openssh.com" : "kex-strict-s-v00@openssh.com";
    const kexAlgorithms =
      this.strict && this.#sessionId === undefined
        ? [...rawKexInit.kexAlgorithms, marker, this.role === "client" ? "ext-info-c" : "ext-info-s"]
        : rawKexInit.kexAlgorithms;
    this.#ownInit = SSH_MSG_KEXINIT.encode({ ...rawKexInit, kexAlgorithms, ...change });
    return this.send(this.#ownInit);
  }

  /** As a client, sends the first message of the method. */
  startKex(): this {
    this.#client = toyKex().client(this.#random);
    return this.send(this.#client.start());
  }

  /** As a server, replies to the latest first message of the method. */
  replyKex(change: { signature?: Uint8Array } = {}): this {
    const step = toyKex().server(this.#random).receive(this.last(30));
    if (step.type !== "done") throw new Error("toy key exchange did not complete");
    this.#settle(step.secret, this.hostKey);
    return this.send(step.reply(this.hostKey, change.signature ?? toySign("toy-sig", this.hostKey, this.#hash)));
  }

  /** Sends NEWKEYS and uses the new keys from then on. */
  newKeys(payload = SSH_MSG_NEWKEYS.encode({})): this {
    this.#writer.write(payload);
    this.#writer.useSealer(this.#keys().sealer, { resetSequence: this.strict });
    return this.turn();
  }

  /** Runs a complete key exchange, the first or a rekey. */
  exchange(): this {
    this.sendInit();
    return this.role === "client" ? this.startKex().newKeys() : this.replyKex().newKeys();
  }

  handshake(): this {
    return this.identify().exchange();
  }

  /** Returns the last received payload with that number. */
  last(number: number): Uint8Array {
    const found = this.received.findLast((payload) => payload[0] === number);
    if (found === undefined) throw new Error(`the transport sent no message ${number}`);
    return found;
  }

  get numbers(): number[] {
    return this.received.map((payload) => payload[0] ?? -1);
  }

  /** Error that ended the transport, or `undefined`. */
  get error(): SshError | undefined {
    const closed = this.events.find((event) => event.type === "closed");
    return closed?.type === "closed" ? closed.error : undefined;
  }

  /** Description in the transport's SSH_MSG_DISCONNECT. */
  get disconnectDescription(): string {
    return SSH_MSG_DISCONNECT.decode(this.last(1)).description;
  }

  /** Carries bytes in both directions and takes the transport's events. */
  turn(): this {
    for (const piece of this.#writer.takeOutput()) this.transport.receive(piece);
    for (let event = this.transport.nextEvent(); event !== undefined; event = this.transport.nextEvent()) {
      this.events.push(event);
      if (this.silent) continue;
      if (event.type === "verify-host-key") this.transport.answerHostKey(event.token, true);
      if (event.type === "sign-exchange-hash")
        this.transport.answerSignature(event.token, toySign(event.algorithm, event.hostKey.blob, event.data));
    }
    this.take();
    return this;
  }

  /** Reads the transport's output. */
  take(): void {
    for (const bytes of this.transport.takeOutput()) {
      // The identification string comes first, whole.
      const line = this.#theirLine === "" ? bytes.indexOf(0x0a) + 1 : 0;
      if (line > 0) this.#theirLine = utf8DecodeLossy(bytes.subarray(0, line)).trimEnd();
      this.#reader.push(bytes.subarray(line));
    }
    for (let payload = this.#reader.next(); payload !== undefined; payload = this.#reader.next()) {
      this.received.push(payload);
      if (payload[0] === SSH_MSG_KEXINIT.number) this.#theirInit = payload;
      if (payload[0] === SSH_MSG_KEX_ECDH_REPLY.number) {
        const step = this.#client?.receive(payload);
        if (step?.type === "done") this.#settle(step.secret, step.hostKey);
      }
      if (payload[0] === SSH_MSG_NEWKEYS.number)
        this.#reader.useOpener(this.#keys().opener, { resetSequence: this.strict });
    }
  }

  #settle(secret: KexSecret, hostKey: Uint8Array): void {
    const [own, theirs] = [utf8Encode(LINE), utf8Encode(this.#theirLine)];
    const isClient = this.role === "client";
    this.#secret = secret;
    this.#hash = exchangeHash(sha256, {
      clientVersion: isClient ? own : theirs,
      serverVersion: isClient ? theirs : own,
      clientKexInit: isClient ? this.#ownInit : this.#theirInit,
      serverKexInit: isClient ? this.#theirInit : this.#ownInit,
      hostKey,
      ...secret,
    });
    this.#sessionId ??= this.#hash;
  }

  #keys(): { sealer: PacketSealer; opener: PacketOpener } {
    if (this.#secret === undefined || this.#sessionId === undefined) throw new Error("no secret yet");
    const { sharedSecret } = this.#secret;
    const cipher = toyCipher();
    const lengths = { ivLength: cipher.ivLength, keyLength: cipher.keyLength, macKeyLength: 0 };
    const keys = deriveKeys(
      { hash: sha256, sharedSecret, exchangeHash: this.#hash, sessionId: this.#sessionId },
      { clientToServer: lengths, serverToClient: lengths },
    );
    const [own, theirs] =
      this.role === "client" ? [keys.clientToServer, keys.serverToClient] : [keys.serverToClient, keys.clientToServer];
    return { sealer: cipher.createSealer(own, undefined), opener: cipher.createOpener(theirs, undefined) };
  }
}
