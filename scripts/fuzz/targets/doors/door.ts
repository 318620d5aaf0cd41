import { AttackPeer, type Target as Wire } from "@nacre/testing/attacks/attack-peer";
import { type Clock, install } from "@sinonjs/fake-timers";
import type { Duplex, DuplexHandler } from "nacre";
import { attempt, Broken, expectRefusal, expectTrue } from "../../contract.ts";
import { ChannelOracle } from "../sessions/channel-oracle.ts";
import type { Played } from "../sessions/script.ts";
import type { Policy } from "../sessions/subject.ts";
import type { SessionSuite } from "../sessions/suites.ts";

/** Time that a test lets pass at once, in milliseconds: keepalives and limits of login are far shorter. */
const LONGEST_PASS = 3_600_000;

/** Something that the application waits for. */
export interface Work {
  settled: boolean;
}

/** The bytes of one connection, in memory: what is written stays until the peer takes it. */
export class MemoryDuplex implements Duplex {
  handler: DuplexHandler | undefined;
  closed = false;
  readonly #written: Uint8Array[] = [];

  open(handler: DuplexHandler): void {
    this.handler = handler;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.closed) throw new Broken("bytes were written after the connection was closed");
    this.#written.push(...pieces);
    return true;
  }

  /** What was written first and not yet taken. */
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
 * One of the library's front doors under test, with an application behind it and an attacker in front. Time stands still but for what the
 * input lets pass, so that the same input does the same each time.
 */
export abstract class Door implements Wire, Played {
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
  /** Something that an application may do at this moment, or not: `which` says what. */
  protected abstract command(which: number, channel: number, data: Uint8Array): void;
  /** Ends the connection from this side. */
  protected abstract close(): void;
  /** Whether everything that the application waits for is settled. */
  protected abstract get ended(): boolean;
  /** Throws where something is left of a connection that was closed. */
  protected abstract expectEnded(): void;

  /** Throws where something must never be so: looked at between the steps. */
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

  /** Lets the application have its turns, and the peer read what came of them. */
  async settle(): Promise<void> {
    // Promises settle between macrotasks, and a turn that was cut short goes on in one of its own.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    try {
      this.peer.take();
    } catch {
      // The peer cannot read what it has no keys for.
    }
  }

  /** Ends the connection, if it has not ended; then nothing of it may be left. Throws whatever was wrong with it at any time. */
  async finish(): Promise<void> {
    try {
      await this.settle();
      if (!this.duplex.closed) this.judge(() => this.duplex.handler?.ended());
      await this.settle();
      this.judge(() => this.close());
      await this.settle();
      if (this.ended) this.judge(() => this.#expectNoTimers());
      // Whatever still waits has a bound.
      this.pass(LONGEST_PASS - 1);
      await this.settle();
      this.judge(() => {
        expectTrue(this.duplex.closed, "a connection that was closed is still open");
        this.expectEnded();
        this.#expectNoTimers();
      });
    } finally {
      this.#clock.uninstall();
    }
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  /** What the application answers: at once or later, in turns, or never. */
  protected answer<T>(granted: T, refused: T): T | Promise<T> {
    if (this.policy === "hold") return new Promise(() => {});
    const value = this.policy === "grant" ? granted : refused;
    return this.#asked++ % 2 === 0 ? value : Promise.resolve(value);
  }

  /** Takes note of how something that the application waits for has ended: with a value, or with an error in good form. */
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
      .catch(() => {}); // Kept by `judge`.
    return state;
  }

  /** Keeps the first fault: the peer, which meets an exception then, is not to be blamed. */
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
    expectTrue(timers === 0, `${timers} timers are left of a connection that has ended`);
  }

  #hear(): void {
    for (const payload of this.peer.received.slice(this.#heard)) {
      this.#heard++;
      this.judge(() => this.heard(payload));
    }
  }

  /** The peer sends a payload. */
  protected peerSent(payload: Uint8Array): void {
    this.#channels.peerSent(payload);
  }

  /** A payload that this side has sent. */
  protected heard(payload: Uint8Array): void {
    this.#channels.sessionSent(payload);
  }
}
