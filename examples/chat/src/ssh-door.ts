// The door for SSH clients: `ssh -p PORT name@localhost`. The SSH user name is the name in the room.
import { hostKeyFile, listen, type NodeSession, type ServerConnection, type SshServer } from "@nacre/node";
import { bold, LineEditor, PlainLines, type Terminal, type TerminalActions } from "./line-editor.ts";
import type { Guest, GuestEvent, Room, Stay } from "./room.ts";
import { printable } from "./text.ts";

/** Bytes that may wait for a client to read them. A client with more is a slow reader. */
const MAX_UNREAD = 64 * 1024;
/** Time after which a connection without a session ends, in milliseconds; at most twice as long. */
const IDLE_TIME = 10_000;

export interface SshDoorOptions {
  readonly host: string;
  readonly port: number;
  /** File with the host key; created if missing. */
  readonly hostKey: string;
}

/** Starts the SSH server. */
export async function openSshDoor(room: Room, { host, port, hostKey }: SshDoorOptions): Promise<SshServer> {
  const server: SshServer = await listen({
    host,
    port,
    hostKeys: [await hostKeyFile(hostKey)],
    // Everyone may enter, with any key or with none: a keyboard-interactive login without questions. A real application decides here, by
    // `authorizedKeys(…)` or a function of its own.
    methods: ["keyboard-interactive", "publickey"],
    authenticate: () => true,
    // `LineEditor` does what the terminal of a shell would do.
    acceptPty: true,
    session: (session) => new Visit(session, room, () => disconnect(server, session)).run(),
    maxConnections: 200,
    // One session per connection. Clients that vanish, or no longer read, end after three unanswered probes.
    limits: { maxSessions: 1, keepaliveInterval: 30_000 },
  });
  endIdle(server);
  return server;
}

/** Ends connections that are logged in but have no session, until the server closes. */
function endIdle(server: SshServer): void {
  let idle = new Set<ServerConnection>();
  const timer = setInterval(() => {
    const without = server.connections.filter(({ user, sessionCount }) => user !== undefined && sessionCount === 0);
    for (const connection of without) if (idle.has(connection)) void connection.close();
    idle = new Set(without);
  }, IDLE_TIME);
  void server.closed.then(() => clearInterval(timer));
}

/** Ends the connections of a session's user. A session does not know its connection, but names in the room are unique. */
function disconnect(server: SshServer, { user }: NodeSession): void {
  for (const connection of server.connections) if (connection.user === user) void connection.close();
}

/** One session: a client in the room, or one that learns why it may not come in. */
class Visit implements Guest, TerminalActions {
  readonly #session: NodeSession;
  readonly #room: Room;
  readonly #disconnect: () => void;
  readonly #terminal: Terminal;
  /** Resolves with the exit status when the visit is over. */
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

  /** Returns the exit status. */
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

  /** Shows an event. Returns true, because `write` finds slow readers. */
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
    // A slow reader. Echo counts too: a client may type without reading.
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

  /** Shows why the visit ends. Returns the exit status. */
  #refuse(reason: string): number {
    this.#terminal.close();
    this.#terminal.print(`* ${reason}`);
    return 1;
  }

  /** Ends the visit with an exit status. No effect the second time. */
  #finish(status: number): void {
    this.#stay = undefined;
    this.#terminal.close();
    this.#resolve(status);
  }
}

/** Returns an event as a line of text. Names pass through `emphasise`, so that no text can imitate one. */
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
