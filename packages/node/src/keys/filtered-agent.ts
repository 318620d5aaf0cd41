import {
  type AgentAnswer,
  type AgentIdentity,
  type AgentRequest,
  decodeRequest,
  encodeAnswer,
  FrameReader,
  SESSION_BIND,
  type SessionBind,
  type SessionBinds,
  SIGN_FLAGS,
  sessionBind,
  verifyBind,
  withBind,
} from "@nacre/agent";
import { equalBytes, Reader, SshError, Writer } from "@nacre/wire";
import { nodeAlgorithms } from "../crypto/algorithms.ts";
import { LIST_TIMEOUT, SIGN_TIMEOUT } from "./agent.ts";
import type { AgentLink } from "./agent-link.ts";
import type { AgentSide } from "./answering-duplex.ts";

/** A key of a forwarded agent, for a filter. */
export interface ForwardedKey {
  /** Public key or certificate blob. */
  readonly publicKey: Uint8Array;
  /** Untrusted text: escape it before display. */
  readonly comment: string;
  /**
   * Blobs of the host keys along the SSH connections that lead from this machine to the one that asks: the server's, and those of further
   * hosts that the server's ssh connected to, if it says so. Each has proved to hold its key, but any of them may leave out the next ones.
   */
  readonly hostKeys: readonly Uint8Array[];
  /** Whether the key is to sign. Else it is only listed. */
  readonly isSigning: boolean;
}

/** Decides whether a server may see or use a key. Only `true` permits it. An exception refuses. */
export type AgentFilter = (key: ForwardedKey) => boolean | Promise<boolean>;

const FAILURE: AgentAnswer = { type: "failure" };

/** A forwarded agent with fewer keys: it lists and signs with those that a filter permits, and refuses all other requests. */
export class FilteredAgent implements AgentSide {
  readonly #link: AgentLink;
  readonly #filter: AgentFilter;
  readonly #frames = new FrameReader();
  #binds: SessionBinds;

  /** `link` is tied to the server by `bind`. */
  constructor(link: AgentLink, filter: AgentFilter, bind: SessionBind) {
    this.#link = link;
    this.#filter = filter;
    this.#binds = { kind: "bound", hops: [bind] };
  }

  receive(bytes: Uint8Array): boolean {
    this.#frames.push(bytes);
    return !this.#frames.isFull;
  }

  async next(): Promise<Uint8Array | undefined> {
    const message = this.#frames.next();
    if (message === undefined) return undefined;
    const answer = encodeAnswer(await this.#answer(message));
    return new Writer(answer.length + 4).string(answer).finish();
  }

  close(): void {
    void this.#link.close();
  }

  async #answer(message: Uint8Array): Promise<AgentAnswer> {
    let request: AgentRequest;
    try {
      request = decodeRequest(message);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      return FAILURE;
    }
    switch (request.type) {
      case "list":
        return { type: "identities", identities: await this.#permitted(false) };
      case "sign": {
        const { publicKey, data, flags } = request;
        const keys = await this.#permitted(true, publicKey);
        // rule: agent-filter-sign
        if (keys.length === 0) return FAILURE;
        const algorithm = algorithmOf(publicKey, flags);
        if (algorithm === undefined) return FAILURE;
        const signature = await this.#link.sign(publicKey, algorithm, data, { timeout: SIGN_TIMEOUT });
        return signature === undefined ? FAILURE : { type: "signature", signature };
      }
      case "extension":
        return request.name === SESSION_BIND ? this.#bind(request.data) : FAILURE;
      default:
        // rule: agent-filter-requests
        return FAILURE;
    }
  }

  /** Returns the keys that the filter permits, or only the one with this blob. */
  async #permitted(isSigning: boolean, only?: Uint8Array): Promise<readonly AgentIdentity[]> {
    // rule: agent-filter-binds
    if (this.#binds.kind !== "bound") return [];
    const hostKeys = this.#binds.hops.map(({ hostKey }) => hostKey.slice());
    const permitted: AgentIdentity[] = [];
    for (const key of await this.#link.list({ timeout: LIST_TIMEOUT })) {
      if (only !== undefined && !equalBytes(key.publicKey, only)) continue;
      const asked = { publicKey: key.publicKey.slice(), comment: key.comment, hostKeys, isSigning };
      // rule: agent-filter
      if (!(await this.#permits(asked))) continue;
      permitted.push(key);
    }
    return permitted;
  }

  async #permits(key: ForwardedKey): Promise<boolean> {
    try {
      // JavaScript programs may return anything.
      return /* rule: agent-filter-verdict */ ((await this.#filter(key)) as unknown) === true;
    } catch {
      return false;
    }
  }

  /** Verifies where the connection leads, and tells the agent. */
  async #bind(data: Uint8Array): Promise<AgentAnswer> {
    let bind: SessionBind;
    try {
      bind = sessionBind.decode(data);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#binds = { kind: "failed" };
      return FAILURE;
    }
    const algorithms = { signatureAlgorithms: nodeAlgorithms.hostKeys };
    this.#binds = withBind(this.#binds, bind, (one) => verifyBind(one, algorithms));
    const isBound = await this.#link.bind(bind, { timeout: LIST_TIMEOUT });
    // An agent that knows no binds has no restricted keys either.
    return isBound && this.#binds.kind === "bound" ? { type: "success" } : FAILURE;
  }
}

/** Returns the algorithm that an agent signs with; `undefined` if an RSA key would sign with SHA-1. */
function algorithmOf(publicKey: Uint8Array, flags: number): string | undefined {
  const format = new Reader(publicKey, "public key").name("format");
  if (!format.startsWith("ssh-rsa")) return format;
  if ((flags & SIGN_FLAGS.RSA_SHA2_256) !== 0) return "rsa-sha2-256";
  return (flags & SIGN_FLAGS.RSA_SHA2_512) !== 0 ? "rsa-sha2-512" : undefined;
}
