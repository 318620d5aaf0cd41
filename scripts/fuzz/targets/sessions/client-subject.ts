import { ClientSession, type ClientSessionEvent } from "@nacre/session";
import { execRequest, SSH_MSG_SERVICE_ACCEPT, SSH_MSG_USERAUTH_SUCCESS, SshError, utf8Encode } from "@nacre/wire";
import { AttackPeer } from "../../../../packages/session/test/attacks/support/attack-peer.ts";
import { seededRandom } from "../../../../packages/transport/test/support/random.ts";
import { Subject } from "./subject.ts";
import type { SessionSuite } from "./suites.ts";

/** A client session: it logs in with a key, a password or answers, opens a session and runs a command. */
export class ClientSubject extends Subject<ClientSessionEvent> {
  readonly session: ClientSession;
  readonly peer: AttackPeer;

  constructor({ algorithms, kex, cipher, mac, hostKey, userKey }: SessionSuite) {
    super();
    this.session = new ClientSession({
      algorithms,
      random: seededRandom(1),
      userName: "alice",
      identities: [
        { publicKey: userKey.publicKey, privateKey: userKey },
        { publicKey: hostKey.publicKey, comment: "in an agent" },
      ],
      password: true,
      keyboardInteractive: true,
      trace: this.trace,
    });
    this.peer = new AttackPeer(this, { role: "server", hostKey, kex, cipher, ...(mac && { mac }) });
    this.session.connection.openChannel("session");
    this.session.start(0);
    this.work();
    this.peer.take();
  }

  logIn(): void {
    this.peer.send(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" }), SSH_MSG_USERAUTH_SUCCESS.encode({}));
  }

  command(which: number, channel: number, data: Uint8Array): void {
    const { session } = this;
    const { connection } = session;
    [
      () => connection.openChannel("session"),
      () => connection.request(channel, "exec", execRequest.encode({ command: data }), { wantReply: true }),
      () => connection.write(channel, data),
      () => connection.sendEof(channel),
      () => connection.close(channel),
      () => connection.discard(channel, "stdout"),
      () => connection.globalRequest("tcpip-forward", data, { wantReply: true }),
      () => connection.allow("forwarded-tcpip"),
      () => session.rekey(),
      () => session.disconnect(new SshError("closed", "done")),
    ][which % 10]!();
  }

  protected nextEvent(): ClientSessionEvent | undefined {
    return this.session.nextEvent();
  }

  protected answer(event: ClientSessionEvent): void {
    const { session, policy } = this;
    const { connection } = session;
    const grant = policy === "grant";
    if (event.type === "data") return connection.consumed(event.channel, event.data.length);
    if (event.type === "channel-opened") {
      connection.request(event.channel, "exec", execRequest.encode({ command: utf8Encode("run") }), {
        wantReply: true,
      });
      return;
    }
    if (policy === "hold") return;
    switch (event.type) {
      case "verify-host-key":
        return session.answerHostKey(event.token, grant || new SshError("host-key-refused", "refused"));
      case "sign":
        return session.auth.answerSignature(event.token, grant ? new Uint8Array(64) : undefined);
      case "password":
        return session.auth.answerPassword(event.token, grant ? "secret" : undefined);
      case "change-password":
        return session.auth.answerChangePassword(
          event.token,
          grant ? { oldPassword: "secret", newPassword: "other" } : undefined,
        );
      case "prompts":
        return session.auth.answerPrompts(event.token, grant ? event.prompts.map(() => "answer") : undefined);
      case "open-request":
        connection.answerOpen(event.token, grant);
        return;
      case "global-request":
        if (event.token !== undefined) connection.answerGlobal(event.token, grant);
        return;
      case "channel-request":
        if (event.token !== undefined) connection.answerRequest(event.token, grant);
        return;
      default:
    }
  }
}
