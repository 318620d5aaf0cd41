import type { PrivateKey } from "@nacre/keys";
import { ClientProtocol, type ClientProtocolEvent, clientMethods, describedTrace } from "@nacre/protocol";
import { seededRandom } from "@nacre/testing/random";
import { execRequest, SshError, utf8Encode } from "@nacre/wire";
import { letIn } from "./let-in.ts";
import { type Answered, Subject } from "./subject.ts";
import { type SessionSuite, SMALL_WINDOWS } from "./suites.ts";

/** The protocol machine of a client. It logs in with a key, a password or prompts, opens a session channel and runs a command. */
export class ClientSubject extends Subject<ClientProtocolEvent> {
  readonly machine: ClientProtocol;
  readonly #userKey: PrivateKey;

  constructor(suite: SessionSuite) {
    super("server", suite);
    const { algorithms, hostKey, userKey } = suite;
    this.#userKey = userKey;
    this.machine = new ClientProtocol({
      algorithms,
      random: seededRandom(1),
      limits: SMALL_WINDOWS,
      userName: "alice",
      identities: [
        { publicKey: userKey.publicKey, privateKey: userKey },
        { publicKey: hostKey.publicKey, comment: "in an agent" },
      ],
      password: true,
      keyboardInteractive: true,
      loginMethods: clientMethods,
      trace: describedTrace(this.trace),
    });
    this.machine.connection.openChannel("session");
    this.machine.start(0);
    this.work();
    this.peer.take();
  }

  logIn(): void {
    this.peer.send(...letIn(this.#userKey));
  }

  protected command(which: number, channel: number, data: Uint8Array): void {
    const { machine } = this;
    const { connection } = machine;
    [
      () => connection.openChannel("session"),
      () => connection.request(channel, "exec", execRequest.encode({ command: data }), { wantReply: true }),
      () => connection.write(channel, data),
      () => connection.sendEof(channel),
      () => connection.close(channel),
      () => connection.discard(channel, 0),
      () => connection.globalRequest("tcpip-forward", data, { wantReply: true }),
      () => connection.allow("forwarded-tcpip"),
      () => machine.rekey(),
      () => machine.disconnect(new SshError("closed", "done")),
    ][which % 10]!();
  }

  protected nextEvent(): ClientProtocolEvent | undefined {
    return this.machine.nextEvent();
  }

  protected answer(event: ClientProtocolEvent): Answered {
    const { machine, policy } = this;
    const { connection } = machine;
    const grant = policy === "grant";
    if (event.type === "data") {
      if (policy === "hold") return "no ask";
      connection.consumed(event.channel, event.data.length);
      return "no ask";
    }
    if (event.type === "channel-opened") {
      connection.request(event.channel, "exec", execRequest.encode({ command: utf8Encode("run") }), {
        wantReply: true,
      });
      return "no ask";
    }
    if (policy === "hold") return "no ask";
    switch (event.type) {
      case "verify-host-key":
        machine.answerHostKey(event.token, grant || new SshError("host-key-refused", "refused"));
        return grant ? "accepted" : "answered";
      case "sign":
        machine.auth.answer(event.token, grant ? new Uint8Array(64) : undefined);
        return "answered";
      case "password":
        machine.auth.answer(event.token, grant ? "secret" : undefined);
        return "answered";
      case "change-password":
        machine.auth.answer(event.token, grant ? { oldPassword: "secret", newPassword: "other" } : undefined);
        return "answered";
      case "prompts":
        machine.auth.answer(event.token, grant ? event.prompts.map(() => "answer") : undefined);
        return "answered";
      case "open-request":
        connection.answerOpen(event.token, grant);
        return "answered";
      case "global-request":
        if (event.token === undefined) return "no ask";
        connection.answerGlobal(event.token, grant);
        return "answered";
      case "channel-request":
        if (event.token === undefined) return "no ask";
        connection.answerRequest(event.token, grant);
        return "answered";
      default:
        return "no ask";
    }
  }
}
