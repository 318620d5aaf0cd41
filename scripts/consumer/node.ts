// An application on Node. scripts/check-consumers.ts compiles it with the packed packages.
import { get } from "node:http";
import {
  type AgentOptions,
  authorizedKeys,
  type Client,
  type ConnectOptions,
  connect,
  type ExecResult,
  type FileHandle,
  type Forward,
  type ForwardOptions,
  type HopOptions,
  hostKeyFile,
  type ListenOptions,
  type LocalForwardOptions,
  listen,
  type NodeProcess,
  type ProxyOptions,
  privateKey,
  type SessionHandler,
  type Sftp,
  type SocketOptions,
  type SshServer,
  type TransferOptions,
  type TransferResult,
} from "@nacre/node";
import { httpAgent, undiciConnect } from "@nacre/node/http";
import {
  type DiskFileSystemOptions,
  diskFileSystem,
  type SftpServerOptions,
  sftpServer,
} from "@nacre/node/sftp-server";
import type { AreBytes, Optional } from "./types.js";

type Key = Awaited<ReturnType<typeof privateKey>>;

export const bytes: AreBytes<[Key["publicKey"]["blob"], ReturnType<Key["sign"]>]> = true;

/** Asserts that every optional property of these options accepts `undefined`. */
export const strict: [
  Optional<ConnectOptions>,
  Optional<ListenOptions>,
  Optional<AgentOptions>,
  Optional<LocalForwardOptions & ForwardOptions & ProxyOptions & SocketOptions>,
  Optional<HopOptions>,
  Optional<Omit<DiskFileSystemOptions & SftpServerOptions, "root">>,
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

export async function lines(client: Client): Promise<void> {
  await using sftp: Sftp = await client.sftp();
  sftp.createReadStream("log", { start: undefined }).pipe(sftp.createWriteStream("copy"));
  const file: FileHandle = await sftp.open("log");
  for await (const line of file.readLines()) console.log(line);
}

export async function deploy(client: Client): Promise<string[]> {
  const options: TransferOptions = {
    recursive: true,
    signal: undefined,
    onProgress: ({ bytes }) => console.log(bytes),
  };
  await client.download("backup", "backup", { concurrency: undefined });
  const { failed }: TransferResult = await client.upload("dist", "app", options);
  return failed.map(({ path, error }) => `${path}: ${error.code}`);
}

export async function forward(client: Client): Promise<Forward> {
  const socket = client.socket({ host: "example.org", port: 80 }).setTimeout(1000).connect(80, "ignored");
  socket.pipe(process.stdout);
  get("http://example.org/", { agent: httpAgent(client, { path: "/run/app.sock" }, { keepAlive: true }) });
  undiciConnect(client)({ protocol: "http:", hostname: "example.org" }, () => {});
  await using forward = await client.forwardDynamic({ port: 0 }, { handshakeTimeout: undefined });
  console.log(forward.port);
  return client.forwardLocal({ path: "/run/forward.sock" }, { host: "example.org", port: 80 });
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

export const files: SessionHandler = sftpServer(({ user }) => ({
  root: "/srv",
  startDirectory: user === "root" ? "/" : undefined,
}));
export const reading: Promise<unknown> = diskFileSystem({ root: "/srv", readOnly: undefined }).stat("/");
