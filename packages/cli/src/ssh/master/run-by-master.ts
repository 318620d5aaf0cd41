import { Client } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import type { ForwardTarget } from "nacre";
import type { Master } from "nacre/internal-on-demand";
import { oneLine } from "../../one-line.ts";
import { say } from "../../say.ts";
import { reachMaster } from "./control-socket.ts";
import { type RequestedForward, requestForwards } from "./forwards.ts";
import { dialByMaster, type RunStdio, runStdioOver } from "./stdio-by-master.ts";

/** Arguments that decide whether a master is used. */
export interface MasterOptions {
  /** Path of the control socket; `undefined` for none. */
  readonly controlPath: string | undefined;
  readonly controlMaster: "no" | "yes" | "ask" | "auto" | "autoask";
  /** Whether the connection must be that of a master (`-O proxy`). */
  readonly onlyMaster: boolean;
  /** Whether the words name the host keys to accept. A master does not report the key of its server. */
  readonly namesHostKeys: boolean;
  /** Whether an agent is to be forwarded. */
  readonly forwardsAgent: boolean;
  /** Whether to run a command, a shell or a subsystem. */
  readonly hasSession: boolean;
  /** Whether to print the lines of `-v`. */
  readonly verbose: boolean;
}

/** The arguments that decide whether a master is used, and what it has to do. */
export interface MasterArguments extends MasterOptions {
  readonly forwards: readonly RequestedForward[];
  /** Target of `-W`. */
  readonly stdioTarget: ForwardTarget | undefined;
}

/** The work to do over the connection of a master. */
export interface MasterWork {
  /** Runs the command or shell on a client. Resolves with the exit status. */
  session(client: Client): Promise<number>;
  /** Connects standard input and output to a connection (`-W`). */
  readonly stdio: RunStdio;
}

/**
 * Does the call's work over the connection of a master of ssh(1) at ControlPath, and resolves with the exit status.
 *
 * Resolves with `undefined` if this process must connect by itself: there is no master, the master or its server refused, or the call needs
 * something that a master does not carry. It has then printed the reason, if ssh(1) prints one.
 */
export async function runByMaster(words: MasterArguments, work: MasterWork): Promise<number | undefined> {
  const { stdioTarget } = words;
  const run = await withMaster(words, async (master) => {
    if (!(await openForwards(master, words))) return undefined;
    if (stdioTarget !== undefined) {
      const socket = await dialByMaster(master, stdioTarget);
      return socket && (() => runStdioOver(socket, stdioTarget, work.stdio));
    }
    const client = await clientOf(master, words.hasSession);
    return client && (() => work.session(client).finally(() => client.close()));
  });
  return run?.();
}

/** Resolves with a client over the connection of a master, or as `runByMaster` does. Its first session is open. */
export function clientByMaster(options: MasterOptions): Promise<Client | undefined> {
  return withMaster(options, (master) => clientOf(master, true));
}

/** Calls `work` with the master, if there is one that may be used. Prints why not, and the error of a master that fails. */
async function withMaster<T>(
  options: MasterOptions,
  work: (master: Master) => Promise<T | undefined>,
): Promise<T | undefined> {
  const { controlPath: path, verbose } = options;
  if (path === undefined || !mayUseMaster(options)) return undefined;
  try {
    const master = await masterAt(path, options);
    if (master === undefined) return undefined;
    if (verbose) say(`debug1: auto-mux: Trying existing master at '${escapeText(path)}'`);
    return await work(master);
  } catch (error) {
    if (!(error instanceof SshError) || error.code === "usage") throw error;
    say(`nacre: ${oneLine(escapeText(`the master at ${path}: ${error.message}`))}`);
    return undefined;
  }
}

/**
 * ssh(1) with ControlMaster=yes connects in order to become a master. A forwarded agent would need opens of the server, which a master
 * keeps to itself. `-O proxy` always asks for the master.
 */
function mayUseMaster({ onlyMaster, controlMaster, namesHostKeys, forwardsAgent }: MasterOptions): boolean {
  if (namesHostKeys && onlyMaster)
    say("nacre: a master does not tell the host key of its server; remove --host-key and --known-hosts");
  // rule: master-host-keys
  if (namesHostKeys) return false;
  return onlyMaster || (!forwardsAgent && controlMaster !== "yes" && controlMaster !== "ask");
}

async function masterAt(path: string, { onlyMaster, controlMaster }: MasterOptions): Promise<Master | undefined> {
  const master = await reachMaster(path);
  if (!("message" in master)) return master;
  // A socket that is missing or left over from a master is usual, unless ControlMaster=no says that there is one.
  const isUsual = master.code === "ENOENT" || (master.code === "ECONNREFUSED" && controlMaster !== "no");
  if (onlyMaster || !isUsual) say(escapeText(master.message));
  return undefined;
}

/** Opens the forwards at the master. If one fails, ends the connection to the master. Resolves with whether all are open. */
async function openForwards(master: Master, { forwards }: MasterArguments): Promise<boolean> {
  const areOpen = await requestForwards(master, "open-forward", forwards, (port, target) =>
    say(
      escapeText(
        `Allocated port ${port} for remote forward to ${target?.host ?? target?.path ?? ""}:${target?.port ?? 0}`,
      ),
    ),
  );
  if (areOpen) return true;
  say("muxclient: master forward request failed");
  await master.close();
  return false;
}

/** Resolves with a client whose first session is open, or with `undefined` if the server refused it. */
async function clientOf(master: Master, hasSession: boolean): Promise<Client | undefined> {
  const connection = await master.share(hasSession);
  try {
    await withoutSignals(connection.early);
    return new Client(connection);
  } catch (error) {
    if (!(error instanceof SshError) || error.code !== "channel-open-failed") throw error;
    say("mux_client_request_session: session request failed: Session open refused by peer");
    // The connection stays open until this process ends: a client that leaves after a refused open ends the master of OpenSSH, and with it
    // all its sessions ("chan_send_close2: no remote_id").
    return undefined;
  }
}

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Lets signals wait for `opening`: a client that leaves before its open is answered ends the master, too. */
async function withoutSignals(opening: Promise<unknown> | undefined): Promise<void> {
  const waiting: NodeJS.Signals[] = [];
  const wait = (signal: NodeJS.Signals): void => void waiting.push(signal);
  for (const signal of SIGNALS) process.on(signal, wait);
  try {
    await opening;
  } finally {
    for (const signal of SIGNALS) process.off(signal, wait);
    for (const signal of waiting) process.kill(process.pid, signal);
  }
}
