import { type GlobalReply, SshError } from "nacre/extend";
import { callProgram } from "../call-program.ts";
import { afterClose, type ConnectionMux, noResponse, whenReady } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import type { ClientConnection } from "./client-connection.ts";

/** Callback of a request that has no result. */
export type Done = (error?: Error) => void;

/** Returns the callback, or `undefined` if the value is not a function, as in ssh2. */
export function given<T>(callback: T | undefined): T | undefined {
  return typeof callback === "function" ? callback : undefined;
}

/** Tells the server that no more sessions follow. */
export function noMoreSessions(client: ClientConnection, callback?: Done): void {
  const data = new Uint8Array(0);
  askOpenSsh(client, "no-more-sessions@openssh.com", data, "Unable to disable future sessions", callback);
}

/**
 * Sends a global request when the connection can, and wants a reply if there is a callback. `refusal` is the message if the server refuses.
 * `before` runs before the request is sent: connections may arrive in the same packet as the reply.
 */
export function ask(
  client: ClientConnection,
  name: string,
  data: Uint8Array,
  refusal: string,
  callback: ((error: Error | undefined, data: Uint8Array) => void) | undefined,
  before?: (mux: ConnectionMux) => void,
): void {
  const fail = (error: Error): void => callProgram(client, () => callback?.(error, data));
  const replied = (reply: GlobalReply): void => {
    if (reply.success) callProgram(client, () => callback?.(undefined, reply.data));
    else if (reply.error === undefined) fail(ssh2Error(refusal));
    else afterClose(client, () => fail(noResponse()), "requests");
  };
  whenReady(
    client,
    (mux) => {
      before?.(mux);
      try {
        mux.globalRequest(name, data, callback && replied);
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        if (error.code === "request-limit" || error.code === "usage") fail(ssh2Error(refusal, { cause: error }));
        else afterClose(client, () => fail(noResponse()), "requests");
      }
    },
    fail,
  );
}

/** Sends a request of OpenSSH as `ask` does. `granted` runs before the callback of a request that the server grants. */
export function askOpenSsh(
  client: ClientConnection,
  name: string,
  data: Uint8Array,
  refusal: string,
  callback: Done | undefined,
  granted?: () => void,
  before?: (mux: ConnectionMux) => void,
): void {
  const back = given(callback);
  const done =
    back &&
    ((error: Error | undefined) => {
      if (error !== undefined) return back(error);
      granted?.();
      back();
    });
  ifOpenSsh(client, back, () => ask(client, name, data, refusal, done, before));
}

/** Calls `run` if the server may get requests of OpenSSH. Otherwise the callback gets an error. */
export function ifOpenSsh(client: ClientConnection, callback: Done | undefined, run: () => void): void {
  whenReady(
    client,
    () => {
      if (takesOpenSshRequests(client)) run();
      else if (callback !== undefined) process.nextTick(callback, ssh2Error(NOT_OPENSSH));
    },
    (error) => callback?.(error),
  );
}

const NOT_OPENSSH = "strictVendor enabled and server is not OpenSSH or compatible version";

/**
 * Returns whether the server may get requests of OpenSSH: with `strictVendor` only one that ssh2 takes for OpenSSH 5 or later, which is
 * each with a number of two digits in its version, such as "dropbear_2022.83".
 */
export function takesOpenSshRequests({ config, _remoteVer = "" }: ClientConnection): boolean {
  return config.strictVendor !== true || /^OpenSSH_[5-9]|\d\d/.test(_remoteVer);
}
