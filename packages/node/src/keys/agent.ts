import { connect, type Socket } from "node:net";
import type { AgentIdentity } from "@nacre/agent";
import { certificateKey, isCertified, type KeyBounds, type PublicKey, parsePublicKey } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import type { Duplex, RemoteIdentity } from "nacre/extend";
import { connectFirst } from "../net/connect-first.ts";
import { withDeadline } from "../net/deadline.ts";
import { socketDuplex } from "../net/socket-duplex.ts";
import { showPath } from "../windows/system.ts";
import { AgentLink, type AgentWait, agentAborted, agentFailure } from "./agent-link.ts";
import { ownCertificate } from "./certified-identity.ts";

/** Options of {@link agentIdentities}. */
export interface AgentOptions {
  /** Timeout for the list of keys in milliseconds; default 60,000, since an agent that waits for a touch answers no other client. */
  readonly listTimeout?: number | undefined;
  /** Timeout for a signature in milliseconds; default 120,000, since an agent may ask its user or wait for a touch. */
  readonly signTimeout?: number | undefined;
  /** Aborts the current request and all later ones with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Milliseconds that an agent may take for an answer that does not depend on its user. ssh-agent answers no client while it waits for a
 * touch or a confirmation that another program caused. Half of the time that sshd grants a login, so that other keys can be tried.
 */
export const LIST_TIMEOUT = 60_000;

/** Milliseconds that an agent may take for a signature. */
export const SIGN_TIMEOUT = 120_000;

/**
 * Returns the keys held by an SSH agent (RFC 9987), ready for the `identities` option. Keys of unsupported formats are left out. `path` is
 * the agent's Unix socket, or its named pipe on Windows. Each request opens a connection and closes it afterwards. If the agent refuses to
 * sign with a key, the next key is tried. Keys that are restricted to hosts do not sign here: use the option `agent` for these. Rejects
 * with `agent-failed` or `aborted`.
 */
export async function agentIdentities(path: string, options: AgentOptions = {}): Promise<RemoteIdentity[]> {
  const { listTimeout = LIST_TIMEOUT, signTimeout = SIGN_TIMEOUT, signal } = options;
  if (typeof path !== "string" || path === "")
    throw new SshError(
      "usage",
      "`agentIdentities` expects the path of an agent's socket; check that SSH_AUTH_SOCK is set",
    );
  const use = async <T>(timeout: number, work: (link: AgentLink, wait: AgentWait) => Promise<T>): Promise<T> => {
    const wait = { timeout, signal };
    const link = await linkTo(path, wait);
    try {
      return await work(link, wait);
    } finally {
      await link.close();
    }
  };
  return supportedKeys(await use(listTimeout, (link, wait) => link.list(wait))).map(({ publicKey, comment }) => ({
    publicKey,
    comment,
    sign: (algorithm, data) => use(signTimeout, (link, wait) => link.sign(publicKey.blob, algorithm, data, wait)),
  }));
}

/**
 * Returns the keys of an agent that can log in here, certificates and security keys among them. Keys of unknown formats, RSA keys below
 * `bounds` and certificates of hosts are left out.
 */
export function supportedKeys(
  identities: readonly AgentIdentity[],
  bounds?: KeyBounds,
): readonly { readonly publicKey: PublicKey; readonly comment: string }[] {
  return identities.flatMap(({ publicKey: blob, comment }) => {
    try {
      const publicKey = parsePublicKey(blob, bounds);
      if (!isCertified(publicKey.format)) return { publicKey, comment };
      const certificate = ownCertificate(blob);
      return certificate.type === "user" ? { publicKey: certificateKey(certificate), comment } : [];
    } catch {
      return [];
    }
  });
}

/** Connects to the agent at this path. Rejects with `agent-failed` or `aborted`. */
export async function linkTo(path: string, wait: AgentWait): Promise<AgentLink> {
  return new AgentLink(await connectAgent(path, wait), path);
}

/** Returns a byte connection to the agent at this path. Rejects with `agent-failed` or `aborted`. */
export async function connectAgent(path: string, { timeout, signal }: AgentWait): Promise<Duplex> {
  const deadline = {
    timeout,
    signal,
    late: () => agentFailure(path, `no connection within ${timeout} ms`),
    aborted: (by: AbortSignal) => agentAborted(path, by),
    discard: (socket: Socket) => void socket.destroy(),
  };
  const socket = await withDeadline(deadline, (over) =>
    connectFirst([path], () => connect({ path, allowHalfOpen: true }), over),
  ).catch((cause: Error) => {
    // The message repeats the path.
    throw cause instanceof SshError ? cause : agentFailure(path, showPath(cause.message), cause);
  });
  return socketDuplex(socket);
}
