import { deriveKeys, exchangeHash, type KeyLengths } from "@nacre/kdf";
import type { KexClient, KexSecret, KexServer, KexServerStep } from "@nacre/kex";
import { agreesOnStrictKex, createKexInit, guessIsRight, takesExtInfo } from "@nacre/negotiation";
import type { NewKeys, PacketOpener, PacketReader, SentMessage } from "@nacre/packet";
import {
  type AskToken,
  askToken,
  equalBytes,
  type KexInit,
  messageName,
  SSH_MSG_KEXINIT,
  SSH_MSG_NEWKEYS,
  SshError,
  staleAnswer,
  utf8Encode,
} from "@nacre/wire";
import type { TransportEvent } from "./events.ts";
import { serverExtInfo } from "./ext-info.ts";
import type { Gate } from "./gate.ts";
import { proveHostKey } from "./host-key.ts";
import type { TransportLimits } from "./limits.ts";
import type { NegotiatedAlgorithms, NegotiatedDirection, ServerProof, TransportOptions } from "./options.ts";
import type { OutgoingPackets } from "./outgoing.ts";
import { agree, hostKeyFor, proposalOf } from "./proposal.ts";

/** A KEXINIT and its payload, which is part of the exchange hash. */
interface Proposed {
  readonly init: KexInit;
  readonly payload: Uint8Array;
}

/** Number of a message that we sent, with the sequence number of its packet. */
interface SentKexMessage extends SentMessage {
  readonly number: number;
}

/** Result of both KEXINITs. Keeps only the payloads: a decoded KEXINIT may take ten times as much memory. */
interface Agreement {
  /** Payload of the client's KEXINIT. */
  readonly clientInit: Uint8Array;
  /** Payload of the server's KEXINIT. */
  readonly serverInit: Uint8Array;
  readonly negotiated: NegotiatedAlgorithms;
}

/** Result of a key exchange, before the host key is accepted or the exchange hash is signed. */
interface Outcome extends Agreement {
  readonly secret: KexSecret;
  /** Host key blob. */
  readonly hostKey: Uint8Array;
  readonly exchangeHash: Uint8Array;
}

const NOTHING_SENT: readonly SentKexMessage[] = [];

type KexServerDone = Extract<KexServerStep, { type: "done" }>;

/** State of one key exchange. Each state holds only the data for its next step, so that secrets are dropped as early as possible. */
type State =
  | { readonly kind: "idle" }
  /** Our KEXINIT is sent, the peer's has not arrived. `first`: a client's key pair for the first method of its list, once generated. */
  | { readonly kind: "proposed"; readonly own: Proposed; readonly first: KexClient | undefined }
  | { readonly kind: "client"; readonly agreement: Agreement; readonly method: KexClient }
  | { readonly kind: "server"; readonly agreement: Agreement; readonly method: KexServer }
  | {
      readonly kind: "verifying";
      readonly token: AskToken;
      readonly outcome: Outcome;
      readonly signature: Uint8Array;
    }
  | {
      readonly kind: "signing";
      readonly token: AskToken;
      readonly outcome: Outcome;
      readonly done: KexServerDone;
    }
  /** Our NEWKEYS is sent, the peer's has not arrived. */
  | { readonly kind: "newkeys"; readonly opener: PacketOpener; readonly keys: NewKeys }
  /** The connection has ended. No key exchange follows. */
  | { readonly kind: "over" };

/** Parts of the transport that a key exchange uses. */
export interface ExchangeContext {
  readonly options: TransportOptions;
  readonly limits: TransportLimits;
  readonly ownVersion: string;
  readonly outgoing: OutgoingPackets;
  readonly reader: PacketReader;
  readonly gate: Gate;
  readonly emit: (event: TransportEvent) => void;
}

/** Runs the key exchanges of a connection one after the other (RFC 4253 §7, §9). An SshError thrown by a method ends the connection. */
export class KeyExchange {
  readonly #context: ExchangeContext;
  #state: State = { kind: "idle" };
  #peerVersion = "";
  #serverProof: ServerProof | undefined;
  #negotiated: NegotiatedAlgorithms | undefined;
  #strict = false;
  #extInfoWanted = false;
  #rekeysBeforeLogin = 0;
  /** Messages that we sent in the current exchange, until our NEWKEYS. */
  #sent: readonly SentKexMessage[] = NOTHING_SENT;

  constructor(context: ExchangeContext) {
    this.#context = context;
  }

  /** Whether a key exchange may begin: none is in progress and the connection is open. */
  get idle(): boolean {
    return this.#state.kind === "idle";
  }

  /** Whether an ask is open. The exchange waits for the application's answer. */
  get asking(): boolean {
    return this.#state.kind === "verifying" || this.#state.kind === "signing";
  }

  /** The server's proof in the first key exchange, once that is authenticated. */
  get serverProof(): ServerProof | undefined {
    return this.#serverProof;
  }

  /** Algorithms of the current exchange once both KEXINITs are known, else of the last exchange. */
  get negotiated(): NegotiatedAlgorithms | undefined {
    return this.#negotiated;
  }

  /** Sends our KEXINIT. Call only when idle. */
  begin(): void {
    const { options, outgoing } = this.#context;
    const { role, random } = options;
    const initial = this.#serverProof === undefined;
    const guessed = initial && role === "client" && options.guess === true ? options.algorithms.kex[0] : undefined;
    const init = createKexInit(proposalOf(options), {
      role,
      initial,
      cookie: random(16),
      firstKexPacketFollows: guessed !== undefined,
    });
    const payload = SSH_MSG_KEXINIT.encode(init);
    outgoing.hold();
    this.#sent = NOTHING_SENT;
    this.#send(payload);
    const first = guessed?.client(random);
    if (first !== undefined) this.#send(first.start());
    this.#state = { kind: "proposed", own: { init, payload }, first };
  }

  /**
   * Takes the peer's identification string. A client generates its key pair while it waits for the server's KEXINIT: usually the first
   * method of its list is chosen.
   */
  identified(peerVersion: string): void {
    this.#peerVersion = peerVersion;
    const { role, algorithms, random } = this.#context.options;
    const state = this.#state;
    if (role === "client" && state.kind === "proposed" && state.first === undefined)
      this.#state = { ...state, first: algorithms.kex[0]?.client(random) };
  }

  /** Processes a key exchange message, 20–49, that the gate admitted. */
  receive(payload: Uint8Array): void {
    const number = payload[0];
    if (number === SSH_MSG_KEXINIT.number) this.#receiveInit(payload);
    else if (number === SSH_MSG_NEWKEYS.number) this.#receiveNewKeys(payload);
    else this.#receiveMethod(payload);
  }

  /** Returns the name of our message with that sequence number, or `undefined` if it is not part of the current exchange. */
  nameOf(sequenceNumber: number): string | undefined {
    const sent = this.#sent.find((one) => one.sequenceNumber === sequenceNumber);
    return sent && messageName(sent.number, { kex: this.#negotiated?.kex.context, loginMethods: [] });
  }

  /** Throws `usage` unless `token` belongs to the open ask and the ask is of the kind `asked`. */
  expectToken(token: AskToken, asked: "verifying" | "signing"): void {
    if (this.#state.kind === asked && this.#state.token === token) return;
    throw staleAnswer(token);
  }

  /** Reports that the application accepts the host key. */
  acceptHostKey(): void {
    const { outcome, signature } = this.#stateIn("verifying");
    this.#secure(outcome, signature);
  }

  /** Takes the application's signature over the exchange hash. */
  sign(signature: Uint8Array): void {
    const { outcome, done } = this.#stateIn("signing");
    this.#send(done.reply(outcome.hostKey, signature));
    this.#secure(outcome, signature.slice());
  }

  /** Drops the current exchange and its secrets, because the connection has ended. */
  abandon(): void {
    this.#state = { kind: "over" };
  }

  /** Returns the state, which must be of one of these kinds: the gate admits no message in another one. */
  #stateIn<Kind extends State["kind"]>(...kinds: Kind[]): Extract<State, { kind: Kind }> {
    const state = this.#state;
    if (kinds.some((kind) => kind === state.kind)) return state as Extract<State, { kind: Kind }>;
    throw new SshError("internal", `the key exchange is in state ${state.kind}, not ${kinds.join(" or ")}`);
  }

  #send(payload: Uint8Array): void {
    const sent: SentKexMessage = { number: payload[0]!, sequenceNumber: undefined };
    this.#sent = [...this.#sent, sent];
    this.#context.outgoing.send(payload, sent);
  }

  /** Processes the peer's KEXINIT. The gate admits it only if the peer has no exchange in progress. */
  #receiveInit(payload: Uint8Array): void {
    const { options, gate } = this.#context;
    if (gate.phase === "auth") this.#countRekeyBeforeLogin();
    const peer: Proposed = { init: SSH_MSG_KEXINIT.decode(payload), payload: payload.slice() };
    if (this.#state.kind === "idle") this.begin();
    const { own, first } = this.#stateIn("proposed");
    const [client, server] = options.role === "client" ? [own, peer] : [peer, own];
    if (/* rule: strict-kex-initial */ this.#serverProof === undefined)
      this.#agreeOnStrictKex(client.init, server.init);

    const negotiated = agree(client.init, server.init, options.algorithms);
    this.#negotiated = negotiated;
    const right = guessIsRight(client.init, server.init);
    gate.methodMayCome(negotiated.kex.context, { discardsGuess: peer.init.firstKexPacketFollows && !right });

    const agreement: Agreement = /* rule: keep-payloads-only */ {
      clientInit: client.payload,
      serverInit: server.payload,
      negotiated,
    };
    if (options.role === "server") {
      this.#state = { kind: "server", agreement, method: negotiated.kex.server(options.random) };
    } else {
      const hasLeft = own.init.firstKexPacketFollows;
      // A key pair sent with a wrong guess is not used again.
      const serves = hasLeft ? right : negotiated.kex === options.algorithms.kex[0];
      const method = (serves ? first : undefined) ?? negotiated.kex.client(options.random);
      if (!hasLeft || !right) this.#send(method.start());
      this.#state = { kind: "client", agreement, method };
    }
  }

  /** Processes a message of the key exchange method. */
  #receiveMethod(payload: Uint8Array): void {
    const { agreement, method } = this.#stateIn("client", "server");
    const step = method.receive(payload);
    if (step.type === "send") this.#send(step.payload);
    else if ("signature" in step) this.#proved(agreement, step.secret, step.hostKey.slice(), step.signature.slice());
    else this.#askSignature(agreement, step);
  }

  /** Processes the peer's NEWKEYS. */
  #receiveNewKeys(payload: Uint8Array): void {
    const { options, limits, reader, gate, emit } = this.#context;
    SSH_MSG_NEWKEYS.decode(payload);
    const { opener, keys } = this.#stateIn("newkeys");
    reader.useOpener(opener, keys);
    const initial = gate.phase === "kex";
    gate.newKeysCame();
    // A server is authenticated now, and its banners and prompts may be long. A client is not authenticated yet.
    if (initial && /* rule: packet-length-until-login */ options.role === "client")
      reader.maxPacketLength = limits.maxPacketLength;
    this.#state = { kind: "idle" };
    emit({ type: "keys-complete", initial });
  }

  /** Limits key exchanges before login: each costs CPU time for an unauthenticated peer. */
  #countRekeyBeforeLogin(): void {
    const { limits, options } = this.#context;
    if (++this.#rekeysBeforeLogin > limits.rekeysBeforeLogin)
      throw new SshError(
        "rekey-flood",
        `the ${peerOf(options)} began more than ${limits.rekeysBeforeLogin} key exchanges before authentication succeeded (\`rekeysBeforeLogin\`)`,
      );
  }

  #agreeOnStrictKex(client: KexInit, server: KexInit): void {
    const { options, gate, reader } = this.#context;
    this.#strict = agreesOnStrictKex(client, server);
    this.#extInfoWanted = options.role === "server" && takesExtInfo(client, "client");
    if (this.#strict) gate.enforceStrictKex();
    if (options.requireStrictKex === true && !this.#strict)
      throw new SshError(
        "strict-kex-required",
        `the ${peerOf(options)} does not support strict key exchange and is open to the Terrapin attack (CVE-2023-48795); update it or do not set \`requireStrictKex\``,
      );
    // Packets before KEXINIT were admitted because the peer's support was not known yet; strict kex forbids them (OpenSSH PROTOCOL §1.10).
    // rule: strict-kex-first-message
    if (this.#strict && reader.counts.sequenceNumber !== 0)
      throw new SshError(
        "unexpected-message",
        `the ${peerOf(options)} sent a packet before its first SSH_MSG_KEXINIT, which strict key exchange forbids`,
      );
  }

  #proved(agreement: Agreement, secret: KexSecret, hostKey: Uint8Array, signature: Uint8Array): void {
    const outcome = this.#outcome(agreement, secret, hostKey);
    const algorithm = agreement.negotiated.hostKey;
    // rule: host-key-signature
    const { certificate } = proveHostKey(algorithm, hostKey, outcome.exchangeHash, signature);
    if (this.#serverProof === undefined) {
      const token = askToken("verify-host-key");
      // rule: host-key-verification
      this.#state = { kind: "verifying", token, outcome, signature };
      const event = { token, algorithm: algorithm.name, hostKey: hostKey.slice(), certificate };
      this.#context.emit({ type: "verify-host-key", ...event });
    } else if (/* rule: host-key-on-rekey */ equalBytes(this.#serverProof.hostKey, hostKey)) {
      this.#secure(outcome, signature);
    } else {
      throw new SshError(
        "host-key-changed",
        "the server used another host key in a later key exchange than in the first",
      );
    }
  }

  #askSignature(agreement: Agreement, done: KexServerDone): void {
    const algorithm = agreement.negotiated.hostKey.name;
    const hostKey = hostKeyFor(algorithm, this.#context.options.hostKeys);
    if (hostKey === undefined)
      throw new SshError("internal", `no host key can sign with ${algorithm}, although it was offered`);
    const outcome = this.#outcome(agreement, done.secret, hostKey.blob);
    const token = askToken("sign-exchange-hash");
    this.#state = { kind: "signing", token, outcome, done };
    const data = outcome.exchangeHash.slice();
    this.#context.emit({ type: "sign-exchange-hash", token, algorithm, hostKey, data });
  }

  #outcome(agreement: Agreement, secret: KexSecret, hostKey: Uint8Array): Outcome {
    const { options, ownVersion } = this.#context;
    const own = utf8Encode(ownVersion);
    const peer = utf8Encode(this.#peerVersion);
    const hash = exchangeHash(agreement.negotiated.kex.hash, {
      clientVersion: options.role === "client" ? own : peer,
      serverVersion: options.role === "client" ? peer : own,
      clientKexInit: agreement.clientInit,
      serverKexInit: agreement.serverInit,
      hostKey,
      ...secret,
    });
    return { ...agreement, secret, hostKey, exchangeHash: hash };
  }

  /** Sends NEWKEYS and seals all later packets with the new keys (RFC 4253 §7.3). The exchange is authenticated at this point. */
  #secure({ negotiated, clientInit, secret, hostKey, exchangeHash }: Outcome, signature: Uint8Array): void {
    const { options, limits, outgoing, gate, emit } = this.#context;
    const initial = this.#serverProof === undefined;
    this.#serverProof ??= { hostKey, sessionId: exchangeHash, signature };
    const { sessionId } = this.#serverProof;
    const { clientToServer, serverToClient } = negotiated;
    const keys = deriveKeys(
      { hash: negotiated.kex.hash, sharedSecret: secret.sharedSecret, exchangeHash, sessionId },
      { clientToServer: keyLengths(clientToServer), serverToClient: keyLengths(serverToClient) },
    );
    // Skip the message number before the cookie, and the length at the start of both forms of K (RFC 4251 §5).
    options.keyLog?.(clientInit.slice(1, 17), secret.sharedSecret.slice(4));

    const isClient = options.role === "client";
    const [sending, sendingKeys] = isClient
      ? [clientToServer, keys.clientToServer]
      : [serverToClient, keys.serverToClient];
    const [receiving, receivingKeys] = isClient
      ? [serverToClient, keys.serverToClient]
      : [clientToServer, keys.clientToServer];
    outgoing.send(SSH_MSG_NEWKEYS.encode({}));
    // The peer has answered all messages of this exchange. Later packets may reuse their sequence numbers.
    this.#sent = NOTHING_SENT;
    outgoing.useSealer(sending.cipher.createSealer(sendingKeys, sending.mac), {
      resetSequence: this.#strict,
      maxBytes: Math.min(limits.rekeyBytes, sending.cipher.maxBytes),
      maxPackets: limits.rekeyPackets,
    });
    this.#state = {
      kind: "newkeys",
      opener: receiving.cipher.createOpener(receivingKeys, receiving.mac),
      keys: {
        resetSequence: /* rule: strict-kex-reset */ this.#strict,
        maxBytes: /* rule: cipher-bytes */ Math.min(limits.rekeyBytes, receiving.cipher.maxBytes),
        maxPackets: limits.rekeyPackets,
      },
    };
    gate.newKeysMustCome();
    // EXT_INFO must be the first packet after the server's first NEWKEYS (RFC 8308 §2.4).
    if (initial && this.#extInfoWanted) outgoing.send(serverExtInfo(options));
    emit({ type: "new-keys", initial, negotiated, strictKex: this.#strict });
    outgoing.release();
  }
}

function keyLengths({ cipher, mac }: NegotiatedDirection): KeyLengths {
  return { ivLength: cipher.ivLength, keyLength: cipher.keyLength, macKeyLength: mac?.keyLength ?? 0 };
}

function peerOf(options: TransportOptions): string {
  return options.role === "client" ? "server" : "client";
}
