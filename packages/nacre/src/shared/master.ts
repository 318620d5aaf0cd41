import { type Bytes, SshError, Writer } from "@nacre/wire";
import { type Duplex, type DuplexHandler, wrapDuplex } from "../mux/duplex.ts";
import { reasonOf } from "../mux/engine.ts";
import {
  decodeAnswer,
  decodeHello,
  encodeHello,
  encodeRequest,
  type MasterAnswer,
  type MasterRequest,
} from "./control-messages.ts";
import { FrameReader } from "./frames.ts";
import { type SharedConnection, sharedConnection } from "./shared-connection.ts";

/** Milliseconds for an answer that a master gives by itself. */
const ANSWER_TIME = 10_000;

/** Milliseconds for an answer for which a master may ask its user (ControlMaster=ask) or its server. */
const LONG_ANSWER_TIME = 120_000;

/** Receives the next message of the master, or the error that ended the connection. Exactly one method is called. */
interface Waiting {
  received(message: Uint8Array): void;
  failed(error: SshError): void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "waiting"; readonly waiting: Waiting }
  /** The bytes are packets for another handler. */
  | { readonly kind: "shared"; readonly handler: DuplexHandler | undefined }
  | { readonly kind: "ended"; readonly error: SshError };

/** A connection to a master of OpenSSH, over its control socket (PROTOCOL.mux). */
export interface Master {
  /** Names of the extensions that the master announced, such as "info". */
  readonly extensions: ReadonlySet<string>;
  /**
   * Sends a request and resolves with its answer. Call it again only after that. Rejects with `connect-timeout` if there is no answer,
   * `connection-lost` if the master ends the connection, and as `decodeAnswer` does; the connection has ended then.
   */
  request(request: MasterRequest): Promise<MasterAnswer>;
  /**
   * Returns the SSH connection that the master shares, in which this connection ends up. `opensSession` opens the first session channel at
   * once. Rejects as `request` does, and with `request-refused`.
   */
  share(opensSession: boolean): Promise<SharedConnection>;
  /** Ends the connection. Resolves when its resources are released. */
  close(): Promise<void>;
}

/** Begins to speak with a master. Rejects as `Master.request` does, and with `protocol-version`; the byte connection is closed then. */
export async function openMaster(duplex: Duplex): Promise<Master> {
  const control = new ControlConnection(duplex);
  await control.hello();
  return control;
}

class ControlConnection implements Master, DuplexHandler {
  extensions: ReadonlySet<string> = new Set();
  readonly #duplex: Duplex;
  readonly #frames = new FrameReader();
  #state: State = { kind: "idle" };
  #lastId = -1;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    duplex.open(this);
  }

  async hello(): Promise<void> {
    this.extensions = await this.#exchange(encodeHello(), decodeHello, ANSWER_TIME);
  }

  async request(request: MasterRequest): Promise<MasterAnswer> {
    const id = ++this.#lastId;
    const time = ["alive-check", "proxy", "info"].includes(request.type) ? ANSWER_TIME : LONG_ANSWER_TIME;
    return this.#exchange(encodeRequest(request, id), (message) => decodeAnswer(message, id), time);
  }

  async share(opensSession: boolean): Promise<SharedConnection> {
    const answer = await this.request({ type: "proxy" });
    // rule: master-shares
    if (answer.type !== "proxy") throw this.#end(new SshError("request-refused", "the master shares no connection"));
    const packets = wrapDuplex(this.#duplex, {
      open: (handler) => {
        const ended = this.#state.kind === "ended" ? this.#state.error : undefined;
        this.#state = { kind: "shared", handler };
        if (ended !== undefined) queueMicrotask(() => handler.failed(ended));
      },
    });
    return sharedConnection(packets, opensSession);
  }

  async close(): Promise<void> {
    this.#end(new SshError("closed", "the connection to the master was closed by this side"));
    await this.#duplex.close();
  }

  data(chunk: Uint8Array): void {
    const state = this.#state;
    if (state.kind === "shared") return state.handler?.data(chunk);
    if (state.kind === "ended") return;
    try {
      this.#frames.push(chunk);
      const message = this.#frames.next();
      // rule: master-unasked
      if (state.kind === "idle" || (message !== undefined && !this.#frames.isEmpty))
        throw new SshError("unexpected-message", "the master sent more than the answer to a request");
      if (message === undefined) return;
      this.#state = { kind: "idle" };
      state.waiting.received(message);
    } catch (error) {
      this.#end(error as SshError);
    }
  }

  drained(): void {
    if (this.#state.kind === "shared") this.#state.handler?.drained();
  }

  ended(): void {
    if (this.#state.kind === "shared") this.#state.handler?.ended();
    else this.#end(new SshError("connection-lost", "the master ended the connection"));
  }

  failed(cause: unknown): void {
    if (this.#state.kind === "shared") this.#state.handler?.failed(cause);
    else
      this.#end(new SshError("connection-lost", `the connection to the master broke: ${reasonOf(cause)}`, { cause }));
  }

  /** Sends a message and resolves with the next one of the master, decoded. */
  #exchange<T>(message: Uint8Array, decode: (message: Uint8Array) => T, milliseconds: number): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#state.kind === "ended") return reject(this.#state.error);
      const expire = (): void =>
        void this.#end(new SshError("connect-timeout", `the master did not answer within ${milliseconds / 1000} s`));
      const timer = setTimeout(expire, /* rule: master-silent */ milliseconds);
      const failed = (error: SshError): void => {
        clearTimeout(timer);
        reject(error);
      };
      const received = (answer: Uint8Array): void => {
        clearTimeout(timer);
        try {
          resolve(decode(answer));
        } catch (error) {
          reject(this.#end(error as SshError));
        }
      };
      this.#state = { kind: "waiting", waiting: { received, failed } };
      this.#duplex.write([framed(message)]);
    });
  }

  /** Ends the connection with an error and returns it. */
  #end(error: SshError): SshError {
    const state = this.#state;
    if (state.kind === "ended") return error;
    this.#state = { kind: "ended", error };
    if (state.kind === "waiting") state.waiting.failed(error);
    if (state.kind === "shared") state.handler?.failed(error);
    void this.#duplex.close();
    return error;
  }
}

/** Returns a message with its length field before it. */
function framed(message: Uint8Array): Bytes {
  return new Writer().string(message).finish();
}
