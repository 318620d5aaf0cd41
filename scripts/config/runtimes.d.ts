// The parts of other runtimes that the examples in the READMEs use: see scripts/check-examples.ts.
declare namespace Deno {
  function connect(to: {
    readonly hostname: string;
    readonly port: number;
  }): Promise<{ readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array> }>;
  function readTextFile(path: string): Promise<string>;
}

declare namespace Bun {
  function connect(options: {
    readonly hostname: string;
    readonly port: number;
    readonly socket: import("@nacre/web").BunSocketHandlers;
  }): Promise<import("@nacre/web").BunSocket>;
  function file(path: string): Blob;
}

declare module "cloudflare:sockets" {
  export function connect(address: { readonly hostname: string; readonly port: number }): {
    readonly readable: ReadableStream;
    readonly writable: WritableStream;
  };
}
