import { signedLogin } from "@nacre/testing/attacks/logins";
import { seededRandom } from "@nacre/testing/random";
import { SSH_MSG_SERVICE_REQUEST } from "@nacre/wire";
import { type Login, type LoginDecision, type ServerConnection, type Session, serve } from "nacre";
import { expectRefusal, expectTrue } from "../../contract.ts";
import { type SessionSuite, SMALL_WINDOWS } from "../protocol/suites.ts";
import { EntryPoint, type Work } from "./entry-point.ts";

const MAX_SESSIONS = 3;

/** Tests `serve` with an application that grants logins by its policy, and echoes input. */
export class ServerEntryPoint extends EntryPoint {
  readonly #suite: SessionSuite;
  readonly #connection: ServerConnection;
  readonly #ended: Work;
  /** Users that the application granted a login. */
  readonly #granted = new Set<string>();
  readonly #running: { readonly signal: AbortSignal; readonly work: Work }[] = [];

  constructor(suite: SessionSuite) {
    super("client", suite);
    this.#suite = suite;
    const { algorithms, hostKey } = suite;
    this.#connection = serve(this.duplex, {
      algorithms,
      userKeys: algorithms.hostKeys,
      random: seededRandom(2),
      limits: { ...SMALL_WINDOWS, maxSessions: MAX_SESSIONS },
      hostKeys: [hostKey],
      methods: ["publickey", "password", "keyboard-interactive"],
      acceptPty: true,
      acceptEnv: (name) => name === "LANG",
      authenticate: (login) => this.#authenticate(login),
      session: (session) => this.#serve(session),
      subsystems: { echo: (session) => this.#serve(session) },
    });
    this.#ended = this.watch(this.#connection.ended.then(expectRefusal));
    this.peer.take();
  }

  logIn(): void {
    this.peer.send(
      SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-userauth" }),
      signedLogin(this.peer.sessionId, this.#suite.userKey),
    );
  }

  protected command(which: number): void {
    [
      () => this.#connection.rekey(),
      () => void this.#connection.close({ grace: 1000 }),
      () => void this.#connection.close(),
    ][which % 3]!();
  }

  protected close(): void {
    void this.#connection.close();
  }

  protected get ended(): boolean {
    return this.#ended.settled;
  }

  protected override expectSound(): void {
    super.expectSound();
    const { user } = this.#connection;
    expectTrue(user === undefined || this.#granted.has(user), "a user is logged in without a grant");
  }

  protected expectEnded(): void {
    expectTrue(this.#ended.settled, "the server's connection did not end after it was closed");
    expectTrue(this.#connection.sessionCount === 0, "sessions are left after the connection ended");
    expectTrue(
      this.#running.every(({ work }) => work.settled),
      "a session handler did not end with its connection",
    );
  }

  async #authenticate(login: Login): Promise<LoginDecision> {
    const granted = await this.answer<LoginDecision>(true, false);
    if (granted === false) return false;
    if (login.method === "password") return { changePassword: "too old" };
    if (login.method === "keyboard-interactive") {
      const [code] = await login.ask([{ prompt: "code", echo: false }]);
      if (code !== "right") return { next: ["publickey"] };
    }
    // An unsigned query for a key is not a login.
    if (!("signed" in login) || login.signed) this.#granted.add(login.user);
    return true;
  }

  #serve(session: Session): Promise<number> {
    this.judge(() => {
      expectTrue(this.#granted.has(session.user), "a session runs for a user without a grant");
      const open = this.#running.filter(({ signal, work }) => !work.settled && !signal.aborted).length;
      expectTrue(open < MAX_SESSIONS, "more sessions run concurrently than `maxSessions`");
    });
    const echoed = this.#echo(session);
    this.#running.push({ signal: session.signal, work: this.watch(echoed) });
    return echoed;
  }

  /** Echoes input until it ends. With the policy `hold`, only waits until the client disconnects. */
  async #echo({ stdin, stdout, signal }: Session): Promise<number> {
    if (this.policy === "hold") await new Promise((resolve) => signal.addEventListener("abort", resolve));
    else await stdin.pipeTo(stdout).catch(() => {});
    return 0;
  }
}
