import {
  ed25519PrivateKey,
  type PrivateKey,
  type PublicKey,
  type SignatureAlgorithm,
  sha256Fingerprint,
} from "@nacre/keys";
import type { PacketSink, SentMessage } from "@nacre/packet";
import {
  equalBytes,
  HOST_BOUND,
  type Prompt,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_PASSWD_CHANGEREQ,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  userauthHostBound,
  userauthKeyboardInteractive,
  userauthPassword,
  userauthPublickey,
  Writer,
} from "@nacre/wire";
import {
  ClientAuth,
  type ClientAuthEvent,
  type ClientAuthOptions,
  clientMethods,
  type Identity,
} from "../src/index.ts";

export const sessionId: Uint8Array = new Uint8Array(32).fill(7);
export const hostKey: Uint8Array = new Uint8Array(51).fill(9);
/** Deterministic, since these tests do not depend on its quality. */
export const random = (length: number): Uint8Array => new Uint8Array(length).fill(0x5a);

export class TestSink implements PacketSink {
  #begun: Uint8Array = new Uint8Array(0);
  readonly sent: Uint8Array[] = [];
  readonly pending = 0;
  readonly held = false;
  readonly turnOver = false;

  /** Sequence number of the next message. */
  next = 0;

  write(payload: Uint8Array, sent?: SentMessage): void {
    this.sent.push(payload.slice());
    if (sent !== undefined) sent.sequenceNumber = this.next;
    this.next++;
  }

  begin(header: number, length: number): Uint8Array {
    this.#begun = new Uint8Array(header + length);
    return this.#begun;
  }

  commit(): void {
    this.sent.push(this.#begun);
  }

  last(): Uint8Array {
    return this.sent.at(-1) ?? new Uint8Array(0);
  }

  take(): Uint8Array[] {
    return this.sent.splice(0);
  }
}

/** Returns a different Ed25519 key for each number. */
export function keyOf(number: number): PrivateKey {
  const key = keys.get(number) ?? ed25519PrivateKey(new Uint8Array(32).fill(number));
  keys.set(number, key);
  return key;
}

const keys = new Map<number, PrivateKey>();

/** Returns an identity with its private key in memory. */
export function inMemory(number: number): Identity {
  const privateKey = keyOf(number);
  return { publicKey: privateKey.publicKey, privateKey };
}

/** Returns an identity without its private key, so that signatures are asked for. */
export function elsewhere(number: number): Identity {
  return { publicKey: keyOf(number).publicKey };
}

function rsaAlgorithm(name: string): SignatureAlgorithm {
  return { name, signatureName: name, keyFormat: "ssh-rsa", verify: () => ({}) };
}

/** Returns a stand-in for an RSA key, for tests that need only its algorithm names. It signs by repeating the data's length. */
export function rsaLike(number: number): Identity & { readonly privateKey: PrivateKey } {
  const publicKey: PublicKey = {
    format: "ssh-rsa",
    blob: new Writer()
      .string("ssh-rsa")
      .mpint(65537n)
      .mpint(2n ** 2047n + BigInt(number))
      .finish(),
    bits: 2048,
    algorithms: [rsaAlgorithm("rsa-sha2-512"), rsaAlgorithm("rsa-sha2-256")],
  };
  const privateKey: PrivateKey = {
    publicKey,
    sign: (algorithm, data) => new Writer().string(algorithm).string(`${data.length}`).finish(),
    fields: { format: "ssh-rsa" },
  };
  return { publicKey, privateKey };
}

export const accept: Uint8Array = SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" });
export const success: Uint8Array = SSH_MSG_USERAUTH_SUCCESS.encode({});

export function failure(...authenticationsThatCanContinue: string[]): Uint8Array {
  return SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue, partialSuccess: false });
}

export function partial(...authenticationsThatCanContinue: string[]): Uint8Array {
  return SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue, partialSuccess: true });
}

export function banner(message: string): Uint8Array {
  return SSH_MSG_USERAUTH_BANNER.encode({ message, languageTag: "" });
}

export function pkOk(identity: Identity, algorithm: string): Uint8Array {
  return SSH_MSG_USERAUTH_PK_OK.encode({ algorithm, publicKey: identity.publicKey.blob });
}

export function changereq(prompt: string): Uint8Array {
  return SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.encode({ prompt, languageTag: "" });
}

export function infoRequest(prompts: readonly Prompt[], name = "", instruction = ""): Uint8Array {
  return SSH_MSG_USERAUTH_INFO_REQUEST.encode({ name, instruction, languageTag: "", prompts });
}

/** Describes a message from a client: `"publickey? ssh-ed25519"` is a query, `"publickey ssh-ed25519"` is signed. */
export function describeSent(payload: Uint8Array): string {
  if (payload[0] === SSH_MSG_SERVICE_REQUEST.number)
    return `service ${SSH_MSG_SERVICE_REQUEST.decode(payload).serviceName}`;
  if (payload[0] === SSH_MSG_USERAUTH_INFO_RESPONSE.number)
    return `responses ${JSON.stringify(SSH_MSG_USERAUTH_INFO_RESPONSE.decode(payload).responses)}`;
  const request = SSH_MSG_USERAUTH_REQUEST.decode(payload);
  switch (request.methodName) {
    case "publickey": {
      const { algorithm, signature } = userauthPublickey.decode(request.methodData);
      return signature === undefined ? `publickey? ${algorithm}` : `publickey ${algorithm}`;
    }
    case HOST_BOUND: {
      const { algorithm, signature, hostKey: bound } = userauthHostBound.decode(request.methodData);
      return `host-bound${signature === undefined ? "?" : ""} ${algorithm} ${equalBytes(bound!, hostKey) ? "ours" : "other"}`;
    }
    case "password": {
      const { password, newPassword } = userauthPassword.decode(request.methodData);
      return newPassword === undefined ? `password ${password}` : `password ${password} -> ${newPassword}`;
    }
    case "keyboard-interactive":
      userauthKeyboardInteractive.decode(request.methodData);
      return "keyboard-interactive";
    default:
      return request.methodName;
  }
}

type EventOf<T extends ClientAuthEvent["type"]> = Extract<ClientAuthEvent, { type: T }>;

/** Default options of a test client, except its sink. */
export const clientOptions: Omit<ClientAuthOptions, "sink"> = {
  sessionId,
  userName: "alice",
  random,
  identities: [],
  fingerprint: sha256Fingerprint,
  password: false,
  keyboardInteractive: false,
  loginMethods: clientMethods,
};

/** A client driven by the test as its server. `method` events are collected in `contexts`. */
export class ClientRig {
  readonly sink: TestSink = new TestSink();
  readonly client: ClientAuth;
  readonly contexts: (string | undefined)[] = [];

  constructor(options: Partial<ClientAuthOptions>) {
    this.client = new ClientAuth({
      sink: this.sink,
      ...clientOptions,
      ...options,
    });
  }

  /** Starts the client, accepts the service, and returns what the client sent. */
  start(): string[] {
    this.client.start();
    const sent = this.sent();
    this.client.receive(accept);
    return sent;
  }

  /** Returns the messages sent since the last call. */
  sent(): string[] {
    return this.sink.take().map(describeSent);
  }

  /** Passes these payloads to the client and returns what it sends in response. */
  receive(...payloads: Uint8Array[]): string[] {
    for (const payload of payloads) this.client.receive(payload);
    return this.sent();
  }

  /** Returns all pending events. */
  events(): ClientAuthEvent[] {
    const events: ClientAuthEvent[] = [];
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent())
      if (event.type === "method") this.contexts.push(event.method);
      else events.push(event);
    return events;
  }

  /** Returns the only pending event, which must be of this type. */
  event<T extends ClientAuthEvent["type"]>(type: T): EventOf<T> {
    const events = this.events();
    const [event] = events;
    if (event === undefined || events.length > 1 || event.type !== type)
      throw new Error(`expected one ${type} event, got ${JSON.stringify(events.map((event) => event.type))}`);
    return event as EventOf<T>;
  }
}
