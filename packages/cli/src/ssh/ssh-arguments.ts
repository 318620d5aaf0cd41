import { isIP } from "node:net";
import type { ForwardTarget } from "nacre";
import { type OptionKind, type ParsedOptions, parseOptions, sshUsage, usage } from "../options.ts";
import { type ConnectionArguments, checkPins } from "./connection-arguments.ts";
import { readDestination } from "./destination.ts";
import type { ForwardArgument } from "./forward-arguments.ts";
import { noSettings, type RequestTty, type Settings } from "./settings.ts";
import { LONG_OPTIONS, SSH_OPTIONS } from "./ssh-options.ts";

/** Parsed command line of `nacre [option…] [user@]host [option…] [command…]`. The host may also be `ssh://[user@]host[:port]`. */
export interface SshArguments extends ConnectionArguments {
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** Words after the host and its options, joined with spaces; `undefined` for a shell. */
  readonly command: string | undefined;
  /** Whether the command is the name of a subsystem (`-s`). */
  readonly isSubsystem: boolean;
  readonly requestTty: RequestTty;
  /** Whether the command reads standard input; false with `-n`. */
  readonly hasInput: boolean;
  /** Key that begins an escape in a remote terminal; `undefined` for none. */
  readonly escapeChar: string | undefined;
  /** Patterns of the variables to send, and after `-` of those not to send (ssh_config(5), SendEnv). */
  readonly sendEnv: readonly string[];
  /** Variables to set, `NAME=value`. */
  readonly setEnv: readonly string[];
  readonly forwards: readonly ForwardArgument[];
  /** Target for standard input and output (`-W`). */
  readonly stdioTarget: ForwardTarget | undefined;
  /** Whether to run a command or a shell. */
  readonly hasSession: boolean;
  readonly inBackground: boolean;
  /** Whether to exit if a forward cannot be set up. */
  readonly exitOnForwardFailure: boolean;
  /** Whether to ask nothing at the terminal. */
  readonly batchMode: boolean;
  /** Command for the master at the control socket (`-O`). */
  readonly control: { readonly command: string; readonly path: string } | undefined;
  /** Path of the control socket of a master; `undefined` for none. */
  readonly controlPath: string | undefined;
  readonly controlMaster: NonNullable<Settings["controlMaster"]>;
  /** Whether to print no messages. */
  readonly quiet: boolean;
  /** Whether to print the stages of the connection, as `ssh -v` does. */
  readonly verbose: boolean;
  /** File for messages in place of standard error; `undefined` for none. */
  readonly logFile: string | undefined;
  /** Lines about options that have no effect. */
  readonly notes: readonly string[];
}

/** A command line as getopt(3) reads it. */
export interface SshWords {
  /** Options before the host, in order; the value of a flag is `""`. */
  readonly before: ParsedOptions["options"];
  readonly host: string | undefined;
  /** Options after the host. */
  readonly after: ParsedOptions["options"];
  readonly command: readonly string[];
}

const kindsOf = (rows: Readonly<Record<string, { readonly takes: OptionKind }>>): Record<string, OptionKind> =>
  Object.fromEntries(Object.entries(rows).map(([name, { takes }]) => [name, takes]));

const AFTER_HOST = kindsOf(SSH_OPTIONS);
const BEFORE_HOST = { ...AFTER_HOST, ...kindsOf(LONG_OPTIONS) };

/**
 * Splits a command line like OpenSSH: options stand before the host and after it, up to the command or `--`, which is dropped. After
 * `-- HOST` all words are the command. Throws `usage` for an unknown option or a missing value.
 */
export function splitSshWords(words: readonly string[]): SshWords {
  const { options: before, rest } = parseOptions(words, BEFORE_HOST);
  const [host, ...others] = rest;
  const isOver = words[words.length - rest.length - 1] === "--";
  if (isOver || host === undefined) return { before, host, after: [], command: others };
  const { options: after, rest: command } = parseOptions(others, AFTER_HOST);
  return { before, host, after, command };
}

/** Parses the words after `nacre`. Throws `usage` if they are invalid. */
export function parseSshArguments(words: readonly string[]): SshArguments {
  return readSshWords(splitSshWords(words));
}

/** Reads a command line. Throws `usage` if it is invalid. */
export function readSshWords({ before, host: word, after, command }: SshWords): SshArguments {
  const settings = noSettings();
  const apply = (options: ParsedOptions["options"]): void => {
    for (const [name, value] of options) (SSH_OPTIONS[name] ?? LONG_OPTIONS[name])!.act(settings, value);
  };
  apply(before);
  if (word === undefined) throw usage("missing host; give [user@]host to connect to");
  const { user, host, port } = readDestination(word);
  settings.user ??= user;
  settings.port ??= port;
  apply(after);
  return argumentsOf(settings, host, command);
}

/** Returns what the settings mean together. Throws `usage` for those that contradict each other. */
function argumentsOf(settings: Settings, typedHost: string, command: readonly string[]): SshArguments {
  const { sessionType, stdioTarget, forkAfterAuthentication = false, controlCommand, controlPath } = settings;
  const hasSession = sessionType !== "none";
  if (command.length > 0 && !hasSession)
    throw usage(`${stdioTarget === undefined ? "-N" : "-W"} runs no command; remove "${command.join(" ")}"`);
  if (sessionType === "subsystem" && command.length === 0)
    throw sshUsage("You must specify a subsystem to invoke.", "give its name after the host");
  if (stdioTarget !== undefined && (settings.stdinNull || forkAfterAuthentication))
    throw usage(`${forkAfterAuthentication ? "-f" : "-n"} and -W cannot be combined, because -W needs standard input`);
  if (forkAfterAuthentication && hasSession && command.length === 0)
    throw sshUsage(
      "Cannot fork into background without a command to execute.",
      "-f needs a command or -N; a shell cannot run in the background",
    );
  if (controlCommand !== undefined && (controlPath ?? "none").toLowerCase() === "none")
    throw sshUsage('No ControlPath specified for "-O" command');
  const host = hostOf(settings, typedHost);
  // As with ssh(1), `-W` implies both unless they are set.
  const clearAllForwardings = settings.clearAllForwardings ?? stdioTarget !== undefined;
  const forwards = clearAllForwardings ? [] : settings.forwards;
  return {
    ...connectionOf(settings, host),
    host,
    port: settings.port,
    user: settings.user,
    command: command.length === 0 ? undefined : command.join(" "),
    isSubsystem: sessionType === "subsystem",
    requestTty: settings.requestTty ?? "auto",
    hasInput: !settings.stdinNull,
    escapeChar: settings.escapeChar === "none" ? undefined : (settings.escapeChar ?? "~"),
    sendEnv: settings.sendEnv,
    setEnv: settings.setEnv ?? [],
    forwards: settings.gatewayPorts ? forwards.map(onEveryAddress) : forwards,
    stdioTarget,
    hasSession,
    inBackground: forkAfterAuthentication,
    exitOnForwardFailure: settings.exitOnForwardFailure ?? stdioTarget !== undefined,
    batchMode: settings.batchMode ?? false,
    control: controlCommand === undefined ? undefined : { command: controlCommand, path: controlPath! },
    controlPath: controlPath?.toLowerCase() === "none" ? undefined : controlPath,
    controlMaster: settings.controlMaster ?? "no",
    quiet: settings.quiet ?? false,
    verbose: settings.verbose ?? false,
    logFile: settings.logFile,
    notes: [...new Set(settings.notes)],
  };
}

function connectionOf(settings: Settings, host: string): ConnectionArguments {
  const { strictHostKeyChecking, identityAgent = "SSH_AUTH_SOCK" } = settings;
  const isStrict = strictHostKeyChecking === "yes";
  const acceptNew = !isStrict && (settings.acceptNew ?? strictHostKeyChecking === "accept-new");
  checkPins(settings.hostKeys, settings.acceptNew ?? false);
  const { serverAliveInterval, serverAliveCountMax, numberOfPasswordPrompts, rekeyBytes, rekeyInterval } = settings;
  const limits = {
    ...(serverAliveInterval !== undefined && { keepaliveInterval: serverAliveInterval }),
    ...(serverAliveCountMax !== undefined && { keepaliveCount: Math.max(1, serverAliveCountMax) }),
    ...(numberOfPasswordPrompts !== undefined && { passwordAttempts: Math.max(1, numberOfPasswordPrompts) }),
    ...(rekeyBytes !== undefined && { rekeyBytes }),
    ...(rekeyInterval !== undefined && { rekeyInterval }),
  };
  return {
    jumpHosts: settings.jumpHosts ?? [],
    identityFiles: settings.identityFiles,
    identitiesOnly: settings.identitiesOnly,
    knownHosts: settings.knownHosts === undefined ? knownHostsOf(settings) : [settings.knownHosts],
    acceptNew,
    strictHostKeys: isStrict || undefined,
    hostKeys: settings.hostKeys,
    ciphers: settings.ciphers,
    macs: settings.macs,
    kex: settings.kex,
    hostKeyAlgorithms: settings.hostKeyAlgorithms,
    trace: settings.trace ?? false,
    keyLogFile: settings.keyLogFile,
    connectTimeout: settings.connectTimeout === Number.POSITIVE_INFINITY ? undefined : settings.connectTimeout,
    localAddress: localAddress(settings, host),
    agent: agentOf(identityAgent),
    forwardAgent: settings.forwardAgent || undefined,
    methods: loginMethods(settings),
    limits: Object.keys(limits).length === 0 ? undefined : limits,
  };
}

/** Returns the agent that IdentityAgent names: `none`, the path of its socket, or `SSH_AUTH_SOCK`, which is the default. */
function agentOf(name: string): ConnectionArguments["agent"] {
  if (/^none$/i.test(name)) return false;
  return /^\$?\{?SSH_AUTH_SOCK\}?$/.test(name) ? undefined : name;
}

/** Returns the host to connect to. `%h` in HostName is the one that was typed. */
function hostOf({ hostName }: Settings, typed: string): string {
  if (hostName === undefined) return typed;
  return readDestination(hostName.replace(/%[h%]/g, (token) => (token === "%h" ? typed : "%"))).host;
}

/** A new host is added to the user's first file, never to one of the system. `undefined` for the default files. */
function knownHostsOf({ userKnownHostsFiles, globalKnownHostsFiles }: Settings): readonly string[] | undefined {
  if (userKnownHostsFiles === undefined && globalKnownHostsFiles === undefined) return undefined;
  const user = userKnownHostsFiles ?? ["~/.ssh/known_hosts"];
  // rule: known-hosts-none
  return [...(user.length === 0 ? ["/dev/null"] : user), ...(globalKnownHostsFiles ?? ["/etc/ssh/ssh_known_hosts"])];
}

/**
 * Returns the address to connect from: that of `-b`, or the one that stands for any address of the family of `-4` or `-6`. Throws `usage`
 * for another family than that of the host or of `-b`.
 */
function localAddress({ bindAddress, addressFamily = "any" }: Settings, host: string): string | undefined {
  if (bindAddress !== undefined && isIP(bindAddress) === 0)
    throw usage(`invalid address "${bindAddress}" after -b; expected an IP address of this machine`);
  if (addressFamily === "any") return bindAddress;
  const family = addressFamily === "inet" ? 4 : 6;
  if (isIP(host) !== 0 && isIP(host) !== family)
    throw sshUsage(`Could not resolve hostname ${host}: Address family for hostname not supported`);
  if (bindAddress !== undefined && isIP(bindAddress) !== family)
    throw usage(`the address ${bindAddress} after -b is not of the family of -${family}`);
  return bindAddress ?? (family === 4 ? "0.0.0.0" : "::");
}

/** Returns the login methods that the options name or leave; `undefined` if they say nothing about them. */
function loginMethods(settings: Settings): ConnectionArguments["methods"] {
  const { preferredAuthentications, publickey, keyboardInteractive, password, numberOfPasswordPrompts } = settings;
  const off = {
    publickey: publickey === false,
    "keyboard-interactive": keyboardInteractive === false,
    password: password === false || numberOfPasswordPrompts === 0,
  };
  if (preferredAuthentications === undefined && !Object.values(off).includes(true)) return undefined;
  const preferred = preferredAuthentications?.split(",") ?? Object.keys(off);
  const chosen = [...new Set(preferred)]
    .map((name) => name.trim() as keyof typeof off)
    .filter((name) => Object.hasOwn(off, name) && !off[name]);
  // Without a signature the server says which methods it accepts.
  return chosen[0] === "publickey" ? ["publickey", "none", ...chosen.slice(1)] : ["none", ...chosen];
}

/** Makes a forward on this machine listen on every address, unless it names one (GatewayPorts). */
function onEveryAddress(forward: ForwardArgument): ForwardArgument {
  const { option, listen } = forward;
  if (option === "-R" || listen.path !== undefined || listen.host !== undefined) return forward;
  return { ...forward, listen: { ...listen, host: "*" } };
}
