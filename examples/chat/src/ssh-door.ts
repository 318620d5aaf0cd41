// Server for SSH clients: `ssh -p PORT name@localhost`. The SSH user name is the name in the room.
import { hostKeyFile, listen, type NodeSession, type ServerConnection, type SshServer } from "@nacre/node";
import { bold, LineEditor, PlainLines, type Terminal, type TerminalActions } from "./line-editor.ts";
import type { Guest, GuestEvent, Room, Stay } from "./room.ts";
import { printable } from "./text.ts";

/** Maximum number of bytes that wait for a client to read them. A client with more unread bytes is disconnected. */
const MAX_UNREAD = 64 * 1024;
/** Milliseconds after which a connection without a session ends. It can last up to twice as long. */
const IDLE_TIME = 10_000;

export interface SshDoorOptions {
  readonly host: string;
  readonly port: number;
  /** Path of the host key file; created if missing. */
  readonly hostKey: string;
}

/** Starts the SSH server. */
export async function openSshDoor(room: Room, { host, port, hostKey }: SshDoorOptions): Promise<SshServer> {
  const server: SshServer = await listen({
    host,
    port,
    hostKeys: [await hostKeyFile(hostKey)],
    // Accepts every login, with any key or without one (keyboard-interactive without questions). A real application decides here, with
    // `authorizedKeys(…)` or its own function.
    methods: ["keyboard-interactive", "publickey"],
    authenticate: () => true,
    // `LineEditor` echoes and edits input, as a terminal of the operating system would.
    acceptPty: true,
    session: (session) => new Visit(session, room, () => disconnect(server, session)).run(),
    maxConnections: 200,
    // One session per connection. A client that is gone or has stopped reading is disconnected after three unanswered keepalive probes.
    limits: { maxSessions: 1, keepaliveInterval: 30_000 },
  });
  endIdle(server);
  return server;
}

/** Periodically ends connections that logged in but have no session, until the server closes. */
function endIdle(server: SshServer): void {
  let idle = new Set<ServerConnection>();
  const timer = setInterval(() => {
    const without = server.connections.filter(({ user, sessionCount }) => user !== undefined && sessionCount === 0);
    for (const connection of without) if (idle.has(connection)) void connection.close();
    idle = new Set(without);
  }, IDLE_TIME);
  void server.closed.then(() => clearInterval(timer));
}

/** Ends the connections of a session's user. A session has no reference to its connection, but names in the room are unique. */
function disconnect(server: SshServer, { user }: NodeSession): void {
  for (const connection of server.connections) if (connection.user === user) void connection.close();
}

/** One SSH session: a guest in the room, or a client that is shown why it was refused. */
class Visit implements Guest, TerminalActions {
  readonly #session: NodeSession;
  readonly #room: Room;
  readonly #disconnect: () => void;
  readonly #terminal: Terminal;
  /** Resolves with the exit status when the session ends. */
  readonly #over: Promise<number>;
  #resolve: (status: number) => void = () => {};
  #stay: Stay | undefined;

  constructor(session: NodeSession, room: Room, disconnect: () => void) {
    this.#session = session;
    this.#room = room;
    this.#disconnect = disconnect;
    this.#over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#terminal = session.pty ? new LineEditor(this, session.pty.columns) : new PlainLines(this);
  }

  /** Runs the session. Resolves with the exit status. */
  async run(): Promise<number> {
    const { kind, user, stdin, stdout, signal } = this.#session;
    if (kind !== "shell") return this.#refuse("this server runs no commands; connect without one");
    const joined = await this.#room.join(user, this);
    if ("refused" in joined) return this.#refuse(joined.refused);
    this.#stay = joined;
    const onAbort = (): void => this.#finish(0);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    this.#session.onResize = ({ columns }) => {
      this.#terminal.columns = columns;
    };
    stdin.on("data", (bytes: Uint8Array) => this.#terminal.receive(bytes));
    stdin.on("end", () => this.#terminal.end());
    try {
      return await this.#over;
    } finally {
      signal.removeEventListener("abort", onAbort);
      joined.leave();
      stdin.destroy();
      if (stdout.writableLength > MAX_UNREAD) this.#disconnect();
    }
  }

  /** Shows an event. Always returns true: `write` detects slow readers. */
  show(event: GuestEvent): boolean {
    this.#terminal.print(lineOf(event, this.#session.pty ? bold : (name) => name));
    return true;
  }

  end(reason: string): void {
    this.#finish(this.#refuse(reason));
  }

  write(text: string): void {
    const { stdout } = this.#session;
    stdout.write(text);
    // The client reads too slowly. Echo counts too: a client may type without reading.
    if (stdout.writableLength > MAX_UNREAD) this.#resolve(1);
  }

  line(text: string): void {
    void this.#stay?.say(text).then((refused) => {
      if (refused !== undefined) this.#terminal.print(`* ${refused}`);
    });
  }

  leave(): void {
    this.#finish(0);
  }

  /** Shows why the client was refused. Returns the exit status. */
  #refuse(reason: string): number {
    this.#terminal.close();
    this.#terminal.print(`* ${reason}`);
    return 1;
  }

  /** Ends the session with an exit status. Later calls have no effect. */
  #finish(status: number): void {
    this.#stay = undefined;
    this.#terminal.close();
    this.#resolve(status);
  }
}

/** Formats an event as a line of text. `emphasise` marks names, so that the text of a message cannot imitate a name. */
export function lineOf(event: GuestEvent, emphasise: (name: string) => string): string {
  const name = emphasise(printable(event.name));
  switch (event.type) {
    case "welcome":
      return `* welcome, ${name}; in the room: ${event.names.map(printable).join(", ")}`;
    case "said":
      return `${name}: ${printable(event.text)}`;
    default:
      return `* ${name} ${event.type}`;
  }
}
