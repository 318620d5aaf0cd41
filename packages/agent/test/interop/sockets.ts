import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type Agent, AgentClient, type AgentClientEvent, type AgentConnection } from "../../src/index.ts";

export type Answer = AgentClientEvent<unknown>;

/** Our client over the socket of an agent. */
export class ClientSocket {
  readonly #client = new AgentClient<(answer: Answer) => void>();
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#client.receive(chunk);
      this.#turn();
    });
    socket.on("close", () => {
      this.#client.end();
      this.#turn();
    });
  }

  static async open(path: string): Promise<ClientSocket> {
    const socket = connect(path);
    await once(socket, "connect");
    return new ClientSocket(socket);
  }

  /** Sends one request and returns its event. */
  async one(
    send: (client: AgentClient<(answer: Answer) => void>, waiter: (answer: Answer) => void) => void,
  ): Promise<Answer> {
    const answered = new Promise<Answer>((resolve) => send(this.#client, resolve));
    this.#turn();
    return answered;
  }

  /** Sends one request and returns the type of its event. */
  async type(...args: Parameters<ClientSocket["one"]>): Promise<string> {
    return (await this.one(...args)).type;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #turn(): void {
    for (let event = this.#client.nextEvent(); event !== undefined; event = this.#client.nextEvent())
      if (event.type !== "closed") event.waiter(event);
    const { unsent } = this.#client;
    if (unsent.length > 0) this.#socket.write(unsent.slice());
    this.#client.sent(unsent.length);
  }
}

/** A Unix socket on which an `Agent` answers. */
export async function serveAgent(
  agent: Agent,
  folder: { readonly path: string },
  onConfirm: () => boolean,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(folder.path, "ours");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const connection = agent.connect();
    if (connection === undefined) return void socket.destroy();
    sockets.add(socket);
    socket.on("data", (chunk) => {
      connection.receive(chunk);
      turn(connection, socket, onConfirm);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      connection.close();
    });
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function turn(connection: AgentConnection, socket: Socket, onConfirm: () => boolean): void {
  const now = performance.now();
  for (let event = connection.nextEvent(now); event !== undefined; event = connection.nextEvent(now)) {
    if (event.type === "confirm") connection.confirm(event.token, onConfirm(), now);
    if (event.type === "closed") socket.destroy();
  }
  if (connection.unsent.length > 0) socket.write(connection.unsent.slice());
  connection.sent(connection.unsent.length);
  const { deadline } = connection;
  if (deadline !== undefined) setTimeout(() => turn(connection, socket, onConfirm), deadline - now + 1);
}
