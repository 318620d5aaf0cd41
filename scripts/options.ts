// What the scripts that take options have in common.
import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T }>>["values"];

/** The options that this script was given. With `--help`, and for one that there is not, it ends with the usage. */
export function optionsOr<const T extends Options>(usage: string, options: T): Values<T> {
  // pnpm hands over the `--` that npm takes away.
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
