import { defaultSignatureAlgorithms, type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import {
  describedTrace,
  ServerProtocol,
  type ServerProtocolEvent,
  type ServerProtocolOptions,
  serverMethods,
} from "@nacre/protocol";
import { AttackPeer } from "@nacre/testing/attacks/attack-peer";
import { signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import {
  algorithms,
  type ChannelChange,
  type CommonOptions,
  hostKey,
  ProtocolTarget,
  userKey,
} from "@nacre/testing/attacks/protocol-target";
import { keyVector } from "@nacre/testing/keys";
import { seededRandom } from "@nacre/testing/random";
import { equalBytes, SSH_MSG_CHANNEL_OPEN_CONFIRMATION } from "@nacre/wire";
import { expect } from "vitest";

export interface ServerTargetOptions extends CommonOptions {
  readonly server?: Partial<ServerProtocolOptions>;
  /** Called first for each event. If it returns `true`, the target does not answer the event. */
  readonly onEvent?: (event: ServerProtocolEvent, machine: ServerProtocol) => boolean | void;
}

export const rsaHostKey: PrivateKey = privateKeyFromFields(keyVector("rsa-2048").fields);
export const ecdsaHostKey: PrivateKey = privateKeyFromFields(keyVector("ecdsa-521").fields);

/**
 * Protocol machine of a server, attacked by a client. Its application accepts logins with the user key, grants channels and requests, and
 * consumes data, unless a test changes that.
 */
export class ServerTarget extends ProtocolTarget<ServerProtocolEvent> {
  readonly machine: ServerProtocol;
  readonly peer: AttackPeer;
  readonly #options: ServerTargetOptions;
  #opened = 0;

  constructor(options: ServerTargetOptions = {}) {
    super();
    this.#options = options;
    this.machine = new ServerProtocol({
      algorithms,
      random: seededRandom(2),
      hostKeys: [hostKey, rsaHostKey, ecdsaHostKey].map((privateKey) => ({
        publicKey: privateKey.publicKey,
        privateKey,
      })),
      loginMethods: serverMethods,
      methods: ["publickey", "password", "keyboard-interactive"],
      userKeys: defaultSignatureAlgorithms,
      trace: describedTrace((record) => this.trace.push(record)),
      ...options.machine,
      ...options.server,
    });
    this.peer = new AttackPeer(this, { role: "client", hostKey, ...options.peer });
    this.machine.start(this.now);
    this.turn();
  }

  /** Completes the handshake and the service request, so that the server waits for a login. */
  service(): this {
    this.handshake();
    this.peer.send(message.serviceRequest);
    return this;
  }

  finish(): this {
    this.peer.send(message.serviceRequest, signedLogin(this.peer.sessionId, userKey));
    expect(this.authenticated).toBe(true);
    return this;
  }

  openChannel(change: ChannelChange = {}): number {
    this.peer.send(message.channelOpen("session", 1000 + this.#opened++, change));
    const confirmation = this.peer.received.findLast((payload) => payload[0] === 91);
    return confirmation === undefined ? -1 : SSH_MSG_CHANNEL_OPEN_CONFIRMATION.decode(confirmation).senderChannel;
  }

  protected nextEvent(): ServerProtocolEvent | undefined {
    return this.machine.nextEvent();
  }

  protected answer(event: ServerProtocolEvent): void {
    const { onEvent, hold } = this.#options;
    const { machine } = this;
    if (hold?.includes(event.type) || onEvent?.(event, machine) === true) return;
    switch (event.type) {
      case "query":
        return machine.auth.answer(event.token, equalBytes(event.publicKey, userKey.publicKey.blob));
      case "publickey": {
        const known = equalBytes(event.publicKey, userKey.publicKey.blob);
        return machine.auth.answer(event.token, known ? "success" : "failure");
      }
      case "password":
      case "change-password":
        return machine.auth.answer(event.token, "failure");
      case "keyboard-interactive":
      case "responses":
        return machine.auth.answer(event.token, "failure");
      case "open-request":
        machine.connection.answerOpen(event.token, true);
        return;
      case "data":
        machine.connection.consumed(event.channel, event.data.length);
        return;
      case "global-request":
        if (event.token !== undefined) machine.connection.answerGlobal(event.token, false);
        return;
      default:
        if ("token" in event && event.token !== undefined && "channel" in event)
          machine.connection.answerRequest(event.token, true);
    }
  }
}
