import { connect } from "node:net";
import { type PublicKey, parsePublicKey } from "@nacre/keys/parts";
import { concatBytes, Reader, SshError, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/parts";

const SSH_AGENT_FAILURE = 5;
const SSH_AGENTC_REQUEST_IDENTITIES = 11;
const SSH_AGENT_IDENTITIES_ANSWER = 12;
const SSH_AGENTC_SIGN_REQUEST = 13;
const SSH_AGENT_SIGN_RESPONSE = 14;

/** Which hash an RSA key is to sign with: flags of SSH_AGENTC_SIGN_REQUEST. */
const RSA_FLAGS: Readonly<Record<string, number>> = { "rsa-sha2-256": 2, "rsa-sha2-512": 4 };

/** Bytes of a message, either way, at most: what OpenSSH allows. */
const MAX_FRAME = 256 * 1024;

/** How an agent is talked to. */
export interface AgentOptions {
  /** Milliseconds until the list of keys must be there. Default 10,000. */
  readonly listTimeout?: number;
  /** Milliseconds until a signature must be there: an agent may ask its user, or wait for a touch. Default 120,000. */
  readonly signTimeout?: number;
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
  const message = new Writer().byte(SSH_AGENTC_REQUEST_IDENTITIES).finish();
  const answer = await request({ path, timeout: listTimeout, signal }, message);
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

interface AgentKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
}

function readIdentities(answer: Uint8Array): AgentKey[] {
  const reader = new Reader(answer, "SSH_AGENT_IDENTITIES_ANSWER", { code: "agent-failed" });
  const type = reader.byte("type");
  if (type === SSH_AGENT_FAILURE) throw new SshError("agent-failed", "it does not tell its keys; is it locked?");
  if (type !== SSH_AGENT_IDENTITIES_ANSWER) reader.fail("type", `is ${type}`);
  const count = reader.uint32("number of keys");
  const keys: AgentKey[] = [];
  for (let i = 0; i < count; i++) {
    const blob = reader.string(`key blob ${i}`);
    const comment = reader.text(`comment ${i}`);
    const publicKey = supportedKey(blob);
    if (publicKey !== undefined) keys.push({ publicKey, comment });
  }
  reader.end();
  return keys;
}

/** An agent may hold keys that this build has no use for: security keys, certificates, small RSA keys. */
function supportedKey(blob: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(blob);
  } catch {
    return undefined;
  }
}

async function sign(
  options: RequestOptions,
  publicKey: PublicKey,
  algorithm: string,
  data: Uint8Array,
): Promise<Uint8Array | undefined> {
  const message = new Writer(data.length + 1024)
    .byte(SSH_AGENTC_SIGN_REQUEST)
    .string(publicKey.blob)
    .string(data)
    .uint32(RSA_FLAGS[algorithm] ?? 0)
    .finish();
  const answer = await request(options, message);
  return parsed(options.path, () => {
    const reader = new Reader(answer, "SSH_AGENT_SIGN_RESPONSE", { code: "agent-failed" });
    const type = reader.byte("type");
    if (type === SSH_AGENT_FAILURE) return undefined;
    if (type !== SSH_AGENT_SIGN_RESPONSE) reader.fail("type", `is ${type}`);
    const signature = reader.string("signature");
    reader.end();
    return signature;
  });
}

/** One request and its answer, over a connection of their own. */
function request({ path, timeout, signal }: RequestOptions, message: Uint8Array): Promise<Uint8Array> {
  if (message.length > MAX_FRAME)
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
      if (received.length < 4) return;
      const length = new Reader(received, "agent").uint32("length");
      if (length === 0 || length > MAX_FRAME) {
        fail(`it sends a message of ${length} bytes, where 1 to ${MAX_FRAME} are allowed`);
      } else if (received.length > 4 + length) {
        fail("it sends more than was asked for");
      } else if (received.length === 4 + length) {
        settle();
        resolve(received.slice(4));
      }
    });
    socket.write(new Writer(message.length + 4).string(message).finish());
  });
}

function parsed<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw agentError(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function agentError(path: string, reason: string, cause?: unknown): SshError {
  return new SshError("agent-failed", `the SSH agent at ${path} cannot be used: ${reason}`, { cause });
}

function aborted(path: string, signal: AbortSignal | undefined): SshError {
  return new SshError("aborted", `the SSH agent at ${path} was given up`, { cause: signal?.reason });
}
