import { AttackPeer, type Target as Wire } from "@nacre/testing/attacks/attack-peer";
import { type Clock, install } from "@sinonjs/fake-timers";
import type { Duplex, DuplexHandler } from "nacre";
import { attempt, Broken, expectRefusal, expectTrue } from "../../contract.ts";
import { ChannelOracle } from "../protocol/channel-oracle.ts";
import type { Played } from "../protocol/script.ts";
import type { Policy } from "../protocol/subject.ts";
import type { SessionSuite } from "../protocol/suites.ts";

/** Maximum virtual time of one step in milliseconds, far longer than keepalive intervals and login limits. */
const LONGEST_PASS = 3_600_000;

/** State of a promise that the application waits for. */
export interface Work {
  settled: boolean;
}

/** A connection in memory. Written bytes are kept until the peer takes them. */
export class MemoryDuplex implements Duplex {
  handler: DuplexHandler | undefined;
  closed = false;
  readonly #written: Uint8Array[] = [];

  open(handler: DuplexHandler): void {
    this.handler = handler;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.closed) throw new Broken("data was written after the connection was closed");
    this.#written.push(...pieces);
    return true;
  }

  /** Removes and returns the oldest written bytes; `undefined` if there are no more. */
  take(): Uint8Array | undefined {
    return this.#written.shift();
  }

  pause(): void {}
  resume(): void {}

  end(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/**
 * A public function of the library under test, `connect` or `serve`, with an application that uses it and an attacker as the
 * peer. Time is virtual and advances only in steps of the input, so that an input always gives the same result.
 */
export abstract class EntryPoint implements Wire, Played {
  readonly peer: AttackPeer;
  policy: Policy = "grant";
  protected readonly duplex = new MemoryDuplex();
  readonly #clock: Clock;
  readonly #channels = new ChannelOracle();
  #heard = 0;
  #asked = 0;
  #fault: { readonly error: unknown } | undefined;

  constructor(role: "client" | "server", { hostKey, kex, cipher, mac }: SessionSuite) {
    this.#clock = install({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const peer = new AttackPeer(this, { role, hostKey, kex, cipher, ...(mac && { mac }) });
    const seal = peer.seal.bind(peer);
    peer.seal = (payload, layout) => {
      this.judge(() => this.peerSent(payload));
      return seal(payload, layout);
    };
    this.peer = peer;
  }

  abstract logIn(): void;
  /** Performs an action of the application, selected by `which`. The action may be invalid in the current state. */
  protected abstract command(which: number, channel: number, data: Uint8Array): void;
  /** Closes the connection from this side. */
  protected abstract close(): void;
  /** Whether all promises that the application waits for are settled. */
  protected abstract get ended(): boolean;
  /** Asserts that nothing is left of a closed connection. */
  protected abstract expectEnded(): void;

  /** Asserts invariants. Called between steps. */
  protected expectSound(): void {
    this.#channels.settle();
  }

  act(which: number, channel: number, data: Uint8Array): void {
    attempt(() => this.command(which, channel, data));
    this.peer.take();
  }

  deliver(bytes: Uint8Array): void {
    if (this.duplex.closed) return;
    this.judge(() => this.duplex.handler?.data(bytes));
  }

  takeOutput(): Uint8Array | undefined {
    this.#hear();
    const output = this.duplex.take();
    if (output === undefined) this.judge(() => this.expectSound());
    return output;
  }

  pass(milliseconds: number): void {
    this.judge(() => this.#clock.tick(milliseconds % LONGEST_PASS));
  }

  /** Lets pending promises settle, and then lets the peer read the output. */
  async settle(): Promise<void> {
    // Promises settle between macrotasks. An interrupted turn of the engine continues in another macrotask.
    for (let macrotask = 0; macrotask < 3; macrotask++) await new Promise((resolve) => setImmediate(resolve));
    try {
      this.peer.take();
    } catch {
      // The peer may lack the keys to read the output.
    }
  }

  /** Ends the connection and checks that nothing is left of it. Throws the first fault of the whole run. */
  async finish(): Promise<void> {
    try {
      await this.settle();
      if (!this.duplex.closed) this.judge(() => this.duplex.handler?.ended());
      await this.settle();
      this.judge(() => this.close());
      await this.settle();
      if (this.ended) this.judge(() => this.#expectNoTimers());
      // Any remaining wait must end by its own time limit.
      this.pass(LONGEST_PASS - 1);
      await this.settle();
      this.judge(() => {
        expectTrue(this.duplex.closed, "the connection is still open after it was closed");
        this.expectEnded();
        this.#expectNoTimers();
      });
    } finally {
      this.#clock.uninstall();
    }
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  /** Returns the application's answer by its policy: alternately as a value and as a promise, or as a promise that never settles. */
  protected answer<T>(granted: T, refused: T): T | Promise<T> {
    if (this.policy === "hold") return new Promise(() => {});
    const value = this.policy === "grant" ? granted : refused;
    return this.#asked++ % 2 === 0 ? value : Promise.resolve(value);
  }

  /** Watches a promise that the application waits for. If it rejects, the error must be an allowed one. */
  protected watch(work: Promise<unknown>): Work {
    const state: Work = { settled: false };
    work
      .then(
        () => {
          state.settled = true;
        },
        (error: unknown) => {
          state.settled = true;
          this.judge(() => expectRefusal(error));
        },
      )
      .catch(() => {}); // `judge` has recorded the error.
    return state;
  }

  /** Runs `action`. Records the first error that it throws, since the peer may swallow the rethrown error. */
  protected judge<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.#fault ??= { error };
      throw error;
    }
  }

  #expectNoTimers(): void {
    const timers = this.#clock.countTimers();
    expectTrue(timers === 0, `${timers} timers are left after the connection ended`);
  }

  #hear(): void {
    for (const payload of this.peer.received.slice(this.#heard)) {
      this.#heard++;
      this.judge(() => this.heard(payload));
    }
  }

  /** Called with each payload that the peer sends. */
  protected peerSent(payload: Uint8Array): void {
    this.#channels.peerSent(payload);
  }

  /** Called with each payload that this side sends. */
  protected heard(payload: Uint8Array): void {
    this.#channels.machineSent(payload);
  }
}
