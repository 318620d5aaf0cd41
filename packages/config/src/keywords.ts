import { parseAlgorithms } from "./algorithms.ts";
import { formatEndpoint, formatForward, parseForward, sameForward } from "./forwards.ts";
import {
  added,
  allWords,
  choice,
  command,
  flag,
  integer,
  type Keyword,
  list,
  needTime,
  one,
  oneLine,
  oneOf,
  orNone,
  restOfLine,
  word,
} from "./kinds.ts";
import type { Line } from "./line.ts";
import type { AlgorithmNames } from "./request.ts";
import {
  addKeysToAgent,
  canonicalDomains,
  channelTimeout,
  cnames,
  controlPersist,
  escapeChar,
  forwardAgent,
  ipQoS,
  logLevel,
  obscureKeystrokeTiming,
  permitRemoteOpen,
  proxy,
  rekeyLimit,
  sendEnv,
  setEnv,
  streamLocalBindMask,
  syslogFacility,
  tunnelDevice,
} from "./special.ts";
import type { ConfigValues, Forward } from "./values.ts";

function algorithms(
  kind: keyof AlgorithmNames,
  what: string,
  more?: { readonly wildcards?: boolean; readonly aliases?: readonly string[] },
): Keyword<readonly string[]> {
  return {
    ...(more?.aliases === undefined ? {} : { aliases: more.aliases }),
    parse: (line) =>
      parseAlgorithms(line, line.context.algorithms[kind], { wildcards: more?.wildcards === true, what }),
    default: ({ algorithms: names }) => names[kind].default,
    print: (names) => [names.join(",")],
  };
}

const keys = (kind: "keys" | "caSignatures", aliases?: readonly string[]) =>
  algorithms(kind, "Bad key types", { wildcards: true, ...(aliases === undefined ? {} : { aliases }) });

function seconds(otherwise: number, aliases?: readonly string[]): Keyword<number> {
  return {
    ...(aliases === undefined ? {} : { aliases }),
    parse: (line) => {
      const time = needTime(line);
      return time === "none" ? -1 : time;
    },
    default: () => otherwise,
    // quirk: `none` leaves the value unset.
    combine: (earlier, later) => (earlier < 0 ? later : earlier),
    finish: (value) => (value < 0 ? otherwise : value),
    print: one,
  };
}

function forward(line: Line, { dynamic, remote }: { readonly dynamic: boolean; readonly remote: boolean }): Forward[] {
  const first = line.need();
  const second = dynamic ? undefined : line.next();
  // quirk: an empty target of RemoteForward counts as missing.
  const socks = dynamic || (remote && (second ?? "") === "");
  if (!socks && (second ?? "") === "") line.fail("Missing target argument.");
  const text = line.expandEnvironment(socks ? first : `${first}:${second}`, "Bad forwarding specification.");
  return [parseForward(line, text, { dynamic: socks, remote }) ?? line.fail("Bad forwarding specification.")];
}

/** `-L`, `-R` and `-D` take one word. */
export function parseForwardOption(
  line: Line,
  kind: "local" | "remote" | "dynamic",
  text: string,
): Forward | undefined {
  const remote = kind === "remote";
  const fixed = kind === "dynamic" ? undefined : parseForward(line, text, { dynamic: false, remote });
  return fixed ?? (kind === "local" ? undefined : parseForward(line, text, { dynamic: true, remote }));
}

const forwards: Pick<Keyword<readonly Forward[]>, "combine" | "default" | "finish"> = {
  combine: added(sameForward),
  default: () => [],
  finish: (all, expand) => {
    const end = (value: Forward["listen"]) =>
      value.kind === "socket" ? { ...value, path: expand.tokens(value.path) } : value;
    return all.map(({ listen, target }) => ({
      listen: end(listen),
      target: target === "socks" ? target : end(target),
    }));
  },
};

const files: Pick<Keyword<readonly string[]>, "parse" | "print"> = {
  parse: (line) => allWords(line, 32),
  print: oneLine,
};

/** The keywords in the order in which `ssh -G` prints them, after `host`. */
export const KEYWORDS: { readonly [K in keyof ConfigValues]: Keyword<ConfigValues[K]> } = {
  user: { parse: (line) => line.need(), default: ({ local }) => local.user, print: one },
  hostName: { parse: (line) => line.need(), default: () => "", print: one },
  port: {
    parse: (line) => {
      const text = line.need();
      const port = line.port(text);
      return port === undefined || port === 0 ? line.fail(`Bad port '${text}'.`) : port;
    },
    default: () => 22,
    print: one,
  },
  addressFamily: choice(["any", "inet", "inet6"], "any"),
  batchMode: flag(false),
  canonicalizeFallbackLocal: flag(true),
  canonicalizeHostname: choice(["no", "yes", "always"], "no"),
  checkHostIP: flag(false),
  compression: {
    // Other than elsewhere, `true` and `false` are not known.
    parse: (line) => oneOf(line, { yes: true, no: false }),
    default: () => false,
    print: (value) => [value === "unknown" ? "UNKNOWN" : value ? "yes" : "no"],
  },
  controlMaster: choice(["no", "yes", "ask", "auto", "autoask"], "no"),
  enableSSHKeysign: flag(false),
  clearAllForwardings: flag(false),
  exitOnForwardFailure: flag(false),
  fingerprintHash: {
    parse: (line) => {
      const text = line.need();
      const found = (["MD5", "SHA1", "SHA256", "SHA384", "SHA512"] as const).find(
        (name) => name === text.toUpperCase(),
      );
      return found ?? line.fail(`Invalid hash algorithm "${text}".`);
    },
    default: () => "SHA256",
    print: one,
  },
  forwardX11: flag(false),
  forwardX11Trusted: flag(false),
  gatewayPorts: flag(false),
  hashKnownHosts: flag(false),
  hostbasedAuthentication: flag(false),
  identitiesOnly: flag(false),
  kbdInteractiveAuthentication: flag(true, {
    aliases: ["challengeresponseauthentication", "skeyauthentication", "tisauthentication"],
  }),
  noHostAuthenticationForLocalhost: flag(false),
  passwordAuthentication: flag(true),
  permitLocalCommand: flag(false),
  proxyUseFdpass: flag(false),
  pubkeyAuthentication: choice(["no", "yes", "unbound", "host-bound"], "yes", undefined, {
    aliases: ["dsaauthentication"],
  }),
  requestTTY: choice(["auto", "no", "yes", "force"], "auto"),
  sessionType: choice(["default", "none", "subsystem"], "default"),
  stdinNull: flag(false),
  forkAfterAuthentication: flag(false),
  streamLocalBindUnlink: flag(false),
  strictHostKeyChecking: choice(["no", "yes", "ask", "accept-new"], "ask", { off: "no" }),
  tcpKeepAlive: flag(true, { aliases: ["keepalive"] }),
  tunnel: choice(["no", "point-to-point", "ethernet"], "no", { yes: "point-to-point", true: "point-to-point" }),
  verifyHostKeyDNS: choice(["no", "yes", "ask"], "no"),
  visualHostKey: flag(false),
  updateHostKeys: choice(["no", "yes", "ask"], "no", undefined, {
    // Learning keys is safe only if they go to the user's own files, and were not verified by DNS.
    default: ({ values, isSet }) =>
      !isSet("userKnownHostsFile") && (values.verifyHostKeyDNS ?? "no") === "no" ? "yes" : "no",
  }),
  enableEscapeCommandline: flag(false),
  warnWeakCrypto: choice(["no", "yes", "no-pq-kex"], "yes"),
  canonicalizeMaxDots: integer(1),
  connectionAttempts: integer(1),
  forwardX11Timeout: seconds(1200),
  numberOfPasswordPrompts: integer(3),
  serverAliveCountMax: integer(3),
  serverAliveInterval: seconds(0),
  requiredRSASize: integer(1024),
  obscureKeystrokeTiming,
  bindAddress: word(),
  bindInterface: word(),
  ciphers: algorithms("ciphers", "Bad SSH2 cipher spec"),
  controlPath: word({ finish: (value, expand) => (orNone(value) === undefined ? undefined : expand.path(value)) }),
  hostKeyAlgorithms: keys("keys"),
  hostKeyAlias: word({ finish: (value) => value.toLowerCase() }),
  hostbasedAcceptedAlgorithms: keys("keys", ["hostbasedkeytypes"]),
  identityAgent: word({
    parse: (line) => {
      const text = line.need();
      line.expandEnvironment(text, `Invalid environment expansion ${text}.`);
      if (text.startsWith("$") && !text.startsWith("${") && !/^\$[A-Za-z0-9_]+$/.test(text))
        line.fail(`Invalid environment name ${text}.`);
      return text;
    },
    finish: (value, expand) => expand.path(value),
  }),
  ignoreUnknown: word(),
  kbdInteractiveDevices: word(),
  kexAlgorithms: algorithms("kex", "Bad SSH2 KexAlgorithms"),
  caSignatureAlgorithms: keys("caSignatures"),
  localCommand: command(),
  remoteCommand: command({
    finish: (value, expand) => (orNone(value) === undefined ? undefined : expand.tokens(value)),
  }),
  logLevel,
  macs: algorithms("macs", "Bad SSH2 MAC spec"),
  pkcs11Provider: word({ aliases: ["smartcarddevice"], finish: orNone }),
  securityKeyProvider: word({ finish: orNone }),
  preferredAuthentications: word(),
  pubkeyAcceptedAlgorithms: keys("keys", ["pubkeyacceptedkeytypes"]),
  revokedHostKeys: {
    ...files,
    default: () => [],
    finish: (paths, expand) => (paths.length === 1 && orNone(paths[0]!) === undefined ? [] : paths.map(expand.path)),
  },
  xAuthLocation: word(),
  knownHostsCommand: command(),
  tag: word(),
  versionAddendum: command({
    parse: (line) => {
      line.all();
      return line.rest;
    },
    finish: (value, expand) => (orNone(value) === undefined ? "" : expand.text(value)),
  }),
  localForward: {
    ...forwards,
    parse: (line) => forward(line, { dynamic: line.keyword === "dynamicforward", remote: false }),
    aliases: ["dynamicforward"],
    // quirk: a local forward to a socket is printed as a dynamic one too.
    print: (all) => all.filter(({ target }) => target !== "socks").map(formatForward),
  },
  remoteForward: {
    ...forwards,
    parse: (line) => forward(line, { dynamic: false, remote: true }),
    print: (all) => all.map(formatForward),
  },
  identityFile: {
    aliases: ["identityfile2"],
    parse: (line) => [{ path: line.need(), fromUser: line.context.fromUser }],
    combine: added((a, b) => a.path === b.path && a.fromUser === b.fromUser),
    default: () =>
      ["rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "mldsa44_ed25519"].map((name) => ({
        path: `~/.ssh/id_${name}`,
        fromUser: false,
      })),
    print: (all) => all.map(({ path }) => path),
  },
  canonicalDomains,
  certificateFile: {
    parse: (line) => [line.need()],
    combine: added((a, b) => a === b),
    default: () => [],
    print: list,
  },
  globalKnownHostsFile: {
    ...files,
    default: () => ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
  },
  userKnownHostsFile: {
    ...files,
    default: ({ local }) => [`${local.home}/.ssh/known_hosts`, `${local.home}/.ssh/known_hosts2`],
    finish: (paths, expand) => paths.map(expand.path),
  },
  sendEnv,
  setEnv,
  logVerbose: {
    // quirk: only the first word of the line is kept.
    parse: (line) => allWords(line).slice(0, 1),
    default: () => ["none"],
    print: oneLine,
  },
  channelTimeout,
  permitRemoteOpen,
  addKeysToAgent,
  forwardAgent,
  connectTimeout: {
    parse: (line) => {
      const time = needTime(line);
      return time === "none" ? -1 : time;
    },
    combine: (earlier, later) => (earlier < 0 ? later : earlier),
    default: () => undefined,
    finish: (value) => (value < 0 ? undefined : value),
    print: (value) => [value ?? "none"],
  },
  tunnelDevice,
  canonicalizePermittedCNAMEs: cnames,
  controlPersist,
  escapeChar,
  ipQoS,
  rekeyLimit,
  streamLocalBindMask,
  syslogFacility,
  refuseConnection: {
    parse: (line) => {
      const [text = "", ...more] = line.all();
      return more.length > 0 || text === "" ? restOfLine(line) : text;
    },
    default: () => undefined,
    print: () => [],
  },
  proxy,
};

/** Prints the forwards of DynamicForward, which stand before those of LocalForward. */
export function dynamicForwardLines(all: readonly Forward[]): string[] {
  return all
    .filter(({ target }) => target === "socks" || target.kind === "socket")
    .map(({ listen }) => formatEndpoint(listen));
}

/** Names of earlier versions: read and without effect. `"unsupported"` prints a line. */
export const OLD_KEYWORDS: ReadonlyMap<string, "ignored" | "unsupported"> = new Map(
  Object.entries({
    protocol: "ignored",
    cipher: "ignored",
    fallbacktorsh: "ignored",
    globalknownhostsfile2: "ignored",
    rhostsauthentication: "ignored",
    userknownhostsfile2: "ignored",
    useroaming: "ignored",
    usersh: "ignored",
    useprivilegedport: "ignored",
    afstokenpassing: "unsupported",
    kerberosauthentication: "unsupported",
    kerberostgtpassing: "unsupported",
    rsaauthentication: "unsupported",
    rhostsrsaauthentication: "unsupported",
    compressionlevel: "unsupported",
    gssapiauthentication: "unsupported",
    gssapidelegatecredentials: "unsupported",
  } as const),
);
