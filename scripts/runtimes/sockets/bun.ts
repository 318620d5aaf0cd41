import { type BunSocket, type BunSocketHandlers, bunSocketHandlers } from "@nacre/web";
import type { ByteStreams } from "nacre";
import type { OwnSockets } from "./own.ts";

interface BunOptions {
  readonly hostname: string;
  readonly port: number;
  readonly socket: BunSocketHandlers;
}

declare const Bun: {
  connect(options: BunOptions): Promise<BunSocket>;
  listen(options: BunOptions): { readonly port: number; stop(): void };
};

export const bunSockets: OwnSockets = {
  connect: (port) =>
    new Promise<ByteStreams>((resolve, reject) => {
      Bun.connect({ hostname: "127.0.0.1", port, socket: bunSocketHandlers(resolve) }).catch(reject);
    }),
  listen: async (onConnection) => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: bunSocketHandlers(onConnection) });
    return { port: listener.port, close: () => listener.stop() };
  },
};
