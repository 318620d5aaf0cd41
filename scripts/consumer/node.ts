// A program of somebody else's on Node: compiled against the packed packages by scripts/check-consumers.ts.
import {
  type AgentOptions,
  authorizedKeys,
  type Client,
  type ConnectOptions,
  connect,
  type ExecResult,
  type HopOptions,
  hostKeyFile,
  type ListenOptions,
  listen,
  type NodeProcess,
  privateKey,
  type SessionHandler,
  type SshServer,
} from "@nacre/node";
import type { AreBytes, Optional } from "./types.js";

type Key = Awaited<ReturnType<typeof privateKey>>;

export const bytes: AreBytes<[Key["publicKey"]["blob"], ReturnType<Key["sign"]>]> = true;

/** The options that do not accept `undefined`: none. */
export const strict: [
  Optional<ConnectOptions>,
  Optional<HopOptions>,
  Optional<ListenOptions>,
  Optional<AgentOptions>,
] extends never[]
  ? true
  : false = true;

export async function main(host: string, password: string | undefined, fingerprint: string): Promise<ExecResult> {
  const client: Client = await connect({ host, password, hostKey: fingerprint, port: undefined, user: undefined });
  const dump: NodeProcess = await client.spawn("pg_dump", { signal: undefined });
  dump.stdout.pipe(process.stdout);
  const { stdout } = await client.exec("cat", { encoding: "bytes" });
  await crypto.subtle.digest("SHA-256", stdout);
  await client.close();
  return client.exec("true");
}

export const inward = async (bastion: Client, port: number | undefined): Promise<Client> =>
  connect({ host: "db", via: [bastion, "alice@jump:2222", { host: "inner", port, signal: undefined }] });

const hello: SessionHandler = (session) => void session.stdout.write("hello");

export const server = async (path: string | undefined): Promise<SshServer> =>
  listen({
    port: 2222,
    host: undefined,
    hostKeys: [await hostKeyFile("~/.ssh/host_key", { crypto: undefined })],
    authenticate: authorizedKeys(path ?? "~/.ssh/authorized_keys", { warn: undefined }),
    session: hello,
    limits: { maxSessions: undefined },
  });
