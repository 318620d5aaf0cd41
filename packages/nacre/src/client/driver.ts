import { isPrivateKey } from "@nacre/keys/internal";
import { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "@nacre/session";
import { type NegotiatedAlgorithms, transportSettings } from "@nacre/transport";
import { SshError } from "@nacre/wire";
import { checkInteractiveMethods, isBytes, usage } from "../check.ts";
import { callOpenHandler } from "../mux/application-open.ts";
import type { Duplex } from "../mux/duplex.ts";
import { type Engine, leaveUncaught, reasonOf } from "../mux/engine.ts";
import { Mux, type MuxHandlers, type MuxSide } from "../mux/mux.ts";
import { abortedError, onAbort } from "../on-abort.ts";
import { platformRandom } from "../random.ts";
import { offeredAlgorithms } from "../wasm.ts";
import { madeTrace, quietly } from "../watchers.ts";
import { withCaller } from "../with-caller.ts";
import type { ClientProvider, ConnectOptions, HostKey } from "./options.ts";

/** Facts about an authenticated connection. */
export interface ConnectionInfo {
  /** The server's identification string, such as `"SSH-2.0-OpenSSH_10.0"`. */
  readonly peerVersion: string;
  readonly negotiated: NegotiatedAlgorithms;
  readonly hostKey: HostKey;
}

/** A server may open no channels and send no global requests until the client accepts them on the mux. */
const HANDLERS: MuxHandlers<Driver> = { channels: {}, globalRequests: {} };

/** Logs a client in: passes the asks of the session machine to the application. */
export class Driver implements MuxSide<ClientSessionEvent> {
  readonly mux: Mux<ClientSessionEvent, Driver>;
  readonly #machine: ClientSession;
  readonly #options: ConnectOptions & ClientProvider;
  #authenticated!: { resolve: (info: ConnectionInfo) => void; reject: (error: SshError) => void };
  #peerVersion = "";
  #hostKey: HostKey | undefined;
  /** Number of times that the password answered a prompt. */
  #promptedPasswords = 0;
  /** Round of the conversation in which it last did. */
  #promptedRound = Infinity;
  /** Tells remote identities that the login is over. */
  #login: AbortController | undefined;

  constructor(duplex: Duplex, options: ConnectOptions & ClientProvider) {
    this.#options = options;
    this.#machine = new ClientSession(sessionOptions(options));
    this.mux = new Mux<ClientSessionEvent, Driver>(duplex, this.#machine, this, HANDLERS);
  }

  /** Resolves with the reason when the connection has ended; code `closed` after `close`. Never rejects. */
  get ended(): Promise<SshError> {
    return this.#engine.closed;
  }

  /** Encodes terminal modes by name, if the program passed this code. */
  get encodeModes(): ClientProvider["encodeModes"] {
    return this.#options.encodeModes;
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
  async close(): Promise<void> {
    this.#engine.fail(new SshError("closed", "the connection was closed by this side"));
    await this.ended;
  }

  /** Starts a key exchange now, before a rekey limit is reached. */
  rekey(): void {
    this.#machine.rekey();
    this.#engine.touch();
  }

  /** Handles an event of the session machine. The mux calls this and the next two methods. */
  event(event: ClientSessionEvent): void {
    const options = this.#options;
    switch (event.type) {
      case "identified":
        this.#peerVersion = event.peerVersion;
        return;
      case "verify-host-key": {
        const hostKey: HostKey = {
          algorithm: event.algorithm,
          blob: event.hostKey,
          fingerprint: options.fingerprint(event.hostKey),
        };
        this.#hostKey = hostKey;
        this.#answer(
          "hostKey",
          () => true,
          () => this.#decideHostKey(hostKey),
          (verdict) => this.#machine.answerHostKey(event.token, verdict!),
        );
        return;
      }
      case "authenticated":
        this.#login?.abort();
        for (const [channelType, handler] of Object.entries(options.channels ?? {}))
          this.mux.accept(channelType, (open) => callOpenHandler(handler, open));
        this.#authenticated.resolve({
          peerVersion: this.#peerVersion,
          negotiated: this.#machine.negotiated!,
          hostKey: this.#hostKey!,
        });
        return;
      case "banner":
        this.#show(event.message);
        return;
      case "instruction":
        this.#show([event.name, event.instruction].filter((text) => text !== "").join("\n"));
        return;
      case "sign": {
        const identity = options.identities?.find((one) => one.publicKey === event.identity.publicKey);
        this.#answer(
          "sign",
          isBytes,
          () =>
            identity !== undefined && !isPrivateKey(identity)
              ? identity.sign(event.algorithm, event.data, (this.#login ??= new AbortController()).signal)
              : undefined,
          (value) => this.#machine.auth.answerSignature(event.token, value),
        );
        return;
      }
      case "password":
        this.#answer(
          "password",
          isText,
          () => {
            const { password } = options;
            return typeof password === "function" ? password(event.attempt) : password;
          },
          (value) => this.#machine.auth.answerPassword(event.token, value),
        );
        return;
      case "change-password":
        this.#answer(
          "changePassword",
          (both) => isText(both.oldPassword) && isText(both.newPassword),
          () => options.changePassword?.(event.prompt),
          (value) => this.#machine.auth.answerChangePassword(event.token, value),
        );
        return;
      case "prompts":
        this.#answer(
          "prompts",
          (responses) => Array.isArray(responses) && responses.every(isText),
          () => this.#answerPrompts(event),
          (value) => this.#machine.auth.answerPrompts(event.token, value),
        );
        return;
      default:
      // New keys and debug messages need no action.
    }
  }

  refused(): void {}

  closed(error: SshError): void {
    this.#authenticated.reject(error);
    this.#login?.abort(error);
  }

  get #engine(): Engine<ClientSessionEvent> {
    return this.mux.engine;
  }

  #answerPrompts({
    round,
    name,
    instruction,
    prompts,
  }: Extract<ClientSessionEvent, { type: "prompts" }>): ReturnType<NonNullable<ConnectOptions["prompts"]>> {
    const { password, prompts: answer } = this.#options;
    if (answer !== undefined) return answer({ name, instruction, prompts });
    const [prompt, ...others] = prompts;
    // A second prompt of the same conversation asks for something else, such as a code.
    if (prompt === undefined || others.length > 0 || prompt.echo || round > this.#promptedRound) return undefined;
    this.#promptedRound = round;
    this.#promptedPasswords++;
    if (typeof password === "function") return this.#promptedPassword(password);
    return password === undefined || this.#promptedPasswords > 1 ? undefined : [password];
  }

  async #promptedPassword(ask: Extract<ConnectOptions["password"], Function>): Promise<readonly string[] | undefined> {
    const password = await ask(this.#promptedPasswords);
    return password === undefined ? undefined : [password];
  }

  /** Shows a text with the application's `banner` callback. Exceptions of the callback are rethrown as uncaught exceptions. */
  #show(text: string): void {
    try {
      this.#options.banner?.(text);
    } catch (thrown) {
      leaveUncaught(thrown);
    }
  }

  async #decideHostKey(hostKey: HostKey): Promise<true | SshError> {
    const { blob, fingerprint } = hostKey;
    try {
      // Only true accepts: JavaScript programs may return anything.
      const verdict: unknown = await this.#options.hostKey({ ...hostKey, blob: blob.slice() });
      // rule: host-key-verdict
      if (verdict === true) return true;
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

  /**
   * Asks the application and passes its answer to `give`. An exception ends the login, and so does a value that is neither `undefined` nor
   * valid. The message does not show it: it may be secret.
   */
  #answer<T extends object | string | true>(
    option: string,
    isValid: (value: T) => boolean,
    ask: () => T | undefined | Promise<T | undefined>,
    give: (value: T | undefined) => void,
  ): void {
    const check = (value: T | undefined | null): void => {
      if (value === null || (value !== undefined && !isValid(value)))
        throw usage(`\`${option}\` returned an invalid value`);
      give(value);
    };
    this.#engine.ask(ask, check, (cause) =>
      this.#engine.fail(
        cause instanceof SshError
          ? cause
          : new SshError("auth-cancelled", `the login was cancelled: ${reasonOf(cause)}`, { cause }),
      ),
    );
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function sessionOptions(options: ConnectOptions & ClientProvider): ClientSessionOptions {
  checkInteractiveMethods(options);
  const identities = (options.identities ?? []).map((identity) => ({
    publicKey: identity.publicKey,
    ...(isPrivateKey(identity) && { privateKey: identity }),
  }));
  return {
    algorithms: offeredAlgorithms(options),
    fingerprint: options.fingerprint,
    random: options.random ?? platformRandom,
    connecting: options.connecting,
    userName: options.user,
    identities,
    password: typeof options.password === "string" ? "fixed" : options.password !== undefined,
    interactiveMethods: options.interactiveMethods,
    keyboardInteractive: options.prompts !== undefined || (options.password !== undefined && "password"),
    ...(options.limits && { limits: options.limits }),
    ...transportSettings(options),
    trace: madeTrace(options.trace),
    ...(options.keyLog && { keyLog: quietly(options.keyLog) }),
  };
}
