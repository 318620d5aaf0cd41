// Command-line options of the scripts.
import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T }>>["values"];

/** Parses the options of the command line. Prints `usage` and exits on `--help` (status 0) and on an unknown option (status 2). */
export function optionsOr<const T extends Options>(usage: string, options: T): Values<T> {
  // pnpm passes `--` on to the script; npm removes it.
  const args = process.argv.slice(2).filter((word) => word !== "--");
  if (args.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
