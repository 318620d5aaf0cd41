import type { Connection } from "@nacre/connection";
import type { ClientProtocolEvent, ServerProtocolEvent } from "@nacre/protocol";
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { Clock } from "./clock.ts";
import type { Duplex, DuplexHandler } from "./duplex.ts";
import { queueJob, queueMacrotask } from "./queue.ts";

type SessionEvent = ClientProtocolEvent | ServerProtocolEvent;

/** Methods of a client or server protocol machine that the engine calls. */
export interface DrivenMachine<E extends SessionEvent> {
  readonly connection: Connection;
  readonly peerVersion: string | undefined;
  readonly wantsInput: boolean;
  start(now: number): void;
  receive(chunk: Uint8Array): void;
  end(): void;
  broken(error: SshError): void;
  /** Whether there is an event without further input. */
  readonly hasEvents: boolean;
  takeOutput(): readonly Bytes[];
  nextEvent(): E | undefined;
  deadline(): number | undefined;
  tick(now: number): void;
  releaseBuffers(): void;
  disconnect(error: SshError): void;
  reject(error: SshError): void;
  /** Sends SSH_MSG_DISCONNECT and nothing after it, but goes on to receive. */
  leave(error: SshError): void;
}

/** Milliseconds that `Engine.leave` waits for the peer to end its direction. */
const LEAVE_TIMEOUT = 2000;

/** Idle time in milliseconds, without bytes in either direction, after which a connection releases its buffers. */
const IDLE_AFTER = 100;

/** Handles the events of a protocol machine. */
export interface EngineHandler<E extends SessionEvent> {
  /** Called with each event except `closed`. An exception ends the connection. */
  event(event: E): void;
  /**
   * Called when the connection has ended. No other call follows. The returned promise resolves when the handler has released its resources.
   */
  closed(error: SshError): void | Promise<void>;
}

/**
 * Drives a client or server protocol machine over a byte connection: transfers bytes, runs the timer, and dispatches events. Each turn
 * combines its output into one write.
 *
 * An exception of the protocol machine or of the handler ends the connection, since no caller would catch it.
 */
export class Engine<E extends SessionEvent> implements DuplexHandler {
  readonly machine: DrivenMachine<E>;
  /** Resolves with the reason when the connection has ended and all its resources are released. Never rejects. */
  readonly closed: Promise<SshError>;
  readonly #duplex: Duplex;
  readonly #handler: EngineHandler<E>;
  readonly #clock = new Clock();
  #end!: (error: SshError) => void;
  #over: SshError | undefined;
  /** Set by `leave`. */
  #leaving: { readonly error: SshError; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  #writable = true;
  /** Whether the byte connection passes on input. */
  #reads = true;
  /** "called": while output was written, the byte connection or the application called this engine. */
  #turn: "idle" | "scheduled" | "running" | "called" = "idle";
  /** Number of `yield` events in this round of the event loop. After the second, the next turn waits for the next round. */
  #yields = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  /** Time of the current turn, or of the last one. */
  #now = 0;
  #idleAt = Infinity;

  constructor(duplex: Duplex, machine: DrivenMachine<E>, handler: EngineHandler<E>) {
    this.#duplex = duplex;
    this.machine = machine;
    this.#handler = handler;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The reason for the end of the connection, set as soon as nothing more may be sent; `undefined` before it. */
  get over(): SshError | undefined {
    return this.#over ?? this.#leaving?.error;
  }

  /** Starts the protocol machine and the byte connection. The first turn sends the output. */
  start(): void {
    this.#try(() => {
      this.machine.start(this.#clock.now());
      this.#duplex.open(this);
    });
  }

  /** Receives bytes. The byte connection calls this and the next five methods. */
  data(chunk: Uint8Array): void {
    if (this.#over !== undefined) return;
    try {
      this.#tick();
      this.machine.receive(chunk);
    } catch (cause) {
      this.#onFault(cause);
    }
    this.#idleAt = this.#now + IDLE_AFTER;
    this.#goOn();
  }

  drained(): void {
    // This may run in the same round as the write. Wait for the next round, or one round could refill the system's buffer repeatedly. The
    // output of further turns in this round then leaves with a single write.
    // rule: drained-from-event-loop
    queueMacrotask(() => {
      this.#writable = true;
      this.turn();
    });
  }

  ended(): void {
    this.#try(() => this.machine.end());
    this.turn();
  }

  failed(cause: unknown): void {
    const error = new SshError("connection-lost", `the connection broke: ${reasonOf(cause)}`, { cause });
    this.#try(() => this.machine.broken(error));
    this.turn();
  }

  suspended(): void {
    // The time without a connection below must not count for keepalives and timeouts.
    this.#clock.stop();
  }

  resumed(): void {
    this.#clock.start();
    this.turn();
  }

  /** Schedules a turn that handles the machine's events and writes its output. Call this after every command to the protocol machine. */
  touch(): void {
    if (this.#turn === "running") this.#turn = "called";
    if (this.#turn !== "idle") return;
    this.#turn = "scheduled";
    queueJob(() => {
      // Skip if a turn has run since.
      if (this.#turn === "scheduled") this.turn();
    });
  }

  /**
   * Asks the application: calls `callback` and passes its result to `give`. A result that is not a promise is passed immediately, so that
   * its output leaves together with pending output. Calls `failed` with an exception of `callback` or `give`, synchronously or later.
   */
  ask<T>(callback: () => T | Promise<T>, give: (value: T) => void, failed: (cause: unknown) => void): void {
    const settle = (value: T): void => this.command(() => give(value));
    try {
      const answer = callback();
      if (isThenable(answer)) void this.#awaitAnswer(answer, settle, failed);
      else settle(answer);
    } catch (cause) {
      failed(cause);
    }
    this.touch();
  }

  /**
   * Runs a command that depends on the application. Updates the machine's clock first, so that time spent in the application does not count
   * against the peer. Does nothing after the end of the connection. Throws what the machine throws.
   */
  command(give: () => void): void {
    if (this.#over !== undefined) return;
    this.#tick();
    give();
    this.touch();
  }

  /** Ends the connection with an error. No effect after its end. */
  fail(error: SshError): void {
    if (this.#over !== undefined) return;
    try {
      this.machine.disconnect(error);
    } catch {
      // The disconnect message could not be sent. Report the original error, not this one.
      this.#onClosed(error);
    }
    this.turn();
  }

  /**
   * Ends the connection with an error as `fail` does, but first handles what the peer still sends, until it ends its direction, at most two
   * seconds later. Nothing is sent meanwhile.
   */
  leave(error: SshError): void {
    if (this.over !== undefined) return;
    this.#leaving = { error, timer: setTimeout(() => this.#onClosed(error), LEAVE_TIMEOUT) };
    this.#try(() => {
      this.machine.leave(error);
      this.#duplex.write(this.machine.takeOutput());
      void this.#duplex.end();
    });
  }

  /** Runs a turn now, or in the next round of the event loop if this connection has used up its share. */
  turn(): void {
    try {
      this.#tick();
    } catch (cause) {
      this.#onFault(cause);
    }
    this.#goOn();
  }

  /** Updates the machine's clock. */
  #tick(): void {
    this.#now = this.#clock.now();
    this.machine.tick(this.#now);
  }

  /** Runs a turn. The machine's clock is already updated. */
  #goOn(): void {
    if (this.#turn === "running") this.#turn = "called";
    if (this.#turn === "called" || /* rule: engine-yields */ this.#yields > 1 || this.#over !== undefined) return;
    try {
      this.#turn = "running";
      this.#advance();
      this.#turn = "idle";
      if (this.#over === undefined) this.#wait();
    } catch (cause) {
      this.#turn = "idle";
      this.#onFault(cause);
    }
  }

  /** Handles events and writes output until neither remains, or until the turn has used up its share. */
  #advance(): void {
    while (this.#over === undefined) {
      const event = this.machine.nextEvent();
      if (event?.type === "yield") {
        this.#yield();
        // The second one stops it. Stopping a socket costs system calls, and a bulk transfer seldom gets further in one round.
        if (this.#yields === 1) continue;
        this.#write();
        return;
      }
      if (event !== undefined) {
        if (event.type === "closed") this.#onClosed(event.error);
        else this.#handler.event(event);
        continue;
      }
      if (!this.#write()) return;
    }
  }

  /**
   * Writes pending output if the byte connection has room. Returns whether there may be more to do: taken output makes room, which may
   * cause an event, and the byte connection may call back.
   */
  #write(): boolean {
    const output = this.#writable ? this.machine.takeOutput() : [];
    if (output.length === 0) return false;
    this.#turn = "running";
    this.#writable = this.#duplex.write(output);
    this.#idleAt = this.#now + IDLE_AFTER;
    return (this.#turn as string) === "called" || this.machine.hasEvents;
  }

  /**
   * Counts a yield until the next round of the event loop. Only the second yield of a round ends the turn: reading from a socket returns to
   * the event loop anyway, and pausing the socket costs 50 µs.
   */
  #yield(): void {
    if (++this.#yields > 1) return;
    // rule: from-event-loop
    queueMacrotask(() => {
      const stopped = this.#yields > 1;
      this.#yields = 0;
      if (stopped) this.turn();
    });
  }

  async #awaitAnswer<T>(
    answer: Promise<T>,
    settle: (value: T) => void,
    failed: (cause: unknown) => void,
  ): Promise<void> {
    try {
      settle(await answer);
    } catch (cause) {
      failed(cause);
    }
    this.turn();
  }

  /** Resumes or pauses input and sets the timer, then waits for the next event. */
  #wait(): void {
    // Node reads a socket up to 32 times in a row. Only `pause` stops it.
    const reads = this.machine.wantsInput && this.#yields < 2;
    if (reads !== this.#reads) {
      this.#reads = reads;
      if (reads) this.#duplex.resume();
      else this.#duplex.pause();
    }
    if (this.#clock.isStopped) return;
    const deadline = Math.min(this.machine.deadline() ?? Infinity, this.#idleAt);
    // A timer that fires too early is set again. This is cheaper than rescheduling it with each packet.
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    const wait = Math.min(Math.max(0, Math.ceil(deadline - this.#clock.now())), 0x7fff_ffff);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      if (this.#clock.now() >= this.#idleAt) {
        this.#idleAt = Infinity;
        this.#try(() => this.machine.releaseBuffers());
      }
      this.turn();
    }, wait);
  }

  /** Runs `work`. An exception ends the connection. */
  #try(work: () => void): void {
    try {
      work();
    } catch (cause) {
      this.#onFault(cause);
    }
  }

  #onFault(cause: unknown): void {
    if (this.#over !== undefined) return;
    const error =
      cause instanceof SshError
        ? cause
        : new SshError("internal", `an unexpected error ended the connection: ${reasonOf(cause)}`, { cause });
    try {
      this.machine.disconnect(error);
    } catch {
      // The disconnect message could not be sent.
    }
    // Ignore further events: the state of the machine is no longer reliable.
    this.#onClosed(error);
  }

  #onClosed(cause: SshError): void {
    if (this.#over !== undefined) return;
    // How a connection breaks that this side has left is of no interest.
    const error = this.#leaving?.error ?? cause;
    this.#over = error;
    clearTimeout(this.#timer);
    clearTimeout(this.#leaving?.timer);
    try {
      this.#duplex.write(this.machine.takeOutput());
    } catch {
      // Ignore the error: only the disconnect message can be lost here.
    }
    const released = this.#handler.closed(error);
    void Promise.all([this.#duplex.close(), released]).then(() => this.#end(error));
  }
}

/** Rethrows an exception of an application's callback as an uncaught exception, so that the connection continues. */
export function leaveUncaught(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}

/** Returns whether the answer is a promise, or any object with a `then` method: JavaScript programs may use their own promise type. */
export function isThenable<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof (answer as Promise<T> | null | undefined)?.then === "function";
}

/** Passes a value to `use`, now or when its promise resolves. */
export function whenKnown<T, U>(value: T | Promise<T>, use: (value: T) => U): U | Promise<U> {
  return isThenable(value) ? Promise.resolve(value).then(use) : use(value);
}

/** Returns the message of a thrown value, escaped for display. */
export function reasonOf(cause: unknown): string {
  return escapeText(cause instanceof Error ? cause.message : String(cause));
}
