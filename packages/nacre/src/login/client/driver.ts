import type { ChosenAttempt, ClientAsk } from "@nacre/auth";
import { ClientProtocol, type ClientProtocolEvent, type ClientProtocolOptions } from "@nacre/protocol";
import { transportSettings } from "@nacre/transport";
import { SshError } from "@nacre/wire";
import { callOpenHandler, uncaught } from "../../mux/application-handlers.ts";
import type { Duplex } from "../../mux/duplex.ts";
import { type Engine, reasonOf } from "../../mux/engine.ts";
import { Mux, type MuxSide } from "../../mux/mux.ts";
import { abortedError, onAbort } from "../../on-abort.ts";
import type { CryptoProvider } from "../../options/algorithms.ts";
import { offeredAlgorithms } from "../../options/offered-algorithms.ts";
import { platformRandom } from "../../random.ts";
import type { ClientDriver, ConnectionInfo, HostKey } from "../../users/client/client.ts";
import type { ClientPart, EncodedRequest } from "../../users/client/client-user.ts";
import { madeTrace, quietly } from "../../watchers.ts";
import { withCaller } from "../../with-caller.ts";
import { chosenMethods } from "../chosen-methods.ts";
import type { ConnectEvent } from "./events.ts";
import { hostKeyVerifier } from "./host-keys.ts";
import { type ClientLoginContext, type ClientLoginMethod, identityOf } from "./method.ts";
import { answersOf, completeAttempt, type LoginAttempt } from "./next-login.ts";
import type { ClientProvider, ConnectOptions, LoginOptions } from "./options.ts";

/** Logs a client in: passes the asks of the protocol machine to the application. */
export class Driver implements MuxSide<ClientProtocolEvent>, ClientDriver {
  /** A server may open no channels and send no global requests until the client accepts them here. */
  readonly mux: Mux<ClientProtocolEvent>;
  readonly lossOf: ClientProvider["lossOf"];
  readonly #machine: ClientProtocol;
  readonly #options: ConnectOptions & ClientProvider;
  #authenticated!: { resolve: (info: ConnectionInfo) => void; reject: (error: SshError) => void };
  /** Parts of the users that the options use, from the login on. */
  #parts: readonly ClientPart[] = [];
  #peerVersion = "";
  #hostKey: HostKey | undefined;
  readonly #methods: readonly ClientLoginMethod[];
  /** Functions that answer the asks of login methods, by method. */
  readonly #answers = new Map<string, ((ask: ClientAsk) => unknown) | undefined>();
  /** The attempt that `nextLogin` chose last. */
  #attempt: LoginAttempt | undefined;
  /** Tells login methods that the login is over. `undefined` afterwards, so that an idle connection does not keep it. */
  #login: AbortController | undefined = new AbortController();

  constructor(duplex: Duplex, options: ConnectOptions & ClientProvider) {
    this.#options = options;
    this.lossOf = options.lossOf;
    this.#methods = chosenMethods(options.methods, options.loginMethods);
    for (const method of this.#methods) this.#useMethod(method, options);
    this.#machine = new ClientProtocol(sessionOptions(options, this.#methods));
    this.mux = new Mux<ClientProtocolEvent>(duplex, this.#machine, this);
  }

  /** Resolves with the reason when the connection has ended; code `closed` after `close`. Never rejects. */
  get ended(): Promise<SshError> {
    return this.#engine.closed;
  }

  /** Encodes terminal modes by name, if the program passed this code. */
  get encodeModes(): ClientProvider["encodeModes"] {
    return this.#options.encodeModes;
  }

  /** Returns the requests of the connection's users that a session sends before its command. */
  sessionRequests(): readonly EncodedRequest[] {
    return this.#parts.flatMap((part) => part.sessionRequests());
  }

  /** Connects and logs in. Rejects with the error that ended the attempt, after all resources are released. */
  async start(): Promise<ConnectionInfo> {
    const { signal } = this.#options;
    const authenticated = new Promise<ConnectionInfo>((resolve, reject) => {
      this.#authenticated = { resolve, reject };
    });
    let unwatch: (() => void) | undefined;
    try {
      this.#engine.start();
      unwatch = signal && onAbort(signal, () => this.#engine.fail(abortedError("connecting", signal)));
      if (!signal?.aborted) this.#engine.turn();
      return await authenticated;
    } catch (error) {
      await this.ended;
      throw withCaller(error);
    } finally {
      unwatch?.();
    }
  }

  /** Disconnects. Resolves when all resources are released. */
  async close(reason?: SshError): Promise<void> {
    this.#engine.fail(reason ?? new SshError("closed", "the connection was closed by this side"));
    await this.ended;
  }

  /** Disconnects after handling what the server still sends. Resolves when all resources are released. */
  async end(): Promise<void> {
    this.#engine.leave(new SshError("closed", "the connection was closed by this side"));
    await this.ended;
  }

  /** Starts a key exchange now, before a rekey limit is reached. */
  rekey(): void {
    this.#machine.rekey();
    this.#engine.touch();
  }

  /** Handles an event of the protocol machine. The mux calls this and the next two methods. */
  event(event: ClientProtocolEvent): void {
    const options = this.#options;
    switch (event.type) {
      case "identified":
        this.#peerVersion = event.peerVersion;
        this.#tell(event);
        return;
      case "new-keys":
        this.#tell({ type: "kex", initial: event.initial, negotiated: event.negotiated });
        return;
      case "verify-host-key": {
        const { algorithm, certificate } = event;
        // rule: certified-plain-key
        const blob = certificate?.publicKey.blob ?? event.hostKey;
        const hostKey: HostKey = { algorithm, blob, fingerprint: options.fingerprint(blob), certificate };
        this.#hostKey = hostKey;
        this.#ask(
          () => this.#decideHostKey(hostKey),
          (verdict) => {
            if (verdict === "restricted") this.mux.isRestricted = true;
            this.#machine.answerHostKey(event.token, verdict);
          },
        );
        return;
      }
      case "authenticated":
        this.#endLogin();
        // rule: restricted-users
        if (!this.mux.isRestricted) this.#beginUsers();
        this.#authenticated.resolve({
          peerVersion: this.#peerVersion,
          negotiated: this.#machine.negotiated!,
          hostKey: this.#hostKey!,
        });
        return;
      case "banner":
        this.#tell(event);
        this.#show(event.message);
        return;
      case "instruction":
        this.#tell(event);
        this.#show([event.name, event.instruction].filter((text) => text !== "").join("\n"));
        return;
      case "debug":
      case "disconnect":
        this.#tell(event);
        return;
      case "next-attempt": {
        const { token, methods, partialSuccess } = event;
        const failed = partialSuccess ? undefined : this.#attempt;
        this.#ask(
          () => options.nextLogin!({ methods, partialSuccess, failed }),
          (attempt) => this.#machine.auth.answer(token, attempt === undefined ? undefined : this.#complete(attempt)),
        );
        return;
      }
      default:
        if ("method" in event)
          this.#ask(
            () => this.#answers.get(event.method)?.(event),
            (answer) => this.#machine.auth.answer(event.token, answer),
          );
    }
  }

  refused(name: string): void {
    quietly(this.#options.refused ?? (() => {}))(name);
  }

  closed(error: SshError): void {
    if (error.code !== "closed") this.#tell({ type: "failed", error });
    this.#authenticated.reject(error);
    this.#endLogin(error);
    for (const part of this.#parts) part.closed(error);
  }

  get #engine(): Engine<ClientProtocolEvent> {
    return this.mux.engine;
  }

  /** Lets the application's part of the method answer its asks. */
  #useMethod({ method, application }: ClientLoginMethod, options: LoginOptions): void {
    const { findIdentities } = this.#options;
    const { signal } = this.#login!;
    const login: ClientLoginContext = {
      options,
      findIdentities: async () => findIdentities?.(this.#machine.serverProof!, signal) ?? [],
      signal,
    };
    this.#answers.set(method.name, application?.(login));
  }

  #endLogin(reason?: SshError): void {
    this.#login?.abort(reason);
    this.#login = undefined;
    this.#answers.clear();
    this.#attempt = undefined;
  }

  #complete(attempt: LoginAttempt): ChosenAttempt {
    const { method, options, chosen } = completeAttempt(attempt, this.#options, this.#methods);
    this.#attempt = attempt;
    this.#useMethod(method, options);
    return chosen;
  }

  #beginUsers(): void {
    const options = this.#options;
    for (const [channelType, handler] of Object.entries(options.channels ?? {}))
      this.mux.accept(channelType, (open) => callOpenHandler(handler, open));
    this.#parts =
      options.users?.begin(options, {
        mux: this.mux,
        server: this.#machine,
        refused: (name) => this.refused(name),
      }) ?? [];
  }

  #tell(event: ConnectEvent): void {
    uncaught(() => this.#options.events?.(event));
  }

  #show(text: string): void {
    uncaught(() => this.#options.banner?.(text));
  }

  async #decideHostKey(hostKey: HostKey): Promise<true | "restricted" | SshError> {
    const { blob } = hostKey;
    const fingerprint = shownFingerprint(this.#options)(blob);
    try {
      // Only true accepts: JavaScript programs may return anything.
      const verdict: unknown = await hostKeyVerifier(this.#options.hostKey)({ ...hostKey, blob: blob.slice() });
      // rule: host-key-verdict
      if (verdict === true || verdict === "restricted") return verdict;
      return new SshError("host-key-refused", `the host key ${fingerprint} was refused`);
    } catch (cause) {
      // An error during the check must refuse the key (CVE-2025-26465).
      if (cause instanceof SshError) return cause;
      // rule: host-key-check-fails
      return new SshError("host-key-refused", `cannot check the host key ${fingerprint}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /** Asks the application and passes its answer to `give`. An exception of either ends the login. */
  #ask<T>(ask: () => T | Promise<T>, give: (value: T) => void): void {
    this.#engine.ask(ask, give, (cause) =>
      this.#engine.fail(
        cause instanceof SshError
          ? cause
          : new SshError("auth-cancelled", `the login was cancelled: ${reasonOf(cause)}`, { cause }),
      ),
    );
  }
}

function shownFingerprint(options: ClientProvider): CryptoProvider["fingerprint"] {
  return options.shownFingerprint ?? options.fingerprint;
}

function sessionOptions(
  options: ConnectOptions & ClientProvider,
  methods: readonly ClientLoginMethod[],
): ClientProtocolOptions {
  return {
    algorithms: offeredAlgorithms(options),
    fingerprint: shownFingerprint(options),
    random: options.random ?? platformRandom,
    connecting: options.connecting,
    ...answersOf(options),
    minRsaBits: options.minRsaBits,
    asksAttempts: options.nextLogin !== undefined,
    identities: options.findIdentities === undefined ? (options.identities ?? []).map(identityOf) : undefined,
    loginMethods: methods.map(({ method }) => method),
    ...(options.limits && { limits: options.limits }),
    ...transportSettings(options),
    trace: madeTrace(options.trace),
    ...(options.keyLog && { keyLog: quietly(options.keyLog) }),
  };
}
