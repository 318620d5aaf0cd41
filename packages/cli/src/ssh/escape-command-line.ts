import type { ConfigValues } from "@nacre/config";
import { resolveConfig } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { type ForwardArgument, forwardsOf } from "./forward-arguments.ts";
import type { OpenForward } from "./forwards.ts";

/** Targets of lines of the command line. */
export interface CommandLineTargets {
  /** The forwards that are open. A line adds and removes some. */
  readonly forwards: OpenForward[];
  /** Opens a forward. Resolves with `undefined` if it failed, after saying why. */
  readonly openForward: (argument: ForwardArgument) => Promise<OpenForward | undefined>;
  readonly gatewayPorts: ConfigValues["gatewayPorts"];
  readonly print: (line: string) => void;
}

const HELP = [
  "Commands:",
  "      -L[bind_address:]port:host:hostport    Request local forward",
  "      -R[bind_address:]port:host:hostport    Request remote forward",
  "      -D[bind_address:]port                  Request dynamic forward",
  "      -KL[bind_address:]port                 Cancel local forward",
  "      -KR[bind_address:]port                 Cancel remote forward",
  "      -KD[bind_address:]port                 Cancel dynamic forward",
];

/** Runs a line that was typed at the command line of `~C`: opens or cancels a forward. Prints the messages of ssh(1). */
export async function runEscapeCommand(line: string, targets: CommandLineTargets): Promise<void> {
  const { forwards, openForward, print } = targets;
  const [, text = ""] = /^\s*-?(.*)$/s.exec(line)!;
  if (text === "") return;
  if (/^[h?]/i.test(text)) return HELP.forEach(print);
  const [, cancels, letter, place = ""] = /^(K?)([LRD])\s*(.*)$/s.exec(text) ?? [];
  if (letter === undefined) return print("Invalid command.");
  const option = `-${letter}` as ForwardArgument["option"];
  if (cancels === "") {
    const argument = await readForward(option, place, targets);
    if (argument === undefined) return print("Bad forwarding specification.");
    const forward = await openForward(argument);
    if (forward === undefined) return print("Port forwarding failed.");
    forwards.push(forward);
    return print("Forwarding port.");
  }
  // An address alone is what -D takes.
  const wanted = await readForward("-D", place, targets);
  if (wanted === undefined) return print("Bad forwarding close specification.");
  const at = forwards.findIndex(({ argument }) => argument.option === option && areSame(argument, wanted));
  const [found] = at < 0 ? [] : forwards.splice(at, 1);
  if (found === undefined) return print("Unknown port forwarding.");
  await found.forward.close();
  print("Canceled forwarding.");
}

/** Reads a forward as the command line does. Returns `undefined` if it is malformed. */
async function readForward(
  option: ForwardArgument["option"],
  text: string,
  { gatewayPorts }: CommandLineTargets,
): Promise<ForwardArgument | undefined> {
  try {
    const { values } = await resolveConfig("host", { config: false, commandLine: [{ option, text }] });
    // Those on the server name their own address.
    return forwardsOf({ ...values, gatewayPorts })[0];
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

function areSame({ listen: one }: ForwardArgument, { listen: other }: ForwardArgument): boolean {
  return one.path === other.path && one.port === other.port && one.host === other.host;
}
