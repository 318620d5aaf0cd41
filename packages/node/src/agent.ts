import { connect } from "node:net";
import type { PublicKey } from "@nacre/keys/internal";
import { concatBytes, SshError, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/internal";
import {
  answerIn,
  identitiesRequest,
  MAX_AGENT_MESSAGE,
  readIdentities,
  readSignature,
  signRequest,
} from "./agent-messages.ts";

/** How an agent is talked to. */
export interface AgentOptions {
  /** Milliseconds until the list of keys must be there. Default 10,000. */
  readonly listTimeout?: number | undefined;
  /** Milliseconds until a signature must be there: an agent may ask its user, or wait for a touch. Default 120,000. */
  readonly signTimeout?: number | undefined;
  /** Gives up what is being asked of the agent, then and later: `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The keys that an SSH agent holds (draft-ietf-sshm-ssh-agent), each ready for `identities`; those of formats that are not
 * supported are left out. `path` names the agent's Unix socket (or, on Windows, its named pipe), which is opened for each
 * request and closed after it. Rejects with `agent-failed`. A key whose signature the agent refuses gives up and lets the
 * next one be tried.
 */
export async function agentIdentities(path: string, options: AgentOptions = {}): Promise<RemoteIdentity[]> {
  const { listTimeout = 10_000, signTimeout = 120_000, signal } = options;
  if (typeof path !== "string" || path === "")
    throw new SshError(
      "usage",
      "agentIdentities takes the path of an agent's socket, and there is none: is SSH_AUTH_SOCK set?",
    );
  const answer = await request({ path, timeout: listTimeout, signal }, identitiesRequest());
  return parsed(path, () =>
    readIdentities(answer).map(({ publicKey, comment }) => ({
      publicKey,
      comment,
      sign: (algorithm, data) => sign({ path, timeout: signTimeout, signal }, publicKey, algorithm, data),
    })),
  );
}

/** How one request is made. */
interface RequestOptions {
  readonly path: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

async function sign(
  options: RequestOptions,
  publicKey: PublicKey,
  algorithm: string,
  data: Uint8Array,
): Promise<Uint8Array | undefined> {
  const answer = await request(options, signRequest(publicKey, algorithm, data));
  return parsed(options.path, () => readSignature(answer));
}

/** One request and its answer, over a connection of their own. */
function request({ path, timeout, signal }: RequestOptions, message: Uint8Array): Promise<Uint8Array> {
  if (message.length > MAX_AGENT_MESSAGE)
    return Promise.reject(agentError(path, `a request of ${message.length} bytes is too long for an agent`));
  if (signal?.aborted) return Promise.reject(aborted(path, signal));
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
    let received: Uint8Array = new Uint8Array();

    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.destroy();
    };
    const fail = (reason: string, cause?: unknown): void => {
      settle();
      reject(agentError(path, reason, cause));
    };
    const onAbort = (): void => {
      settle();
      reject(aborted(path, signal));
    };
    signal?.addEventListener("abort", onAbort);
    socket.on("error", (cause) => fail(cause.message, cause));
    socket.on("end", () => fail("it closed the connection without an answer"));
    socket.on("data", (chunk: Uint8Array) => {
      received = concatBytes(received, chunk);
      try {
        const answer = answerIn(received);
        if (answer === undefined) return;
        settle();
        resolve(answer);
      } catch (cause) {
        fail(messageOf(cause), cause);
      }
    });
    socket.write(new Writer(message.length + 4).string(message).finish());
  });
}

function parsed<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw agentError(path, messageOf(cause), cause);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function agentError(path: string, reason: string, cause?: unknown): SshError {
  return new SshError("agent-failed", `the SSH agent at ${path} cannot be used: ${reason}`, { cause });
}

function aborted(path: string, signal: AbortSignal | undefined): SshError {
  return new SshError("aborted", `the SSH agent at ${path} was given up`, { cause: signal?.reason });
}
