/** A process with the requested number of clients that only log in. They are Nacre's for every server, as only the server is measured. */
import { type Client, connect, nodeAlgorithms } from "@nacre/node";
import { stopwatch } from "../measure/measured-client.ts";
import type { CallTask, StayTask, Task, VisitResult } from "../tasks.ts";
import { work } from "./worker.ts";

/** Number of concurrent logins: enough to keep a server busy, few enough for sshd's MaxStartups. */
const AT_ONCE = 8;

const guests: Client[] = [];

// An open connection would keep the process alive.
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
      throw new Error(`unexpected task ${task.kind}`);
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
  if (agreed.size !== 1) throw new Error(`expected one set of algorithms, got ${[...agreed].join(" and ")}`);
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
    // An idle connection must not have a channel, not even an early one.
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
