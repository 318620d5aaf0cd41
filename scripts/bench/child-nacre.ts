/** A process with Nacre as client, on noble's ciphers. */
import { connect } from "@nacre/node";
import { defaultAlgorithms } from "nacre/defaults";
import type { Suite, Target } from "./tasks.ts";
import { clientTasks, type MeasuredSession, work } from "./worker.ts";

work(clientTasks({ open }));

async function open(target: Target, suite: Suite | undefined): Promise<MeasuredSession> {
  const client = await connect({
    host: target.host,
    port: target.port,
    user: target.user,
    identities: [target.keyFile],
    agent: false,
    hostKey: target.hostKeyFingerprint,
    ...(suite === undefined ? {} : { algorithms: only(suite) }),
  });
  return {
    async start(command) {
      const { stdin, stdout, exit } = await client.spawn(command);
      return { stdin, stdout, status: exit.then(({ status }) => status) };
    },
    close: () => client.close(),
  };
}

function only({ cipher, mac }: Suite): typeof defaultAlgorithms {
  return {
    ...defaultAlgorithms,
    ciphers: defaultAlgorithms.ciphers.filter(({ name }) => name === cipher),
    macs: defaultAlgorithms.macs.filter(({ name }) => name === mac),
  };
}
