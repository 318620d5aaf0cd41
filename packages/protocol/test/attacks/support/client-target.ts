import { ClientProtocol, type ClientProtocolEvent, type ClientProtocolOptions, describedTrace } from "@nacre/protocol";
import { AttackPeer } from "@nacre/testing/attacks/attack-peer";
import * as message from "@nacre/testing/attacks/messages";
import {
  algorithms,
  type ChannelChange,
  type CommonOptions,
  hostKey,
  ProtocolTarget,
} from "@nacre/testing/attacks/protocol-target";
import { clientOptions } from "@nacre/testing/protocol/pair";
import { seededRandom } from "@nacre/testing/random";
import { expect } from "vitest";

export interface ClientTargetOptions extends CommonOptions {
  readonly client?: Partial<ClientProtocolOptions>;
  /** Called first for each event. If it returns `true`, the target does not answer the event. */
  readonly onEvent?: (event: ClientProtocolEvent, machine: ClientProtocol) => boolean | void;
}

/** Protocol machine of a client, attacked by a server. It accepts the host key and consumes data, unless a test changes that. */
export class ClientTarget extends ProtocolTarget<ClientProtocolEvent> {
  readonly machine: ClientProtocol;
  readonly peer: AttackPeer;
  readonly #options: ClientTargetOptions;

  constructor(options: ClientTargetOptions = {}) {
    super();
    this.#options = options;
    this.machine = new ClientProtocol({
      ...clientOptions,
      algorithms,
      random: seededRandom(1),
      trace: describedTrace((record) => this.trace.push(record)),
      ...options.machine,
      ...options.client,
    });
    this.peer = new AttackPeer(this, { role: "server", hostKey, ...options.peer });
    this.machine.start(this.now);
    this.turn();
  }

  /** Completes the handshake and accepts the service request, so that the client logs in. */
  service(): this {
    this.handshake();
    this.peer.send(message.serviceAccept);
    return this;
  }

  finish(): this {
    this.peer.send(message.serviceAccept, message.authSuccess);
    expect(this.authenticated).toBe(true);
    return this;
  }

  openChannel(change: ChannelChange = {}): number {
    const channel = this.machine.connection.openChannel("session");
    this.turn().peer.send(message.channelConfirmation(channel, change));
    return channel;
  }

  /** Whether the client has sent any login message, even one with only the user name. */
  get loginLeft(): boolean {
    return this.sent.some((number) => number >= 50);
  }

  protected nextEvent(): ClientProtocolEvent | undefined {
    return this.machine.nextEvent();
  }

  protected answer(event: ClientProtocolEvent): void {
    const { onEvent, hold } = this.#options;
    if (hold?.includes(event.type) || onEvent?.(event, this.machine) === true) return;
    if (event.type === "verify-host-key") this.machine.answerHostKey(event.token, true);
    else if (event.type === "data") this.machine.connection.consumed(event.channel, event.data.length);
  }
}
