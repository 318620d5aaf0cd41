import type { ByteStreams } from "nacre";
import { runningIn } from "../running-in.ts";

/** TCP on 127.0.0.1 as pairs of byte streams, by a runtime's own sockets. */
export interface OwnSockets {
  connect(port: number): Promise<ByteStreams>;
  /** Listens on a free port. */
  listen(onConnection: (streams: ByteStreams) => void): Promise<Listener>;
}

export interface Listener {
  readonly port: number;
  /** Accepts no more; connections stay. */
  close(): void;
}

/** Those of the runtime that runs this. */
export async function ownSockets(): Promise<OwnSockets> {
  const { name } = runningIn();
  if (name === "deno") return (await import("./deno.ts")).denoSockets;
  if (name === "bun") return (await import("./bun.ts")).bunSockets;
  return (await import("./node.ts")).nodeSockets;
}
