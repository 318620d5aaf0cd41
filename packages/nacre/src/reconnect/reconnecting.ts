import { type RandomSource, SshError } from "@nacre/wire";
import { afterEnd } from "../mux/after-end.ts";
import type { ChannelAcceptor, GlobalRequestHandler } from "../mux/mux.ts";
import { abortedError, onAbort } from "../on-abort.ts";
import { platformRandom } from "../random.ts";
import type { ClientMux, LoggedIn } from "../users/client/client.ts";
import { quietly } from "../watchers.ts";
import { Delays } from "./delays.ts";
import { KeptRequests } from "./kept-requests.ts";
import { isLost, isPassing, lossOf } from "./lost.ts";
import type { ReconnectEvent, ReconnectOptions } from "./options.ts";
import { watchSleep } from "./sleep-watch.ts";
import { WaitingCalls } from "./waiting-calls.ts";

/** Milliseconds that a call waits for a connection. */
const CALL_WAIT = 30_000;

/** Milliseconds after which a connection counts as stable, so that the delays begin anew after its loss. */
const STABLE = 60_000;

/**
 * Connects and logs in again, without asking anybody. Must release everything before it rejects, soon after `signal` aborts. The login must
 * use `lossOf`.
 */
export type ConnectAgain = (signal: AbortSignal) => Promise<LoggedIn>;

/** The part of a client's options that reconnecting uses. */
export interface ReconnectContext {
  /** Ends the client if it aborts while there is no connection. */
  readonly signal?: AbortSignal | undefined;
  /** Source of random bytes; default the platform's. */
  readonly random?: RandomSource | undefined;
}

type State =
  | { readonly kind: "connected"; readonly connection: LoggedIn }
  /** Waits for the next attempt. */
  | { readonly kind: "waiting" }
  /** An attempt is pending. */
  | { readonly kind: "connecting" }
  | { readonly kind: "ended"; readonly error: SshError };

/**
 * Returns a connection that is made again each time that it is lost. To a client it is one connection that lasts: it stands below `exec`,
 * `dial`, `listen` and all others, which open channels and send global requests. The login of `first` must have used `lossOf`.
 */
export function reconnecting(
  first: LoggedIn,
  connectAgain: ConnectAgain,
  options: ReconnectOptions,
  context: ReconnectContext,
): LoggedIn {
  return new Reconnecting(first, connectAgain, options, context).connection;
}

class Reconnecting {
  readonly connection: LoggedIn;
  readonly #makeConnection: ConnectAgain;
  readonly #options: ReconnectOptions;
  readonly #context: ReconnectContext;
  readonly #delays: Delays;
  readonly #kept: KeptRequests;
  readonly #calls = new WaitingCalls();
  /** Acceptors of the server's channel opens, for each new connection. */
  readonly #acceptors = new Map<string, ChannelAcceptor>();
  /** Handlers of the server's global requests, for each new connection. */
  readonly #handlers = new Map<string, GlobalRequestHandler>();
  readonly #report: (event: ReconnectEvent) => void;
  /** Aborts attempts and delays; the reason is the error that ends the client. */
  readonly #over = new AbortController();
  #state: State;
  /** The latest connection. */
  #latest: LoggedIn;

  constructor(first: LoggedIn, connectAgain: ConnectAgain, options: ReconnectOptions, context: ReconnectContext) {
    const makeDelays = (): Delays => new Delays(options.maxDelay, context.random ?? platformRandom);
    this.#makeConnection = connectAgain;
    this.#options = options;
    this.#context = context;
    this.#delays = makeDelays();
    this.#report = quietly(options.onEvent ?? (() => {}));
    this.#kept = new KeptRequests(makeDelays, this.#report);
    this.#latest = first;
    this.#state = { kind: "connected", connection: first };
    this.connection = this.#connection(this.#run(first));
  }

  /** The stand-in for a connection. */
  #connection(ended: Promise<SshError>): LoggedIn {
    const latest = (): LoggedIn => this.#latest;
    return {
      driver: {
        mux: this.#mux(),
        ended,
        encodeModes: latest().driver.encodeModes,
        sessionRequests: () => this.#live?.driver.sessionRequests() ?? [],
        rekey: () => this.#live?.driver.rekey(),
        close: async (reason = new SshError("closed", "the connection was closed by this side")) => {
          this.#over.abort(reason);
          // Also the connection that `end` has left, which is not live.
          if (this.#state.kind === "connected") await this.#state.connection.driver.close(reason);
          await ended;
        },
        end: async () => {
          this.#over.abort(new SshError("closed", "the connection was closed by this side"));
          await this.#live?.driver.end();
          await ended;
        },
      },
      get info() {
        return latest().info;
      },
      sessions: {
        open: async (options) => {
          const { sessions } = await this.#connected(CALL_WAIT, options.signal);
          try {
            return await sessions.open(options);
          } catch (error) {
            throw error instanceof SshError ? lossOf(error) : error;
          }
        },
      },
      place: latest().place,
      reconnection: {
        repeat: async (work, mayRepeat, signal) => {
          for (;;) {
            const { driver } = await this.#connected(Number.POSITIVE_INFINITY, signal);
            try {
              return await work();
            } catch (error) {
              const hasLost = error instanceof SshError && error.code === "connection-lost";
              if (!hasLost || driver.mux.engine.over === undefined || !mayRepeat()) throw error;
            }
          }
        },
      },
    };
  }

  #mux(): ClientMux {
    const over = (): SshError | undefined => this.#end;
    const live = (): LoggedIn | undefined => this.#live;
    return {
      engine: {
        get over() {
          return over();
        },
        turn: () => live()?.driver.mux.engine.turn(),
      },
      open: (channelType, given, handler, maxWait = CALL_WAIT) => {
        const now = live();
        if (now !== undefined) return now.driver.mux.open(channelType, given, handler);
        this.#assertAlive();
        const data = given?.slice();
        return this.#wait(
          ({ driver }) => driver.mux.open(channelType, data, handler),
          (error) => handler.lost(error),
          maxWait,
        );
      },
      accept: (channelType, acceptor) => {
        // Also without a connection, the mux of the last one knows what is handled already.
        this.#latest.driver.mux.accept(channelType, acceptor);
        this.#acceptors.set(channelType, acceptor);
      },
      onGlobalRequest: (requestName, handler) => {
        this.#latest.driver.mux.onGlobalRequest(requestName, handler);
        this.#handlers.set(requestName, handler);
      },
      globalRequest: (requestName, given, onReply) => {
        const now = live();
        if (now !== undefined) return now.driver.mux.globalRequest(requestName, given, onReply);
        this.#assertAlive();
        const data = given.slice();
        this.#wait(
          ({ driver }) => driver.mux.globalRequest(requestName, data, onReply),
          (error) => onReply?.({ success: false, error }),
          CALL_WAIT,
        );
      },
      keep: (request) => this.#kept.add(request, live()),
    };
  }

  /** The error that ends the client, set as soon as nothing more may be sent. */
  get #end(): SshError | undefined {
    const state = this.#state;
    if (state.kind === "ended") return state.error;
    if (this.#over.signal.aborted) return this.#over.signal.reason as SshError;
    const error = state.kind === "connected" ? state.connection.driver.mux.engine.over : undefined;
    return error !== undefined && isLost(error) ? undefined : error;
  }

  /** The connection, unless it has ended. */
  get #live(): LoggedIn | undefined {
    if (this.#state.kind !== "connected") return undefined;
    const { connection } = this.#state;
    return connection.driver.mux.engine.over === undefined ? connection : undefined;
  }

  /** Calls `use` with the next connection, or `fail`, also with an exception of `use`. Returns a function that forgets both. */
  #wait(use: (connection: LoggedIn) => void, fail: (error: SshError) => void, maxWait: number): () => void {
    const run = (connection: LoggedIn): void => {
      try {
        use(connection);
      } catch (error) {
        fail(lossOf(error as SshError));
      }
    };
    return this.#calls.add({ run, fail }, maxWait);
  }

  /**
   * Resolves with a connection. Rejects with `connection-lost` after `maxWait` milliseconds, `aborted`, or the error that ended the
   * client.
   */
  #connected(maxWait: number, signal: AbortSignal | undefined): Promise<LoggedIn> {
    return new Promise((resolve, reject) => {
      const live = this.#live;
      if (live !== undefined) return resolve(live);
      this.#assertAlive();
      let unwatch: (() => void) | undefined;
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          unwatch?.();
          settle(value);
        };
      const forget = this.#wait(settled(resolve), settled(reject), maxWait);
      if (signal === undefined) return;
      unwatch = onAbort(signal, () => {
        forget();
        reject(abortedError("waiting for a connection", signal));
      });
    });
  }

  #assertAlive(): void {
    const error = this.#end;
    if (error !== undefined) throw afterEnd(error);
  }

  /** Connects again after each loss. Resolves with the error that ends the client. Never rejects. */
  async #run(first: LoggedIn): Promise<SshError> {
    const { signal } = this.#context;
    const unwatch = signal && onAbort(signal, () => this.#abort(signal));
    let error: SshError;
    try {
      for (let connection = first; ; connection = await this.#connectAgain(error)) error = await this.#lost(connection);
    } catch (cause) {
      error = cause instanceof SshError ? cause : new SshError("internal", "reconnecting failed", { cause });
    }
    unwatch?.();
    this.#state = { kind: "ended", error };
    this.#calls.fail(() => afterEnd(error));
    return error;
  }

  /** Resolves with the error when a connection is lost. Throws the error of any other end. */
  async #lost(connection: LoggedIn): Promise<SshError> {
    const since = Date.now();
    const stopWatching = watchSleep(connection);
    const error = await connection.driver.ended;
    stopWatching();
    this.#kept.lose();
    this.#over.signal.throwIfAborted();
    if (!isLost(error)) throw error;
    this.#state = { kind: "waiting" };
    // rule: reconnect-stable
    if (Date.now() - since >= STABLE) this.#delays.reset();
    this.#report({ type: "lost", error });
    return error;
  }

  /** Resolves with a new connection. Throws the error that ends the client. */
  async #connectAgain(loss: SshError): Promise<LoggedIn> {
    const { signal } = this.#over;
    const stopLimit = this.#limitAttempts(loss);
    try {
      for (let attempt = 1, error = loss; ; attempt++) {
        signal.throwIfAborted();
        const delay = this.#delays.next();
        this.#state = { kind: "waiting" };
        this.#report({ type: "retry", attempt, delay, error });
        await pause(delay, signal);
        this.#state = { kind: "connecting" };
        try {
          const connection = await this.#makeConnection(signal);
          const { driver } = connection;
          if (signal.aborted) await driver.close();
          else if (driver.mux.engine.over === undefined) return this.#adopt(connection);
          // The login was followed by more work, and meanwhile the connection was lost.
          else throw driver.mux.engine.over;
        } catch (cause) {
          if (!signal.aborted && !isPassing(cause)) throw cause;
          error = cause as SshError;
        }
      }
    } finally {
      stopLimit();
    }
  }

  /** Ends the client, unless it is connected. */
  #abort(signal: AbortSignal): void {
    if (this.#live === undefined) this.#over.abort(abortedError("connecting again", signal));
  }

  /** Ends the attempts when the time is over. Returns a function that stops this. */
  #limitAttempts(loss: SshError): () => void {
    const { giveUpAfter } = this.#options;
    const giveUp = (): void =>
      this.#over.abort(
        new SshError("connection-lost", `${loss.message}; no new connection within ${giveUpAfter} ms`, { cause: loss }),
      );
    const timer = giveUpAfter === undefined ? undefined : setTimeout(giveUp, Math.min(giveUpAfter, 0x7fff_ffff));
    return () => clearTimeout(timer);
  }

  #adopt(connection: LoggedIn): LoggedIn {
    this.#latest = connection;
    this.#state = { kind: "connected", connection };
    this.#giveHandlers(connection.driver.mux);
    this.#report({ type: "connected" });
    this.#kept.renew(connection);
    this.#calls.run(connection);
    return connection;
  }

  /** Gives a new connection the handlers of the client. With a server that may be false (`"restricted"`) it goes on without them. */
  #giveHandlers(mux: ClientMux): void {
    try {
      for (const [channelType, acceptor] of this.#acceptors) mux.accept(channelType, acceptor);
      for (const [requestName, handler] of this.#handlers) mux.onGlobalRequest(requestName, handler);
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== "host-key-changed") throw error;
    }
  }
}

/** Resolves after some milliseconds. Rejects with the reason of `signal` when it aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      unwatch();
      resolve();
    }, milliseconds);
    const unwatch = onAbort(signal, () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
