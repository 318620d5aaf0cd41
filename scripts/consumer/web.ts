// An application in a browser or a worker. scripts/check-consumers.ts compiles it with the packed packages.

import { type CpOptions, type ReadStreamOptions, type Sftp, sftp, type WriteFileOptions } from "@nacre/files";
import {
  type ByteStreams,
  type Client,
  type ConnectOptions,
  connect,
  type ExecOptions,
  type HostKey,
  type Permissions,
  type PrivateKeyOptions,
  type Process,
  type PtyOptions,
  type PublickeyLogin,
  privateKey,
  type RemoteIdentity,
  type ServeOptions,
  type Session,
  serve,
} from "nacre";
import {
  type Client as CoreClient,
  type ConnectOptions as CoreOptions,
  connect as connectWith,
  dial,
  exec,
  webDuplex,
} from "nacre/core";
import { defaultAlgorithms } from "nacre/defaults";
import type { Duplex } from "nacre/extend";
import type { AreBytes, Optional } from "./types.js";

type ChunkOf<T> = T extends ReadableStream<infer Chunk> ? Chunk : never;
type Key = Awaited<ReturnType<typeof privateKey>>;

/** Asserts that the public functions return bytes as `Uint8Array`. */
export const bytes: AreBytes<
  [
    Awaited<ReturnType<typeof output>>,
    ChunkOf<Process["stdout"]>,
    ChunkOf<Process["stderr"]>,
    ChunkOf<Session["stdin"]>,
    HostKey["blob"],
    PublickeyLogin["publicKey"],
    Key["publicKey"]["blob"],
    ReturnType<Key["sign"]>,
    ChunkOf<ReturnType<Sftp["createReadStream"]>>,
    Parameters<RemoteIdentity["sign"]>[1],
    Parameters<Duplex["write"]>[0][number],
  ]
> = true;

/** Asserts that every optional property of these options accepts `undefined`. */
export const strict: [
  Optional<ConnectOptions>,
  Optional<ServeOptions<Session>>,
  Optional<ExecOptions>,
  Optional<PtyOptions>,
  Optional<Permissions>,
  Optional<PrivateKeyOptions>,
  Optional<WriteFileOptions & ReadStreamOptions & CpOptions>,
] extends never[]
  ? true
  : false = true;

/** Passes settings of the application that may be `undefined`, under exactOptionalPropertyTypes. */
export function options(password: string | undefined, signal: AbortSignal | undefined): ConnectOptions {
  return {
    user: "alice",
    hostKey: "SHA256:",
    password,
    signal,
    limits: { keepaliveInterval: undefined },
  };
}

export async function files(ssh: Client): Promise<string> {
  await using files = await sftp(ssh, { signal: undefined });
  await files.createReadStream("a").pipeTo(files.createWriteStream("b", { mode: undefined }));
  await new Blob([await files.readFile("b")]).text();
  const { size }: { size: bigint } = await files.stat("b", { bigint: true });
  return `${size} ${await files.readFile("b", "utf8")}`;
}

export async function output(streams: ByteStreams, given: ConnectOptions) {
  const ssh: Client = await connect(streams, given);
  const { stdout } = await ssh.exec("uname", { encoding: "bytes", pty: undefined, env: undefined });
  await new Blob([stdout]).text();
  await crypto.subtle.digest("SHA-256", stdout);
  const process = await ssh.spawn("cat", { signal: given.signal });
  const text = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const chunk = await process.stderr.getReader().read();
  await text.read();
  if (chunk.value !== undefined) await new Blob([chunk.value]).text();
  await ssh.close();
  return stdout;
}

export const core = (streams: ByteStreams, given: CoreOptions): Promise<CoreClient> =>
  connectWith(webDuplex(streams), { ...given, algorithms: defaultAlgorithms });

export async function coreFunctions(client: CoreClient): Promise<ByteStreams> {
  const { stdout } = await exec(client, "uname");
  return dial(client, { host: stdout, port: 80 });
}

/** Byte streams over a WebSocket. Its `send` does not accept shared memory. */
export const overSocket = (socket: WebSocket): ByteStreams => ({
  readable: new ReadableStream<Uint8Array>(),
  writable: new WritableStream({ write: (chunk) => socket.send(chunk) }),
});

/** An identity with a private key that the platform keeps. */
export async function held(pair: CryptoKeyPair, key: Key): Promise<RemoteIdentity> {
  return {
    publicKey: key.publicKey,
    sign: async (_, data) => new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, data)),
  };
}

export async function served(streams: ByteStreams, text: string, passphrase: string | undefined): Promise<void> {
  const key = await privateKey(text, { passphrase });
  const given: ServeOptions<Session> = {
    hostKeys: [key],
    banner: undefined,
    authenticate: (login) => login.method === "publickey" && new Blob([login.publicKey]).size > 0,
    session: async (session) => {
      await session.stdin.pipeThrough(new TextDecoderStream()).cancel();
      return { status: 0 };
    },
  };
  const connection = serve(streams, given);
  await connection[Symbol.asyncDispose]();
}
