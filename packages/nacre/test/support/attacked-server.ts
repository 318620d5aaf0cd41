import { fingerprint } from "@nacre/keys";
import { AttackPeer, type Target } from "@nacre/testing/attacks/attack-peer";
import { passwordLogin, signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { algorithms, hostKey, userKey } from "@nacre/testing/attacks/protocol-target";
import { macrotask } from "@nacre/testing/macrotask";
import {
  directStreamlocal,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_SUCCESS,
  type SshError,
  streamlocalForward,
  tcpipChannel,
  tcpipForward,
  Writer,
} from "@nacre/wire";
import type { LoginDecision, ServeOptions, ServerConnection, Session } from "nacre";
import type { SessionStart } from "nacre/extend";
import { serverMethods } from "../../src/login/methods/list.ts";
import { serveDuplex } from "../../src/login/server/server.ts";
import type { DuplexHandler } from "../../src/mux/duplex.ts";
import { formatTarget } from "../../src/users/forward/target.ts";

export type Started = Pick<SessionStart, "user" | "command" | "env" | "pty">;

/** A channel type that the application handles. */
export const CHANNEL_TYPE = "test@example.org";

/** Waits until a server that has yielded continues. */
export const nextTurn = (): Promise<void> => new Promise<void>((resolve) => setTimeout(resolve)).then(macrotask);

/** A server with the public API, attacked by a client. Only forwarding is asynchronous. */
export class AttackedServer implements Target {
  readonly peer: AttackPeer;
  /** Sessions that the application was asked to run. */
  readonly started: Started[] = [];
  /** Addresses that the application was asked to connect to or listen at. Listeners open; connections stay pending. */
  readonly forwards: string[] = [];
  readonly refused: string[] = [];
  /** The error that ended the connection. */
  ended: SshError | undefined;
  /** Listeners open when this resolves. */
  binding: Promise<unknown> = Promise.resolve();
  readonly #connection: ServerConnection;
  #handler!: DuplexHandler;
  #output: Uint8Array[] = [];

  /** `decide` maps `"user method"` to the decision. `change` has further options of `serve`. */
  constructor(decide: Readonly<Record<string, LoginDecision>>, change: Partial<ServeOptions<Session>> = {}) {
    this.#connection = serveDuplex<Session>(
      {
        open: (handler) => {
          this.#handler = handler;
        },
        write: (pieces) => {
          this.#output.push(...pieces);
          return true;
        },
        pause() {},
        resume() {},
        end: async () => {},
        close: () => Promise.resolve(),
      },
      {
        hostKeys: [hostKey],
        algorithms,
        fingerprint: (blob) => fingerprint(blob, "sha256"),
        loginMethods: serverMethods,
        methods: ["publickey", "password"],
        authenticate: ({ user, method }) => decide[`${user} ${method}`] ?? false,
        acceptPty: true,
        session: () => {},
        forwarding: {
          connect: (target) => {
            this.forwards.push(`to ${formatTarget(target)}`);
            return new Promise(() => {});
          },
          listen: ({ host = "", port = 0, path }) => {
            this.forwards.push(`at ${path ?? formatTarget({ host, port })}`);
            return this.binding.then(() => ({ port: 1, close: () => Promise.resolve() }));
          },
        },
        log: (event) => {
          if (event.type === "request-refused") this.refused.push(event.request);
          if (event.type === "closed") this.ended = event.error;
        },
        channels: { [CHANNEL_TYPE]: (open) => open.accept() },
        ...(change as object),
      },
      (_, { user, command, env, pty }) => {
        this.started.push({ user, command, env, pty });
        return { user, command, env, pty, flush: () => Promise.resolve() } as unknown as Session;
      },
    );
    this.peer = new AttackPeer(this, { role: "client", hostKey });
    this.peer.take().handshake().send(message.serviceRequest);
  }

  deliver(bytes: Uint8Array): void {
    this.#handler.data(bytes);
  }

  takeOutput(): Uint8Array | undefined {
    return this.#output.shift();
  }

  get user(): string | undefined {
    return this.#connection.user;
  }

  byKey(userName: string): this {
    this.peer.send(signedLogin(this.peer.sessionId, userKey, { userName }));
    return this;
  }

  byPassword(userName: string): this {
    this.peer.send(passwordLogin("secret", { userName }));
    return this;
  }

  /** Opens a channel of the application's type. Returns whether it was accepted. */
  opens(): boolean {
    this.peer.send(message.channelOpen(CHANNEL_TYPE, 1000));
    return this.peer.numbers.at(-1) === SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number;
  }

  /** Requests a connection. Returns the reason code if it is refused immediately. */
  dials(host: string, port: number, channelType = "direct-tcpip"): number | undefined {
    const data =
      channelType === "direct-tcpip"
        ? tcpipChannel.encode({ address: host, port, originatorAddress: "192.0.2.1", originatorPort: 1 })
        : directStreamlocal.encode({ path: host, reserved: new Uint8Array(0), reservedNumber: 0 });
    const before = this.peer.numbers.length;
    this.peer.send(message.channelOpen(channelType, 1000, { data }));
    if (this.peer.numbers.length === before) return undefined;
    return SSH_MSG_CHANNEL_OPEN_FAILURE.decode(this.peer.last(SSH_MSG_CHANNEL_OPEN_FAILURE.number)).reasonCode;
  }

  /** Requests a listener. Resolves with whether it was granted. */
  async listens(host: string, port: number, requestName = "tcpip-forward"): Promise<boolean> {
    const data =
      requestName === "tcpip-forward"
        ? tcpipForward.encode({ address: host, port })
        : streamlocalForward.encode({ path: host });
    this.peer.send(SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply: true, data }));
    await nextTurn();
    this.peer.take();
    return this.peer.numbers.at(-1) === SSH_MSG_REQUEST_SUCCESS.number;
  }

  /** Requests a terminal and a command. Returns the started session and whether the terminal was granted. */
  run(command: string): Started & { readonly terminal: boolean } {
    this.peer.send(message.channelOpen("session", 1000));
    const channel = SSH_MSG_CHANNEL_OPEN_CONFIRMATION.decode(this.peer.last(91)).senderChannel;
    const request = (type: string): Writer => new Writer().byte(98).uint32(channel).string(type).boolean(true);
    const size = request("pty-req").string("vt100").uint32(80).uint32(24).uint32(0).uint32(0).string("");
    this.peer.send(size.finish());
    const terminal = this.peer.numbers.at(-1) === 99;
    this.peer.send(request("exec").string(command).finish());
    return { ...this.started.at(-1)!, terminal };
  }
}
