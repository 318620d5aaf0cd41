import { escapeText, SshError } from "@nacre/wire";
import type { Master, MasterAnswer, MasterRequest } from "nacre/internal-on-demand";
import { FAILURE, say, show } from "../../say.ts";
import { reachMaster } from "./control-socket.ts";
import { type RequestedForward, requestForwards } from "./forwards.ts";

/** Arguments of `-O`. */
export interface ControlArguments {
  /** `check`, `conninfo`, `channels`, `exit`, `stop`, `forward` or `cancel`. */
  readonly command: string;
  readonly path: string;
  readonly forwards: readonly RequestedForward[];
}

/** Passes a command to the master at a control socket (`-O`). Prints the messages of ssh(1). Resolves with the exit status. */
export async function controlMaster({ command, path, forwards }: ControlArguments): Promise<number> {
  const master = await reachMaster(path);
  if ("message" in master) {
    say(`nacre: ${escapeText(master.message)}`);
    return FAILURE;
  }
  try {
    return await pass(master, command, forwards);
  } finally {
    await master.close();
  }
}

async function pass(master: Master, command: string, forwards: readonly RequestedForward[]): Promise<number> {
  switch (command) {
    case "check": {
      const answer = await master.request({ type: "alive-check" });
      if (answer.type !== "alive") return refused(`master returned error: ${reasonOf(answer)}`);
      // As in ssh(1), with CR and even with -q.
      process.stderr.write(`Master running (pid=${answer.processId})\r\n`);
      return 0;
    }
    case "conninfo":
      return printInfo(master, "connection");
    case "channels":
      return printInfo(master, "channels");
    case "exit":
      return order(master, { type: "terminate" }, "Exit", "termination request");
    case "stop":
      return order(master, { type: "stop-listening" }, "Stop listening", "stop listening request");
    case "forward": {
      if (await requestForwards(master, "open-forward", forwards, printPort)) return 0;
      return refused("muxclient: master forward request failed");
    }
    default:
      if (!(await requestForwards(master, "close-forward", forwards, () => {})))
        say("muxclient: master cancel forward request failed");
      return 0;
  }
}

/** Prints the information of a master about its connection or channels, with the CR of ssh(1). Masters before OpenSSH 10.3 have none. */
async function printInfo(master: Master, about: "connection" | "channels"): Promise<number> {
  if (!master.extensions.has("info")) return refused("mux server does not support info request");
  const answer = await master.request({ type: "info", about });
  if (answer.type !== "info") return refused(`master returned error: ${reasonOf(answer)}`);
  const lines = answer.text.split("\r\n").map((line) => escapeText(line, { keepLines: true }));
  process.stdout.write(lines.join("\r\n"));
  return 0;
}

/** Scripts read the port. */
function printPort(port: number): void {
  process.stdout.write(`${port}\n`);
}

/** Sends a request that ends something. A master that exits may do so before its answer leaves. */
async function order(master: Master, request: MasterRequest, done: string, name: string): Promise<number> {
  try {
    const answer = await master.request(request);
    if (answer.type === "denied") return refused(`Master refused ${name}: ${reasonOf(answer)}`);
    if (answer.type !== "ok") return refused(`${name} failed: ${reasonOf(answer)}`);
  } catch (error) {
    if (request.type !== "terminate" || !(error instanceof SshError) || error.code !== "connection-lost") throw error;
  }
  show(`${done} request sent.\r\n`);
  return 0;
}

function refused(message: string): number {
  say(`nacre: ${message}`);
  return FAILURE;
}

function reasonOf(answer: MasterAnswer): string {
  return "reason" in answer ? escapeText(answer.reason) : `unexpected answer "${answer.type}"`;
}
