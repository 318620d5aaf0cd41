import {
  ClientProtocol,
  type ClientProtocolEvent,
  clientMethods,
  describedTrace,
  ServerProtocol,
  type ServerProtocolEvent,
  serverMethods,
  type TraceRecord,
} from "@nacre/protocol";
import { nameOf, statusesOf } from "@nacre/testing/protocol/requests";
import { seededRandom } from "@nacre/testing/random";
import { toyHostKey, toySign, toySignature } from "@nacre/testing/toys";
import type { TransportAlgorithms } from "@nacre/transport";
import { concatBytes, SshError, utf8DecodeLossy, utf8Encode, Writer } from "@nacre/wire";

/*
 * Whole connection with an application on each side, from the identification string to SSH_MSG_DISCONNECT. Both sides are deterministic, so
 * a connection can be repeated live or from a recording. Toy algorithms make it fast.
 */

export type Role = "client" | "server";

/**
 * `key`: the login is sent together with CHANNEL_OPEN, the client requests proofs of the announced host keys, and the client starts the
 * rekey. `password`: the server sends a banner, the first password is wrong, the host key is not in memory, and the server starts the
 * rekey.
 */
export type Login = "key" | "password";

export interface ConnectionOptions {
  readonly login: Login;
  /** Algorithms of both sides. */
  readonly algorithms: TransportAlgorithms;
  /** Type of events to leave unanswered until `answerHeld`. */
  readonly hold?: string;
  /** Whether to record sent messages, as `takeUnits` requires. */
  readonly traced?: boolean;
}

const userKey = { ...toyHostKey("user"), algorithms: [toySignature()] };
const hostKey = toyHostKey("host");
const inMemory = (publicKey: typeof hostKey) => ({
  publicKey,
  sign: (algorithm: string, data: Uint8Array) => toySign(algorithm, publicKey.blob, data),
  fields: { format: "ssh-ed25519", seed: new Uint8Array(32), publicKey: new Uint8Array(32) } as const,
});

/** Small limits, so that a few hundred bytes need WINDOW_ADJUST. */
const limits = { initialWindow: 256, maxPacketSize: 100, maxSendSize: 100 };
const STDIN = text("stdin", 400);
const STDOUT = text("stdout", 300);
const STDERR = text("stderr", 60);

function text(word: string, length: number): Uint8Array {
  return utf8Encode(`${word} `.repeat(length).slice(0, length));
}

/** Events and data that one side's application received. Two connections with equal results behaved the same. */
export interface Result {
  /** All events except data, in order, each with its important fields. */
  readonly events: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

type AnyEvent = ClientProtocolEvent | ServerProtocolEvent;

/** One side of a connection: a protocol machine and its application. */
export abstract class Side<Event extends AnyEvent = AnyEvent> {
  abstract readonly machine: ClientProtocol | ServerProtocol;
  protected readonly options: ConnectionOptions;
  readonly events: string[] = [];
  /** Error that ended the connection; `undefined` while it is open. */
  error: SshError | undefined;
  /** Number of replies to global requests. */
  replies = 0;
  /** Sent messages from the trace that `takeUnits` has not returned yet. */
  readonly #sent: { readonly name: string; readonly length: number }[] = [];
  readonly #data: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  readonly #toWrite: { bytes: Uint8Array; readonly stream?: number }[] = [];
  readonly #held: Event[] = [];

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  protected abstract nextEvent(): Event | undefined;
  protected abstract on(event: Event): void;
  /** Called when all data passed to `send` is written. */
  protected abstract written(channel: number): void;

  protected readonly trace = (record: TraceRecord): void => {
    if (record.type === "negotiated" || record.direction === "received") return;
    if (record.type === "identification") this.#sent.push({ name: "identification", length: record.line.length + 2 });
    else this.#sent.push({ name: record.message.replace("SSH_MSG_", ""), length: record.wireLength });
  };

  /** Handles all pending events, like a driver. */
  work(): void {
    for (let event = this.nextEvent(); event !== undefined; event = this.nextEvent()) {
      if (this.error !== undefined) throw new Error(`${event.type} after the end`);
      this.#record(event);
      if (nameOf(event) === this.options.hold) this.#held.push(event);
      else this.on(event);
      if (event.type === "writable") this.#goOn(event.channel);
      if (event.type === "data") this.machine.connection.consumed(event.channel, event.data.length);
    }
  }

  /** Handles the first held event. */
  answerHeld(): void {
    this.on(this.#held.shift()!);
  }

  /** Returns all pending output. */
  takeOutput(): Uint8Array {
    const output: Uint8Array[] = [];
    for (let pieces = this.machine.takeOutput(); pieces.length > 0; pieces = this.machine.takeOutput()) {
      output.push(...pieces);
      this.work();
    }
    return concatBytes(...output);
  }

  /** Returns all pending output, split into messages. */
  takeUnits(): { readonly name: string; readonly bytes: Uint8Array }[] {
    const output = this.takeOutput();
    let offset = 0;
    return this.#sent.splice(0).map(({ name, length }) => {
      offset += length;
      return { name, bytes: output.subarray(offset - length, offset) };
    });
  }

  get result(): Result {
    const { stdout, stderr } = this.#data;
    return {
      events: this.events,
      stdout: utf8DecodeLossy(concatBytes(...stdout)),
      stderr: utf8DecodeLossy(concatBytes(...stderr)),
    };
  }

  protected send(channel: number, ...data: readonly { readonly bytes: Uint8Array; readonly stream?: number }[]): void {
    this.#toWrite.push(...data.map((one) => ({ ...one })));
    this.#goOn(channel);
  }

  /** Whether data waits for the peer's window. */
  protected get writing(): boolean {
    return this.#toWrite.length > 0;
  }

  #goOn(channel: number): void {
    for (let next = this.#toWrite[0]; next !== undefined; next = this.#toWrite[0]) {
      next.bytes = next.bytes.subarray(this.machine.connection.write(channel, next.bytes, next.stream));
      if (next.bytes.length > 0) return;
      this.#toWrite.shift();
    }
    this.written(channel);
  }

  #record(event: ClientProtocolEvent | ServerProtocolEvent): void {
    switch (event.type) {
      case "data":
        this.#data[event.stream === 0 ? "stdout" : "stderr"].push(event.data.slice());
        return;
      case "writable":
        return;
      case "closed":
        this.error = event.error;
        this.events.push(`closed: ${event.error.code}`);
        return;
      case "global-reply":
        this.replies++;
        this.events.push(`global-reply ${event.request} ${event.success} ${event.data.length}`);
        return;
      case "request-reply":
        this.events.push(`request-reply ${event.request} ${event.success}`);
        return;
      case "global-request":
        this.events.push(`global-request ${event.requestName}`);
        return;
      case "channel-request":
        if (event.requestType === "exit-status") {
          const exit = `exit-status ${statusesOf([event])[0]}`;
          // Only the first report of the end counts.
          if (!this.events.includes(exit)) this.events.push(exit);
        } else this.events.push(`${event.requestType} ${utf8DecodeLossy(event.data)}`);
        return;
      case "banner":
        this.events.push(`banner ${event.message}`);
        return;
      default:
        this.events.push(event.type);
    }
  }
}

/** Client that logs in, runs a command with input, and disconnects when the channel has closed. */
export class ClientSide extends Side<ClientProtocolEvent> {
  readonly machine: ClientProtocol;
  #exec = -1;
  #rekeyed = false;

  constructor(options: ConnectionOptions) {
    super(options);
    const { login, algorithms, traced } = options;
    this.machine = new ClientProtocol({
      algorithms,
      random: seededRandom(31),
      limits,
      userName: "alice",
      identities: login === "key" ? [{ publicKey: userKey, privateKey: inMemory(userKey) }] : [],
      password: login === "password",
      keyboardInteractive: false,
      loginMethods: clientMethods,
      ...(traced && { trace: describedTrace(this.trace) }),
    });
    this.machine.connection.openChannel("session");
  }

  protected nextEvent(): ClientProtocolEvent | undefined {
    return this.machine.nextEvent();
  }

  protected on(event: ClientProtocolEvent): void {
    const { machine } = this;
    const { connection } = machine;
    switch (event.type) {
      case "verify-host-key":
        return machine.answerHostKey(event.token, true);
      case "password":
        return machine.auth.answer(event.token, event.attempt === 1 ? "wrong" : "right");
      case "global-request": {
        if (event.token !== undefined) return connection.answerGlobal(event.token, false);
        const proof = new Writer().string(hostKey.blob).finish();
        connection.globalRequest("hostkeys-prove-00@openssh.com", proof, { wantReply: true });
        return;
      }
      case "channel-opened": {
        const env = new Writer().string("LANG").string("C").finish();
        connection.request(event.channel, "env", env, { wantReply: true });
        const command = new Writer().string("command").finish();
        this.#exec = connection.request(event.channel, "exec", command, { wantReply: true });
        return;
      }
      case "request-reply":
        if (event.request === this.#exec && event.success) this.send(event.channel, { bytes: STDIN });
        return;
      case "data":
        if (this.options.login === "key" && !this.#rekeyed) machine.rekey();
        this.#rekeyed = true;
        return;
      case "channel-closed":
        return this.leave();
      default:
    }
  }

  protected written(channel: number): void {
    this.machine.connection.sendEof(channel);
  }

  leave(): void {
    this.machine.disconnect(new SshError("closed", "the session is over"));
  }
}

/** Server that accepts the login and runs the command. The command ends after its input has ended and its output is written. */
export class ServerSide extends Side<ServerProtocolEvent> {
  readonly machine: ServerProtocol;
  #inputEnded = false;

  constructor(options: ConnectionOptions) {
    super(options);
    const { login, algorithms, traced } = options;
    this.machine = new ServerProtocol({
      algorithms,
      random: seededRandom(32),
      limits,
      hostKeys: [{ publicKey: hostKey, ...(login === "key" && { privateKey: inMemory(hostKey) }) }],
      loginMethods: serverMethods,
      methods: [login === "key" ? "publickey" : "password"],
      userKeys: [toySignature()],
      ...(login === "password" && { banner: "welcome" }),
      ...(traced && { trace: describedTrace(this.trace) }),
    });
  }

  protected nextEvent(): ServerProtocolEvent | undefined {
    return this.machine.nextEvent();
  }

  protected on(event: ServerProtocolEvent): void {
    const { machine } = this;
    const { connection } = machine;
    switch (event.type) {
      case "sign-exchange-hash":
        return machine.answerHostKeySignature(event.token, toySign(event.algorithm, hostKey.blob, event.data));
      case "publickey":
        return machine.auth.answer(event.token, "success");
      case "password":
        return machine.auth.answer(event.token, event.password === "right" ? "success" : "failure");
      case "open-request":
        connection.answerOpen(event.token, true);
        return;
      case "global-request":
        if (event.token !== undefined) connection.answerGlobal(event.token, false);
        return;
      case "channel-request":
        if (event.token !== undefined) connection.answerRequest(event.token, true);
        if (event.requestType !== "exec") return;
        this.send(event.channel, { bytes: STDERR, stream: 1 }, { bytes: STDOUT });
        if (this.options.login === "password") machine.rekey();
        return;
      case "eof":
        this.#inputEnded = true;
        if (!this.writing) this.#exit(event.channel);
        return;
      default:
    }
  }

  protected written(channel: number): void {
    if (this.#inputEnded) this.#exit(channel);
  }

  #exit(channel: number): void {
    const { connection } = this.machine;
    connection.request(channel, "exit-status", new Writer().uint32(7).finish(), { wantReply: false });
    connection.sendEof(channel);
    connection.close(channel);
  }
}

export function createSide(role: Role, options: ConnectionOptions): ClientSide | ServerSide {
  return role === "client" ? new ClientSide(options) : new ServerSide(options);
}
