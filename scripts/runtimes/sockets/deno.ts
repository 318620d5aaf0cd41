import type { ByteStreams } from "nacre";
import type { OwnSockets } from "./own.ts";

/** Part of Deno's global API that this module uses. */
declare const Deno: {
  connect(options: { hostname: string; port: number }): Promise<ByteStreams>;
  listen(options: { hostname: string; port: number }): AsyncIterable<ByteStreams> & {
    readonly addr: { readonly port: number };
    close(): void;
  };
};

/** Sockets of Deno. A Deno connection already has `readable` and `writable` byte streams. */
export const denoSockets: OwnSockets = {
  connect: (port) => Deno.connect({ hostname: "127.0.0.1", port }),
  listen: async (onConnection) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    void (async () => {
      for await (const connection of listener) onConnection(connection);
    })();
    return { port: listener.addr.port, close: () => listener.close() };
  },
};
