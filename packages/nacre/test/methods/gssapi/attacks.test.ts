import { clientMethods } from "@nacre/auth";
import { ClientProtocol, type ClientProtocolEvent, ServerProtocol, type ServerProtocolEvent } from "@nacre/protocol";
import { AttackPeer } from "@nacre/testing/attacks/attack-peer";
import { passwordLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { hostKey, ProtocolTarget } from "@nacre/testing/attacks/protocol-target";
import { clientOptions } from "@nacre/testing/protocol/pair";
import { serverOptions } from "@nacre/testing/protocol/server-pair";
import { seededRandom } from "@nacre/testing/random";
import { SSH_MSG_USERAUTH_REQUEST, utf8Encode } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import {
  Gssapi,
  SSH_MSG_USERAUTH_GSSAPI_MIC,
  SSH_MSG_USERAUTH_GSSAPI_RESPONSE,
  SSH_MSG_USERAUTH_GSSAPI_TOKEN,
} from "./gssapi.ts";
import { Realm } from "./realm.ts";

const { client, server } = new Gssapi(new Realm({}), "");
const token = SSH_MSG_USERAUTH_GSSAPI_TOKEN.encode(utf8Encode("token"));
const response = SSH_MSG_USERAUTH_GSSAPI_RESPONSE.encode(Uint8Array.of(6, 1, 42));
const mic = SSH_MSG_USERAUTH_GSSAPI_MIC.encode(utf8Encode("mic"));
const request = SSH_MSG_USERAUTH_REQUEST.encode({
  userName: "alice",
  serviceName: "ssh-connection",
  methodName: "gssapi-with-mic",
  methodData: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 3, 6, 1, 42),
});

/** A server with the method and passwords, attacked by a client. Its asks stay open until the test answers them. */
class ServerTarget extends ProtocolTarget<ServerProtocolEvent> {
  readonly machine: ServerProtocol;
  readonly peer: AttackPeer;

  constructor() {
    super();
    this.machine = new ServerProtocol({
      ...serverOptions,
      hostKeys: [{ publicKey: hostKey.publicKey, privateKey: hostKey }],
      loginMethods: [server.method, ...serverOptions.loginMethods],
      methods: ["gssapi-with-mic", "password"],
    });
    this.peer = new AttackPeer(this, { role: "client", hostKey });
    this.machine.start(this.now);
    this.turn().handshake().peer.send(message.serviceRequest);
  }

  finish(): this {
    return this;
  }

  openChannel(): number {
    return -1;
  }

  /** Answers the oldest ask that is not answered. */
  answer(event?: ServerProtocolEvent, answer?: unknown): void {
    if (answer === undefined || event === undefined || !("method" in event)) return;
    this.machine.auth.answer(event.token, answer);
    this.turn();
  }

  protected nextEvent(): ServerProtocolEvent | undefined {
    return this.machine.nextEvent();
  }
}

/** A client with the method and passwords, attacked by a server. */
class ClientTarget extends ProtocolTarget<ClientProtocolEvent> {
  readonly machine: ClientProtocol;
  readonly peer: AttackPeer;

  constructor() {
    super();
    this.machine = new ClientProtocol({
      ...clientOptions,
      random: seededRandom(1),
      identities: [],
      password: true,
      loginMethods: [client.method, ...clientMethods],
    });
    this.peer = new AttackPeer(this, { role: "server", hostKey });
    this.machine.start(this.now);
    this.turn().handshake().peer.send(message.serviceAccept);
  }

  finish(): this {
    return this;
  }

  openChannel(): number {
    return -1;
  }

  answer(event: ClientProtocolEvent, answer?: unknown): void {
    if (event.type === "verify-host-key") this.machine.answerHostKey(event.token, true);
    if (answer === undefined || !("method" in event)) return;
    this.machine.auth.answer(event.token, answer);
    this.turn();
  }

  protected nextEvent(): ClientProtocolEvent | undefined {
    return this.machine.nextEvent();
  }
}

describe("a server with a login method of an application", () => {
  it.each([
    ["its messages before any request", [token]],
    ["its last message before any request", [mic]],
    ["its messages under another method", [passwordLogin("x"), token]],
    ["the server's message from the client", [request, response]],
  ])("disconnects on %s", (_, payloads) => {
    const target = new ServerTarget();
    target.peer.send(...payloads);
    const [password] = target.eventsOf("password");
    if (password !== undefined) target.answer(password, "failure");
    target.expectClosed("unexpected-message");
  });

  it("disconnects on a message out of its order", () => {
    const target = new ServerTarget();
    target.peer.send(request, mic);
    target.expectClosed("malformed-message");
  });

  it("disconnects on its messages after it has ended", () => {
    const target = new ServerTarget();
    target.peer.send(request, token);
    target.answer(target.eventsOf("ask")[0], utf8Encode("answer"));
    target.peer.send(mic);
    target.answer(target.eventsOf("ask")[1], "failure");
    expect(target.sent.slice(-3)).toEqual([60, 61, 51]);
    target.expectAlive();
    target.peer.send(token);
    target.expectClosed("unexpected-message");
  });

  it("disconnects on its messages after the login", () => {
    const target = new ServerTarget();
    target.peer.send(request, token);
    target.answer(target.eventsOf("ask")[0], utf8Encode("answer"));
    target.peer.send(mic);
    target.answer(target.eventsOf("ask")[1], "success");
    expect(target.authenticated).toBe(true);
    target.peer.send(token);
    target.expectClosed("unexpected-message");
  });

  it("answers numbers that no method defines with UNIMPLEMENTED", () => {
    const target = new ServerTarget();
    target.peer.send(request, Uint8Array.of(70));
    expect(target.sent.at(-1)).toBe(3);
    target.expectAlive();
  });

  it("ends the exchange with another request, and an answer to the old one has no effect", () => {
    const target = new ServerTarget();
    target.peer.send(request, token);
    const [old] = target.eventsOf("ask");
    target.answer(old, utf8Encode("answer"));
    target.peer.send(passwordLogin("x"));
    expect(() => target.machine.auth.answer(old!.token, "success")).toThrow(expect.objectContaining({ code: "usage" }));
    expect(target.authenticated).toBe(false);
    target.answer(target.eventsOf("password")[0], "failure");
    target.expectAlive();
  });
});

describe("a client with a login method of an application", () => {
  it.each([
    ["its token before the server chose a mechanism", [token], "malformed-message"],
    ["the client's message from the server", [mic], "unexpected-message"],
    ["its messages while the application is asked", [response, token], "unexpected-message"],
    ["success while the application is asked", [response, message.authSuccess], "unexpected-message"],
    ["its messages under another method", [message.authFailure("password"), token], "unexpected-message"],
  ] as const)("disconnects on %s", (_, payloads, code) => {
    const target = new ClientTarget();
    target.peer.send(...payloads);
    target.expectClosed(code);
    expect(target.authenticated).toBe(false);
  });

  it("disconnects on its messages after the login", () => {
    const target = new ClientTarget();
    target.peer.send(message.authSuccess);
    expect(target.authenticated).toBe(true);
    target.peer.send(token);
    target.expectClosed("unexpected-message");
  });

  it("tries the next method when the application has no answer", () => {
    const target = new ClientTarget();
    target.peer.send(response);
    const [ask] = target.eventsOf("ask");
    target.machine.auth.answer(ask!.token, undefined);
    target.turn();
    expect(SSH_MSG_USERAUTH_REQUEST.decode(target.peer.last(50)).methodName).toBe("none");
  });
});
