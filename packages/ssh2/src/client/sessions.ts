import { CHANNEL, type Channel } from "../channel/channel.ts";
import { openStream } from "../channel/open-channel.ts";
import { forwardAgent } from "./agent-forwarding.ts";
import { type ResultCallback, toCallback } from "./arguments.ts";
import type { ClientConnection } from "./client-connection.ts";
import { request, type SessionRequest, unsendable } from "./request.ts";
import {
  commandRequest,
  envRequests,
  type PseudoTtyOptions,
  shellRequest,
  startSubsystemRequest,
  terminalRequest,
  type X11Options,
  x11Request,
} from "./session-requests.ts";
import { acceptX11 } from "./x11.ts";

/** Gets a session whose command, shell or subsystem has started, or the error. */
export type ClientCallback = (error: Error | undefined, channel: Channel) => void;

/** Options of a shell. */
export interface ShellOptions {
  env?: Readonly<Record<string, unknown>> | null | undefined;
  x11?: boolean | number | X11Options | null | undefined;
  /** Whether to forward the agent of `connect`. */
  agentForward?: boolean | undefined;
}

/** Options of a command. */
export interface ExecOptions extends ShellOptions {
  pty?: boolean | PseudoTtyOptions | null | undefined;
  /** Whether the channel stays open for reading after `end()`; default true. */
  allowHalfOpen?: boolean | undefined;
}

/** A step before a session starts. Calls `done` once. */
type Step = (channel: Channel, done: (error?: Error) => void) => void;

/**
 * Runs a command. Calls `callback` in the turn of the server's answer, before any event of the channel. Throws "Not connected", and a
 * `TypeError` for arguments of a wrong type.
 */
export function exec(
  client: ClientConnection,
  command: string | Uint8Array,
  options: ExecOptions | ClientCallback | undefined,
  callback?: ClientCallback,
): void {
  const given = typeof options === "function" ? {} : (options ?? {});
  const back = toCallback(typeof options === "function" ? options : callback);
  const { env, pty, x11, allowHalfOpen } = given;
  const last = commandRequest(command);
  const steps = [
    ...envSteps(env),
    ...agentSteps(client, given),
    ...(pty === true || (typeof pty === "object" && pty !== null) ? [requestStep(terminalRequest(pty))] : []),
    ...x11Steps(client, x11),
  ];
  startSession(client, steps, last, "exec", back, allowHalfOpen !== false);
}

/**
 * Starts a shell. `window` are the options of its terminal; `false` requests none. Options with `env` or `x11` may be in its place. Throws
 * as `exec` does.
 */
export function shell(
  client: ClientConnection,
  window: PseudoTtyOptions | ShellOptions | ClientCallback | false | null | undefined,
  options?: ShellOptions | ClientCallback | null,
  callback?: ClientCallback,
): void {
  const back = toCallback([window, options, callback].find(isCallback));
  const first = typeof window === "function" || window === null ? undefined : window;
  const isOptions = first && ("x11" in first || "env" in first) && (first.x11 !== undefined || first.env !== undefined);
  const second = typeof options === "function" || options === null ? undefined : options;
  const { env, x11, agentForward } = (isOptions ? first : second) ?? {};
  const terminal = isOptions ? undefined : first;
  const steps = [
    ...envSteps(env),
    ...agentSteps(client, { agentForward }),
    ...(terminal === false ? [] : [requestStep(terminalRequest(terminal as PseudoTtyOptions | undefined))]),
    ...x11Steps(client, x11),
  ];
  startSession(client, steps, shellRequest(), "shell", back);
}

/** Starts a subsystem. Throws as `exec` does. */
export function subsys(client: ClientConnection, name: string, callback: ClientCallback): void {
  startSession(client, [], startSubsystemRequest(name), "subsystem", toCallback(callback));
}

/** Opens a session and calls `callback` with it once each step is done and the server has granted `last`. */
function startSession(
  client: ClientConnection,
  steps: readonly Step[],
  last: SessionRequest,
  subtype: string,
  callback: ResultCallback<Channel>,
  allowHalfOpen = true,
): void {
  openStream(client, "session", undefined, (failure, channel) => {
    if (channel === undefined) return callback(failure);
    const next = (index: number, error?: Error): void => {
      if (error !== undefined) {
        channel.close();
        return callback(error);
      }
      const step = steps[index];
      if (step !== undefined) return step(channel, (reason) => next(index + 1, reason));
      request(client, channel[CHANNEL], last, (reason) => {
        if (reason !== undefined) return next(index, reason);
        channel.subtype = subtype;
        channel.allowHalfOpen = allowHalfOpen;
        callback(undefined, channel);
      });
    };
    next(0);
  });
}

/** Returns a step that sends a request and waits for its reply. */
function requestStep(sent: SessionRequest): Step {
  return (channel, done) => request(channel._client, channel[CHANNEL], sent, done);
}

/** Returns a step that sends environment variables, which servers need not answer. */
function envSteps(env: ShellOptions["env"]): readonly Step[] {
  const requests = envRequests(env);
  return [
    (channel, done) => {
      try {
        for (const { type, data } of requests) channel[CHANNEL].notify(type, data);
      } catch (error) {
        return done(unsendable(error));
      }
      done();
    },
  ];
}

function agentSteps(client: ClientConnection, { agentForward }: Pick<ShellOptions, "agentForward">): readonly Step[] {
  return [
    (channel, done) => {
      const isWanted = client.config.allowAgentFwd === true || (agentForward === true && client._agent !== undefined);
      if (isWanted) forwardAgent(client, channel, done);
      else done();
    },
  ];
}

/** A number requests nothing, as in ssh2. */
function x11Steps(client: ClientConnection, x11: ShellOptions["x11"]): readonly Step[] {
  if (x11 !== true && (typeof x11 !== "object" || x11 === null)) return [];
  const sent = x11Request(x11);
  return [
    (channel, done) => {
      const accepted = acceptX11(client, channel);
      request(client, channel[CHANNEL], sent, (error) => {
        accepted(error === undefined);
        done(error);
      });
    },
  ];
}

function isCallback(value: unknown): value is ClientCallback {
  return typeof value === "function";
}
