import {
  type CertificateOptions,
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  privateKeyFromFields,
} from "@nacre/keys";
import { rsaFields } from "@nacre/testing/keys";
import { seededRandom } from "@nacre/testing/random";
import { type Bytes, utf8Encode, Writer } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect } from "vitest";
import {
  Agent,
  AgentClient,
  type AgentClientEvent,
  type AgentConnection,
  type AgentConnectionEvent,
  type AgentOptions,
  type Destination,
  type SessionBind,
} from "../src/index.ts";

export const random = seededRandom(22);
export const key = generateEd25519(random);
export const other = generateEd25519(random);
export const rsa = privateKeyFromFields(rsaFields("rsa-2048"));

/** Host keys: of a bastion, of a host behind it, and of a host that no key permits. */
export const bastion = generateEd25519(random);
export const inner = generateEd25519(random);
export const stranger = generateEd25519(random);

export const crypto = {
  privateKey: privateKeyFromFields,
  signatureAlgorithms: [...defaultSignatureAlgorithms, ...defaultCertificateAlgorithms],
  hash: sha256,
};

/** Time of the agents, in seconds since 1970. */
export const NOW = 1_750_000_000n;

export function newAgent(limits?: AgentOptions["limits"]): Agent {
  return new Agent({ crypto, random, time: () => Number(NOW) * 1000, limits });
}

/** Signs certificates of hosts. */
export const authority = generateEd25519(random);

/** Returns the key of a host, with a certificate for the bastion. */
export function certifiedHost(host: PrivateKey, options: Partial<CertificateOptions> = {}, by = authority): PrivateKey {
  const blob = issueCertificate(by, {
    publicKey: host.publicKey,
    type: "host",
    keyId: "host",
    principals: ["bastion"],
    validBefore: NOW + 1n,
    random,
    ...options,
  });
  return certifiedPrivateKey(host, parseCertificate(blob));
}

/** A client and an agent's connection, joined in memory. The value that waits for each answer is a text. */
export class Pair {
  readonly client = new AgentClient<string>();
  readonly connection: AgentConnection;
  /** Events of the agent's connection. */
  readonly served: AgentConnectionEvent[] = [];
  now = 1000;

  constructor(agent: Agent) {
    this.connection = agent.connect()!;
  }

  /** Passes bytes in both directions until nothing moves, in pieces of `size` bytes. Returns the client's events. */
  run(size: number = Infinity): AgentClientEvent<string>[] {
    const events: AgentClientEvent<string>[] = [];
    for (let moved = true; moved; ) {
      moved = false;
      const sent = this.client.unsent.slice(0, size);
      if (sent.length > 0) this.connection.receive(sent);
      this.client.sent(sent.length);
      const event = this.connection.nextEvent(this.now);
      if (event !== undefined) this.served.push(event);
      const answer = this.connection.unsent.slice(0, size);
      if (answer.length > 0) this.client.receive(answer);
      this.connection.sent(answer.length);
      for (let next = this.client.nextEvent(); next !== undefined; next = this.client.nextEvent()) events.push(next);
      moved = sent.length > 0 || event !== undefined || answer.length > 0;
    }
    return events;
  }

  /** Sends one request and returns its event. */
  one(send: (client: AgentClient<string>) => void): AgentClientEvent<string> {
    send(this.client);
    const events = this.run();
    expect(events).toHaveLength(1);
    return events[0]!;
  }

  /** Sends one request and returns the type of its event. */
  type(send: (client: AgentClient<string>) => void): string {
    return this.one(send).type;
  }

  /** Returns the comments of the keys that the client sees. */
  comments(): string[] {
    const event = this.one((client) => client.list(""));
    if (event.type !== "identities") throw new Error(`expected identities, got ${event.type}`);
    return event.identities.map(({ comment }) => comment);
  }

  /** Ties the connection to an SSH connection. Returns the type of the event. */
  bind(host: PrivateKey, id: string, isForwarding: boolean, change: Partial<SessionBind> = {}): string {
    return this.type((client) => client.bindSession({ ...bindOf(host, id, isForwarding), ...change }, ""));
  }

  /** Asks the agent to sign these data with `key`. Returns the type of the event. */
  sign(data: Uint8Array, by: PrivateKey = key): string {
    return this.type((client) => client.sign(by.publicKey.blob, by.publicKey.algorithms[0]!.name, data, ""));
  }
}

export function bindOf(host: PrivateKey, id: string, isForwarding: boolean): SessionBind {
  const sessionId = utf8Encode(id);
  const { name } = host.publicKey.algorithms[0]!;
  return { hostKey: host.publicKey.blob, sessionId, signature: host.sign(name, sessionId, random), isForwarding };
}

/** Fields of a login request that a test changes. */
export interface Login {
  readonly id: string;
  readonly user: string;
  readonly type: number;
  readonly service: string;
  readonly method: string;
  readonly hasSignature: number;
  readonly publicKey: Uint8Array;
  /** Makes the request host-bound. */
  readonly host: PrivateKey | undefined;
  readonly trailing: Uint8Array;
}

/** Returns the data that a login signs. By default, alice logs in with `key`. */
export function login(id: string, change: Partial<Login> = {}): Bytes {
  const { host } = change;
  const writer = new Writer()
    .string(change.id ?? id)
    .byte(change.type ?? 50)
    .string(change.user ?? "alice")
    .string(change.service ?? "ssh-connection")
    .string(change.method ?? (host === undefined ? "publickey" : "publickey-hostbound-v00@openssh.com"))
    .byte(change.hasSignature ?? 1)
    .string("ssh-ed25519")
    .string(change.publicKey ?? key.publicKey.blob);
  if (host !== undefined) writer.string(host.publicKey.blob);
  return writer.raw(change.trailing ?? new Uint8Array(0)).finish();
}

function keysOf(host: PrivateKey, isCertificateAuthority = false): Destination["to"]["keys"] {
  return [{ publicKey: host.publicKey.blob, isCertificateAuthority }];
}

/** Permits a first hop to the bastion, as any user. */
export const toBastion: Destination = {
  from: undefined,
  to: { user: undefined, host: "bastion", keys: keysOf(bastion) },
};

/** Permits a hop from the bastion to the host behind it, as alice. */
export const toInner: Destination = {
  from: { host: "bastion", keys: keysOf(bastion) },
  to: { user: "alice", host: "inner", keys: keysOf(inner) },
};

/** The same two hops, to hosts that have certificates of the authority. */
export const toCertified: readonly Destination[] = [
  { from: undefined, to: { user: undefined, host: "bastion", keys: keysOf(authority, true) } },
  {
    from: { host: "bastion", keys: keysOf(authority, true) },
    to: { user: "alice", host: "inner", keys: keysOf(authority, true) },
  },
];
