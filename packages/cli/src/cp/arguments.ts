import { type OptionKind, type ParsedOptions, parseOptions, usage, valuesOf } from "../options.ts";
import {
  CONNECTION_OPTIONS,
  type ConnectionArguments,
  type ConnectionOption,
  INSTEAD_OF_FILE_OPTIONS,
  readConnection,
} from "../ssh/connection-arguments.ts";
import { readPort } from "../ssh/destination.ts";
import { readRate } from "./byte-rate.ts";
import { type Place, readPlace } from "./place.ts";

/** What to do with symbolic links in a directory; see `TransferOptions.symlinks`. */
const SYMLINKS = ["follow", "keep", "skip"] as const;

/** How copied files are compared with their sources. */
const VERIFY = ["size", "sha256"] as const;

/** Parsed command line of `nacre cp [option…] SOURCE… TARGET`. */
export interface CopyArguments extends ConnectionArguments {
  /** What to copy; one or more. */
  readonly sources: readonly Place[];
  /** Where to copy it. */
  readonly target: Place;
  /** Port of servers whose place names none; `undefined` for 22. */
  readonly port: number | undefined;
  /** Whether to copy directories with everything in them. */
  readonly recursive: boolean;
  /** Whether copies get the times and permission bits of their sources. */
  readonly preserve: boolean;
  /** Whether to continue files that an earlier copy left incomplete. */
  readonly resume: boolean;
  /** How to compare each copy with its source; `undefined` for no comparison. */
  readonly verify: (typeof VERIFY)[number] | undefined;
  /** Maximum rate in bytes per second; `undefined` for no maximum. */
  readonly limit: number | undefined;
  /** What to do with symbolic links in a directory. */
  readonly symlinks: (typeof SYMLINKS)[number];
  /** Whether to use the protocol of old scp programs in place of SFTP. */
  readonly usesScp: boolean;
  /** Whether to show no progress. */
  readonly quiet: boolean;
}

/** Names of the options of `nacre cp`. */
type CopyOption =
  | ConnectionOption
  | "-P"
  | "-r"
  | "-p"
  | "-q"
  | "-O"
  | "--resume"
  | "--verify"
  | "--limit"
  | "--symlinks";

/** Options of `nacre cp`, and whether each takes a value. */
export const COPY_OPTIONS: Readonly<Record<CopyOption, OptionKind>> = {
  ...CONNECTION_OPTIONS,
  "-P": "value",
  "-r": "flag",
  "-p": "flag",
  "-q": "flag",
  "-O": "flag",
  "--resume": "flag",
  "--verify": "optional",
  "--limit": "value",
  "--symlinks": "value",
};

/** Parses the words after `nacre cp`. Throws `usage` if they are invalid. */
export function parseCopyArguments(words: readonly string[]): CopyArguments {
  const { options, rest } = parseOptions(words, COPY_OPTIONS, INSTEAD_OF_FILE_OPTIONS);
  const { last, has } = valuesOf<CopyOption>(options);
  const places = rest.map((word) => readPlace(word));
  const target = places.pop();
  if (target === undefined || places.length === 0)
    throw usage("missing source or target; give nacre cp SOURCE… TARGET, with [user@]host:path for a server");
  if (target.kind === "local" && places.some(({ kind }) => kind === "local"))
    throw usage("source and target are both on this machine; write [user@]host:path for a server, or use cp");
  if (has("-O")) checkScp(places, target, options);
  const port = last("-P");
  const limit = last("--limit");
  const verify = last("--verify");
  return {
    ...readConnection(options),
    sources: places,
    target,
    port: port === undefined ? undefined : readPort(port),
    recursive: has("-r"),
    preserve: has("-p"),
    resume: has("--resume"),
    verify: verify === undefined ? undefined : oneOf("--verify", VERIFY, verify || "sha256"),
    limit: limit === undefined ? undefined : readRate(limit),
    symlinks: oneOf("--symlinks", SYMLINKS, last("--symlinks") ?? "follow"),
    usesScp: has("-O"),
    quiet: has("-q"),
  };
}

/** Throws `usage` for options that need SFTP. */
function checkScp(sources: readonly Place[], target: Place, options: ParsedOptions["options"]): void {
  const { last, has } = valuesOf<CopyOption>(options);
  const lacking =
    (["--resume", "--verify", "--limit"] as const).find(has) ?? (last("--symlinks") === "keep" && "--symlinks=keep");
  if (lacking) throw usage(`-O and ${lacking} cannot be combined, because scp does not support it`);
  if (target.kind === "remote" && sources.some(({ kind }) => kind === "remote"))
    throw usage("-O copies to or from this machine; between servers, copy with SFTP or in two steps");
}

function oneOf<T extends string>(option: string, choices: readonly T[], value: string): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw usage(`invalid value "${value}" of ${option}; expected ${choices.join(", ")}`);
  return found;
}
