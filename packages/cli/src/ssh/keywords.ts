import { escapeText, matchPattern } from "@nacre/wire";
import { CommandLineError, sshUsage } from "../options.ts";
import { readAlgorithms } from "./algorithms.ts";
import { readJumpHosts } from "./destination.ts";
import { readEscapeChar } from "./escape-keys.ts";
import { parseForward } from "./forward-arguments.ts";
import { first, type Settings } from "./settings.ts";

/**
 * Applies the value of `-o`: a line of ssh_config(5), `Name=value` or `Name value`. Throws `usage` with the message of ssh(1). No
 * configuration file is read yet; its lines will take the same way.
 */
export function applyKeyword(settings: Settings, line: string): void {
  const [, quoted, bare = "", rest = ""] = /^\s*(?:"([^"]*)"|([^\s=]*))\s*(?:=\s*)?(.*?)\s*$/s.exec(line) ?? [];
  const keyword = (quoted ?? bare).toLowerCase();
  if (keyword === "" || keyword.startsWith("#")) return;
  const row = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined;
  if (row === undefined) {
    if (settings.ignoreUnknown?.split(",").some((pattern) => matchPattern(keyword, pattern.toLowerCase()))) return;
    throw sshUsage(`command-line: line 0: Bad configuration option: ${escapeText(keyword)}`);
  }
  try {
    row(settings, rest, keyword);
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error;
    throw sshUsage(`command-line line 0: ${error.sshLine ?? error.advice}`, error.sshLine && error.advice);
  }
}

/** Applies the arguments of a keyword. */
type Row = (settings: Settings, rest: string, keyword: string) => void;

/** A keyword with exactly one argument. */
const one =
  (act: (settings: Settings, value: string) => void): Row =>
  (settings, rest, keyword) => {
    const [value, ...more] = argumentsOf(rest, keyword);
    if (more.length > 0) throw bad(`keyword ${keyword} extra arguments at end of line`);
    act(settings, value!);
  };

/** A keyword with one or more arguments. */
const many =
  (act: (settings: Settings, values: readonly string[]) => void): Row =>
  (settings, rest, keyword) =>
    act(settings, argumentsOf(rest, keyword));

/** A keyword that is accepted without effect, and why. */
const without = (_reason: string): Row => many(() => {});

/**
 * A keyword without effect that would make a connection safer, or do what the user asked for. Values other than the harmless ones get a
 * line that says so.
 */
const noted = (reason: string, ...harmless: readonly string[]): Row =>
  many((settings, [value = ""]) => {
    if (!harmless.includes(value.toLowerCase())) settings.notes.push(reason);
  });

/** A keyword without which the connection would not be what the user asked for: only the harmless values are accepted. */
const needed =
  (reason: string, ...harmless: readonly string[]): Row =>
  (_, rest, keyword) => {
    const [value = ""] = argumentsOf(rest, keyword);
    // rule: config-not-dropped
    if (!harmless.includes(value.toLowerCase())) throw bad(`${keyword} ${value} is not supported: ${reason}`);
  };

const flag = (value: string): boolean => choice({ yes: true, true: true, no: false, false: false })(value);
const NO_FLAG = ["no", "false"];
const NO_YES = /^(?:yes|true|no|false)$/;
/** RSA keys with less bits are always refused. */
const MIN_RSA_BITS = 2048;
/** `no` accepts new hosts in OpenSSH too. Here a changed key is refused all the same. */
const ANY_HOST = { no: "accept-new", false: "accept-new", off: "accept-new" } as const;
const LOG_LEVELS = {
  quiet: "quiet",
  fatal: "quiet",
  error: "usual",
  info: "usual",
  verbose: "verbose",
  debug: "verbose",
  debug1: "verbose",
  debug2: "verbose",
  debug3: "verbose",
} as const;
const NO_X11 = "X11 forwarding is not supported";
const NO_GSSAPI = "GSSAPI logins are not supported";
const NO_CERTIFICATES = "certificates are not supported";
const OLD = "an option of earlier versions of OpenSSH, which has no effect there either";
const FILES = "ssh_config files are not read";

/** The keywords of ssh_config(5) in OpenSSH 10.5, in lower case, and other spellings and old names that it accepts. */
const KEYWORDS: Readonly<Record<string, Row>> = {
  addressfamily: one(first("addressFamily", choice({ any: "any", inet: "inet", inet6: "inet6" }))),
  addkeystoagent: noted("AddKeysToAgent has no effect: keys are not added to the agent", ...NO_FLAG),
  batchmode: one(first("batchMode", flag)),
  bindaddress: one(first("bindAddress", String)),
  bindinterface: noted("BindInterface has no effect, because Node cannot choose the interface; use -b ADDRESS"),
  canonicaldomains: without(FILES),
  canonicalizefallbacklocal: without(FILES),
  canonicalizehostname: needed("names are not canonicalized", ...NO_FLAG),
  canonicalizemaxdots: without(FILES),
  canonicalizepermittedcnames: without(FILES),
  casignaturealgorithms: without(NO_CERTIFICATES),
  certificatefile: noted("CertificateFile has no effect: certificates are not supported", "none"),
  channeltimeout: noted("ChannelTimeout has no effect", "none"),
  checkhostip: noted("CheckHostIP has no effect: only the name is looked up in known_hosts", ...NO_FLAG),
  ciphers: one(first("ciphers", (text) => readAlgorithms("ciphers", text, true))),
  clearallforwardings: one(first("clearAllForwardings", flag)),
  compression: one((_, value) => void choice({ yes: true, no: false })(value)),
  connectionattempts: one((_, value) => void integer(value)),
  connecttimeout: one(first("connectTimeout", connectTimeout)),
  controlmaster: one((settings, value) => {
    const names = {
      yes: "yes",
      true: "yes",
      ask: "ask",
      no: "no",
      false: "no",
      auto: "auto",
      autoask: "autoask",
    } as const;
    settings.controlMaster ??= choice<(typeof names)[keyof typeof names]>(names)(value);
    if (/^(yes|true|ask)$/i.test(value))
      settings.notes.push("this connection is not shared: nacre makes no control socket");
  }),
  controlpath: one(first("controlPath", String)),
  controlpersist: one((_, value) => {
    if (!NO_YES.test(value) && seconds(value) === undefined) throw bad("Bad ControlPersist argument.");
  }),
  dynamicforward: one((settings, text) => void settings.forwards.push(parseForward("-D", text))),
  enableescapecommandline: without("there is no command line of escapes"),
  enablesshkeysign: without("host-based logins are not supported"),
  escapechar: one(first("escapeChar", readEscapeChar)),
  exitonforwardfailure: one(first("exitOnForwardFailure", flag)),
  fingerprinthash: without("fingerprints are SHA-256"),
  forkafterauthentication: one(first("forkAfterAuthentication", flag)),
  forwardagent: one(first("forwardAgent", forwardAgent)),
  forwardx11: without(NO_X11),
  forwardx11timeout: without(NO_X11),
  forwardx11trusted: without(NO_X11),
  gatewayports: one(first("gatewayPorts", flag)),
  globalknownhostsfile: many(files("globalKnownHostsFiles")),
  gssapiauthentication: without(NO_GSSAPI),
  gssapiclientidentity: without(NO_GSSAPI),
  gssapidelegatecredentials: without(NO_GSSAPI),
  gssapikexalgorithms: without(NO_GSSAPI),
  gssapikeyexchange: without(NO_GSSAPI),
  gssapirenewalforcesrekey: without(NO_GSSAPI),
  gssapiserveridentity: without(NO_GSSAPI),
  gssapitrustdns: without(NO_GSSAPI),
  hashknownhosts: noted("HashKnownHosts has no effect: names of new hosts are stored as they are", ...NO_FLAG),
  host: needed(FILES),
  hostbasedacceptedalgorithms: without("host-based logins are not supported"),
  hostbasedauthentication: without("host-based logins are not supported"),
  hostkeyalgorithms: one(first("hostKeyAlgorithms", (text) => readAlgorithms("hostKeys", text, true))),
  hostkeyalias: needed("give the key with --host-key"),
  hostname: one(first("hostName", String)),
  identitiesonly: one(first("identitiesOnly", flag)),
  identityagent: one(first("identityAgent", String)),
  identityfile: one((settings, file) => void settings.identityFiles.push(file)),
  ignoreunknown: one(first("ignoreUnknown", String)),
  include: needed(FILES),
  ipqos: without("Node cannot set the type of service"),
  kbdinteractiveauthentication: one(first("keyboardInteractive", flag)),
  kbdinteractivedevices: without("the server chooses the devices"),
  kexalgorithms: one(first("kex", (text) => readAlgorithms("kex", text, true))),
  knownhostscommand: needed("commands are not run", "none"),
  localcommand: without("it needs PermitLocalCommand, which is not supported"),
  localforward: many((settings, words) => void settings.forwards.push(parseForward("-L", words.join(":")))),
  loglevel: one((settings, level) => {
    const chosen = choice(LOG_LEVELS, (text) => `unsupported log level '${text}'`)(level);
    settings.quiet ??= chosen === "quiet";
    settings.verbose ??= chosen === "verbose";
  }),
  logverbose: without("--trace prints each packet"),
  macs: one(first("macs", (text) => readAlgorithms("macs", text, true))),
  match: needed(FILES),
  nohostauthenticationforlocalhost: without("host keys of this machine are verified too"),
  numberofpasswordprompts: one(first("numberOfPasswordPrompts", integer)),
  obscurekeystroketiming: noted("ObscureKeystrokeTiming has no effect", ...NO_FLAG),
  passwordauthentication: one(first("password", flag)),
  permitlocalcommand: needed("local commands are not run", ...NO_FLAG),
  permitremoteopen: needed("a remote SOCKS proxy reaches every host", "any"),
  pkcs11provider: noted("PKCS11Provider has no effect; use an agent that holds the key", "none"),
  port: one(first("port", (text) => integer(text, 1, 65535, `Bad port '${text}'.`))),
  preferredauthentications: one(first("preferredAuthentications", String)),
  proxycommand: needed("use -J", "none"),
  proxyjump: one((settings, text) => {
    first("jumpHosts", (hosts) => (hosts.toLowerCase() === "none" ? [] : readJumpHosts(hosts)))(settings, text);
  }),
  proxyusefdpass: needed("Node cannot pass descriptors", ...NO_FLAG),
  pubkeyacceptedalgorithms: noted("PubkeyAcceptedAlgorithms has no effect: SHA-1 signatures are never made"),
  pubkeyauthentication: one(
    first("publickey", choice({ yes: true, true: true, unbound: true, "host-bound": true, no: false, false: false })),
  ),
  refuseconnection: needed("the configuration refuses this connection"),
  rekeylimit: many(rekeyLimit),
  remotecommand: needed("give the command after the host", "none"),
  remoteforward: many((settings, words) => void settings.forwards.push(parseForward("-R", words.join(":")))),
  requesttty: one(
    first("requestTty", choice({ auto: "auto", no: "no", false: "no", yes: "yes", true: "yes", force: "force" })),
  ),
  requiredrsasize: one((_, bits) => {
    if (integer(bits) > MIN_RSA_BITS)
      throw bad(`requiredrsasize ${bits} is not supported: ${MIN_RSA_BITS} bits are always enough`);
  }),
  revokedhostkeys: needed("mark the key @revoked in known_hosts", "none"),
  securitykeyprovider: noted("SecurityKeyProvider has no effect; use an agent that holds the key", "none", "internal"),
  sendenv: many((settings, names) => void settings.sendEnv.push(...names)),
  serveralivecountmax: one(first("serverAliveCountMax", integer)),
  serveraliveinterval: one(first("serverAliveInterval", (text) => (seconds(text) ?? invalidTime()) * 1000)),
  sessiontype: one(first("sessionType", choice({ none: "none", subsystem: "subsystem", default: "default" }))),
  setenv: many((settings, pairs) => {
    if (pairs.some((pair) => !/^[^=]+=/.test(pair))) throw bad("Invalid SetEnv.");
    settings.setEnv ??= pairs;
  }),
  stdinnull: one(first("stdinNull", flag)),
  streamlocalbindmask: noted("StreamLocalBindMask has no effect: only you can use the sockets", "0177", "177"),
  streamlocalbindunlink: without("a socket file that exists is an error"),
  stricthostkeychecking: one(
    first(
      "strictHostKeyChecking",
      choice({ yes: "yes", true: "yes", "accept-new": "accept-new", ask: "ask", ...ANY_HOST }),
    ),
  ),
  syslogfacility: without("there is no log of the system"),
  tag: without(FILES),
  tcpkeepalive: without("the keepalive of SSH finds a dead peer"),
  tunnel: needed("tunnel devices are not supported", ...NO_FLAG),
  tunneldevice: without("tunnel devices are not supported"),
  updatehostkeys: without("host keys that a server announces are not stored"),
  user: one(first("user", userName)),
  userknownhostsfile: many(files("userKnownHostsFiles")),
  verifyhostkeydns: noted("VerifyHostKeyDNS has no effect: host keys are not looked up in the DNS", ...NO_FLAG),
  versionaddendum: without("the version of Nacre is fixed"),
  visualhostkey: without("the picture is shown for new hosts only"),
  warnweakcrypto: without("there is no weak algorithm"),
  xauthlocation: without(NO_X11),

  challengeresponseauthentication: one(first("keyboardInteractive", flag)),
  skeyauthentication: one(first("keyboardInteractive", flag)),
  tisauthentication: one(first("keyboardInteractive", flag)),
  dsaauthentication: without(OLD),
  hostbasedkeytypes: without("host-based logins are not supported"),
  keepalive: without("the keepalive of SSH finds a dead peer"),
  pubkeyacceptedkeytypes: noted("PubkeyAcceptedKeyTypes has no effect: SHA-1 signatures are never made"),
  afstokenpassing: without(OLD),
  cipher: without(OLD),
  compressionlevel: without(OLD),
  fallbacktorsh: without(OLD),
  globalknownhostsfile2: without(OLD),
  kerberosauthentication: without(OLD),
  kerberostgtpassing: without(OLD),
  protocol: without(OLD),
  rhostsauthentication: without(OLD),
  rhostsrsaauthentication: without(OLD),
  rsaauthentication: without(OLD),
  smartcarddevice: without(OLD),
  useblacklistedkeys: without(OLD),
  useprivilegedport: without(OLD),
  useroaming: without(OLD),
  userknownhostsfile2: without(OLD),
  usersh: without(OLD),
};

/** Splits the arguments of a keyword at blanks, as ssh_config(5) does: quotes group, and `#` at the start of a word ends the line. */
function argumentsOf(rest: string, keyword: string): readonly string[] {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (rest[at] === " " || rest[at] === "\t") at++;
    if (at >= rest.length || rest[at] === "#") break;
    let word = "";
    let quote = "";
    for (; at < rest.length; at++) {
      const character = rest[at]!;
      const next = rest[at + 1] ?? "";
      if (character === "\\" && (/["'\\]/.test(next) || (quote === "" && next === " "))) {
        word += next;
        at++;
      } else if (quote === "" && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = "";
      else if (quote === "" && (character === " " || character === "\t")) break;
      else word += character;
    }
    if (quote !== "") throw bad("invalid quotes");
    words.push(word);
  }
  if ((words[0] ?? "") === "") throw bad(`no argument after keyword "${keyword}"`);
  return words;
}

function bad(message: string): CommandLineError {
  return sshUsage(escapeText(message));
}

/** Returns a reader that takes one of these words, in any case. */
function choice<T>(
  values: Readonly<Record<string, T>>,
  message = (text: string): string => `unsupported option "${text}".`,
): (text: string) => T {
  return (text) => {
    const word = text.toLowerCase();
    if (!Object.hasOwn(values, word)) throw bad(message(text));
    return values[word]!;
  };
}

function integer(text: string, least = 0, most = 0x7fff_ffff, message = "integer value invalid."): number {
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < least || value > most) throw bad(message);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Returns the seconds of a time such as `90` or `1m30s` (sshd_config(5), TIME FORMATS); `undefined` if it is invalid. */
function seconds(text: string): number | undefined {
  const parts = /^(?:\d{1,8}[smhdw]?)+$/i.test(text) ? [...text.matchAll(/(\d+)([a-z]?)/gi)] : [];
  const sum = parts.reduce((total, [, count, unit]) => total + Number(count) * UNITS[unit!.toLowerCase()]!, 0);
  return parts.length > 0 && sum <= 31_536_000 ? sum : undefined;
}

function invalidTime(): never {
  throw bad("invalid time value.");
}

function connectTimeout(text: string): number {
  if (/^none$/i.test(text)) return Number.POSITIVE_INFINITY;
  return (seconds(text) || invalidTime()) * 1000;
}

/** Returns whether to forward the agent at SSH_AUTH_SOCK. Another agent is refused, because it is not the one asked for. */
function forwardAgent(text: string): boolean {
  if (/^(?:\$SSH_AUTH_SOCK|\$\{SSH_AUTH_SOCK\})$/.test(text)) return true;
  return choice(
    { yes: true, true: true, no: false, false: false },
    () => `forwardagent ${text} is not supported: only the agent at SSH_AUTH_SOCK is forwarded`,
  )(text);
}

/** Reads the bytes and the time after which keys change: `1G 1h`, or `default`. */
function rekeyLimit(settings: Settings, [size = "", time = "none", ...more]: readonly string[]): void {
  const [, count, unit = ""] = /^(\d{1,15})([kmg]?)$/i.exec(size) ?? [];
  const bytes = Number(count) * 1024 ** ["", "k", "m", "g"].indexOf(unit.toLowerCase());
  if (size.toLowerCase() !== "default") {
    if (count === undefined || bytes < 16 || bytes > Number.MAX_SAFE_INTEGER) throw bad(`invalid rekeylimit "${size}"`);
    settings.rekeyBytes ??= bytes;
  }
  if (time.toLowerCase() !== "none") settings.rekeyInterval ??= 1000 * (seconds(time) || invalidTime());
  if (more.length > 0) throw bad("keyword rekeylimit extra arguments at end of line");
}

/** A name in a configuration may have the characters that one on the command line may not, such as `\` in `DOMAIN\user`. */
function userName(text: string): string {
  // rule: config-user-controls
  if (/\p{Cc}/u.test(text)) throw bad("User contains invalid characters");
  return text;
}

/** Files of known host keys; `none` stands for no file. */
function files(
  key: "userKnownHostsFiles" | "globalKnownHostsFiles",
): (settings: Settings, paths: readonly string[]) => void {
  return (settings, paths) => {
    settings[key] ??= paths[0]!.toLowerCase() === "none" ? [] : paths;
  };
}
