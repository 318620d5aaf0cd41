import type { ByteStreams } from "nacre";
import { runningIn } from "../running-in.ts";

/** TCP connections on 127.0.0.1 as pairs of byte streams, based on a runtime's own socket API. */
export interface OwnSockets {
  connect(port: number): Promise<ByteStreams>;
  /** Listens on a free port. */
  listen(onConnection: (streams: ByteStreams) => void): Promise<Listener>;
}

export interface Listener {
  readonly port: number;
  /** Stops accepting connections. Leaves open connections open. */
  close(): void;
}

/** Returns the sockets of the current runtime. */
export async function ownSockets(): Promise<OwnSockets> {
  const { name } = runningIn();
  if (name === "deno") return (await import("./deno.ts")).denoSockets;
  if (name === "bun") return (await import("./bun.ts")).bunSockets;
  return (await import("./node.ts")).nodeSockets;
}
