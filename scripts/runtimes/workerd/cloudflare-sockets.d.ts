/** The part of workerd's socket API that the tests use. */
declare module "cloudflare:sockets" {
  /** A TCP connection. Its streams are the pair of byte streams that `connect` of `nacre` takes. */
  export interface Socket {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
  }
  export function connect(address: { readonly hostname: string; readonly port: number }): Socket;
}
