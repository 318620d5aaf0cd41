import type { ClientProtocolEvent, ClientProtocolOptions } from "@nacre/protocol";
import type { AttackPeer, PeerOptions } from "@nacre/testing/attacks/attack-peer";
import { authFailure, authSuccess } from "@nacre/testing/attacks/messages";
import { statusesOf } from "@nacre/testing/protocol/requests";
import {
  exitStatus,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_DISCONNECT,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_UNIMPLEMENTED,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_REQUEST,
  type SshError,
  userauthPassword,
  utf8DecodeLossy,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { ClientTarget } from "../../attacks/support/client-target.ts";

const NOTHING = new Uint8Array(0);

/** Message received from the client. */
export interface Incoming {
  readonly number: number;
  readonly payload: Uint8Array;
  readonly sequenceNumber: number;
  /** Whether the login has succeeded. */
  readonly loggedIn: boolean;
}

/** Differences of a server from the RFCs. */
export interface Habits {
  /** Identification string, such as `"SSH-2.0-AsyncSSH_2.20.0"`. */
  readonly line: string;
  /** Authentication methods besides publickey; default none. */
  readonly methods?: readonly string[];
  /** Whether the client's key is accepted; default true. */
  readonly knowsKey?: boolean;
  readonly peer?: Partial<PeerOptions>;
  /** Whether it handles messages sent together with a login before it replies to the login. */
  readonly looksAhead?: boolean;
  /** Handles a message. Return true to skip the default reply. */
  readonly answer?: (message: Incoming, server: ForeignServer) => boolean | void;
}

export interface Visitor {
  readonly client?: Partial<ClientProtocolOptions>;
  /** Fixed password. It also answers a single hidden prompt. */
  readonly password?: string;
}

/** Result of a command. */
export interface Outcome {
  readonly stdout: string;
  readonly status: number | undefined;
  readonly error: SshError["code"] | undefined;
}

/**
 * Scripted server of another implementation, and a Nacre client that connects to it like `connect` and `exec`: it requests a channel before
 * the login, and runs a command on each channel that opens.
 */
export class ForeignServer {
  readonly target: ClientTarget;
  readonly #habits: Habits;
  readonly #visitor: Visitor;
  #next = 0;
  /** Login requests without a reply yet. */
  readonly #logins: Incoming[] = [];
  #loggedIn = false;
  #hungUp = false;

  constructor(habits: Habits, visitor: Visitor = {}) {
    this.#habits = habits;
    this.#visitor = visitor;
    const { password, client } = visitor;
    this.target = new ClientTarget({
      peer: habits.peer ?? {},
      client: {
        ...(password !== undefined && { identities: [], password: "fixed", keyboardInteractive: "password" }),
        ...client,
      },
      onEvent: (event) => this.#onEvent(event),
    });
  }

  get peer(): AttackPeer {
    return this.target.peer;
  }

  /** Runs the whole connection. */
  visit(): this {
    this.target.machine.connection.openChannel("session");
    this.peer.identify(this.#habits.line).exchange();
    return this.talk();
  }

  /** Replies to the client's messages until it sends no more. */
  talk(): this {
    this.target.turn();
    for (let message = this.#nextMessage(); message !== undefined && !this.#hungUp; message = this.#nextMessage()) {
      if (this.#habits.answer?.(message, this) !== true) this.#answer(message);
      this.target.turn();
    }
    return this;
  }

  /** Returns the next message to answer. */
  #nextMessage(): Incoming | undefined {
    const place = this.#next;
    const payload = this.peer.received[place];
    if (payload === undefined) return this.#logins.shift();
    this.#next++;
    const sequenceNumber = this.peer.sequenceNumbers[place]!;
    const message = { number: payload[0]!, payload, sequenceNumber, loggedIn: this.#loggedIn };
    if (this.#habits.looksAhead !== true || message.number !== SSH_MSG_USERAUTH_REQUEST.number) return message;
    this.#logins.push(message);
    return this.#nextMessage();
  }

  /** Advances the clock. */
  advance(milliseconds: number): this {
    this.target.advance(milliseconds);
    return this.talk();
  }

  send(...payloads: readonly Uint8Array[]): true {
    if (!this.#hungUp) this.peer.send(...payloads);
    return true;
  }

  unimplemented({ sequenceNumber }: Incoming): true {
    return this.send(SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber }));
  }

  /** Disconnects and ignores further messages. */
  hangUp(description: string): true {
    this.send(SSH_MSG_DISCONNECT.encode({ reasonCode: 2, description, languageTag: "" }));
    this.#hungUp = true;
    return true;
  }

  letIn(): true {
    this.#loggedIn = true;
    return this.send(authSuccess);
  }

  refuse(): true {
    return this.send(authFailure(...this.#methods));
  }

  /** Sends `text` and ends the channel, with exit status 0 or the `ending` messages. */
  run(channel: number, text: string, ending: readonly Uint8Array[] = [exited(channel)]): true {
    return this.send(
      SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: channel }),
      SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: channel, data: utf8Encode(text) }),
      ...ending,
      SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: channel }),
      SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: channel }),
    );
  }

  /** Combined result of all commands. */
  get outcome(): Outcome {
    const { target } = this;
    const stdout = target.eventsOf("data").map(({ data }) => utf8DecodeLossy(data));
    return { stdout: stdout.join(""), status: statusesOf(target.events)[0], error: target.error?.code };
  }

  /** Returns the numbers of the client's messages that equal `number`. */
  numbersOf(number: number): readonly number[] {
    return this.peer.numbers.filter((one) => one === number);
  }

  get #methods(): readonly string[] {
    return ["publickey", ...(this.#habits.methods ?? [])];
  }

  #answer(message: Incoming): void {
    const { number, payload, loggedIn } = message;
    switch (number) {
      case SSH_MSG_SERVICE_REQUEST.number:
        this.send(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" }));
        return;
      case SSH_MSG_USERAUTH_REQUEST.number: {
        const { methodName, methodData } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
        const right =
          methodName === "publickey"
            ? this.#habits.knowsKey !== false
            : methodName === "password" && userauthPassword.decode(methodData).password === "right";
        if (right) this.letIn();
        else this.refuse();
        return;
      }
      case SSH_MSG_USERAUTH_INFO_RESPONSE.number:
        if (SSH_MSG_USERAUTH_INFO_RESPONSE.decode(payload).responses[0] === "right") this.letIn();
        else this.refuse();
        return;
      case SSH_MSG_GLOBAL_REQUEST.number:
        if (SSH_MSG_GLOBAL_REQUEST.decode(payload).wantReply) this.send(SSH_MSG_REQUEST_FAILURE.encode({}));
        return;
      case SSH_MSG_CHANNEL_OPEN.number:
        // Like OpenSSH before the login has succeeded.
        if (loggedIn) this.#confirm(SSH_MSG_CHANNEL_OPEN.decode(payload).senderChannel);
        else this.unimplemented(message);
        return;
      case SSH_MSG_CHANNEL_REQUEST.number: {
        const { requestType, recipientChannel } = SSH_MSG_CHANNEL_REQUEST.decode(payload);
        if (requestType === "exec") this.run(recipientChannel - 1000, "ok");
        return;
      }
      default:
    }
  }

  #confirm(channel: number): void {
    this.send(
      SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
        recipientChannel: channel,
        senderChannel: 1000 + channel,
        initialWindowSize: 2 ** 20,
        maximumPacketSize: 2 ** 15,
        data: NOTHING,
      }),
    );
  }

  #onEvent(event: ClientProtocolEvent): boolean {
    const { machine } = this.target;
    const { password } = this.#visitor;
    switch (event.type) {
      case "password":
        machine.auth.answer(event.token, password);
        return true;
      case "prompts": {
        const lone = event.prompts.length === 1 && event.prompts[0]?.echo === false;
        machine.auth.answer(event.token, lone && password !== undefined ? [password] : undefined);
        return true;
      }
      case "channel-opened": {
        const command = new Writer().string("true").finish();
        machine.connection.request(event.channel, "exec", command, { wantReply: true });
        return true;
      }
      default:
        return false;
    }
  }
}

/** Returns an exit-status request with status 0. */
export function exited(recipientChannel: number): Uint8Array {
  const data = exitStatus.encode({ exitStatus: 0 });
  return SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel, requestType: "exit-status", wantReply: false, data });
}

/** Connects a client to a server with these habits. */
export function visit(habits: Habits, visitor?: Visitor): ForeignServer {
  return new ForeignServer(habits, visitor).visit();
}
