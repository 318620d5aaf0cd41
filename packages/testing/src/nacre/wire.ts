import { fingerprint } from "@nacre/keys";
import type { ByteStreams, Client, ConnectOptions, LoginOptions, ServeOptions, ServerConnection, Session } from "nacre";
import { connect, serve } from "nacre";
import { hostKey, userKey } from "../protocol/pair.ts";

/** Returns both ends of an in-memory byte connection. Each direction buffers up to `chunks` chunks. */
export function wire(chunks = 4): { readonly near: ByteStreams; readonly far: ByteStreams } {
  const up = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: chunks });
  const down = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: chunks });
  return {
    near: { readable: down.readable, writable: up.writable },
    far: { readable: up.readable, writable: down.writable },
  };
}

export const USER_FINGERPRINT: string = fingerprint(userKey.publicKey.blob, "sha256");

/** Server options that accept logins with the test key. */
export const open: ServeOptions<Session> = {
  hostKeys: [hostKey],
  authenticate: (login) => login.method === "publickey" && login.fingerprint === USER_FINGERPRINT,
};

/** Returns a connected Nacre client and server over Web streams. */
export async function served(
  server: Partial<ServeOptions<Session>> = {},
  client: Partial<ConnectOptions> = {},
): Promise<{ readonly client: Client; readonly connection: ServerConnection }> {
  const { near, far } = wire();
  const connection = serve(far, { ...open, ...server });
  return { client: await connect(near, { ...visitor, ...client }), connection };
}

/** Client options to log in with the test key. */
export const visitor: ConnectOptions & Pick<LoginOptions, "identities"> = {
  user: "alice",
  hostKey: () => true,
  identities: [userKey],
};
