import { EventEmitter } from "node:events";
import type { Sender } from "@nacre/files/blocks";
import type { SftpClientRequest } from "@nacre/sftp";
import { escapeText, SshError } from "@nacre/wire";
import type { Channel, ChannelEnd, ChannelRequest } from "nacre/extend";
import { callProgram, handlerFor } from "../call-program.ts";
import { type Direction, directionsOf } from "../channel/direction.ts";
import { type ExitReport, exitValues, isExit, noExit, readExit } from "../channel/exit-report.ts";
import { NO_STDERR } from "../channel/stderr.ts";
import { afterClose, type Connection } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { Call, requestName } from "./call.ts";
import { Driver } from "./driver.ts";

/** Servers whose programs take packets of 256 KiB without saying so. */
const TAKES_LONG_PACKETS = /^SSH-2\.0-(?:OpenSSH|dropbear)/;

/** Length of reads and writes in bytes for those servers, and for others, until a server states its limits. */
const LONG_DATA = 254 * 1024;
const SHORT_DATA = 31_952;

/**
 * SFTP over a session channel whose subsystem has started: sends requests and calls back in the turn of the reply. Emits "ready", "error"
 * for invalid input from the server, "exit", "end" and "close".
 */
export abstract class SftpBase extends EventEmitter {
  readonly server = false;
  readonly type = "session";
  readonly subtype: string | undefined = undefined;
  readonly incoming: Direction;
  readonly outgoing: Direction;
  readonly stderr: object = NO_STDERR;
  readable = true;
  /** Number of handles that the server may have open; `undefined` if it does not state its limits. */
  maxOpenHandles: number | undefined = undefined;
  readonly _client: Connection;
  readonly _debug: ((line: string) => void) | undefined;
  readonly _exit: ExitReport = noExit();
  readonly _isOpenSSH: boolean;
  /** Runs the machine, for streams and transfers. */
  readonly _driver: Driver;
  /** Identification string of the SSH server. */
  protected readonly serverVersion: string;
  readonly #channel: Channel;
  /** Requests that wait for room, in order. */
  readonly #waiting: Call[] = [];
  readonly #sender: Sender = { room: () => this.#sendWaiting(), failed: (error) => this.#failWaiting(error) };
  /** Whether this side ended SFTP, or the channel did: not because of invalid input. */
  #isEnding = false;

  constructor(connection: Connection, channel: Channel, debug?: (line: string) => void) {
    super();
    this._client = connection;
    this._debug = debug;
    this.serverVersion = channel.peerVersion ?? "";
    this._isOpenSSH = TAKES_LONG_PACKETS.test(this.serverVersion);
    const { incoming, outgoing } = directionsOf(channel);
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.#channel = channel;
    const driver = new Driver(connection, channel, {
      ready: () => this.#onReady(),
      ended: (error) => this.#onEnded(error),
      answered: () => {
        // After the server's EOF, the program closes the channel, or the server does.
        if (!this.#isEnding) this.destroy();
      },
    });
    this._driver = driver;
    channel.handler = handlerFor(connection, {
      data: (stream, bytes) => {
        // The machine buffers at most one packet, so window credit can return immediately.
        channel.consumed(bytes.length);
        if (stream === 0) driver.receive(bytes);
      },
      writable: () => driver.writable(),
      eof: () => {
        this.incoming.state = "eof";
        this.#end();
      },
      request: (request) => channel.reply(request, this.#onRequest(request)),
      closed: (end) => this.#onClosed(end),
    });
    driver.start();
  }

  /** Extensions that the server announced, with their data as text. */
  get _extensions(): Readonly<Record<string, string>> {
    const { extensions } = this._driver.machine;
    return Object.fromEntries([...extensions].map(([name, data]) => [name, Buffer.from(data).toString()]));
  }

  /** Maximum length of a read in bytes. */
  get _maxReadLen(): number {
    const { hasLimits, machine } = this._driver;
    return hasLimits ? machine.serverLimits.maxReadLength : this.#assumedLength;
  }

  /** Maximum length of a write in bytes. */
  get _maxWriteLen(): number {
    const { hasLimits, machine } = this._driver;
    const { maxWriteLength } = machine.serverLimits;
    return hasLimits ? maxWriteLength : Math.min(maxWriteLength, this.#assumedLength);
  }

  get #assumedLength(): number {
    return this._isOpenSSH ? LONG_DATA : SHORT_DATA;
  }

  /** Closes SFTP. Requests without an answer call back with an error. */
  end(): void {
    this.destroy();
  }

  /** Closes SFTP. Requests without an answer call back with an error. */
  destroy(): void {
    const { outgoing } = this;
    if (outgoing.state !== "open" && outgoing.state !== "eof") return;
    this._driver.finish();
    outgoing.state = "closing";
    // With a reason, the channel ends even if the server does not answer.
    this.#channel.close(new SshError("closed", "SFTP was closed by this side"));
  }

  /** Sends a request, now or when there is room. Throws for an invalid value. */
  protected send(request: SftpClientRequest, callback: ((...values: never[]) => void) | undefined): void {
    const call = new Call(this._driver, this._debug, request, (callback as () => void) ?? ignore);
    this._sendCall(call);
  }

  /** Sends the request of a call, now or when there is room. Calls of several requests call it again. */
  _sendCall(call: Call): void {
    this._debug?.(`SFTP: Outbound: Sending ${requestName(call.request)}`);
    const driver = this._driver;
    if (this.outgoing.state !== "open" || driver.over !== undefined) {
      call.failed(driver.over ?? new SshError("channel-closed", "SFTP was closed"));
    } else if (this.#waiting.length === 0 && driver.makeRoom()) {
      driver.request(call.request, call);
    } else {
      const { request } = call;
      // The program may use the memory again.
      if (request.type === "write") call.request = { ...request, data: Uint8Array.from(request.data) };
      this.#waiting.push(call);
      if (this.#waiting.length === 1) driver.waitForRoom(this.#sender);
    }
  }

  #sendWaiting(): void {
    const driver = this._driver;
    while (this.#waiting.length > 0 && driver.makeRoom()) {
      const call = this.#waiting.shift()!;
      try {
        driver.request(call.request, call);
      } catch (error) {
        call.failed(error as SshError);
      }
    }
    if (this.#waiting.length > 0) driver.waitForRoom(this.#sender);
  }

  #failWaiting(error: SshError): void {
    for (const call of this.#waiting.splice(0)) call.failed(error);
  }

  #onReady(): void {
    const { hasLimits, machine } = this._driver;
    const names = [...machine.extensions.keys()].map((name) => escapeText(name));
    this._debug?.(`SFTP: Inbound: Received VERSION (v3${names.length > 0 ? `, exts:${names.join()}` : ""})`);
    if (hasLimits) this.maxOpenHandles = machine.serverLimits.maxOpenHandles ?? Number.POSITIVE_INFINITY;
    this.#emit("ready");
  }

  #onEnded(error: SshError): void {
    if (this.#isEnding) return;
    this._debug?.(`SFTP: Inbound: ${error.message}`);
    this.#emit("error", ssh2Error(error.message, { level: "sftp-protocol", cause: error }));
  }

  /** Handles a request of the server. Returns whether it is understood. */
  #onRequest({ requestType, data }: ChannelRequest): boolean {
    if (!isExit(requestType)) return false;
    try {
      if (!readExit(this._exit, requestType, data)) return false;
    } catch (error) {
      if (error instanceof SshError) return false;
      throw error;
    }
    this.#emit("exit", ...exitValues(this._exit));
    return true;
  }

  #onClosed({ broken }: ChannelEnd): void {
    this.incoming.state = "closed";
    this.outgoing.state = "closed";
    const close = (): void => {
      this.#end();
      this.#emit("close", ...exitValues(this._exit));
    };
    if (broken) afterClose(this._client, close);
    else close();
  }

  /** The server sends nothing more. */
  #end(): void {
    this.#isEnding = true;
    this._driver.end();
    if (!this.readable) return;
    this.readable = false;
    this.#emit("end");
  }

  /** Emits an event. A listener that throws does not prevent other callbacks. */
  #emit(event: string, ...values: readonly unknown[]): void {
    callProgram(this._client, () => this.emit(event, ...values));
  }
}

function ignore(): void {}
