import type { ClientSession, ClientSessionEvent, ServerSession, ServerSessionEvent, TraceRecord } from "@nacre/session";
import { AttackPeer, type PeerOptions, type Target as Wire } from "@nacre/testing/attacks/attack-peer";
import { SshError } from "@nacre/wire";
import { attempt, Broken, expectRefusal, expectSafe, expectTrue, outcome } from "../../contract.ts";
import { ChannelOracle } from "./channel-oracle.ts";
import { LoginOracle } from "./login-oracle.ts";
import type { Played } from "./script.ts";
import type { SessionSuite } from "./suites.ts";

/** Bytes that a session may answer to an input of 16 KiB with: rekeys, pongs, refusals. Much more would be an amplifier. */
const MOST_OUTPUT = 2 * 1024 * 1024;

/** How asks are answered: granted, refused, or left open, and then data is left unread, too. */
export type Policy = "grant" | "refuse" | "hold";

/** What became of an event: nothing was asked, or the answer leaves things as they are, or it accepts a host key or lets a user in. */
export type Answered = "no ask" | "answered" | "accepted";

export type AnyEvent = ClientSessionEvent | ServerSessionEvent;

/** A session of either side under test, its application, and the peer at the other end of the wire. */
export abstract class Subject<E extends AnyEvent = AnyEvent> implements Wire, Played {
  abstract readonly session: ClientSession | ServerSession;
  readonly peer: AttackPeer;
  policy: Policy = "grant";
  readonly #logins: LoginOracle;
  readonly #channels = new ChannelOracle();
  /** Number of the session's payloads that the oracles have received. */
  #heard = 0;
  /** The ask that took a second answer. */
  #answeredTwice: AnyEvent["type"] | undefined;
  #now = 0;
  #output = 0;
  #closed: SshError | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(role: "client" | "server", { hostKey, userKey, kex, cipher, mac }: SessionSuite) {
    const told = (payload: Uint8Array): void => {
      this.#logins.peerSent(payload);
      this.#channels.peerSent(payload);
    };
    this.peer = new HeardPeer(this, { role, hostKey, kex, cipher, ...(mac && { mac }) }, told);
    this.#logins = new LoginOracle({ userKey, sessionId: () => this.peer.sessionId });
  }

  protected abstract nextEvent(): E | undefined;
  /** Answers an ask as the policy says, and takes data. Returns whether it answered an ask, and whether that accepts a host key or lets a user in. */
  protected abstract answer(event: E): Answered;
  /** Something that an application may do at this moment, or not: `which` says what. */
  protected abstract command(which: number, channel: number, data: Uint8Array): void;
  abstract logIn(): void;

  act(which: number, channel: number, data: Uint8Array): void {
    attempt(() => this.command(which, channel, data));
    this.work();
    this.peer.take();
  }

  /** A line of the trace: must be one, and safe to show. */
  protected readonly trace = (record: TraceRecord): void => {
    const text = record.type === "identification" ? record.line : record.summary;
    this.#judge(() => expectSafe(text));
  };

  deliver(bytes: Uint8Array): void {
    this.#judge(() => {
      this.session.tick(this.#now);
      this.session.receive(bytes);
    });
    this.work();
  }

  takeOutput(): Uint8Array | undefined {
    this.#hear();
    const output = this.#judge(() => this.session.takeOutput());
    this.work();
    if (output === undefined) this.#judge(() => this.#channels.settle());
    this.#output += output?.length ?? 0;
    if (this.#output > MOST_OUTPUT) this.#judge(() => expectTrue(false, `more than ${MOST_OUTPUT} bytes were sent`));
    return output;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    this.#judge(() => this.session.tick(this.#now));
    this.work();
  }

  /** Takes every event, and looks whether it may be. */
  work(): void {
    this.#judge(() => {
      for (let event = this.nextEvent(); event !== undefined; event = this.nextEvent()) {
        if (this.#closed !== undefined) throw new Broken(`${event.type} came after the end`);
        if (event.type !== "closed") this.#expectOneAnswer();
        this.#logins.told(event);
        this.#channels.told(event);
        if (event.type === "closed") {
          expectRefusal(event.error);
          this.#closed = event.error;
        } else {
          this.#answer(event);
        }
      }
    });
  }

  /** The session comes to an end, if it has not yet; then nothing of it may be left. Throws whatever was wrong with it at any time. */
  finish(): void {
    if (this.#closed === undefined) this.#judge(() => this.#expectOneAnswer());
    this.#judge(() => this.session.end());
    this.work();
    if (this.#closed === undefined) {
      this.#judge(() => this.session.disconnect(new SshError("closed", "done")));
      this.work();
    }
    this.#judge(() => {
      expectTrue(this.#closed !== undefined, "a session does not end when it must");
      while (this.session.takeOutput() !== undefined);
      expectTrue(this.session.deadline() === undefined, "a session that has ended has a deadline");
      expectTrue(!this.session.wantsInput, "a session that has ended wants input");
      this.session.receive(new Uint8Array(64));
      this.session.tick(this.#now + 1e9);
      expectTrue(this.nextEvent() === undefined, "a session that has ended has more to tell");
      expectTrue(this.session.takeOutput() === undefined, "a session that has ended has more to say");
    });
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  #answer(event: E): void {
    const answered = attempt(() => this.answer(event)) ?? "no ask";
    if (answered === "no ask") return;
    this.#logins.answered(event, answered === "accepted");
    // A session that has ended ignores answers: then only its end is left to report.
    if (outcome(() => this.answer(event)).code !== "usage") this.#answeredTwice = event.type;
  }

  #expectOneAnswer(): void {
    expectTrue(this.#answeredTwice === undefined, `${this.#answeredTwice} took a second answer`);
  }

  /** Passes the oracles the payloads that the peer could read since the last call. */
  #hear(): void {
    for (const payload of this.peer.received.slice(this.#heard)) {
      this.#heard++;
      this.#judge(() => {
        this.#logins.sessionSent(payload);
        this.#channels.sessionSent(payload);
      });
    }
  }

  /** Keeps the first fault: the peer, which meets an exception then, is not to be blamed. */
  #judge<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.#fault ??= { error };
      throw error;
    }
  }
}

/** An attacker that tells what it says. */
class HeardPeer extends AttackPeer {
  readonly #tell: (payload: Uint8Array) => void;

  constructor(target: Wire, options: PeerOptions, tell: (payload: Uint8Array) => void) {
    super(target, options);
    this.#tell = tell;
  }

  override seal(...packet: Parameters<AttackPeer["seal"]>): Uint8Array {
    this.#tell(packet[0]);
    return super.seal(...packet);
  }
}
