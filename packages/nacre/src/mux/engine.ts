import type { Connection } from "@nacre/connection";
import type { ClientSessionEvent, ServerSessionEvent } from "@nacre/session";
import { type Bytes, escapeText, SshError } from "@nacre/wire";
import { Clock } from "./clock.ts";
import type { Duplex, DuplexHandler } from "./duplex.ts";
import { queueMacrotask } from "./macrotask.ts";

type SessionEvent = ClientSessionEvent | ServerSessionEvent;

/** A session of either side, as the engine drives it. */
export interface DrivenSession<E extends SessionEvent> {
  readonly connection: Connection;
  readonly wantsInput: boolean;
  start(now: number): void;
  receive(chunk: Uint8Array): void;
  end(): void;
  broken(error: SshError): void;
  takeOutput(): Bytes | undefined;
  nextEvent(): E | undefined;
  deadline(): number | undefined;
  tick(now: number): void;
  rest(): void;
  disconnect(error: SshError): void;
}

/** After so long without a byte either way a connection lets go of its buffers: milliseconds. */
const REST_AFTER = 100;

/** Handles what a session says. */
export interface EngineHandler<E extends SessionEvent> {
  /** Receives each event except `closed`. An exception of this ends the connection. */
  event(event: E): void;
  /** The last call: the connection has ended. The returned promise resolves when everything of the handler's is released. */
  closed(error: SshError): void | Promise<void>;
}

/**
 * Drives a session of either side over a byte connection: carries bytes, keeps the timer, and hands events on. It writes once for all events
 * of a turn.
 *
 * An exception of the session or of the handler is a fault. It ends the connection, since no caller would catch it.
 */
export class Engine<E extends SessionEvent> implements DuplexHandler {
  readonly session: DrivenSession<E>;
  /** Resolves with the reason when the connection has ended and all it held is released. Never rejects. */
  readonly closed: Promise<SshError>;
  readonly #duplex: Duplex;
  readonly #handler: EngineHandler<E>;
  readonly #clock = new Clock();
  #end!: (error: SshError) => void;
  #over: SshError | undefined;
  #writable = true;
  #turn: "idle" | "scheduled" | "running" = "idle";
  /** Yields of the session in this round of the event loop. After the second, no turn begins before the next round. */
  #yields = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #restAt = Infinity;

  constructor(duplex: Duplex, session: DrivenSession<E>, handler: EngineHandler<E>) {
    this.#duplex = duplex;
    this.session = session;
    this.#handler = handler;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Why the connection has ended, once it has. */
  get over(): SshError | undefined {
    return this.#over;
  }

  /** Begins. What is ready to be sent leaves with the first turn. */
  start(): void {
    this.#try(() => {
      this.session.start(this.#clock.now());
      this.#duplex.open(this);
    });
  }

  /** For the byte connection, as are the next five. */
  data(chunk: Uint8Array): void {
    if (this.#over !== undefined) return;
    const now = this.#clock.now();
    try {
      this.session.tick(now);
      this.session.receive(chunk);
    } catch (cause) {
      this.#onFault(cause);
    }
    this.#restAt = now + REST_AFTER;
    this.#goOn();
  }

  drained(): void {
    this.#writable = true;
    // May come in the round of the write: one round of the event loop must not fill the system's buffer again and again.
    // rule: drained-from-event-loop
    queueMacrotask(() => this.turn());
  }

  ended(): void {
    this.#try(() => this.session.end());
    this.turn();
  }

  failed(cause: unknown): void {
    const error = new SshError("connection-lost", `the connection broke: ${reasonOf(cause)}`, { cause });
    this.#try(() => this.session.broken(error));
    this.turn();
  }

  suspended(): void {
    // rule: suspended-clock
    this.#clock.stop();
  }

  resumed(): void {
    this.#clock.start();
    this.turn();
  }

  /** Call this after every command to the session: at the end of this turn its events are handled and its output is written. */
  touch(): void {
    if (this.#turn !== "idle") return;
    this.#turn = "scheduled";
    queueMicrotask(() => {
      // A turn that began meanwhile has done it.
      if (this.#turn !== "scheduled") return;
      this.#turn = "idle";
      this.turn();
    });
  }

  /**
   * Asks the application, gives the session its answer, and goes on. An answer that is no promise is given at once, so that it leaves
   * with what came before it. `failed` is called with an exception, now or later, also if the session does not take the answer.
   */
  ask<T>(question: () => T | Promise<T>, give: (value: T) => void, failed: (cause: unknown) => void): void {
    const settle = (value: T): void => this.command(() => give(value));
    try {
      const answer = question();
      if (isThenable(answer)) void this.#awaitAnswer(answer, settle, failed);
      else settle(answer);
    } catch (cause) {
      failed(cause);
    }
    this.touch();
  }

  /**
   * Gives the session a command that depends on what the application did: the time that it took is not the peer's. Does nothing after the
   * end. What the session throws is rethrown.
   */
  command(give: () => void): void {
    if (this.#over !== undefined) return;
    this.session.tick(this.#clock.now());
    give();
    this.touch();
  }

  /** Ends the connection with an error, unless it has ended. */
  fail(error: SshError): void {
    if (this.#over !== undefined) return;
    try {
      this.session.disconnect(error);
    } catch {
      // The disconnect message cannot be sent. The error that is being reported matters more.
      this.#onClosed(error);
    }
    this.turn();
  }

  /** Does what is to be done now. While other connections have their turn, it waits for them. */
  turn(): void {
    this.#try(() => this.session.tick(this.#clock.now()));
    this.#goOn();
  }

  /** Goes on once the session knows the time. */
  #goOn(): void {
    if (this.#turn === "running" || /* rule: engine-yields */ this.#yields > 1 || this.#over !== undefined) return;
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

  /** Handles what happened and writes what is to be sent, until there is neither, or the turn has done its work. */
  #advance(): void {
    while (this.#over === undefined) {
      const event = this.session.nextEvent();
      if (event?.type === "yield") {
        this.#yield();
        // rule: second-yield-stops
        if (this.#yields === 1) continue;
        this.#write();
        return;
      }
      if (event !== undefined) {
        if (event.type === "closed") this.#onClosed(event.error);
        else this.#handler.event(event);
        continue;
      }
      // Taking output makes room, and room may be an event: until neither says anything, the turn is not over.
      if (!this.#write()) return;
    }
  }

  /** Writes what waits, where there is room. Returns false when there was nothing to write. */
  #write(): boolean {
    const output = this.#writable ? this.#takeOutput() : [];
    if (output.length === 0) return false;
    this.#writable = this.#duplex.write(output);
    this.#restAt = this.#clock.now() + REST_AFTER;
    return true;
  }

  /**
   * Counts a yield until the event loop has gone round. Only a second one in the same round ends the turn: reading lets the loop go round
   * by itself, and to stop it costs 50 µs.
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

  /** Until something happens. */
  #wait(): void {
    // Node reads a socket up to 32 times in a row: only a pause stops it.
    if (this.session.wantsInput && this.#yields < 2) this.#duplex.resume();
    else this.#duplex.pause();
    this.#arm();
  }

  /** All that waits. */
  #takeOutput(): Bytes[] {
    const output: Bytes[] = [];
    for (let piece = this.session.takeOutput(); piece !== undefined; piece = this.session.takeOutput())
      output.push(piece);
    return output;
  }

  #arm(): void {
    if (this.#clock.isStopped) return;
    const deadline = Math.min(this.session.deadline() ?? Infinity, this.#restAt);
    // A timer that is early finds nothing to do and is set anew: cheaper than moving it with every packet.
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    const wait = Math.min(Math.max(0, Math.ceil(deadline - this.#clock.now())), 0x7fff_ffff);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      if (this.#clock.now() >= this.#restAt) {
        this.#restAt = Infinity;
        this.#try(() => this.session.rest());
      }
      this.turn();
    }, wait);
  }

  /** Does this with the session; what it throws is a fault. */
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
        : new SshError("internal", `a fault ended the connection: ${reasonOf(cause)}`, { cause });
    try {
      this.session.disconnect(error);
    } catch {
      // Then the peer gets no reason.
    }
    // Whatever the session would still tell: it is not to be relied on any more.
    this.#onClosed(error);
  }

  #onClosed(error: SshError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    clearTimeout(this.#timer);
    try {
      this.#duplex.write(this.#takeOutput());
    } catch {
      // Only the disconnect message can be lost here.
    }
    const released = this.#handler.closed(error);
    void Promise.all([this.#duplex.close(), released]).then(() => this.#end(error));
  }
}

/** Rethrows what an application's callback threw as an uncaught exception, so that the connection goes on. */
export function leaveUncaught(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}

/** Whether an answer comes later. Promises of any making count: a program without types may have its own. */
export function isThenable<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof (answer as Promise<T> | null | undefined)?.then === "function";
}

/** What was thrown, in words that are safe to show. */
export function reasonOf(cause: unknown): string {
  return escapeText(cause instanceof Error ? cause.message : String(cause));
}
