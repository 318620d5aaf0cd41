import { describedTrace, ServerProtocol, type ServerProtocolEvent, serverMethods } from "@nacre/protocol";
import { signedLogin } from "@nacre/testing/attacks/logins";
import { seededRandom } from "@nacre/testing/random";
import { SSH_MSG_SERVICE_REQUEST, SshError } from "@nacre/wire";
import { type Answered, Subject } from "./subject.ts";
import { type SessionSuite, SMALL_WINDOWS } from "./suites.ts";

/** The protocol machine of a server. It grants logins by its policy, accepts session channels, and echoes data. */
export class ServerSubject extends Subject<ServerProtocolEvent> {
  readonly machine: ServerProtocol;
  readonly #suite: SessionSuite;

  constructor(suite: SessionSuite) {
    super("client", suite);
    this.#suite = suite;
    const { algorithms, hostKey } = suite;
    this.machine = new ServerProtocol({
      algorithms,
      random: seededRandom(2),
      limits: SMALL_WINDOWS,
      hostKeys: [{ publicKey: hostKey.publicKey, privateKey: hostKey }],
      loginMethods: serverMethods,
      methods: ["publickey", "password", "keyboard-interactive"],
      userKeys: algorithms.hostKeys,
      banner: "welcome\n",
      trace: describedTrace(this.trace),
    });
    this.machine.start(0);
    this.work();
    this.peer.take();
  }

  logIn(): void {
    this.peer.send(
      SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-userauth" }),
      signedLogin(this.peer.sessionId, this.#suite.userKey),
    );
  }

  protected command(which: number, channel: number, data: Uint8Array): void {
    const { machine } = this;
    const { connection } = machine;
    [
      () => connection.write(channel, data),
      () => connection.write(channel, data, 1),
      () => connection.request(channel, "exit-status", Uint8Array.of(0, 0, 0, 1), { wantReply: false }),
      () => connection.sendEof(channel),
      () => connection.close(channel),
      () => connection.discard(channel, 0),
      () => connection.openChannel("forwarded-tcpip", data),
      () => connection.globalRequest("tcpip-forward", data, { wantReply: true }),
      () => machine.rekey(),
      () => machine.disconnect(new SshError("closed", "done")),
    ][which % 10]!();
  }

  protected nextEvent(): ServerProtocolEvent | undefined {
    return this.machine.nextEvent();
  }

  protected answer(event: ServerProtocolEvent): Answered {
    const { machine, policy } = this;
    const { connection } = machine;
    const grant = policy === "grant";
    if (event.type === "data") {
      if (policy === "hold") return "no ask";
      connection.consumed(event.channel, event.data.length);
      connection.write(event.channel, event.data);
      return "no ask";
    }
    if (policy === "hold") return "no ask";
    const verdict = grant ? "success" : "failure";
    const answered = grant ? "accepted" : "answered";
    switch (event.type) {
      case "query":
        machine.auth.answer(event.token, grant);
        return "answered";
      case "publickey":
        machine.auth.answer(event.token, verdict);
        return answered;
      case "password":
        machine.auth.answer(event.token, grant ? { changePrompt: "too old" } : verdict);
        return "answered";
      case "change-password":
        machine.auth.answer(event.token, verdict);
        return answered;
      case "keyboard-interactive":
        machine.auth.answer(event.token, grant ? { prompts: [{ prompt: "code", echo: false }] } : verdict);
        return "answered";
      case "responses":
        machine.auth.answer(
          event.token,
          event.responses[0] === "again" ? { prompts: [] } : grant ? { partial: ["publickey"] } : verdict,
        );
        return "answered";
      case "open-request":
        connection.answerOpen(event.token, grant);
        return "answered";
      case "global-request":
        if (event.token === undefined) return "no ask";
        connection.answerGlobal(event.token, grant);
        return "answered";
      default:
        if (!("token" in event && event.token !== undefined && "channel" in event)) return "no ask";
        connection.answerRequest(event.token, grant);
        return "answered";
    }
  }
}
