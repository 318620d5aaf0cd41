import { fingerprint } from "@nacre/keys";
import { AttackPeer, type Target } from "@nacre/testing/attacks/attack-peer";
import { passwordLogin, signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { algorithms, hostKey, userKey } from "@nacre/testing/attacks/session-target";
import {
  type Bytes,
  CHANNEL_OPEN_FAILURE_REASON,
  forwardedStreamlocal,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  tcpipChannel,
  Writer,
} from "@nacre/wire";
import type { LoginDecision, Permissions, ServerConnection, Session, SessionStart } from "nacre";
import { expect, test } from "vitest";
import { RemoteListeners } from "../src/forward/remote-listener.ts";
import type { DuplexHandler } from "../src/mux/duplex.ts";
import { serveDuplex } from "../src/server/server.ts";
import { webStreams } from "../src/streams/web-streams.ts";
import { type LooseMux, looseMux } from "./support/muxes.ts";

/*
 * Rows of the attack suite that need the front door: the others are in packages/session/test/attacks.
 */

type Started = Pick<SessionStart, "user" | "command" | "env" | "pty">;

/** A channel type that the application handles. */
const CHANNEL_TYPE = "test@example.org";

/** A server behind its front door, attacked by a client. Everything happens at once, without a promise. */
class Door implements Target {
  readonly peer: AttackPeer;
  /** The sessions that the application was asked to run. */
  readonly started: Started[] = [];
  readonly #connection: ServerConnection;
  #handler!: DuplexHandler;
  #output: Uint8Array[] = [];

  /** `decide`: what a user's login comes to, by method. */
  constructor(decide: Readonly<Record<string, LoginDecision>>) {
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
        methods: ["publickey", "password"],
        authenticate: ({ user, method }) => decide[`${user} ${method}`] ?? false,
        acceptPty: true,
        session: () => {},
        channels: { [CHANNEL_TYPE]: (open) => open.accept() },
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

  /** Whether a channel of the application's type is opened for the client. */
  opens(): boolean {
    this.peer.send(message.channelOpen(CHANNEL_TYPE, 1000));
    return this.peer.numbers.at(-1) === SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number;
  }

  /** Asks for a terminal and a command, and returns what was started, with whether the terminal was granted. */
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

/** The first of two factors: it permits so much. */
const partly = (permissions: Permissions): LoginDecision => ({ next: ["password", "publickey"], permissions });

test("grants · server", () => {
  // What a first factor permitted one user, or forced on it, is not another's.
  const bound = { command: "only this", pty: false, environment: { FROM: "bob" } };
  const free = { environment: { FROM: "alice" } };
  const toBob = new Door({ "alice publickey": partly(free), "bob password": { permissions: bound } });
  expect(toBob.byKey("alice").byPassword("bob").user).toBe("bob");
  expect(toBob.run("anything")).toEqual({
    user: "bob",
    command: "only this",
    env: { FROM: "bob", SSH_ORIGINAL_COMMAND: "anything" },
    pty: undefined,
    terminal: false,
  });
  const toAlice = new Door({ "bob publickey": partly(bound), "alice password": { permissions: free } });
  expect(toAlice.byKey("bob").byPassword("alice").user).toBe("alice");
  expect(toAlice.run("anything")).toMatchObject({
    user: "alice",
    command: "anything",
    env: { FROM: "alice" },
    terminal: true,
  });

  // Nor is it after a way back: each change of the user begins anew.
  const back = new Door({
    "alice publickey": partly(free),
    "bob password": false,
    "alice password": { permissions: bound },
  });
  expect(back.byKey("alice").byPassword("bob").byPassword("alice").user).toBe("alice");
  expect(back.run("anything")).toMatchObject({ command: "only this", env: { FROM: "bob" }, terminal: false });

  // Of one user's two factors both hold, whichever is the stricter.
  for (const [first, second] of [
    [bound, free],
    [free, bound],
  ] as const) {
    const both = new Door({ "alice publickey": partly(first), "alice password": { permissions: second } });
    expect(both.byKey("alice").byPassword("alice").user).toBe("alice");
    expect(both.run("anything")).toMatchObject({ command: "only this", env: first.environment, terminal: false });
  }

  // A channel type is denied unless every factor grants it; a restricted key grants nothing.
  const granting = { channels: [CHANNEL_TYPE] };
  for (const decision of [true, { permissions: bound }, { permissions: { channels: ["other@example.org"] } }]) {
    const door = new Door({ "alice publickey": decision });
    expect([door.byKey("alice").user, door.opens()]).toEqual(["alice", false]);
  }
  for (const [first, second, granted] of [
    [granting, granting, true],
    [granting, bound, false],
    [bound, granting, false],
  ] as const) {
    const both = new Door({ "alice publickey": partly(first), "alice password": { permissions: second } });
    expect(both.byKey("alice").byPassword("alice").opens()).toBe(granted);
  }
});

const forwardedTcpip = (port: number): Uint8Array =>
  tcpipChannel.encode({ address: "localhost", port, originatorAddress: "192.0.2.1", originatorPort: 1 });
const opensWith = (channelType: string, data: Uint8Array, senderChannel = 1): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN.encode({
    channelType,
    senderChannel,
    initialWindowSize: 2 ** 20,
    maximumPacketSize: 2 ** 15,
    data,
  });
const countOf = ({ sent }: LooseMux, number: number): number => sent.filter((payload) => payload[0] === number).length;

test("unsolicited opens, with and without a listener · client", async () => {
  const reserved = new Uint8Array(0);
  const unsolicited = [
    opensWith("forwarded-tcpip", forwardedTcpip(81)),
    opensWith("forwarded-tcpip", reserved),
    opensWith("forwarded-streamlocal@openssh.com", forwardedStreamlocal.encode({ path: "/run/other", reserved })),
    opensWith("forwarded-streamlocal@openssh.com", forwardedStreamlocal.encode({ path: "localhost", reserved })),
    opensWith("x11", reserved),
    opensWith("auth-agent@openssh.com", reserved),
    opensWith("direct-tcpip", forwardedTcpip(80)),
    opensWith("session", reserved),
  ];
  for (const address of [undefined, { port: 80 }, { path: "/run/app" }]) {
    const loose = looseMux();
    const listeners = new RemoteListeners(loose.mux, loose.mux.engine.closed);
    const success = SSH_MSG_REQUEST_SUCCESS.encode({ data: reserved });
    const expectRefused = (...opens: readonly Uint8Array[]): void => {
      const before = loose.sent.length;
      loose.receive(...opens);
      const refusals = loose.sent.slice(before).map((payload) => SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload as Bytes));
      expect(refusals.map(({ reasonCode }) => reasonCode)).toEqual(
        opens.map(() => CHANNEL_OPEN_FAILURE_REASON.ADMINISTRATIVELY_PROHIBITED),
      );
    };
    if (address === undefined) {
      expectRefused(...unsolicited, opensWith("forwarded-tcpip", forwardedTcpip(80)));
    } else {
      const listening = listeners.listen(address, webStreams);
      loose.receive(success);
      const listener = await listening;
      expectRefused(...unsolicited);
      // What somebody asked for is refused once nobody does.
      const ours =
        address.path === undefined
          ? opensWith("forwarded-tcpip", forwardedTcpip(80))
          : opensWith(
              "forwarded-streamlocal@openssh.com",
              forwardedStreamlocal.encode({ path: address.path, reserved }),
            );
      const closing = listener.close();
      expectRefused(ours);
      loose.receive(success);
      await closing;
      expectRefused(ours);
    }
    expect(countOf(loose, SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number)).toBe(0);
    expect(loose.mux.engine.session.connection.channelCount).toBe(0);
  }
});

test("channel count, by a listener's connections · client", async () => {
  const loose = looseMux();
  const listening = new RemoteListeners(loose.mux, loose.mux.engine.closed).listen({ port: 80 }, webStreams);
  loose.receive(SSH_MSG_REQUEST_SUCCESS.encode({ data: new Uint8Array(0) }));
  const iterator = (await listening)[Symbol.asyncIterator]();
  for (let i = 0; i < 100_000; i++) {
    loose.receive(opensWith("forwarded-tcpip", forwardedTcpip(80), i));
    if (i % 1000 < 999) continue;
    expect(countOf(loose, SSH_MSG_CHANNEL_OPEN_FAILURE.number)).toBe(i + 1 - 256);
    loose.mux.engine.turn();
  }
  // Those that wait are taken, and then there is room for no more than the limit of channels.
  for (let i = 0; i < 256; i++) expect((await iterator.next()).done).toBe(false);
  loose.receive(opensWith("forwarded-tcpip", forwardedTcpip(80)));
  expect(countOf(loose, SSH_MSG_CHANNEL_OPEN_FAILURE.number)).toBe(100_001 - 256);
  expect(loose.mux.engine.session.connection.channelCount).toBe(256);
  expect(loose.ends).toEqual([]);
});
