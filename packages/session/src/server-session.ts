import { type LoginMethod, type LoginSubject, ServerAuth, type ServerAuthEvent } from "@nacre/auth";
import type { ConnectionEvent } from "@nacre/connection";
import type { SignatureAlgorithm } from "@nacre/keys";
import type { NegotiatedAlgorithms, Transport, TransportEvent } from "@nacre/transport";
import { type AskToken, SshError } from "@nacre/wire";
import { announceHostKeys, proveHostKeys, type ServerHostKey } from "./host-key-rotation.ts";
import { type PeerGlobalRequest, SessionMachine, type SessionOptions } from "./session-machine.ts";

/** What a server session is made of. */
export interface ServerSessionOptions extends SessionOptions {
  /** Of each kind the first that a client can verify is used. */
  readonly hostKeys: readonly ServerHostKey[];
  /** How clients may try to log in, the same for every user, known or not. */
  readonly methods: readonly LoginMethod[];
  /** What user keys may sign with: named in server-sig-algs (RFC 8308 §3.1). */
  readonly userKeys: readonly SignatureAlgorithm[];
  /** Shown before login. */
  readonly banner?: string;
  /** Whether the host keys are announced after login (OpenSSH PROTOCOL §2.5). Default true. */
  readonly announceHostKeys?: boolean | undefined;
}

/** What happened, and what is asked. Asks carry a `token` and wait for the answer of their kind. */
export type ServerSessionEvent =
  /** The client's identification line. */
  | { readonly type: "identified"; readonly peerVersion: string }
  /** Ask, answered by `answerHostKeySignature`: only for a host key that is not in memory. */
  | Extract<TransportEvent, { type: "sign-exchange-hash" }>
  /** The connection is encrypted. Once again after each later key exchange. */
  | { readonly type: "new-keys"; readonly initial: boolean; readonly negotiated: NegotiatedAlgorithms }
  /** Asks of authentication, answered by the methods of `auth`. */
  | Exclude<ServerAuthEvent, { type: "method" | "success" | "closed" }>
  /** The user is in. A "publickey" factor holds the key whose signature was verified. */
  | ({ readonly type: "authenticated" } & LoginSubject)
  /** Everything about channels and global requests. */
  | Exclude<ConnectionEvent, { type: "closed" }>
  | Extract<TransportEvent, { type: "debug" | "yield" }>
  /** The last event: nothing comes after it. */
  | { readonly type: "closed"; readonly error: SshError };

/**
 * An SSH server, for one client, as a pure state machine: bytes and commands in, bytes and events out. Nobody is let in, and
 * nothing is opened or run, but by the application's answers. Only channels of type "session" may be asked for until
 * `connection.allow` names others.
 */
export class ServerSession extends SessionMachine<ServerAuth, Transport> {
  readonly #options: ServerSessionOptions;

  constructor(options: ServerSessionOptions) {
    super(options, {
      transport: {
        role: "server",
        hostKeys: options.hostKeys.map(({ publicKey }) => publicKey),
        serverSigAlgs: options.userKeys.map(({ name }) => name),
      },
      sink: (transport) => transport,
      allowedChannelTypes: ["session"],
    });
    this.#options = options;
  }

  /** The client's bytes have ended. */
  override end(): void {
    super.end();
    // No answer can matter any more.
    if (this.#isAsking)
      this.transport.reject(new SshError("connection-lost", "the client went away in the middle of its login"));
  }

  /** Whether more input is of use: not while an ask is open and a packet's worth waits already. */
  override get wantsInput(): boolean {
    return super.wantsInput && !(this.#isAsking && this.transport.holdsPacket);
  }

  /** The next thing that happened or is asked; `undefined` until more bytes arrive or an ask is answered. */
  nextEvent(): ServerSessionEvent | undefined {
    while (this.state.kind !== "closed") {
      const event = this.state.kind === "connection" ? this.nextConnectionEvent() : this.#nextAuthEvent();
      if (event !== undefined) return event;
      // What a client sends behind its login belongs to what follows it, if it succeeds: it is looked at when that is known.
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

  #onTransportEvent(event: TransportEvent): ServerSessionEvent | undefined {
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
      case "debug":
        return event;
      case "unimplemented":
        this.onUnimplemented(event);
        return undefined;
      case "yield":
        this.connection.flush();
        return event;
      case "keys-complete":
      case "ext-info":
        return undefined;
      case "verify-host-key":
        throw new SshError("internal", "a server was asked about a host key");
    }
  }

  #signExchangeHash(event: Extract<TransportEvent, { type: "sign-exchange-hash" }>): ServerSessionEvent | undefined {
    const hostKey = this.#options.hostKeys.find(({ publicKey }) => publicKey === event.hostKey);
    if (hostKey?.privateKey === undefined) return event;
    const signature = hostKey.privateKey.sign(event.algorithm, event.data, this.#options.random);
    this.transport.answerSignature(event.token, signature);
    return undefined;
  }

  #startAuth(): void {
    const { methods, userKeys, banner } = this.#options;
    const auth = new ServerAuth({
      sink: this.transport,
      sessionId: this.transport.sessionId!,
      methods,
      signatureAlgorithms: userKeys,
      ...(banner !== undefined && { banner }),
      limits: this.limits,
    });
    this.beginAuth(auth);
  }

  #nextAuthEvent(): ServerSessionEvent | undefined {
    while (this.state.kind === "auth") {
      const event = this.state.auth.nextEvent();
      switch (event?.type) {
        case "method":
          this.setAuthMethod(event.method);
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

  /** `hostkeys-prove-00@openssh.com` is answered here: nobody but the session has its identifier. */
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
