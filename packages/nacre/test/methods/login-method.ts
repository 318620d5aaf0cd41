import { wire } from "@nacre/testing/nacre/wire";
import {
  type Client,
  type ClientLoginMethod,
  type ConnectOptions,
  connect,
  type ServeOptions,
  type ServerConnection,
  type ServerLoginMethod,
  type Session,
  serve,
} from "nacre";

/** A login method with its values for both sides. */
export interface LoginMethod {
  readonly name: string;
  readonly client: ClientLoginMethod;
  readonly server: ServerLoginMethod;
}

/** Connects a client to a server that both have only these login methods, unless the options say otherwise. */
export async function connectBy(
  methods: readonly LoginMethod[],
  server: ServeOptions<Session>,
  client: ConnectOptions,
): Promise<{ readonly client: Client; readonly connection: ServerConnection }> {
  const { near, far } = wire();
  const connection = serve(far, { methods: methods.map((one) => one.server), ...server });
  return {
    client: await connect(near, { methods: methods.map((one) => one.client), ...client }),
    connection,
  };
}
