import { SFTP_REQUEST_TYPES, type SftpRequestType } from "@nacre/node/sftp-server";
import { parseOptions, usage } from "../options.ts";

/** What the log of an SFTP server contains: nothing, refused requests and faults, changes and opens too, or every request. */
export type SftpLogLevel = "none" | "errors" | "changes" | "all";

/** Parsed options of `nacre sftp-server`, and of `internal-sftp` as a forced command. */
export interface SftpServerArguments {
  /** Directory that clients see as "/"; `undefined` for the whole system. */
  readonly root: string | undefined;
  readonly startDirectory: string | undefined;
  readonly readOnly: boolean;
  readonly umask: number | undefined;
  readonly allowRequests: readonly SftpRequestType[] | undefined;
  readonly denyRequests: readonly SftpRequestType[];
  /** Whether the log goes to standard error. */
  readonly logsToStderr: boolean;
  readonly level: SftpLogLevel;
}

/** Options of `nacre sftp-server`, and whether each takes a value. */
export const SFTP_SERVER_OPTIONS = {
  "-R": "flag",
  "-e": "flag",
  "-d": "value",
  "-f": "value",
  "-l": "value",
  "-p": "value",
  "-P": "value",
  "-u": "value",
  "--root": "value",
} as const;

/** Levels of sftp-server(8). */
const LEVELS: Readonly<Record<string, SftpLogLevel>> = {
  QUIET: "none",
  FATAL: "none",
  ERROR: "errors",
  INFO: "changes",
  VERBOSE: "changes",
  DEBUG: "all",
  DEBUG1: "all",
  DEBUG2: "all",
  DEBUG3: "all",
};

/** Syslog facilities of sftp-server(8). `-f` is accepted because configurations have it; there is no syslog. */
const FACILITIES = ["DAEMON", "USER", "AUTH", "AUTHPRIV", ...Array.from({ length: 8 }, (_, index) => `LOCAL${index}`)];

/** Parses the words after `nacre sftp-server`, or after `internal-sftp`. Throws `usage` if they are invalid. */
export function parseSftpServerArguments(words: readonly string[]): SftpServerArguments {
  const { options, rest } = parseOptions(words, SFTP_SERVER_OPTIONS);
  if (rest.length > 0) throw usage(`unexpected argument "${rest[0]}"; sftp-server takes options only`);
  const last = (name: keyof typeof SFTP_SERVER_OPTIONS): string | undefined =>
    options.findLast(([option]) => option === name)?.[1];
  const level = last("-l") ?? "ERROR";
  if (!Object.hasOwn(LEVELS, level.toUpperCase()))
    throw usage(`unknown log level "${level}"; expected one of ${Object.keys(LEVELS).join(", ")}`);
  const facility = last("-f");
  if (facility !== undefined && !FACILITIES.includes(facility.toUpperCase()))
    throw usage(`unknown log facility "${facility}"; expected one of ${FACILITIES.join(", ")}`);
  const root = last("--root");
  if (root !== undefined && !root.startsWith("/")) throw usage(`--root needs an absolute path, got "${root}"`);
  return {
    root,
    startDirectory: last("-d"),
    readOnly: last("-R") !== undefined,
    umask: umask(last("-u")),
    allowRequests: requests("-p", last("-p")),
    denyRequests: requests("-P", last("-P")) ?? [],
    logsToStderr: last("-e") !== undefined,
    level: LEVELS[level.toUpperCase()]!,
  };
}

function umask(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-7]{1,4}$/.test(text) || Number.parseInt(text, 8) > 0o777)
    throw usage(`invalid umask "${text}"; expected an octal number from 0 to 777`);
  return Number.parseInt(text, 8);
}

function requests(option: "-p" | "-P", text: string | undefined): SftpRequestType[] | undefined {
  if (text === undefined) return undefined;
  // OpenSSH has "limits", too, which tells the client only how long its requests may be.
  const names = text.split(",").filter((name) => name !== "limits");
  return names.map((name) => {
    const known = SFTP_REQUEST_TYPES.find((type) => type === name);
    if (known === undefined)
      throw usage(`unknown request "${name}" in ${option}; expected ${SFTP_REQUEST_TYPES.join(", ")}`);
    return known;
  });
}

/**
 * Replaces `%d` by the home directory, `%u` by the user's name and `%%` by "%", as sftp-server(8) does in its start directory. Throws
 * `usage` for another letter.
 */
export function expandTokens(text: string, { home, user }: { readonly home: string; readonly user: string }): string {
  const values: Readonly<Record<string, string>> = { "%": "%", d: home, u: user };
  return text.replaceAll(/%(.?)/g, (token, letter: string) => {
    if (!Object.hasOwn(values, letter)) throw usage(`unknown token "${token}" in "${text}"; expected %d, %u or %%`);
    return values[letter]!;
  });
}
