import { defaultSignatureAlgorithms, type PrivateKey } from "@nacre/keys";
import {
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
  userauthKeyboardInteractive,
  userauthPassword,
  userauthPublickey,
  userauthSignedData,
} from "@nacre/wire";
import { ServerAuth, type ServerAuthEvent, type ServerAuthOptions, serverMethods } from "../src/index.ts";
import { random, sessionId, TestSink } from "./support.ts";

export const serviceRequest: Uint8Array = SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-userauth" });

/** Encodes a login request of any method. */
export function request(
  methodName: string,
  methodData: Uint8Array = new Uint8Array(0),
  { userName = "alice", serviceName = "ssh-connection" } = {},
): Uint8Array {
  return SSH_MSG_USERAUTH_REQUEST.encode({ userName, serviceName, methodName, methodData });
}

export function query(key: PrivateKey, { userName = "alice", algorithm = "ssh-ed25519" } = {}): Uint8Array {
  const publicKey = key.publicKey.blob;
  return request("publickey", userauthPublickey.encode({ algorithm, publicKey, signature: undefined }), { userName });
}

/**
 * Encodes a signed login. `signer` signs instead of `key`, and `over` replaces parts of the signed data, so that a test can forge a
 * signature.
 */
export function signed(
  key: PrivateKey,
  options: {
    userName?: string;
    serviceName?: string;
    algorithm?: string;
    signer?: PrivateKey;
    signWith?: string;
    over?: { sessionId?: Uint8Array; userName?: string; serviceName?: string; publicKey?: Uint8Array };
  } = {},
): Uint8Array {
  const { userName = "alice", serviceName = "ssh-connection", algorithm = "ssh-ed25519", over = {} } = options;
  const publicKey = key.publicKey.blob;
  const data = userauthSignedData(
    over.sessionId ?? sessionId,
    { userName: over.userName ?? userName, serviceName: over.serviceName ?? serviceName },
    { algorithm, publicKey: over.publicKey ?? publicKey },
  );
  const signature = (options.signer ?? key).sign(options.signWith ?? algorithm, data, random);
  return request("publickey", userauthPublickey.encode({ algorithm, publicKey, signature }), { userName, serviceName });
}

export function password(
  password: string,
  { userName = "alice", newPassword = undefined as string | undefined } = {},
): Uint8Array {
  return request("password", userauthPassword.encode({ password, newPassword }), { userName });
}

export function interactive({ userName = "alice", submethods = "" } = {}): Uint8Array {
  return request("keyboard-interactive", userauthKeyboardInteractive.encode({ languageTag: "", submethods }), {
    userName,
  });
}

export function infoResponse(...responses: string[]): Uint8Array {
  return SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses });
}

/** Describes a message from a server. The method in use decides the meaning of number 60. */
export function describeReply(payload: Uint8Array, method: string | undefined): string {
  switch (payload[0]) {
    case SSH_MSG_SERVICE_ACCEPT.number:
      return `accept ${SSH_MSG_SERVICE_ACCEPT.decode(payload).serviceName}`;
    case SSH_MSG_USERAUTH_BANNER.number:
      return `banner ${SSH_MSG_USERAUTH_BANNER.decode(payload).message}`;
    case SSH_MSG_USERAUTH_SUCCESS.number:
      return "success";
    case SSH_MSG_USERAUTH_FAILURE.number: {
      const { authenticationsThatCanContinue, partialSuccess } = SSH_MSG_USERAUTH_FAILURE.decode(payload);
      return `${partialSuccess ? "partial" : "failure"} ${authenticationsThatCanContinue.join(",")}`;
    }
    default:
      if (method === "publickey") return `ok ${SSH_MSG_USERAUTH_PK_OK.decode(payload).algorithm}`;
      if (method === "password") return `change ${SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.decode(payload).prompt}`;
      return `questions ${SSH_MSG_USERAUTH_INFO_REQUEST.decode(payload)
        .prompts.map(({ prompt }) => prompt)
        .join("|")}`;
  }
}

type EventOf<T extends ServerAuthEvent["type"]> = Extract<ServerAuthEvent, { type: T }>;

/** A server driven by the test as its client and application. */
export class ServerRig {
  readonly sink: TestSink = new TestSink();
  readonly server: ServerAuth;
  context: string | undefined;

  constructor(options: Partial<ServerAuthOptions> = {}) {
    this.server = new ServerAuth({
      sink: this.sink,
      sessionId,
      loginMethods: serverMethods,
      methods: ["publickey", "password", "keyboard-interactive"],
      signatureAlgorithms: defaultSignatureAlgorithms,
      ...options,
    });
  }

  /** Returns a server that accepted the service request. */
  static ready(options: Partial<ServerAuthOptions> = {}): ServerRig {
    const rig = new ServerRig(options);
    rig.server.receive(serviceRequest);
    rig.sink.take();
    return rig;
  }

  /** Returns the messages sent since the last call. */
  sent(): string[] {
    return this.sink.take().map((payload) => describeReply(payload, this.context));
  }

  /** Returns all pending events except `method`, which sets `context`. */
  events(): ServerAuthEvent[] {
    const events: ServerAuthEvent[] = [];
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent())
      if (event.type === "method") this.context = event.method;
      else events.push(event);
    return events;
  }

  /** Passes these payloads to the server and returns what it sends in response. */
  receive(...payloads: Uint8Array[]): string[] {
    for (const payload of payloads) this.server.receive(payload);
    return this.sent();
  }

  /** Returns the only pending event, which must be of this type. */
  event<T extends ServerAuthEvent["type"]>(type: T): EventOf<T> {
    const events = this.events();
    const [event] = events;
    if (event === undefined || events.length > 1 || event.type !== type)
      throw new Error(`expected one ${type} event, got ${JSON.stringify(events.map((event) => event.type))}`);
    return event as EventOf<T>;
  }
}
