/** A process with Nacre as client, for the ways to a host: jump hosts, a ProxyCommand, an agent. */
import { connect } from "@nacre/node";
import { stopwatch } from "../measure/measured-client.ts";
import type { Target } from "../tasks.ts";
import type { JumpResult, JumpTask, LoginResult, LoginTask, ThroughResult, ThroughTask } from "../ways/ways-tasks.ts";
import { work } from "./worker.ts";

work((task) => {
  switch (task.kind) {
    case "jump":
      return jump(task);
    case "through":
      return through(task);
    case "login":
      return logIn(task);
    default:
      return Promise.reject(new Error(`unexpected task ${task.kind}`));
  }
});

async function jump({ way }: JumpTask): Promise<JumpResult> {
  const lap = stopwatch();
  const client = await ("host" in way
    ? connect(way.host, { config: way.config })
    : connect({ ...optionsOf(way.target), via: way.hops.map((hop) => optionsOf(hop)) }));
  const { stdout } = await client.exec("echo ok");
  const ms = lap().seconds * 1000;
  await client.close();
  if (stdout !== "ok\n") throw new Error(`echo ok printed ${JSON.stringify(stdout)}`);
  return { ms, cpuMs: lap().cpuSeconds * 1000 };
}

async function through({ target, proxyCommand, bytes }: ThroughTask): Promise<ThroughResult> {
  const client = await connect({ ...optionsOf(target), proxyCommand });
  let arrived = 0;
  const lap = stopwatch();
  const { stdout } = await client.spawn(`head -c ${bytes} payload`);
  for await (const chunk of stdout) arrived += (chunk as Buffer).length;
  const time = lap();
  await client.close();
  return { ...time, bytes: arrived };
}

async function logIn({ target, files, agent }: LoginTask): Promise<LoginResult> {
  const lap = stopwatch();
  const key = agent === undefined ? { identities: [...files] } : { agent, identities: [] };
  const client = await connect({ ...optionsOf(target), ...key });
  const ms = lap().seconds * 1000;
  await client.close();
  return { ms, cpuMs: lap().cpuSeconds * 1000 };
}

function optionsOf(target: Target) {
  const { host, port, user, keyFile, hostKeyFingerprint } = target;
  return { host, port, user, identities: [keyFile], agent: false, hostKey: hostKeyFingerprint };
}
