import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ParsedKey } from "../keys/parse-key.ts";
import { InvalidAnswer } from "./answers.ts";
import {
  BaseAgent,
  type IdentitiesCallback,
  type SignatureCallback,
  type SigningOptions,
  type StreamCallback,
} from "./base-agent.ts";
import { AgentProtocol } from "./protocol.ts";

/** An agent at a Unix socket or named pipe. Each call opens its own connection. */
export class OpenSSHAgent extends BaseAgent {
  readonly socketPath: string;

  constructor(socketPath: string) {
    super();
    this.socketPath = socketPath;
  }

  /** `signal` closes the stream, also while it is being opened. */
  override getStream(callback: StreamCallback, signal?: AbortSignal): void {
    const done = once(callback);
    const socket = new Socket({ signal });
    const fail = (): void => {
      socket.destroy();
      done(new Error("Failed to connect to agent"));
    };
    socket.on("connect", () => done(null, socket));
    socket.on("close", fail).on("end", fail).on("error", fail);
    socket.connect(this.socketPath);
  }

  /** `signal` abandons the request: the connection to the agent closes, and the callback gets an error. */
  override getIdentities(callback: IdentitiesCallback, signal?: AbortSignal): void {
    this.#ask<ParsedKey[]>(
      "Failed to retrieve identities from agent",
      (protocol, done) => protocol.getIdentities(done as IdentitiesCallback),
      callback,
      signal,
    );
  }

  /** `signal` abandons the request, as for `getIdentities`. */
  override sign(
    publicKey: ParsedKey | Buffer | string,
    data: Buffer,
    options: SigningOptions | SignatureCallback | null | undefined,
    callback?: SignatureCallback,
    signal?: AbortSignal,
  ): void {
    const done = typeof options === "function" ? options : callback!;
    const given = typeof options === "object" ? options : undefined;
    this.#ask<Buffer>(
      "Failed to sign data with agent",
      (protocol, answered) => protocol.sign(publicKey, data, given, answered),
      done,
      signal,
    );
  }

  /** Sends one request over a connection of its own, and closes that. `failure` is the text for an end without a reason. */
  #ask<T>(
    failure: string,
    request: (protocol: AgentProtocol, done: (error?: Error | null, answer?: T) => void) => void,
    callback: (error?: Error | null, answer?: T) => void,
    signal: AbortSignal | undefined,
  ): void {
    let opened: Duplex | undefined;
    const abandon = (): void => {
      opened?.destroy();
      done(new Error(failure));
    };
    const done = once<Parameters<typeof callback>>((error, answer) => {
      signal?.removeEventListener("abort", abandon);
      callback(error, answer);
    });
    signal?.addEventListener("abort", abandon);
    this.getStream((error, stream) => {
      const fail = (reason?: Error | boolean | null): void => {
        stream?.destroy();
        // "close" passes a boolean.
        done(reason instanceof Error && !(reason instanceof InvalidAnswer) ? reason : new Error(failure));
      };
      if (error || stream === undefined) return fail(error);
      opened = stream;
      if (signal?.aborted === true) return fail();
      const protocol = new AgentProtocol(true);
      protocol.pipe(stream).pipe(protocol);
      stream.on("close", fail).on("end", fail).on("error", fail);
      request(protocol, (refusal, answer) => {
        if (refusal) return fail(refusal);
        stream.destroy();
        done(null, answer);
      });
    }, signal);
  }
}

/** Returns a callback whose second call and later ones do nothing. */
export function once<Args extends unknown[]>(callback: (...args: Args) => void): (...args: Args) => void {
  let called = false;
  return (...args) => {
    if (called) return;
    called = true;
    callback(...args);
  };
}
