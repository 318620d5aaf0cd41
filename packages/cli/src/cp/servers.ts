import type { Client } from "@nacre/node";
import { logInAt } from "../ssh/connection.ts";
import type { ConnectionArguments } from "../ssh/connection-arguments.ts";
import type { KeyLog } from "../ssh/key-log.ts";
import type { RemotePlace } from "./place.ts";

/** A connection to a server. */
export interface Server {
  /** Connection, logged in. */
  readonly client: Client;
  /** Whether the connection has ended. */
  readonly isOver: boolean;
}

/** Connections of a copy, one for each server and user. */
export class Servers {
  readonly #words: ConnectionArguments;
  readonly #port: number | undefined;
  readonly #keyLog: KeyLog | undefined;
  readonly #servers = new Map<string, Server>();

  /** `port` is that of places without a port. */
  constructor(words: ConnectionArguments, port: number | undefined, keyLog: KeyLog | undefined) {
    this.#words = words;
    this.#port = port;
    this.#keyLog = keyLog;
  }

  /**
   * Resolves with the connection to the server of a place. Wait for it before the next call, so that only one login asks the user at a
   * time.
   */
  async connect({ host, user, port = this.#port }: RemotePlace): Promise<Server> {
    const key = JSON.stringify([host, user, port]);
    const existing = this.#servers.get(key);
    if (existing !== undefined) return existing;
    const { client } = await logInAt({ host, user, port }, this.#words, { asks: true, keyLog: this.#keyLog });
    const server = { client, isOver: false };
    void client.ended.then(() => {
      server.isOver = true;
    });
    this.#servers.set(key, server);
    return server;
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#servers.values(), ({ client }) => client.close()));
  }
}
