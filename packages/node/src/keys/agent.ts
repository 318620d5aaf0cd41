import { connect } from "node:net";
import type { PublicKey } from "@nacre/keys/internal";
import { concatBytes, SshError, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";
import {
  answerIn,
  identitiesRequest,
  MAX_AGENT_MESSAGE,
  readIdentities,
  readSignature,
  signRequest,
} from "./agent-messages.ts";

/** Options of {@link agentIdentities}. */
export interface AgentOptions {
  /** Timeout for the list of keys in milliseconds; default 10,000. */
  readonly listTimeout?: number | undefined;
  /** Timeout for a signature in milliseconds; default 120,000, since an agent may ask its user or wait for a touch. */
  readonly signTimeout?: number | undefined;
  /** Aborts the current request and all later ones with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the keys held by an SSH agent (draft-ietf-sshm-ssh-agent), ready for the `identities` option. Keys of unsupported formats are
 * left out. `path` is the agent's Unix socket, or its named pipe on Windows. Each request opens a connection and closes it afterwards. If
 * the agent refuses to sign with a key, the next key is tried. Rejects with `agent-failed` or `aborted`.
 */
export async function agentIdentities(path: string, options: AgentOptions = {}): Promise<RemoteIdentity[]> {
  const { listTimeout = 10_000, signTimeout = 120_000, signal } = options;
  if (typeof path !== "string" || path === "")
    throw new SshError(
      "usage",
      "`agentIdentities` expects the path of an agent's socket; check that SSH_AUTH_SOCK is set",
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

/** Options of one request. */
interface RequestOptions {
  readonly path: string;
  /** Time until the response must be complete, in milliseconds. */
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

/** Sends one request over its own connection and returns the response. */
function request({ path, timeout, signal }: RequestOptions, message: Uint8Array): Promise<Uint8Array> {
  if (message.length > MAX_AGENT_MESSAGE)
    return Promise.reject(
      agentError(path, `the request has ${message.length} bytes, but the maximum is ${MAX_AGENT_MESSAGE}`),
    );
  if (signal?.aborted) return Promise.reject(aborted(path, signal));
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = setTimeout(() => fail(`no response within ${timeout} ms`), timeout);
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
    socket.on("end", () => fail("it closed the connection without a response"));
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
  return new SshError("agent-failed", `cannot use the SSH agent at ${path}: ${reason}`, { cause });
}

function aborted(path: string, signal: AbortSignal | undefined): SshError {
  return new SshError("aborted", `the request to the SSH agent at ${path} was aborted`, { cause: signal?.reason });
}
