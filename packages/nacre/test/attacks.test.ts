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
  streamlocalForward,
  tcpipChannel,
  tcpipForward,
  Writer,
} from "@nacre/wire";
import type { LoginDecision, Permissions, ServerConnection, Session } from "nacre";
import type { SessionStart } from "nacre/extend";
import { expect, test } from "vitest";
import { serverMethods } from "../src/login/methods/list.ts";
import { serveDuplex } from "../src/login/server/server.ts";
import type { DuplexHandler } from "../src/mux/duplex.ts";
import { formatTarget } from "../src/users/forward/target.ts";

/*
 * Rows of the attack suite that need `serveDuplex`; the others are in packages/protocol/test/attacks.
 */

type Started = Pick<SessionStart, "user" | "command" | "env" | "pty">;

/** A channel type that the application handles. */
const CHANNEL_TYPE = "test@example.org";

/** Waits until a server that has yielded continues. */
const nextTurn = (): Promise<void> => new Promise<void>((resolve) => setTimeout(resolve)).then(macrotask);

/** A server with the public API, attacked by a client. Only forwarding is asynchronous. */
class AttackedServer implements Target {
  readonly peer: AttackPeer;
  /** Sessions that the application was asked to run. */
  readonly started: Started[] = [];
  /** Addresses that the application was asked to connect to or listen at. Listeners open; connections stay pending. */
  readonly forwards: string[] = [];
  readonly refused: string[] = [];
  /** Listeners open when this resolves. */
  binding: Promise<unknown> = Promise.resolve();
  readonly #connection: ServerConnection;
  #handler!: DuplexHandler;
  #output: Uint8Array[] = [];

  /** `decide` maps `"user method"` to the decision. */
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
        },
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

/** Decision that accepts the first of two factors with these permissions. */
const partly = (permissions: Permissions): LoginDecision => ({ next: ["password", "publickey"], permissions });

test("grants · server", () => {
  // Permissions and restrictions of one user's first factor must not apply to another user.
  const bound = { command: "only this", pty: false, environment: { FROM: "bob" } };
  const free = { environment: { FROM: "alice" } };
  const toBob = new AttackedServer({ "alice publickey": partly(free), "bob password": { permissions: bound } });
  expect(toBob.byKey("alice").byPassword("bob").user).toBe("bob");
  expect(toBob.run("anything")).toEqual({
    user: "bob",
    command: "only this",
    env: { FROM: "bob", SSH_ORIGINAL_COMMAND: "anything" },
    pty: undefined,
    terminal: false,
  });
  const toAlice = new AttackedServer({ "bob publickey": partly(bound), "alice password": { permissions: free } });
  expect(toAlice.byKey("bob").byPassword("alice").user).toBe("alice");
  expect(toAlice.run("anything")).toMatchObject({
    user: "alice",
    command: "anything",
    env: { FROM: "alice" },
    terminal: true,
  });

  // Returning to the first user must not restore them: each change of the user starts over.
  const back = new AttackedServer({
    "alice publickey": partly(free),
    "bob password": false,
    "alice password": { permissions: bound },
  });
  expect(back.byKey("alice").byPassword("bob").byPassword("alice").user).toBe("alice");
  expect(back.run("anything")).toMatchObject({ command: "only this", env: { FROM: "bob" }, terminal: false });

  // The restrictions of both factors of one user apply, in any order.
  for (const [first, second] of [
    [bound, free],
    [free, bound],
  ] as const) {
    const both = new AttackedServer({ "alice publickey": partly(first), "alice password": { permissions: second } });
    expect(both.byKey("alice").byPassword("alice").user).toBe("alice");
    expect(both.run("anything")).toMatchObject({ command: "only this", env: first.environment, terminal: false });
  }

  // A channel type is denied unless every factor grants it; a restricted key grants nothing.
  const granting = { channels: [CHANNEL_TYPE] };
  for (const decision of [true, { permissions: bound }, { permissions: { channels: ["other@example.org"] } }]) {
    const server = new AttackedServer({ "alice publickey": decision });
    expect([server.byKey("alice").user, server.opens()]).toEqual(["alice", false]);
  }
  for (const [first, second, granted] of [
    [granting, granting, true],
    [granting, bound, false],
    [bound, granting, false],
  ] as const) {
    const both = new AttackedServer({ "alice publickey": partly(first), "alice password": { permissions: second } });
    expect(both.byKey("alice").byPassword("alice").opens()).toBe(granted);
  }
});

test("grants: forwarding · server", async () => {
  const PROHIBITED = 1;
  // Without the permission, with a restricted key or with a forced command, forwarding is refused without calling the application.
  const bound = { command: "only this", pty: false };
  for (const decision of [
    true,
    { permissions: bound },
    { permissions: { permitOpen: ["*:*"], permitListen: ["*"] } },
  ]) {
    const server = new AttackedServer({ "alice publickey": decision }).byKey("alice");
    expect(server.dials("127.0.0.1", 80)).toBe(PROHIBITED);
    expect(server.dials("/run/app.sock", 0, "direct-streamlocal@openssh.com")).toBe(PROHIBITED);
    expect(await server.listens("localhost", 8080)).toBe(false);
    expect(await server.listens("/run/app.sock", 0, "streamlocal-forward@openssh.com")).toBe(false);
    expect(server.forwards).toEqual([]);
  }
  // Both factors must grant forwarding, and the list of each must include the place.
  const one = { portForwarding: true, permitOpen: ["a:1", "b:2"], permitListen: ["1", "2"] };
  const other = { portForwarding: true, permitOpen: ["b:2", "c:3"], permitListen: ["2", "3"] };
  for (const [first, second, expected] of [
    [one, other, ["to b:2", "at localhost:2"]],
    [other, one, ["to b:2", "at localhost:2"]],
    [one, bound, []],
    [bound, one, []],
  ] as const) {
    const both = new AttackedServer({ "alice publickey": partly(first), "alice password": { permissions: second } });
    both.byKey("alice").byPassword("alice");
    for (const [host, port] of [["a", 1] as const, ["b", 2] as const, ["c", 3] as const]) both.dials(host, port);
    for (const port of [1, 2, 3]) await both.listens("localhost", port);
    // A list of hosts must not permit any Unix socket.
    expect(both.dials("/run/app.sock", 0, "direct-streamlocal@openssh.com")).toBe(PROHIBITED);
    expect(await both.listens("/run/app.sock", 0, "streamlocal-forward@openssh.com")).toBe(false);
    expect(both.forwards).toEqual(expected);
  }
});

test("channel count: forwarding · server", async () => {
  const RESOURCE_SHORTAGE = 4;
  const granted = { "alice publickey": { permissions: { portForwarding: true } } };
  // Any number of pending connections must leave room for a session.
  const server = new AttackedServer(granted).byKey("alice");
  for (let i = 0; i < 1000; i++) {
    server.dials("example.org", 80);
    // A turn of the server handles at most 256 messages.
    if (i % 100 === 0) await nextTurn();
  }
  await nextTurn();
  expect(server.forwards).toHaveLength(224);
  const refusals = server.peer.received.filter(([number]) => number === SSH_MSG_CHANNEL_OPEN_FAILURE.number);
  const reasons = refusals.map((payload) => SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload).reasonCode);
  expect(reasons).toEqual(Array(1000 - 224).fill(RESOURCE_SHORTAGE));
  expect(server.run("anything").command).toBe("anything");
  // Listeners are limited, and so are queued requests that want no reply.
  const listening = new AttackedServer(granted).byKey("alice");
  for (let port = 1; port <= 40; port++) expect(await listening.listens("localhost", port)).toBe(port <= 32);
  const slow = new AttackedServer(granted).byKey("alice");
  let bound!: (value: unknown) => void;
  slow.binding = new Promise((resolve) => {
    bound = resolve;
  });
  for (let i = 0; i < 1000; i++) {
    const requestName = i === 0 ? "tcpip-forward" : "cancel-tcpip-forward";
    const data = tcpipForward.encode({ address: "localhost", port: 1 });
    slow.peer.send(SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply: false, data }));
    if (i % 100 === 0) await nextTurn();
  }
  await nextTurn();
  expect(slow.refused).toHaveLength(1000 - 128);
  bound(undefined);
});
