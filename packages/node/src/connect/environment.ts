import { envRequest, SshError } from "@nacre/wire";
import type { ClientUser } from "nacre/extend";

/** Options of `connect` for the environment of commands. */
export interface EnvironmentOptions {
  /**
   * Environment variables for every session of this connection, as SendEnv and SetEnv of ssh_config(5). Those of `exec` and `spawn` follow
   * them. A server accepts only those that its configuration allows (`AcceptEnv`).
   */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Sends environment variables with each session. */
export const environment: ClientUser<{ readonly options: EnvironmentOptions; readonly limits: object }> = {
  options: { env: { type: "object", check: (env) => void requestsOf(env), scope: "host" } },
  limits: {},
  isUsed: ({ env }) => env !== undefined,
  channels: [],
  begin: ({ options }) => ({ sessionRequests: () => requestsOf(options.env), closed() {} }),
};

function requestsOf(
  env: EnvironmentOptions["env"] = {},
): readonly { readonly type: string; readonly data: Uint8Array; readonly wantReply: boolean }[] {
  return Object.entries(env).map(([name, value]) => {
    if (typeof value !== "string" || `${name}${value}`.includes("\0"))
      throw new SshError("usage", "`env` must be an object of texts without NUL");
    return { type: "env", data: envRequest.encode({ name, value }), wantReply: false };
  });
}
