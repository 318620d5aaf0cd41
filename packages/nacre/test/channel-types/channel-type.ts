import { wire } from "@nacre/testing/nacre/wire";
import {
  type Client,
  type ConnectOptions,
  connect,
  type Permissions,
  type ServeOptions,
  type Session,
  serve,
} from "nacre";

/** A channel type with its options on both sides. */
export interface ChannelType {
  readonly name: string;
  /** Permissions that a login needs to use it. */
  readonly permissions: Permissions;
  /** Options of a server that offers it. */
  readonly server: Pick<ServeOptions<Session>, "channels" | "globalRequests" | "sessionRequests">;
  /** Options of a client that accepts it. */
  readonly client: Pick<ConnectOptions, "channels">;
}

/** Connects a client to a server that both support `types`. */
export async function connectWith(
  types: readonly ChannelType[],
  server: ServeOptions<Session>,
  client: ConnectOptions,
): Promise<Client> {
  const { near, far } = wire();
  serve(far, {
    ...server,
    channels: Object.assign({}, ...types.map((type) => type.server.channels)),
    globalRequests: Object.assign({}, ...types.map((type) => type.server.globalRequests)),
    sessionRequests: Object.assign({}, ...types.map((type) => type.server.sessionRequests)),
  });
  return connect(near, { ...client, channels: Object.assign({}, ...types.map((type) => type.client.channels)) });
}
