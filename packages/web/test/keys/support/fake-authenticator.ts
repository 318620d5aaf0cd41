import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** Behaviour of the fake; it can change at any time. */
export interface Behaviour {
  /** Flags of an assertion; default user present. */
  flags: number;
  /** Bytes of extensions after the counter. */
  extensions: Uint8Array;
  /** Changes clientDataJSON before it is signed. */
  json: (text: string) => string;
  /** Error that the next requests reject with. */
  refuse: Error | undefined;
  /** Whether requests wait until their signal aborts. */
  hold: boolean;
}

interface Credential {
  readonly rpId: string;
  readonly privateKey: KeyObject;
  counter: number;
}

/**
 * Fake `navigator.credentials` with one authenticator, based on node:crypto. It follows WebAuthn §5.1, §6.1 and §6.3 as far as a page can
 * observe. It handles one request at a time, as Chromium does.
 */
export class FakeAuthenticator {
  readonly origin: string;
  readonly behaviour: Behaviour = {
    flags: 0x01,
    extensions: new Uint8Array(),
    json: (text) => text,
    refuse: undefined,
    hold: false,
  };
  /** Options of the requests, oldest first. */
  readonly creations: PublicKeyCredentialCreationOptions[] = [];
  readonly requests: PublicKeyCredentialRequestOptions[] = [];
  /** Signals of the requests, oldest first. */
  readonly signals: (AbortSignal | undefined)[] = [];
  pending = 0;
  readonly #credentials = new Map<string, Credential>();

  constructor(origin = "https://ssh.example.test") {
    this.origin = origin;
  }

  readonly container = {
    create: ({ publicKey, signal }: CredentialCreationOptions) =>
      this.#one(signal, () => {
        this.creations.push(publicKey!);
        return this.#create(publicKey!);
      }),
    get: ({ publicKey, signal }: CredentialRequestOptions) =>
      this.#one(signal, () => {
        this.requests.push(publicKey!);
        return this.#get(publicKey!);
      }),
  };

  /** Fake `navigator` for `vi.stubGlobal`. */
  get navigator(): { readonly credentials: unknown } {
    return { credentials: this.container };
  }

  async #one<T>(signal: AbortSignal | undefined, answer: () => T): Promise<T> {
    if (this.pending > 0) throw new DOMException("A request is already pending.", "OperationError");
    this.signals.push(signal);
    signal?.throwIfAborted();
    this.pending++;
    try {
      await new Promise<void>((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        if (!this.behaviour.hold) resolve();
      });
      if (this.behaviour.refuse !== undefined) throw this.behaviour.refuse;
      return answer();
    } finally {
      this.pending--;
    }
  }

  #create({ rp, pubKeyCredParams }: PublicKeyCredentialCreationOptions): unknown {
    if (!pubKeyCredParams.some(({ alg }) => alg === -7)) throw new DOMException("no algorithm", "NotSupportedError");
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const rawId = randomBytes(32);
    this.#credentials.set(rawId.toString("hex"), { rpId: rp.id!, privateKey, counter: 0 });
    return {
      rawId: arrayBuffer(rawId),
      response: {
        getPublicKey: () => arrayBuffer(publicKey.export({ type: "spki", format: "der" })),
        getPublicKeyAlgorithm: () => -7,
        getTransports: () => ["internal"],
      },
    };
  }

  #get({ challenge, rpId, allowCredentials = [], userVerification }: PublicKeyCredentialRequestOptions): unknown {
    const ids = allowCredentials.map(({ id }) => Buffer.from(id as Uint8Array).toString("hex"));
    const credential = ids.map((id) => this.#credentials.get(id)).find((one) => one?.rpId === rpId);
    if (credential === undefined)
      throw new DOMException("The operation timed out or was not allowed.", "NotAllowedError");
    credential.counter++;
    const encoded = Buffer.from(challenge as Uint8Array).toString("base64url");
    const json = this.behaviour.json(
      `{"type":"webauthn.get","challenge":"${encoded}","origin":"${this.origin}","crossOrigin":false}`,
    );
    const clientDataJSON = Buffer.from(json);
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(credential.counter);
    const flags = this.behaviour.flags | (userVerification === "required" ? 0x04 : 0);
    const authenticatorData = Buffer.concat([sha256(rpId!), Buffer.of(flags), counter, this.behaviour.extensions]);
    const signature = sign("sha256", Buffer.concat([authenticatorData, sha256(clientDataJSON)]), credential.privateKey);
    return {
      response: {
        authenticatorData: arrayBuffer(authenticatorData),
        clientDataJSON: arrayBuffer(clientDataJSON),
        signature: arrayBuffer(signature),
      },
    };
  }
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function sha256(bytes: Uint8Array | string): Buffer {
  return createHash("sha256").update(bytes).digest();
}
