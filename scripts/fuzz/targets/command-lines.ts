import { SshError } from "@nacre/wire";
import { parseKeygenArguments } from "../../../packages/cli/src/keygen-arguments.ts";
import { parseServeArguments } from "../../../packages/cli/src/serve-arguments.ts";
import { parseSshArguments } from "../../../packages/cli/src/ssh-arguments.ts";
import { expectEqual, expectTrue } from "../contract.ts";
import type { Target } from "../engine/target.ts";
import { Input } from "../input.ts";

const COMMANDS = [parseSshArguments, parseServeArguments, parseKeygenArguments];

/** Words, with a NUL behind each, as arguments of a command that a byte names. Errors may show the words: they are the user's own. */
export const commandLines: Target = {
  name: "command-lines",
  run: (bytes) => {
    const input = new Input(bytes);
    const parse = COMMANDS[input.byte() % COMMANDS.length]!;
    const words = input.text().split("\0");
    try {
      const port = portOf(parse(words));
      expectTrue(Number.isInteger(port) && port >= 0 && port <= 65535, `the port is ${port}`);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      expectEqual(error.code, "usage", "the error of a command line");
    }
  },
};

/** The port that was named; 22 where none was. */
function portOf(read: object): number {
  return "port" in read && typeof read.port === "number" ? read.port : 22;
}
