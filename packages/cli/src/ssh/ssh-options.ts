import { type OptionKind, sshUsage, usage } from "../options.ts";
import { readAlgorithms } from "./algorithms.ts";
import { readFingerprint } from "./connection-arguments.ts";
import { checkUserName, readJumpHosts, readPort } from "./destination.ts";
import { readEscapeChar } from "./escape-keys.ts";
import { parseForward, parseStdioTarget } from "./forward-arguments.ts";
import { applyKeyword } from "./keywords.ts";
import { type Act, asTyped, each, first, last } from "./settings.ts";

/** An option: whether it takes a value, and what it does. */
interface Row {
  readonly takes: OptionKind;
  readonly act: Act;
}

const flag = (act: Act): Row => ({ takes: "flag", act });
const value = (act: Act): Row => ({ takes: "value", act });

/** Accepted without effect. */
const nothing = flag(() => {});

const refused = (takes: OptionKind, message: string): Row => ({
  takes,
  act: () => {
    throw usage(message);
  },
});

/** Options that Nacre adds to those of ssh(1). They stand before the host. */
export const LONG_OPTIONS: Readonly<Record<string, Row>> = {
  "--known-hosts": value(last("knownHosts", asTyped)),
  "--accept-new": flag(last("acceptNew", () => true)),
  "--host-key": value(each("hostKeys", readFingerprint)),
  "--kex": value(last("kex", (text) => readAlgorithms("kex", text))),
  "--trace": flag(last("trace", () => true)),
  "--keylog": value(last("keyLogFile", asTyped)),
  "--help": nothing,
  "-h": nothing,
};

/** Options of ssh(1), in the order of its getopt string. They stand before or after the host. */
export const SSH_OPTIONS: Readonly<Record<string, Row>> = {
  "-1": flag(() => {
    throw sshUsage("SSH protocol v.1 is no longer supported");
  }),
  "-2": nothing,
  "-4": flag(last("addressFamily", () => "inet")),
  "-6": flag(last("addressFamily", () => "inet6")),
  "-A": flag(last("forwardAgent", () => true)),
  "-C": nothing,
  "-G": refused("flag", "-G is not supported yet, because ssh_config is not read"),
  "-K": nothing,
  "-M": flag((settings) => applyKeyword(settings, "ControlMaster yes")),
  "-N": flag((settings) => {
    if (settings.sessionType === "subsystem") throw sshUsage("Cannot specify -N with -s/SessionType");
    settings.sessionType = "none";
    settings.requestTty = "no";
  }),
  "-T": flag(last("requestTty", () => "no")),
  "-V": nothing,
  "-X": flag(each("notes", () => NO_X11)),
  "-Y": flag(each("notes", () => NO_X11)),
  "-a": flag(last("forwardAgent", () => false)),
  "-f": flag((settings) => {
    settings.forkAfterAuthentication = true;
    settings.stdinNull = true;
  }),
  "-g": flag(last("gatewayPorts", () => true)),
  "-k": nothing,
  "-n": flag(last("stdinNull", () => true)),
  "-q": flag((settings) => {
    settings.quiet = true;
    settings.verbose = false;
  }),
  "-s": flag((settings) => {
    if (settings.sessionType === "none") throw sshUsage("Cannot specify -s with -N/SessionType");
    settings.sessionType = "subsystem";
  }),
  "-t": flag((settings) => {
    // Twice requests a terminal even if standard input is another file.
    settings.requestTty = settings.requestTty === "yes" || settings.requestTty === "force" ? "force" : "yes";
  }),
  "-v": flag((settings) => {
    settings.quiet = false;
    settings.verbose = true;
  }),
  "-x": nothing,
  "-y": nothing,

  "-B": value(each("notes", () => "-B has no effect, because Node cannot choose the interface; use -b ADDRESS")),
  "-D": value(each("forwards", (text) => parseForward("-D", text))),
  "-E": value(last("logFile", asTyped)),
  // `none` is what happens today. A configuration file will be read here.
  "-F": value((_, file) => {
    if (!/^none$/i.test(file)) throw usage("-F: ssh_config is not read; use user@, -p, -i and -J, or -F none");
  }),
  "-I": refused("value", "-I: PKCS#11 libraries are not supported; use an agent that holds the key"),
  "-J": value((settings, text) => {
    if (settings.proxyJumpIsTyped)
      throw sshUsage(
        "Only a single -J option is permitted (use commas to separate multiple jump hops)",
        "-J given more than once; list all jump hosts in one option: -J first,second",
      );
    settings.proxyJumpIsTyped = true;
    first("jumpHosts", readJumpHosts)(settings, text);
  }),
  "-L": value(each("forwards", (text) => parseForward("-L", text))),
  "-O": value((settings, command) => {
    if (!CONTROL_COMMANDS.includes(command)) throw sshUsage("Invalid multiplex command.");
    settings.controlCommand = command;
  }),
  // A tag selects `Match tagged` blocks of a configuration file.
  "-P": value(() => {}),
  "-Q": value(() => {}),
  "-R": value(each("forwards", (text) => parseForward("-R", text))),
  "-S": value(last("controlPath", asTyped)),
  "-W": value((settings, text) => {
    if (settings.stdioTarget !== undefined) throw sshUsage("stdio forward already specified");
    settings.stdioTarget = parseStdioTarget(text);
    settings.requestTty = "no";
    settings.sessionType = "none";
  }),
  "-b": value(last("bindAddress", asTyped)),
  "-c": value(last("ciphers", (text) => readAlgorithms("ciphers", text))),
  "-e": value(last("escapeChar", readEscapeChar)),
  "-i": value(each("identityFiles", asTyped)),
  "-l": value(first("user", (name) => checkUserName(name, "after -l"))),
  "-m": value(last("macs", (text) => readAlgorithms("macs", text))),
  "-o": value(applyKeyword),
  "-p": value(first("port", readPort)),
  "-w": refused("value", "-w: tunnel devices are not supported"),
};

const CONTROL_COMMANDS = ["check", "forward", "conninfo", "channels", "cancel", "exit", "stop", "proxy"];

const NO_X11 = "X11 forwarding is not supported; continuing without it";
