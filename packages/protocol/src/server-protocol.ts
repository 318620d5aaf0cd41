import { type LoginSubject, ServerAuth, type ServerAuthEvent, type ServerAuthOptions } from "@nacre/auth";
import type { ConnectionEvent } from "@nacre/connection";
import type { SignatureAlgorithm } from "@nacre/keys";
import { greetingLines } from "@nacre/negotiation";
import type { PacketSink } from "@nacre/packet";
import type { NegotiatedAlgorithms, TransportEvent } from "@nacre/transport";
import { type AskToken, type Extension, SshError } from "@nacre/wire";
import { announceHostKeys, proveHostKeys, type ServerHostKey } from "./host-key-rotation.ts";
import { type PeerGlobalRequest, ProtocolMachine, type SessionOptions } from "./protocol-machine.ts";

/** Options of `ServerProtocol`. */
export interface ServerProtocolOptions
  extends SessionOptions,
    Pick<ServerAuthOptions, "loginMethods" | "methods" | "banner" | "authorityAlgorithms"> {
  /** Lines to send before the identification string (RFC 4253 §4.2); see `greetingLines`. Default none. */
  readonly greeting?: string | undefined;
  /** Host keys. For each host key algorithm, the first key that supports it is used. */
  readonly hostKeys: readonly ServerHostKey[];
  /** Signature algorithms accepted from user keys, sent as server-sig-algs (RFC 8308 §3.1). */
  readonly userKeys: readonly SignatureAlgorithm[];
  /** Extensions to announce, besides those of the login methods (RFC 8308). */
  readonly extensions?: readonly Extension[] | undefined;
  /** Whether to announce the host keys after login (OpenSSH PROTOCOL §2.5). Default true. */
  readonly announceHostKeys?: boolean | undefined;
}

/** An event of `ServerProtocol`. Asks carry a `token` and wait for the matching answer call. */
export type ServerProtocolEvent =
  /** The client's identification line. */
  | { readonly type: "identified"; readonly peerVersion: string }
  /** Asks for `answerHostKeySignature`, only for a host key that is not in memory. */
  | Extract<TransportEvent, { type: "sign-exchange-hash" }>
  /** Encryption is active. Emitted again after each rekey. */
  | { readonly type: "new-keys"; readonly initial: boolean; readonly negotiated: NegotiatedAlgorithms }
  /** Asks of login methods, answered by `auth.answer`. */
  | Exclude<ServerAuthEvent, { type: "method" | "success" | "closed" }>
  /** Authentication succeeded. The signatures of keys and certificates among the factors are verified. */
  | ({ readonly type: "authenticated" } & LoginSubject)
  /** Events of channels and global requests. */
  | Exclude<ConnectionEvent, { type: "closed" }>
  | Extract<TransportEvent, { type: "keys-complete" | "debug" | "disconnect" | "yield" }>
  /** Last event. */
  | { readonly type: "closed"; readonly error: SshError };

/**
 * An SSH server for one client, as a pure state machine: takes bytes and commands, returns bytes and events. Only the application's answers
 * admit a user, open a channel or run a command. The client may open only "session" channels until `connection.allow` adds other types.
 */
export class ServerProtocol extends ProtocolMachine<ServerAuth, PacketSink> {
  readonly #options: ServerProtocolOptions;

  constructor(options: ServerProtocolOptions) {
    super(options, {
      transport: {
        role: "server",
        greeting: greetingLines(options.greeting),
        loginMethods: options.loginMethods,
        hostKeys: options.hostKeys.map(({ publicKey }) => publicKey),
        // A certificate's algorithm has the signature name of its key's.
        serverSigAlgs: [...new Set(options.userKeys.map(({ signatureName }) => signatureName))],
        extensions: [
          ...new Set(options.loginMethods.flatMap(({ extensions = [] }) => extensions)),
          ...(options.extensions ?? []),
        ],
      },
      sink: ({ sink }) => sink,
      allowedChannelTypes: ["session"],
    });
    this.#options = options;
  }

  /** Signals the end of the client's bytes. */
  override end(): void {
    super.end();
    // The answer to an open ask can no longer reach the client.
    if (this.#isAsking)
      this.transport.reject(new SshError("connection-lost", "the client disconnected during authentication"));
  }

  /** Whether to read more input. False while an ask is open and the buffered bytes could hold the longest packet. */
  override get wantsInput(): boolean {
    return super.wantsInput && !(this.#isAsking && this.transport.holdsPacket);
  }

  /** Returns the next event; `undefined` until more bytes arrive or an ask is answered. */
  nextEvent(): ServerProtocolEvent | undefined {
    while (this.state.kind !== "closed") {
      const event = this.state.kind === "connection" ? this.nextConnectionEvent() : this.#nextAuthEvent();
      if (event !== undefined) return event;
      // Messages after a login request depend on its result, so they are handled only after the ask is answered.
      // rule: input-waits-for-answer
      if (this.#isAsking && !this.transport.closed) return undefined;
      const transportEvent = this.transport.nextEvent();
      if (transportEvent === undefined) return undefined;
      const told = this.#onTransportEvent(transportEvent);
      if (told !== undefined) return told;
    }
    return undefined;
  }

  /** Answers `sign-exchange-hash` with a signature blob. */
  answerHostKeySignature(token: AskToken, signature: Uint8Array): void {
    this.transport.answerSignature(token, signature);
  }

  get #isAsking(): boolean {
    return this.state.kind === "auth" && this.state.auth.waitingForApplication;
  }

  #onTransportEvent(event: TransportEvent): ServerProtocolEvent | undefined {
    switch (event.type) {
      case "sign-exchange-hash":
        return this.#signExchangeHash(event);
      case "new-keys":
        this.traceNewKeys(event);
        if (event.initial) this.#startAuth();
        else this.connection.flush();
        return { type: "new-keys", initial: event.initial, negotiated: event.negotiated };
      case "message":
        if (this.state.kind === "connection") this.connection.receive(event.payload);
        else if (this.state.kind === "auth") this.state.auth.receive(event.payload);
        return undefined;
      case "closed":
        this.state = { kind: "closed" };
        return event;
      case "identified":
      case "keys-complete":
      case "debug":
      case "disconnect":
        return event;
      case "unimplemented":
        this.onUnimplemented(event);
        return undefined;
      case "yield":
        this.connection.flush();
        return event;
      case "ext-info":
        return undefined;
      case "verify-host-key":
        throw new SshError("internal", "a server received a `verify-host-key` event, which is only for clients");
    }
  }

  #signExchangeHash(event: Extract<TransportEvent, { type: "sign-exchange-hash" }>): ServerProtocolEvent | undefined {
    const hostKey = this.#options.hostKeys.find(({ publicKey }) => publicKey === event.hostKey);
    if (hostKey?.privateKey === undefined) return event;
    const signature = hostKey.privateKey.sign(event.algorithm, event.data, this.#options.random);
    this.transport.answerSignature(event.token, signature);
    return undefined;
  }

  #startAuth(): void {
    const { loginMethods, methods, userKeys, authorityAlgorithms, banner } = this.#options;
    const auth = new ServerAuth({
      sink: this.transport.sink,
      sessionId: this.transport.sessionId!,
      hostKey: this.transport.serverProof!.hostKey,
      loginMethods,
      methods,
      signatureAlgorithms: userKeys,
      authorityAlgorithms,
      ...(banner !== undefined && { banner }),
      limits: this.limits,
    });
    this.beginAuth(auth);
  }

  #nextAuthEvent(): ServerProtocolEvent | undefined {
    while (this.state.kind === "auth") {
      const event = this.state.auth.nextEvent();
      switch (event?.type) {
        case "method":
          this.setLoginMethod(event.method);
          break;
        case "success": {
          const { userName, serviceName, factors } = event;
          this.authSucceeded();
          if (this.#options.announceHostKeys ?? true) announceHostKeys(this.connection, this.#options.hostKeys);
          return { type: "authenticated", userName, serviceName, factors };
        }
        case "closed":
          this.transport.reject(event.error);
          return undefined;
        default:
          return event;
      }
    }
    return undefined;
  }

  /** Answers `hostkeys-prove-00@openssh.com` here, because only the protocol machine knows the session identifier. */
  protected override answers({ requestName, token, data }: PeerGlobalRequest): boolean {
    if (requestName !== "hostkeys-prove-00@openssh.com") return false;
    if (token === undefined) return true;
    const proof = proveHostKeys(data, {
      hostKeys: this.#options.hostKeys,
      sessionId: this.transport.sessionId!,
      negotiated: this.transport.negotiated!.hostKey.name,
      random: this.#options.random,
    });
    this.connection.answerGlobal(token, proof !== undefined, proof);
    return true;
  }
}
