import { readRate } from "../cp/byte-rate.ts";
import { type RemotePlace, readPlace } from "../cp/place.ts";
import { type OptionKind, parseOptions, usage, valuesOf } from "../options.ts";
import {
  CONNECTION_OPTIONS,
  type ConnectionArguments,
  type ConnectionOption,
  INSTEAD_OF_FILE_OPTIONS,
  readConnection,
} from "../ssh/connection-arguments.ts";
import { readDestination, readPort } from "../ssh/destination.ts";

/** Parsed command line of `nacre sftp [option…] [user@]host[:path]`. */
export interface SftpArguments extends ConnectionArguments {
  /** Server, and the directory to begin in or the file to fetch; "" is the user's directory. */
  readonly place: RemotePlace;
  /** Where to put the file that the command line names. */
  readonly localPath: string | undefined;
  /** File with commands; "-" for standard input; `undefined` for an interactive session. */
  readonly batchFile: string | undefined;
  /** Whether `get` and `put` take directories without `-r`. */
  readonly recursive: boolean;
  /** Whether they preserve times and permission bits without `-p`. */
  readonly preserve: boolean;
  /** Whether they store files durably without `-f`. */
  readonly flush: boolean;
  /** Whether they resume without `-a`. */
  readonly resume: boolean;
  /** Maximum rate in bytes per second; `undefined` for no maximum. */
  readonly limit: number | undefined;
  /** Whether to announce no transfer and to show no progress. */
  readonly quiet: boolean;
}

/** Names of the options of `nacre sftp`. */
type SftpOption = ConnectionOption | "-P" | "-b" | "-r" | "-p" | "-f" | "-a" | "-q" | "--limit";

/** Options of `nacre sftp`, and whether each takes a value. */
export const SFTP_COMMAND_OPTIONS: Readonly<Record<SftpOption, OptionKind>> = {
  ...CONNECTION_OPTIONS,
  "-P": "value",
  "-b": "value",
  "-r": "flag",
  "-p": "flag",
  "-f": "flag",
  "-a": "flag",
  "-q": "flag",
  "--limit": "value",
};

/** Parses the words after `nacre sftp`. Throws `usage` if they are invalid. */
export function parseSftpArguments(words: readonly string[]): SftpArguments {
  const { options, rest } = parseOptions(words, SFTP_COMMAND_OPTIONS, INSTEAD_OF_FILE_OPTIONS);
  const { last, has } = valuesOf<SftpOption>(options);
  const [word, localPath, ...others] = rest;
  if (word === undefined) throw usage("missing host; give nacre sftp [user@]host[:path]");
  if (others.length > 0) throw usage(`unexpected "${others.join(" ")}" after the local path`);
  const place = placeOf(word);
  const port = last("-P");
  const limit = last("--limit");
  return {
    ...readConnection(options),
    place: { ...place, port: place.port ?? (port === undefined ? undefined : readPort(port)) },
    localPath,
    batchFile: last("-b"),
    recursive: has("-r"),
    preserve: has("-p"),
    flush: has("-f"),
    resume: has("-a"),
    limit: limit === undefined ? undefined : readRate(limit),
    quiet: has("-q"),
  };
}

function placeOf(word: string): RemotePlace {
  const place = readPlace(word, false);
  return place.kind === "remote" ? place : { kind: "remote", ...readDestination(word), path: "" };
}
