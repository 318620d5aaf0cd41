import { ClientAuth, type ClientAuthEvent, type ClientAuthOptions, type ClientLoginOptions } from "@nacre/auth";
import type { ConnectionEvent } from "@nacre/connection";
import { serverSigAlgs } from "@nacre/negotiation";
import type { NegotiatedAlgorithms, ServerProof, TransportEvent, TransportOptions } from "@nacre/transport";
import { type AskToken, type Bytes, type Extension, equalBytes, SSH_MSG_USERAUTH_FAILURE, SshError } from "@nacre/wire";
import { bearsEarlyMessages } from "./early-messages.ts";
import { EarlySink } from "./early-sink.ts";
import { ProtocolMachine, type SessionOptions } from "./protocol-machine.ts";

/** Options of `ClientProtocol`. */
export interface ClientProtocolOptions
  extends SessionOptions,
    Pick<TransportOptions, "connecting">,
    Omit<ClientLoginOptions, "sessionId" | "hostKey" | "announces" | "random">,
    Pick<ClientAuthOptions, "loginMethods" | "asksAttempts"> {}

/** An event of `ClientProtocol`. Asks carry a `token` and wait for the matching answer call. */
export type ClientProtocolEvent =
  /** The server's identification line, and lines before it. */
  | Extract<TransportEvent, { type: "identified" }>
  /** Asks for `answerHostKey`: the server proved that it holds this key; is it the host's key? */
  | Extract<TransportEvent, { type: "verify-host-key" }>
  /** Encryption is active. Emitted before authentication, and again after each rekey. */
  | { readonly type: "new-keys"; readonly initial: boolean; readonly negotiated: NegotiatedAlgorithms }
  /** Banners and texts of authentication, and asks of its methods, answered by `auth.answer`. */
  | Exclude<ClientAuthEvent, { type: "method" | "success" | "closed" }>
  /** Authentication succeeded. */
  | { readonly type: "authenticated" }
  /** Events of channels and global requests. */
  | Exclude<ConnectionEvent, { type: "closed" }>
  | Extract<TransportEvent, { type: "debug" | "disconnect" | "yield" }>
  /** Last event. */
  | { readonly type: "closed"; readonly error: SshError };

/**
 * An SSH client as a pure state machine: takes bytes and commands, returns bytes and events. Before `authenticated`, only
 * `connection.openChannel` may be called. The open is sent after login, or together with the login request.
 */
export class ClientProtocol extends ProtocolMachine<ClientAuth, EarlySink> {
  readonly #options: ClientProtocolOptions;
  /** Extensions of the server, from all its SSH_MSG_EXT_INFO. */
  #extensions: readonly Extension[] = [];
  #isRestricted = false;

  constructor(options: ClientProtocolOptions) {
    super(options, {
      transport: { role: "client", connecting: options.connecting, loginMethods: options.loginMethods },
      sink: ({ sink }) => new EarlySink(sink),
    });
    this.#options = options;
  }

  /** Returns the next event; `undefined` until more bytes arrive or an ask is answered. */
  nextEvent(): ClientProtocolEvent | undefined {
    while (this.state.kind !== "closed") {
      const event = this.state.kind === "connection" ? this.nextConnectionEvent() : this.#nextAuthEvent();
      if (event !== undefined) return event;
      const transportEvent = this.transport.nextEvent();
      if (transportEvent !== undefined) {
        const told = this.#onTransportEvent(transportEvent);
        if (told !== undefined) return told;
      } else if (this.state.kind === "kex" && this.state.ready) {
        // Start only when all received data is handled. A server-sig-algs extension in it affects which key to try first.
        this.#startAuth();
      } else {
        return undefined;
      }
    }
    return undefined;
  }

  /**
   * Answers `verify-host-key`. `verdict`: true, the error that ends the connection, or `"restricted"` to go on with a server that may be
   * false. Only methods that give such a server no secret then log in (`isSecretless`).
   */
  answerHostKey(token: AskToken, verdict: true | "restricted" | SshError): void {
    if (verdict === "restricted") this.#isRestricted = true;
    this.transport.answerHostKey(token, verdict === "restricted" ? true : verdict);
  }

  /** The server's proof in the first key exchange, once its host key is accepted. */
  get serverProof(): ServerProof | undefined {
    return this.transport.serverProof;
  }

  /** Returns whether the server announced an extension of the same name and version (RFC 8308). */
  announces({ name, value }: Extension): boolean {
    return this.#extensions.some((one) => one.name === name && equalBytes(one.value, value));
  }

  protected override loginTooSlow(): SshError {
    const { authTimeout } = this.limits;
    return this.state.kind === "auth" && this.state.auth.isUndecided
      ? new SshError("auth-timeout", `no way to log in was chosen within ${authTimeout} ms (\`authTimeout\`)`)
      : super.loginTooSlow();
  }

  #onTransportEvent(event: TransportEvent): ClientProtocolEvent | undefined {
    switch (event.type) {
      case "new-keys":
        this.traceNewKeys(event);
        if (event.initial) this.state = { kind: "kex", ready: true };
        else this.connection.flush();
        return { type: "new-keys", initial: event.initial, negotiated: event.negotiated };
      case "ext-info":
        this.#learn(event.extensions);
        return undefined;
      case "message":
        this.#onMessage(event.payload);
        return undefined;
      case "unimplemented":
        this.#onUnimplemented(event);
        return undefined;
      case "closed": {
        const { state } = this;
        this.state = { kind: "closed" };
        if (state.kind !== "auth" || event.error.code !== "disconnected") return event;
        return { type: "closed", error: state.auth.disconnected(event.error) };
      }
      case "yield":
        this.connection.flush();
        return event;
      case "keys-complete":
        return undefined;
      case "sign-exchange-hash":
        throw new SshError("internal", "a client received a `sign-exchange-hash` event, which is only for servers");
      default:
        return event;
    }
  }

  #onUnimplemented(event: Extract<TransportEvent, { type: "unimplemented" }>): void {
    const { sequenceNumber } = event;
    if (this.sink.unimplemented(sequenceNumber)) return;
    this.onUnimplemented(event, this.state.kind === "auth" ? this.state.auth.nameOf(sequenceNumber) : undefined);
  }

  #learn(extensions: readonly Extension[]): void {
    // The last SSH_MSG_EXT_INFO counts (RFC 8308 §2.4).
    this.#extensions = [...extensions, ...this.#extensions];
    try {
      if (this.state.kind === "auth") this.#tellExtensions(this.state.auth);
      else serverSigAlgs(extensions);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.transport.reject(error);
    }
  }

  #tellExtensions(auth: ClientAuth): void {
    const names = serverSigAlgs(this.#extensions);
    // OpenSSH 7.2 to 7.4 accepts more than it lists: some builds list RSA's algorithms alone, others all but those with SHA-2.
    const isPartial = /OpenSSH_7\.[2-4]/.test(this.peerVersion ?? "");
    if (names !== undefined && !isPartial) auth.setServerSigAlgs(names);
  }

  #onMessage(payload: Bytes): void {
    if (this.state.kind === "connection") {
      this.connection.receive(payload);
    } else if (this.state.kind === "auth") {
      if (payload[0] === SSH_MSG_USERAUTH_FAILURE.number) this.sink.loginFailed();
      this.state.auth.receive(payload);
    } else {
      this.transport.reject(
        new SshError("unexpected-message", `the server sent message ${payload[0]} before any request`),
      );
    }
  }

  #startAuth(): void {
    const { random, userName, identities, fingerprint, password, keyboardInteractive, loginMethods } = this.#options;
    const { asksAttempts, minRsaBits } = this.#options;
    const auth = new ClientAuth({
      sink: this.transport.sink,
      sessionId: this.transport.sessionId!,
      hostKey: this.transport.serverProof!.hostKey,
      announces: (extension) => this.announces(extension),
      random,
      userName,
      identities,
      password,
      keyboardInteractive,
      minRsaBits,
      loginMethods,
      asksAttempts,
      isRestricted: this.#isRestricted,
      ...(fingerprint && { fingerprint }),
      limits: this.limits,
    });
    this.#tellExtensions(auth);
    this.beginAuth(auth);
    auth.start();
  }

  #nextAuthEvent(): ClientProtocolEvent | undefined {
    while (this.state.kind === "auth") {
      const { auth } = this.state;
      const event = auth.nextEvent();
      if (event === undefined) {
        if (auth.signedRequestInFlight && bearsEarlyMessages(this.transport.peerVersion)) this.sink.sendEarly();
        return undefined;
      }
      switch (event.type) {
        case "method":
          this.setLoginMethod(event.method);
          break;
        case "success":
          this.authSucceeded();
          this.sink.open();
          this.connection.useSink(this.transport.sink);
          return { type: "authenticated" };
        case "closed":
          this.transport.reject(event.error);
          return undefined;
        default:
          return event;
      }
    }
    return undefined;
  }
}
