import type { Channel as MuxChannel } from "nacre/extend";
import { channelsOf } from "../channel/channel-manager.ts";
import { openWhenReady } from "../channel/open-channel.ts";
import { DEBUG } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { SFTP } from "../sftp/sftp.ts";
import { type ResultCallback, toCallback } from "./arguments.ts";
import type { ClientConnection } from "./client-connection.ts";
import { askInTurn } from "./request.ts";
import { envRequests, startSubsystemRequest } from "./session-requests.ts";

type SftpCallback = (error: Error | undefined, sftp: SFTP) => void;

/**
 * Starts SFTP. `env` are variables that the server must accept. Calls `callback` once the server has sent its version. Throws "Not
 * connected", and a `TypeError` for arguments of a wrong type.
 */
export function sftp(
  client: ClientConnection,
  env: Readonly<Record<string, unknown>> | SftpCallback | null | undefined,
  callback?: SftpCallback,
): void {
  const back = toCallback(typeof env === "function" ? env : callback);
  const requests = [...envRequests(typeof env === "function" ? undefined : env), startSubsystemRequest("sftp")];
  openWhenReady(client, "session", undefined, (failure, channel) => {
    if (channel === undefined) return back(failure);
    askInTurn(client, channel, requests, (error) => {
      if (error === undefined) return waitUntilReady(client, channel, back);
      channel.close();
      back(error);
    });
  });
}

/** Waits until the server is ready, or ends. */
function waitUntilReady(client: ClientConnection, channel: MuxChannel, callback: ResultCallback<SFTP>): void {
  const made = new SFTP(client, channel, client[DEBUG]);
  const manager = channelsOf(client);
  manager.add(channel.id, made);
  void channel.ended.then(() => manager.remove(channel.id, made));
  const settled = (): void => {
    made
      .removeListener("ready", ready)
      .removeListener("error", failed)
      .removeListener("exit", ended)
      .removeListener("close", ended);
  };
  const ready = (): void => {
    settled();
    callback(undefined, made);
  };
  const failed = (error: Error): void => {
    settled();
    // The program does not get the SFTP, so it cannot listen to what the server still does.
    made.on("error", () => {}).destroy();
    callback(error);
  };
  const ended = (code?: number | null, signal?: string): void => {
    failed(Object.assign(ssh2Error(endText(code, signal)), { code, signal }));
  };
  made.on("ready", ready).on("error", failed).on("exit", ended).on("close", ended);
}

function endText(code: number | null | undefined, signal: string | undefined): string {
  if (typeof code === "number") return `Received exit code ${code} while establishing SFTP session`;
  if (signal !== undefined) return `Received signal ${signal} while establishing SFTP session`;
  return "Received unexpected SFTP session termination";
}
