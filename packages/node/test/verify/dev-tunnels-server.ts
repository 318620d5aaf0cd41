import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  CommandRequestMessage,
  NodeStream,
  SshAuthenticationType,
  type SshChannel,
  SshDisconnectReason,
  SshServerSession,
  SshSessionConfiguration,
} from "@microsoft/dev-tunnels-ssh";
import { importKey } from "@microsoft/dev-tunnels-ssh-keys";
import { textOfPkcs8 } from "@nacre/testing/interop/keys";
import type { PeerServer, PeerSettings } from "./settings.ts";

/**
 * Starts the server of @microsoft/dev-tunnels-ssh, which supports ECDSA and RSA keys but not Ed25519. The command "close the connection"
 * makes it disconnect.
 */
export async function startDevTunnels(settings: PeerSettings): Promise<PeerServer> {
  const hostKey = await importKey(await textOfPkcs8(settings.hostKey));
  const userKey = settings.userKey.publicKeyLine.split(" ")[1];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    const session = new SshServerSession(new SshSessionConfiguration());
    session.credentials = { publicKeys: [hostKey] };
    session.onAuthenticating((event) => {
      const { authenticationType: type, password, publicKey } = event;
      event.authenticationPromise = (async () => {
        if (type === SshAuthenticationType.clientPassword) return password === settings.password ? {} : null;
        const bytes = await publicKey?.getPublicKeyBytes();
        return bytes?.toString("base64") === userKey ? {} : null;
      })();
    });
    session.onChannelOpening(({ channel }) => {
      channel.onRequest((request) => {
        if (request.requestType !== "exec") return;
        request.isAuthorized = true;
        const { command = "" } = request.request.convertTo(new CommandRequestMessage());
        if (command === "close the connection")
          void session.close(SshDisconnectReason.byApplication, "closed for maintenance");
        else run(command, channel);
      });
    });
    // This rejects when the client disconnects.
    session.connect(new NodeStream(socket)).catch(() => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function run(command: string, channel: SshChannel): void {
  const child = spawn("/bin/sh", ["-c", command]);
  child.stdin.on("error", () => {});
  channel.onDataReceived((data) => {
    // dev-tunnels reuses the buffer after this event.
    child.stdin.write(Buffer.from(data));
    channel.adjustWindow(data.length);
  });
  channel.onEof(() => child.stdin.end());
  const sent = (async () => {
    for await (const chunk of child.stdout) await channel.send(chunk as Buffer);
  })();
  child.on("close", (status) => void sent.then(() => channel.close(status ?? 255)));
}
