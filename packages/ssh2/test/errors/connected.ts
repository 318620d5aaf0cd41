import type { Client, Connection, Session } from "ssh2";
import type { Peers, Ssh2 } from "../parity/case.ts";
import { eachSession, exec, logIn, runs } from "../parity/sessions.ts";
import { answerOf, type Provocations, type Provoke, thrownBy } from "./provoking.ts";

/** Refuses every request and channel but sessions. */
function refusing(connection: Connection): void {
  connection.on("request", (_accept, reject) => reject?.());
  connection.on("tcpip", (_accept, reject) => reject());
}

/** Refuses every global request: ssh2's server grants that for no more sessions by itself. */
function refusingAll(connection: Connection): void {
  const { _protocol: protocol } = connection as unknown as {
    readonly _protocol: { readonly _handlers: Record<string, unknown>; requestFailure(): void };
  };
  protocol._handlers["GLOBAL_REQUEST"] = () => protocol.requestFailure();
}

/** Refuses every request of a session: ssh2 does so without a listener. */
const refusingSessions: (connection: Connection) => void = eachSession((session: Session) => {
  for (const event of ["pty", "x11", "auth-agent", "exec", "shell", "subsystem"] as const)
    session.on(event as "pty", (_accept, reject) => reject?.());
});

/** Logs in to a server, and returns what the callback of a call gets. */
function answered(
  call: (client: Client, callback: (error?: unknown) => void) => unknown,
  serve: (connection: Connection) => void = refusing,
  ident = "OpenSSH_9.9",
): Provoke {
  return async (implementation, peers) => {
    const { client } = await logIn(implementation, peers, serve, { agent: "/nonexistent" }, { ident });
    return answerOf((callback) => call(client, callback));
  };
}

function withoutSocket({ Client: ClientOf }: Ssh2, _peers: Peers): unknown {
  return thrownBy(() => new ClientOf().exec("true", () => {}));
}

async function lost(implementation: Ssh2, peers: Peers): Promise<unknown> {
  const { client, socket } = await logIn(implementation, peers, (connection) => {
    connection.on("request", () => socket.destroy());
  });
  return answerOf((callback) => client.forwardIn("127.0.0.1", 8000, callback));
}

export const clientMethodsThrow: Provocations = { "Not connected": withoutSocket };

export const clientCallbacks: Provocations = {
  "No response from server": lost,
  "Unable to exec": answered((client, done) => client.exec("true", done), refusingSessions),
  "Unable to open shell": answered((client, done) => client.shell(false, done), refusingSessions),
  "Unable to start subsystem: NAME": answered((client, done) => client.subsys("news", done), refusingSessions),
  "Unable to request a pseudo-terminal": answered((client, done) => client.shell(done), refusingSessions),
  "Unable to request X11": answered((client, done) => client.exec("true", { x11: true }, done), refusingSessions),
  "Unable to request agent forwarding": answered(
    (client, done) => client.exec("true", { agentForward: true } as never, done),
    refusingSessions,
  ),
  "Unable to bind to ADDRESS:PORT": answered((client, done) => client.forwardIn("127.0.0.1", 80, done)),
  "Unable to unbind from ADDRESS:PORT": answered((client, done) => client.unforwardIn("127.0.0.1", 80, done)),
  "Unable to bind to PATH": answered((client, done) => client.openssh_forwardInStreamLocal("/path", done)),
  "Unable to unbind from PATH": answered((client, done) => client.openssh_unforwardInStreamLocal("/path", done)),
  "Unable to disable future sessions": answered((client, done) => client.openssh_noMoreSessions(done), refusingAll),
  "strictVendor enabled and server is not OpenSSH or compatible version": answered(
    (client, done) => client.openssh_noMoreSessions(done),
    refusing,
    "Other",
  ),
  "(SSH) Channel open failure: …": answered((client, done) => client.forwardOut("127.0.0.1", 1, "host", 2, done)),
};

export const channelMethodsThrow: Provocations = {
  "Invalid signal: NAME": async (implementation, peers) => {
    const { client } = await logIn(
      implementation,
      peers,
      runs(() => {}),
    );
    const channel = await exec(client);
    return thrownBy(() => channel.signal("NONE"));
  },
};
