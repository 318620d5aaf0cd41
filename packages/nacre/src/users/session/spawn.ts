import { escapeText, SshError } from "@nacre/wire";
import type { Channel } from "../../mux/channel.ts";
import { checkOptions } from "../../options/schema.ts";
import type { Client } from "../client/client.ts";
import type { EncodedRequest } from "../client/client-user.ts";
import { BaseProcess } from "./base-process.ts";
import { SPAWN_OPTIONS, type SpawnOptions } from "./options.ts";
import { Process } from "./process.ts";
import { encodeCommand, encodeSubsystem } from "./requests.ts";
import { encodeStart, startSession, withSession } from "./start-session.ts";

/**
 * Makes the process for a channel, immediately before the client requests its command. `hasTerminal` tells whether it runs on a
 * pseudo-terminal.
 */
export type ProcessMaker<P> = (channel: Channel, hasTerminal: boolean) => P;

/** Makes processes with Web streams. */
export const webProcess: ProcessMaker<Process> = (channel, hasTerminal) => new Process(channel, hasTerminal);

/**
 * Starts a command and returns the running process, with streams for its input, output and error output. `makeProcess` makes a process of
 * another kind than with Web streams. Rejects with `aborted`, `channel-open-failed`, `channel-request-failed`, `usage` for invalid
 * arguments, or the error that ended the connection.
 */
export function spawn(client: Client, command: string | Uint8Array, options?: SpawnOptions): Promise<Process>;
export function spawn<P>(
  client: Client,
  command: string | Uint8Array,
  options: SpawnOptions | undefined,
  makeProcess: ProcessMaker<P>,
): Promise<P>;
export async function spawn(
  client: Client,
  command: string | Uint8Array,
  options: SpawnOptions = {},
  makeProcess: ProcessMaker<unknown> = webProcess,
): Promise<unknown> {
  checkOptions(options, SPAWN_OPTIONS, "`spawn`");
  const start = encodeStart(client, options, "exec", encodeCommand(command, options));
  return await startProcess(client, options, start, makeProcess);
}

/** Starts the user's shell, with a pseudo-terminal unless `pty` is false. Otherwise like {@link spawn}. */
export function shell(client: Client, options?: SpawnOptions): Promise<Process>;
export function shell<P>(client: Client, options: SpawnOptions | undefined, makeProcess: ProcessMaker<P>): Promise<P>;
export async function shell(
  client: Client,
  options: SpawnOptions = {},
  makeProcess: ProcessMaker<unknown> = webProcess,
): Promise<unknown> {
  checkOptions(options, SPAWN_OPTIONS, "`shell`");
  const { pty = true, ...others } = options;
  const start = encodeStart(client, { pty, ...others }, "shell", new Uint8Array());
  return await startProcess(client, options, start, makeProcess);
}

/** Starts a subsystem, such as `"sftp"`. Otherwise like {@link spawn}. */
export function subsystem(client: Client, name: string, options?: SpawnOptions): Promise<Process>;
export function subsystem<P>(
  client: Client,
  name: string,
  options: SpawnOptions | undefined,
  makeProcess: ProcessMaker<P>,
): Promise<P>;
export async function subsystem(
  client: Client,
  name: string,
  options: SpawnOptions = {},
  makeProcess: ProcessMaker<unknown> = webProcess,
): Promise<unknown> {
  checkOptions(options, SPAWN_OPTIONS, "`subsystem`");
  const start = encodeStart(client, options, "subsystem", encodeSubsystem(name), (cause) => {
    const message = `the server refused the subsystem "${escapeText(name)}"; enable it there (Subsystem in sshd_config)`;
    throw new SshError("channel-request-failed", message, { cause });
  });
  return await startProcess(client, options, start, makeProcess);
}

function startProcess<P>(
  client: Client,
  options: SpawnOptions,
  requests: readonly EncodedRequest[],
  makeProcess: ProcessMaker<P>,
): Promise<P> {
  const hasTerminal = requests.some(({ type }) => type === "pty-req");
  return withSession(client, options, requests, async (channel, start) => {
    const process = makeProcess(channel, hasTerminal);
    await startSession(channel, start, () => process instanceof BaseProcess && process.exited);
    return process;
  });
}
