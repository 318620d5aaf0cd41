import * as message from "@nacre/testing/attacks/messages";
import {
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SSH_MSG_UNIMPLEMENTED,
  tcpipForward,
} from "@nacre/wire";
import type { LoginDecision, PeerGlobalRequest, PeerOpen, Permissions } from "nacre";
import { expect, test } from "vitest";
import { AttackedServer, CHANNEL_TYPE, nextTurn } from "./support/attacked-server.ts";

/*
 * Rows of the attack suite that need `serveDuplex`; the others are in packages/protocol/test/attacks.
 */

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

test("grants: unrestricted handlers · server", () => {
  const REQUEST = "test@example.org";
  const asked: string[] = [];
  const channels = { [CHANNEL_TYPE]: (open: PeerOpen) => void open.accept() };
  const globalRequests = {
    [REQUEST]: (request: PeerGlobalRequest) => {
      asked.push(request.name);
      request.reply(true);
    },
  };
  const globalRequest = message.globalRequest(REQUEST, true);
  const reply = (server: AttackedServer): number => server.peer.send(globalRequest).numbers.at(-1)!;
  const login = { "alice publickey": { permissions: { command: "only this" } } };
  const restricted = new AttackedServer(login, { channels, globalRequests }).byKey("alice");
  expect([restricted.opens(), reply(restricted)]).toEqual([false, SSH_MSG_REQUEST_FAILURE.number]);
  const other = { permissions: { globalRequests: ["other@example.org"] } };
  const granted = new AttackedServer({ "alice publickey": other }, { channels, globalRequests }).byKey("alice");
  expect([granted.opens(), reply(granted), asked]).toEqual([false, SSH_MSG_REQUEST_FAILURE.number, []]);
  const unrestricted = (decision: LoginDecision): AttackedServer =>
    new AttackedServer({ "alice publickey": decision }, { channels, globalRequests, unrestricted: true });
  const open = unrestricted({ permissions: { command: "only this" } }).byKey("alice");
  expect([open.opens(), reply(open)]).toEqual([true, SSH_MSG_REQUEST_SUCCESS.number]);
  expect(asked.splice(0)).toEqual([REQUEST]);
  // Nothing is open before the login, also not after the first of two factors.
  for (const decision of [false, { next: ["password"] }] as const) {
    const asking = unrestricted(decision).byKey("alice");
    asking.peer.send(globalRequest);
    expect([asking.user, asking.ended?.code, asked]).toEqual([undefined, "unexpected-message", []]);
    // A client may open a channel before it knows that it is logged in (RFC 4252 §5.1), so this does not end the connection.
    const opening = unrestricted(decision).byKey("alice");
    expect([opening.opens(), opening.user, opening.ended?.code]).toEqual([false, undefined, undefined]);
    expect(opening.peer.numbers.at(-1)).toBe(SSH_MSG_UNIMPLEMENTED.number);
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
