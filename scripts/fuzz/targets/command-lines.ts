import { SshError } from "@nacre/wire";
import { parseKeygenArguments } from "../../../packages/cli/src/keygen/keygen-arguments.ts";
import { parseServeArguments } from "../../../packages/cli/src/serve/serve-arguments.ts";
import { parseSshArguments } from "../../../packages/cli/src/ssh/ssh-arguments.ts";
import { expectEqual, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

const COMMANDS = [parseSshArguments, parseServeArguments, parseKeygenArguments];

/** Command-line arguments separated by NUL. The first byte selects the command. Errors may show the arguments: they come from the user. */
export const commandLines: Target = {
  name: "command-lines",
  run: (bytes) => {
    const input = new Input(bytes);
    const parse = COMMANDS[input.byte() % COMMANDS.length]!;
    const words = input.text().split("\0");
    try {
      const port = portOf(parse(words));
      expectTrue(Number.isInteger(port) && port >= 0 && port <= 65535, `invalid port ${port}`);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      expectEqual(error.code, "usage", "error code for a command line");
    }
  },
};

/** Returns the port of a parsed command line; 22 if it names no port. */
function portOf(read: object): number {
  return "port" in read && typeof read.port === "number" ? read.port : 22;
}
