import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import {
  CommandRequestMessage,
  NodeStream,
  SshClientSession,
  SshDisconnectReason,
  SshExtendedDataType,
  SshSessionConfiguration,
} from "@microsoft/dev-tunnels-ssh";
import { importKey } from "@microsoft/dev-tunnels-ssh-keys";
import { randomData, sha256 } from "@nacre/testing/interop/data";
import { textOfPkcs8 } from "@nacre/testing/interop/keys";
import { type ClientTask, DATA_LENGTH, type PeerRun, type Result } from "./settings.ts";

/** Connects to a server with the client of @microsoft/dev-tunnels-ssh, which supports ECDSA and RSA keys but not Ed25519. */
export async function driveDevTunnels({ port, hostKey, key, password }: ClientTask): Promise<Result> {
  const socket = connectSocket({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const session = new SshClientSession(new SshSessionConfiguration());
  session.onAuthenticating((event) => {
    event.authenticationPromise = (async () => {
      const blob = await event.publicKey?.getPublicKeyBytes();
      return blob?.toString("base64") === hostKey[1] ? {} : null;
    })();
  });
  await session.connect(new NodeStream(socket));
  const closed = once(socket, "close");
  try {
    const credentials = {
      username: "alice",
      ...(key !== undefined && { publicKeys: [await importKey(await textOfPkcs8({ path: key }))] }),
      ...(password !== undefined && { password }),
    };
    if (!(await session.authenticate(credentials))) return { refused: true };
    const data = randomData(DATA_LENGTH);
    return {
      version: String(session.remoteVersion),
      refused: false,
      digest: sha256(data),
      simple: await run(session, "echo out; echo err >&2; exit 3"),
      cat: await run(session, "cat", data),
    };
  } finally {
    await session.close(SshDisconnectReason.byApplication);
    await closed;
  }
}

async function run(session: SshClientSession, command: string, input?: Uint8Array): Promise<PeerRun> {
  const channel = await session.openChannel();
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  // dev-tunnels reuses the buffers after these events.
  channel.onDataReceived((data) => {
    out.push(Buffer.from(data));
    channel.adjustWindow(data.length);
  });
  channel.onExtendedDataReceived(({ dataTypeCode, data }) => {
    if (dataTypeCode === SshExtendedDataType.STDERR) err.push(Buffer.from(data));
    channel.adjustWindow(data.length);
  });
  const status = new Promise<number>((resolve) => {
    channel.onClosed(({ exitStatus }) => resolve(exitStatus ?? -1));
  });
  const request = new CommandRequestMessage();
  request.command = command;
  request.wantReply = true;
  if (!(await channel.request(request))) throw new Error(`the server refused to run ${command}`);
  if (input !== undefined) await channel.send(Buffer.from(input));
  // An empty buffer ends the input.
  await channel.send(Buffer.alloc(0));
  const ended = await status;
  const bytes = Buffer.concat(out);
  return {
    out: bytes.length < 1000 ? bytes.toString() : sha256(bytes),
    err: Buffer.concat(err).toString(),
    status: ended,
  };
}
