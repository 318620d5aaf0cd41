import type { CommandLineSetting } from "@nacre/config";
import type { ForwardTarget } from "nacre";
import { type OptionKind, sshUsage, usage } from "../options.ts";
import { parseStdioTarget } from "./forward-arguments.ts";

/** Values of the options of a command line, while they are read. */
export interface OptionValues {
  /** Settings of the configuration, in the order of the options. */
  readonly settings: TypedSetting[];
  /** Lines about options that have no effect. */
  readonly notes: string[];
  readonly hostKeys: string[];
  configFile?: string;
  knownHosts?: string;
  acceptNew?: boolean;
  trace?: boolean;
  keyLogFile?: string;
  logFile?: string;
  printsConfig?: boolean;
  reconnect?: boolean;
  controlCommand?: string;
  stdioTarget?: ForwardTarget;
  /** The last of -N and -s. */
  sessionOption?: "-N" | "-s";
  /** Index in `LOG_LEVELS` that -q and -v chose. */
  logLevel?: number;
  /** How often -v was given. */
  verbosity: number;
}

/** A setting of the configuration that was typed as an option. */
export interface TypedSetting extends CommandLineSetting {
  /** The file of -i. A file that is missing is left out. */
  readonly keyFile?: string;
}

/** Returns values before the first option. */
export function noOptions(): OptionValues {
  return { settings: [], notes: [], hostKeys: [], verbosity: 0 };
}

/** An option: whether it takes a value, and what it does. A flag's value is `""`. */
export interface OptionRow {
  readonly takes: OptionKind;
  readonly act: (values: OptionValues, value: string) => void;
}

const flag = (act: OptionRow["act"]): OptionRow => ({ takes: "flag", act });
const value = (act: OptionRow["act"]): OptionRow => ({ takes: "value", act });

/** Accepted without effect. */
const nothing = flag(() => {});

const refused = (takes: OptionKind, message: string): OptionRow => ({
  takes,
  act: () => {
    throw usage(message);
  },
});

/** A flag that sets keywords by lines of configuration. They replace earlier lines. */
const lines = (...texts: readonly string[]): OptionRow =>
  flag(({ settings }) => {
    for (const text of texts) settings.push({ text, replaces: true });
  });

/** An option whose value is that of a keyword. `problem` is what ssh(1) says if it is malformed. */
function keyword(
  name: string,
  wins: "first" | "last",
  problem?: (text: string) => string,
  more?: (text: string) => Partial<TypedSetting>,
): OptionRow {
  return value(({ settings }, text) => {
    const line = `${name} "${text.replaceAll(/["\\]/g, "\\$&")}"`;
    settings.push({ text: line, replaces: wins === "last", problem: problem?.(text), ...more?.(text) });
  });
}

/** An option that no line of configuration can express. */
const own = (option: NonNullable<CommandLineSetting["option"]>, takes: OptionKind = "value"): OptionRow => ({
  takes,
  act: ({ settings }, text) => void settings.push({ option, text }),
});

/** Options that Nacre adds to those of ssh(1). They stand before the host. */
export const LONG_OPTIONS: Readonly<Record<string, OptionRow>> = {
  "--known-hosts": value((values, file) => {
    values.knownHosts = file;
  }),
  "--accept-new": flag((values) => {
    values.acceptNew = true;
  }),
  "--host-key": value(({ hostKeys }, text) => void hostKeys.push(readFingerprint(text))),
  "--reconnect": flag((values) => {
    values.reconnect = true;
  }),
  "--kex": keyword("KexAlgorithms", "last", (text) => `Unknown key exchange method '${text}'`),
  "--trace": flag((values) => {
    values.trace = true;
  }),
  "--keylog": value((values, file) => {
    values.keyLogFile = file;
  }),
  "--help": nothing,
  "-h": nothing,
};

/** The levels of LogLevel, as -q and -v name them. */
const LOG_LEVELS = ["QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1", "DEBUG2", "DEBUG3"];

function setLogLevel(values: OptionValues, level: number): void {
  values.logLevel = level;
  values.settings.push({ text: `LogLevel ${LOG_LEVELS[level]}`, replaces: true });
}

/** Options of ssh(1), in the order of its getopt string. They stand before or after the host. */
export const SSH_OPTIONS: Readonly<Record<string, OptionRow>> = {
  "-1": flag(() => {
    throw sshUsage("SSH protocol v.1 is no longer supported");
  }),
  "-2": nothing,
  "-4": lines("AddressFamily inet"),
  "-6": lines("AddressFamily inet6"),
  "-A": own("-A", "flag"),
  "-C": own("-C", "flag"),
  "-G": flag((values) => {
    values.printsConfig = true;
  }),
  "-K": nothing,
  "-M": flag(({ settings }) => {
    // Twice asks before each use of the connection.
    const isSecond = settings.some(({ text }) => text === MASTER);
    settings.push({ text: isSecond ? "ControlMaster ask" : MASTER, replaces: true });
  }),
  "-N": flag((values) => {
    takeSession(values, "-N");
    values.settings.push(...NO_SESSION);
  }),
  "-T": lines("RequestTTY no"),
  "-V": nothing,
  "-X": flag(({ settings, notes }) => {
    settings.push({ text: "ForwardX11 yes", replaces: true });
    notes.push(NO_X11);
  }),
  "-Y": flag(({ settings, notes }) => {
    settings.push({ text: "ForwardX11 yes", replaces: true }, { text: "ForwardX11Trusted yes", replaces: true });
    notes.push(NO_X11);
  }),
  "-a": lines("ForwardAgent no"),
  "-f": lines("ForkAfterAuthentication yes", "StdinNull yes"),
  "-g": lines("GatewayPorts yes"),
  "-k": nothing,
  "-n": lines("StdinNull yes"),
  "-q": flag((values) => setLogLevel(values, 0)),
  "-s": flag((values) => {
    takeSession(values, "-s");
    values.settings.push({ text: "SessionType subsystem", replaces: true });
  }),
  // Twice requests a terminal even if standard input is another file.
  "-t": own("-t", "flag"),
  "-v": flag((values) => {
    const level = values.verbosity++ === 0 ? LOG_LEVELS.indexOf("DEBUG1") : values.logLevel! + 1;
    setLogLevel(values, Math.min(level, LOG_LEVELS.length - 1));
  }),
  "-x": lines("ForwardX11 no"),
  "-y": nothing,

  "-B": keyword("BindInterface", "last"),
  "-D": own("-D"),
  "-E": value((values, file) => {
    values.logFile = file;
  }),
  "-F": value((values, file) => {
    values.configFile = file;
  }),
  "-I": refused("value", "-I: PKCS#11 libraries are not supported; use an agent that holds the key"),
  "-J": own("-J"),
  "-L": own("-L"),
  "-O": value((values, command) => {
    if (!CONTROL_COMMANDS.includes(command)) throw sshUsage("Invalid multiplex command.");
    values.controlCommand = command;
  }),
  "-P": keyword("Tag", "first"),
  "-Q": value(() => {}),
  "-R": own("-R"),
  "-S": keyword("ControlPath", "last"),
  "-W": value((values, text) => {
    if (values.stdioTarget !== undefined) throw sshUsage("stdio forward already specified");
    values.stdioTarget = parseStdioTarget(text);
    values.settings.push(...NO_SESSION);
  }),
  "-b": keyword("BindAddress", "last"),
  "-c": keyword("Ciphers", "last", (text) => `Unknown cipher type '${text}'`),
  "-e": keyword("EscapeChar", "last", (text) => `Bad escape character '${text}'.`),
  "-i": keyword("IdentityFile", "first", undefined, (keyFile) => ({ keyFile })),
  "-l": own("-l"),
  "-m": keyword("MACs", "last", (text) => `Unknown mac type '${text}'`),
  "-o": value(({ settings }, text) => void settings.push({ text })),
  "-p": keyword("Port", "first", (text) => `Bad port '${text}'`),
  "-w": refused("value", "-w: tunnel devices are not supported"),
};

const MASTER = "ControlMaster yes";

const NO_SESSION: readonly CommandLineSetting[] = [
  { text: "SessionType none", replaces: true },
  { text: "RequestTTY no", replaces: true },
];

/** Notes -N or -s, which cannot be combined. */
function takeSession(values: OptionValues, option: "-N" | "-s"): void {
  const other = option === "-N" ? "-s" : "-N";
  if (values.sessionOption === other) throw sshUsage(`Cannot specify ${option} with ${other}/SessionType`);
  values.sessionOption = option;
}

const CONTROL_COMMANDS = ["check", "forward", "conninfo", "channels", "cancel", "exit", "stop", "proxy"];

const NO_X11 = "nacre: X11 forwarding is not supported; continuing without it";

/** Returns the fingerprint of a host key, as `--host-key` takes it. Throws `usage` if it is invalid. */
function readFingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(text))
    throw usage(
      `invalid fingerprint "${text}"; expected SHA256: and 43 base64 characters, as printed by nacre keygen -l`,
    );
  return text;
}
