/** A process with the requested number of clients that only log in: Nacre's, since they are measured no further. */
import { type Client, connect, nodeAlgorithms } from "@nacre/node";
import { stopwatch } from "./measured-client.ts";
import type { CallTask, StayTask, Task, VisitResult } from "./tasks.ts";
import { work } from "./worker.ts";

/** Connections that are being made at once: enough to keep a server busy, few enough for sshd's MaxStartups. */
const AT_ONCE = 8;

const guests: Client[] = [];

// A remaining client would keep the process alive.
process.once("disconnect", () => process.exit());

work((task: Task) => {
  switch (task.kind) {
    case "stay":
      return visit(task, (client) => guests.push(client));
    case "call":
      return visit(task, (client) => client.close());
    case "leave":
      return leave();
    default:
      throw new Error(`no task for visitors: ${task.kind}`);
  }
});

async function visit(task: StayTask | CallTask, then: (client: Client) => unknown): Promise<VisitResult> {
  const lap = stopwatch();
  let left = task.count;
  const agreed = new Set<string>();
  const visitor = async (): Promise<void> => {
    while (left > 0) {
      left--;
      const client = await enter(task);
      const { kex, serverToClient } = client.info.negotiated;
      agreed.add(`${kex.name}, ${serverToClient.cipher.name}`);
      await then(client);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  if (agreed.size !== 1) throw new Error(`the visitors agreed on ${[...agreed].join(" and ")}`);
  return { seconds: lap().seconds, negotiated: [...agreed].join() };
}

function enter({ target, kex }: StayTask | CallTask): Promise<Client> {
  return connect({
    host: target.host,
    port: target.port,
    user: target.user,
    identities: [target.keyFile],
    agent: false,
    hostKey: target.hostKeyFingerprint,
    // Idle is a connection on which nothing was asked for, not even in advance.
    earlyChannel: false,
    ...(kex !== undefined && {
      algorithms: { ...nodeAlgorithms, kex: nodeAlgorithms.kex.filter(({ name }) => name === kex) },
    }),
  });
}

async function leave(): Promise<VisitResult> {
  const lap = stopwatch();
  await Promise.all(guests.splice(0).map((client) => client.close()));
  return { seconds: lap().seconds, negotiated: "" };
}
