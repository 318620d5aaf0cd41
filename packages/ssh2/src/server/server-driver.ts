import type { Duplex } from "node:stream";
import { inspect } from "node:util";
import { socketDuplex } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import {
  type BaseSession,
  type Mux,
  type ServeOptions,
  type ServerConnection,
  type ServerConnectionEvent,
  type ServerEvent,
  type ServerProvider,
} from "nacre/extend";
import { serveDuplex, serverMux } from "nacre/internal-on-demand";
import { negotiatedOf } from "../algorithms.ts";
import { callProgram, takeThrown } from "../call-program.ts";
import { debugEvent } from "../client/debug-lines.ts";
import { connectionClosed, connectionReady, DEBUG, isWritable, MUX } from "../connection.ts";
import { decideBy } from "./auth/logins.ts";
import { type Disconnect, endError } from "./errors.ts";
import { globalRequestHandlers } from "./global-requests.ts";
import { channelOpenHandlers, onSessionOpen } from "./opens.ts";
import type { ConnectionDriver, ServedClient } from "./served-client.ts";

/** Milliseconds that a closing connection waits for the client's end of its direction. */
const LINGER = 2000;

/** Options of one connection. */
export type ConnectionOptions = Omit<ServeOptions<BaseSession>, "authenticate" | "log" | "events"> & ServerProvider;

/** Serves the socket of a client with Nacre, and emits what happens as events of the client. */
export class ServerDriver implements ConnectionDriver {
  readonly #client: ServedClient;
  readonly #socket: Duplex;
  readonly #connection: ServerConnection;
  #disconnect: Disconnect | undefined;
  /** Whether no error follows: the connection has ended, or the program threw. */
  #isSettled = false;
  /** Ends the connection with the reason PROTOCOL_ERROR. As in ssh2 the application gets no "error". */
  readonly #userChanged = new SshError("unexpected-message", "the client changed its user name");

  /** `identified` gets the client's identification string. It runs before any further input is handled. */
  constructor(
    client: ServedClient,
    socket: Duplex,
    options: ConnectionOptions,
    identified: (clientVersion: string) => void,
  ) {
    this.#client = client;
    this.#socket = socket;
    takeThrown(client, (thrown) => this.#thrown(thrown));
    // Errors before the identification are ignored: a port scan must not crash a program that has no listener yet.
    client.on("error", ignoreEarly);
    this.#connection = serveDuplex(
      socketDuplex(socket, { linger: LINGER }),
      {
        ...options,
        authenticate: decideBy(
          client,
          (context) => {
            client[DEBUG]?.(`Inbound: Received USERAUTH_REQUEST (${context.method})`);
            return client.emit("authentication", context);
          },
          () => this.#mux.engine.fail(this.#userChanged),
        ),
        rawSessions: (open) => onSessionOpen(client, open),
        noMoreSessions: () => this.#giveUpSessions(),
        channels: channelOpenHandlers(client),
        globalRequests: globalRequestHandlers(client),
        events: (event) => this.#onEvent(event),
        // Nacre drops exceptions of a log. Those of the application's listeners must be seen.
        log: (event) =>
          callProgram(client, () => {
            if (event.type === "identified") {
              client.off("error", ignoreEarly);
              client[DEBUG]?.(`Remote ident: ${inspect(escapeText(event.clientVersion))}`);
              identified(event.clientVersion);
            } else this.#onLog(event);
          }),
      },
      () => {
        throw new SshError("internal", "a raw session was served as another");
      },
    );
    // Registered after Nacre's listeners, so that "error" comes first.
    socket.once("end", () => this.#emit("end"));
    socket.once("close", () => {
      this.#emit("close");
      connectionClosed(client);
    });
  }

  end(): void {
    if (isWritable(this.#socket)) this.#mux.engine.leave(new SshError("closed", "the server disconnected"));
  }

  rekey(): boolean {
    if (this.#connection.negotiated === undefined || this.#mux.engine.over !== undefined) return false;
    this.#connection.rekey();
    return true;
  }

  decoded<T>(decode: () => T): T | undefined {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#mux.engine.fail(error);
      return undefined;
    }
  }

  get #mux(): Mux<never> {
    return serverMux(this.#connection) as unknown as Mux<never>;
  }

  /** Emits an event of the client. An exception of a listener must not keep back what follows. */
  #emit(event: string, ...values: unknown[]): void {
    callProgram(this.#client, () => this.#client.emit(event, ...values));
  }

  /** Ends the connection with what the program threw. Returns false if it has ended before. */
  #thrown(thrown: unknown): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#emit("error", thrown);
    this.#mux.engine.fail(new SshError("closed", "a listener or callback threw"));
    return true;
  }

  #giveUpSessions(): boolean {
    // ssh2 also refuses this request without a listener of "request".
    if (this.#client.listenerCount("request") === 0) return false;
    this.#client.noMoreSessions = true;
    return true;
  }

  #onEvent(event: ServerConnectionEvent): void {
    const client = this.#client;
    switch (event.type) {
      case "kex": {
        const negotiated = negotiatedOf(event.negotiated);
        if (client[DEBUG] !== undefined) debugEvent(client[DEBUG], event, negotiated);
        if (!event.initial) this.#emit("rekey");
        this.#emit("handshake", negotiated);
        return;
      }
      case "debug":
        client[DEBUG]?.(`Debug output from client: ${JSON.stringify(escapeText(event.message))}`);
        return;
      case "disconnect":
        this.#disconnect = event;
    }
  }

  #onLog(event: ServerEvent): void {
    const client = this.#client;
    if (event.type === "login-refused") {
      client[DEBUG]?.(`Outbound: Sending USERAUTH_FAILURE (${escapeText(event.method)})`);
    } else if (event.type === "login") {
      client[DEBUG]?.("Outbound: Sending USERAUTH_SUCCESS");
      client.authenticated = true;
      client[MUX] = serverMux(this.#connection);
      this.#emit("ready");
      connectionReady(client);
    } else if (event.type === "closed") {
      this.#isSettled = true;
      client[MUX] = undefined;
      client[DEBUG]?.(`Connection ended: ${event.error.message}`);
      const error = event.error === this.#userChanged ? undefined : endError(event.error, this.#disconnect);
      if (error !== undefined) this.#emit("error", error);
    }
  }
}

function ignoreEarly(): void {}
