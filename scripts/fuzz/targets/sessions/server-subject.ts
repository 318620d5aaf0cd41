import { ServerSession, type ServerSessionEvent } from "@nacre/session";
import { SSH_MSG_SERVICE_REQUEST, SshError } from "@nacre/wire";
import { AttackPeer } from "../../../../packages/session/test/attacks/support/attack-peer.ts";
import { signedLogin } from "../../../../packages/session/test/attacks/support/logins.ts";
import { seededRandom } from "../../../../packages/transport/test/support/random.ts";
import { Subject } from "./subject.ts";
import type { SessionSuite } from "./suites.ts";

/** A server session: it lets in whoever it is told to let in, opens sessions, and echoes. */
export class ServerSubject extends Subject<ServerSessionEvent> {
  readonly session: ServerSession;
  readonly peer: AttackPeer;
  readonly #suite: SessionSuite;

  constructor(suite: SessionSuite) {
    super();
    this.#suite = suite;
    const { algorithms, kex, cipher, mac, hostKey } = suite;
    this.session = new ServerSession({
      algorithms,
      random: seededRandom(2),
      hostKeys: [{ publicKey: hostKey.publicKey, privateKey: hostKey }],
      methods: ["publickey", "password", "keyboard-interactive"],
      userKeys: algorithms.hostKeys,
      banner: "welcome\n",
      trace: this.trace,
    });
    this.peer = new AttackPeer(this, { role: "client", hostKey, kex, cipher, ...(mac && { mac }) });
    this.session.start(0);
    this.work();
    this.peer.take();
  }

  logIn(): void {
    this.peer.send(
      SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-userauth" }),
      signedLogin(this.peer.sessionId, this.#suite.userKey),
    );
  }

  command(which: number, channel: number, data: Uint8Array): void {
    const { session } = this;
    const { connection } = session;
    [
      () => connection.write(channel, data),
      () => connection.write(channel, data, "stderr"),
      () => connection.request(channel, "exit-status", Uint8Array.of(0, 0, 0, 1), { wantReply: false }),
      () => connection.sendEof(channel),
      () => connection.close(channel),
      () => connection.discard(channel, "stdout"),
      () => connection.openChannel("forwarded-tcpip", data),
      () => connection.globalRequest("tcpip-forward", data, { wantReply: true }),
      () => session.rekey(),
      () => session.disconnect(new SshError("closed", "done")),
    ][which % 10]!();
  }

  protected nextEvent(): ServerSessionEvent | undefined {
    return this.session.nextEvent();
  }

  protected answer(event: ServerSessionEvent): void {
    const { session, policy } = this;
    const { connection } = session;
    const grant = policy === "grant";
    if (event.type === "data") {
      connection.consumed(event.channel, event.data.length);
      connection.write(event.channel, event.data);
      return;
    }
    if (policy === "hold") return;
    const verdict = grant ? "success" : "failure";
    switch (event.type) {
      case "query":
        return session.auth.answerQuery(event.token, grant);
      case "publickey":
        return session.auth.answerPublickey(event.token, verdict);
      case "password":
        return session.auth.answerPassword(event.token, grant ? { changePrompt: "too old" } : verdict);
      case "change-password":
        return session.auth.answerPassword(event.token, verdict);
      case "keyboard-interactive":
        return session.auth.answerKeyboardInteractive(
          event.token,
          grant ? { prompts: [{ prompt: "code", echo: false }] } : verdict,
        );
      case "responses":
        return session.auth.answerKeyboardInteractive(
          event.token,
          event.responses[0] === "again" ? { prompts: [] } : grant ? { partial: ["publickey"] } : verdict,
        );
      case "open-request":
        connection.answerOpen(event.token, grant);
        return;
      case "global-request":
        if (event.token !== undefined) connection.answerGlobal(event.token, grant);
        return;
      default:
        if ("token" in event && event.token !== undefined && "channel" in event)
          connection.answerRequest(event.token, grant);
    }
  }
}
