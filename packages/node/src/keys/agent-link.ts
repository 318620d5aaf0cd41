import { AgentClient, type AgentClientEvent, type AgentIdentity, type SessionBind } from "@nacre/agent";
import { SshError } from "@nacre/wire";
import { abortedError, type Duplex, type DuplexHandler, onAbort, wrapDuplex } from "nacre/extend";
import { showPath } from "../windows/system.ts";

/** Answer of an agent to one request. */
type Answer = Exclude<AgentClientEvent<unknown>, { type: "closed" | "unanswered" }>;

interface Waiter {
  answered(answer: Answer): void;
  failed(error: SshError): void;
}

type Client = AgentClient<Waiter>;

/** How long to wait for an answer. */
export interface AgentWait {
  /** Milliseconds. */
  readonly timeout: number;
  /** Aborts the request with `aborted`, and ends the connection. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One connection to an SSH agent. Requests are answered in their order. The connection ends when an answer does not come in
 * time, when the signal aborts, and on invalid input from the agent; requests then reject with `agent-failed` or `aborted`. A refusal is an
 * answer, with which a request resolves.
 */
export class AgentLink {
  readonly #client: Client = new AgentClient<Waiter>();
  readonly #duplex: Duplex;
  /** The agent's name in errors. */
  readonly #place: string;
  /** Gets the agent's bytes; `undefined` after `release`, until the connection is taken over. */
  #handler: DuplexHandler | undefined;
  #isOver = false;
  #wasSilent = false;

  constructor(duplex: Duplex, place: string) {
    this.#duplex = duplex;
    this.#place = place;
    this.#handler = {
      data: (chunk) => {
        this.#client.receive(chunk);
        this.#turn();
      },
      drained() {},
      ended: () => this.#end(),
      failed: (cause) => this.#end(new SshError("agent-failed", "the connection broke", { cause })),
    };
    duplex.open({
      data: (chunk) => this.#handler?.data(chunk),
      drained: () => this.#handler?.drained(),
      ended: () => this.#afterwards((handler) => handler.ended()),
      failed: (cause) => this.#afterwards((handler) => handler.failed(cause)),
    });
  }

  /** Whether the connection has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether a request had no answer in time. */
  get wasSilent(): boolean {
    return this.#wasSilent;
  }

  /** Ties the connection to an SSH connection (OpenSSH PROTOCOL.agent §1). Returns whether the agent accepts that. */
  async bind(bind: SessionBind, wait: AgentWait): Promise<boolean> {
    return (await this.request((client, waiter) => client.bindSession(bind, waiter), wait)).type === "success";
  }

  /** Returns the agent's keys. */
  async list(wait: AgentWait): Promise<readonly AgentIdentity[]> {
    const answer = await this.request((client, waiter) => client.list(waiter), wait);
    if (answer.type === "identities") return answer.identities;
    throw this.failure("it refused to list its keys; if it is locked, unlock it with `ssh-add -X`");
  }

  /** Returns a signature blob; `undefined` if the agent refuses. */
  async sign(
    publicKey: Uint8Array,
    algorithm: string,
    data: Uint8Array,
    wait: AgentWait,
  ): Promise<Uint8Array | undefined> {
    const answer = await this.request((client, waiter) => client.sign(publicKey, algorithm, data, waiter), wait);
    return answer.type === "signature" ? answer.signature : undefined;
  }

  /** Sends a request and returns its answer. */
  request(send: (client: Client, waiter: Waiter) => void, { timeout, signal }: AgentWait): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wasSilent = true;
        this.#end(new SshError("agent-failed", `no response within ${timeout} ms`));
      }, timeout);
      let unwatch: (() => void) | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        unwatch?.();
      };
      const waiter: Waiter = {
        answered(answer) {
          settle();
          resolve(answer);
        },
        failed: (error) => {
          settle();
          reject(error.code === "aborted" ? error : this.failure(error.message, error));
        },
      };
      try {
        send(this.#client, waiter);
      } catch (cause) {
        if (!(cause instanceof SshError)) throw cause;
        waiter.failed(cause);
        return;
      }
      unwatch = signal && onAbort(signal, () => this.#end(agentAborted(this.#place, signal)));
      this.#turn();
    });
  }

  /** Returns an error about the agent. */
  failure(reason: string, cause?: unknown): SshError {
    return agentFailure(this.#place, reason, cause);
  }

  /** Returns the connection, for others to use once all requests are answered. Its `open` may be called once more. */
  release(): Duplex {
    this.#handler = undefined;
    return wrapDuplex(this.#duplex, {
      open: (handler) => {
        this.#handler = handler;
        this.#late?.(handler);
      },
    });
  }

  /** Ends the connection. Resolves when it is closed. */
  async close(): Promise<void> {
    this.#end();
    await this.#duplex.close();
  }

  /** Event between `release` and `open`, to replay. */
  #late: ((handler: DuplexHandler) => void) | undefined;

  #afterwards(report: (handler: DuplexHandler) => void): void {
    if (this.#handler !== undefined) report(this.#handler);
    else this.#late = (handler) => queueMicrotask(() => report(handler));
  }

  #end(error?: SshError): void {
    this.#client.end(error);
    this.#turn();
  }

  #turn(): void {
    const events: AgentClientEvent<Waiter>[] = [];
    for (let event = this.#client.nextEvent(); event !== undefined; event = this.#client.nextEvent())
      events.push(event);
    const last = events.at(-1);
    // An answer with more behind it than was asked for is not to be trusted either.
    const broken = last?.type === "closed" ? last.error : undefined;
    for (const event of events) {
      if (event.type === "closed") this.#isOver = true;
      else if (event.type === "unanswered") event.waiter.failed(event.error);
      else if (broken !== undefined) event.waiter.failed(broken);
      else event.waiter.answered(event);
    }
    if (this.#isOver) return void this.#duplex.close();
    const { unsent } = this.#client;
    if (unsent.length === 0) return;
    this.#client.sent(unsent.length);
    this.#duplex.write([unsent.slice()]);
  }
}

/** Returns an error about the agent at a place. */
export function agentFailure(place: string, reason: string, cause?: unknown): SshError {
  return new SshError("agent-failed", `cannot use the SSH agent at ${showPath(place)}: ${reason}`, { cause });
}

/** Returns the error of an aborted request. */
export function agentAborted(place: string, signal: AbortSignal): SshError {
  return abortedError(`the request to the SSH agent at ${showPath(place)}`, signal);
}
