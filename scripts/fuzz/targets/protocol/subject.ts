import type {
  ClientProtocol,
  ClientProtocolEvent,
  ServerProtocol,
  ServerProtocolEvent,
  TraceRecord,
} from "@nacre/protocol";
import { AttackPeer, type PeerOptions, type Target as Wire } from "@nacre/testing/attacks/attack-peer";
import { concatBytes, SshError } from "@nacre/wire";
import { attempt, Broken, expectRefusal, expectSafe, expectTrue, outcome } from "../../contract.ts";
import { ChannelOracle } from "./channel-oracle.ts";
import { LoginOracle } from "./login-oracle.ts";
import type { Played } from "./script.ts";
import type { SessionSuite } from "./suites.ts";

/**
 * Maximum output of a protocol machine for an input of 16 KiB, in bytes: rekeys, pongs, refusals. More would allow traffic amplification.
 */
const MOST_OUTPUT = 2 * 1024 * 1024;

/** How the application answers asks: grants them, refuses them, or leaves them open (`hold`). With `hold` it also consumes no data. */
export type Policy = "grant" | "refuse" | "hold";

/** How an event was handled: it was not an ask, it was answered, or the answer accepted a host key or a login. */
export type Answered = "no ask" | "answered" | "accepted";

export type AnyEvent = ClientProtocolEvent | ServerProtocolEvent;

/** The protocol machine of a client or server under test, with its application and its peer. */
export abstract class Subject<E extends AnyEvent = AnyEvent> implements Wire, Played {
  abstract readonly machine: ClientProtocol | ServerProtocol;
  readonly peer: AttackPeer;
  policy: Policy = "grant";
  readonly #logins: LoginOracle;
  readonly #channels = new ChannelOracle();
  /** Number of the machine's payloads that the oracles have received. */
  #heard = 0;
  /** The ask for which the protocol machine accepted a second answer. */
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
  /** Answers an ask by the policy, or consumes data. Returns how it handled the event. */
  protected abstract answer(event: E): Answered;
  /** Performs an action of the application, selected by `which`. The action may be invalid in the current state. */
  protected abstract command(which: number, channel: number, data: Uint8Array): void;
  abstract logIn(): void;

  act(which: number, channel: number, data: Uint8Array): void {
    attempt(() => this.command(which, channel, data));
    this.work();
    this.peer.take();
  }

  /** Checks that a trace record is one line and safe to print. */
  protected readonly trace = (record: TraceRecord): void => {
    const text = record.type === "identification" ? record.line : record.summary;
    this.#judge(() => expectSafe(text));
  };

  deliver(bytes: Uint8Array): void {
    this.#judge(() => {
      this.machine.tick(this.#now);
      this.machine.receive(bytes);
    });
    this.work();
  }

  takeOutput(): Uint8Array | undefined {
    this.#hear();
    const pieces = this.#judge(() => this.machine.takeOutput());
    const output = pieces && pieces.length > 0 ? concatBytes(...pieces) : undefined;
    this.work();
    if (output === undefined) this.#judge(() => this.#channels.settle());
    this.#output += output?.length ?? 0;
    if (this.#output > MOST_OUTPUT)
      this.#judge(() => expectTrue(false, `the session sent more than ${MOST_OUTPUT} bytes`));
    return output;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    this.#judge(() => this.machine.tick(this.#now));
    this.work();
  }

  /** Takes, checks and answers all events. */
  work(): void {
    this.#judge(() => {
      for (let event = this.nextEvent(); event !== undefined; event = this.nextEvent()) {
        if (this.#closed !== undefined) throw new Broken(`event ${event.type} came after \`closed\``);
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

  /** Ends the connection and checks that nothing is left of it. Throws the first fault of the whole run. */
  finish(): void {
    if (this.#closed === undefined) this.#judge(() => this.#expectOneAnswer());
    this.#judge(() => this.machine.end());
    this.work();
    if (this.#closed === undefined) {
      this.#judge(() => this.machine.disconnect(new SshError("closed", "done")));
      this.work();
    }
    this.#judge(() => {
      expectTrue(this.#closed !== undefined, "the session did not end after `disconnect`");
      while (this.machine.takeOutput().length > 0);
      expectTrue(this.machine.deadline() === undefined, "a closed session has a deadline");
      expectTrue(!this.machine.wantsInput, "a closed session wants input");
      this.machine.receive(new Uint8Array(64));
      this.machine.tick(this.#now + 1e9);
      expectTrue(this.nextEvent() === undefined, "a closed session reports another event");
      expectTrue(this.machine.takeOutput().length === 0, "a closed session has more output");
    });
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  #answer(event: E): void {
    const answered = attempt(() => this.answer(event)) ?? "no ask";
    if (answered === "no ask") return;
    this.#logins.answered(event, answered === "accepted");
    // A closed protocol machine ignores answers. Its only remaining event is `closed`.
    if (outcome(() => this.answer(event)).code !== "usage") this.#answeredTwice = event.type;
  }

  #expectOneAnswer(): void {
    expectTrue(this.#answeredTwice === undefined, `the session accepted a second answer to ${this.#answeredTwice}`);
  }

  /** Passes to the oracles all payloads that the peer has read since the last call. */
  #hear(): void {
    for (const payload of this.peer.received.slice(this.#heard)) {
      this.#heard++;
      this.#judge(() => {
        this.#logins.machineSent(payload);
        this.#channels.machineSent(payload);
      });
    }
  }

  /** Runs `action`. Records the first error that it throws, since the peer may swallow the rethrown error. */
  #judge<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      this.#fault ??= { error };
      throw error;
    }
  }
}

/** An attacker that reports the payloads that it sends. */
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
