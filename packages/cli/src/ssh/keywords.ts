import type { ConfigValues, ResolvedConfig } from "@nacre/config";
import { isDebug } from "./log-level.ts";

/** Effect of a keyword of ssh_config(5). README has a row for each kind. */
export interface Effect<T> {
  /**
   * Whether it does what OpenSSH's manual says; some of that; nothing; or ends with an error when it is needed. For keywords of the
   * connection it is `connect` that acts, fails or warns.
   */
  readonly kind: "acts" | "partly" | "nothing" | "fails";
  readonly why?: string;
  /** Whether a line says that a value has no effect: it would make a connection safer, or do what the user asked for. */
  readonly says?: (value: T) => boolean;
}

type Effects = { readonly [K in keyof ConfigValues]: Effect<ConfigValues[K]> };

const acts = { kind: "acts" } as const;
const nothing = <T>(why: string, says?: (value: T) => boolean): Effect<T> => ({
  kind: "nothing",
  why,
  ...(says && { says }),
});
const partly = (why: string) => ({ kind: "partly", why }) as const;
const fails = (why: string) => ({ kind: "fails", why }) as const;

/** Whether a text is set, and not to `none`. */
const isSet = (text: string | undefined): boolean => text !== undefined && text.toLowerCase() !== "none";

const NO_X11 = "there is no X11 forwarding";
const NO_HOST_BASED = "there are no host-based logins";
const NO_TUNNEL = "there are no tunnel devices";

/** Effect of each keyword, by the name of its value. ProxyCommand and ProxyJump are `proxy`; DynamicForward is in `localForward`. */
export const KEYWORDS: Effects = {
  addKeysToAgent: acts,
  addressFamily: acts,
  batchMode: acts,
  bindAddress: acts,
  bindInterface: nothing("Node cannot choose the interface; use -b ADDRESS"),
  canonicalDomains: acts,
  canonicalizeFallbackLocal: acts,
  canonicalizeHostname: acts,
  canonicalizeMaxDots: acts,
  canonicalizePermittedCNAMEs: acts,
  caSignatureAlgorithms: acts,
  certificateFile: acts,
  channelTimeout: acts,
  checkHostIP: acts,
  ciphers: acts,
  clearAllForwardings: acts,
  compression: nothing("there is no compression"),
  connectionAttempts: acts,
  connectTimeout: acts,
  controlMaster: nothing(
    "this connection is not shared: nacre makes no master",
    (mode) => mode === "yes" || mode === "ask",
  ),
  controlPath: acts,
  controlPersist: nothing("nacre makes no master"),
  enableEscapeCommandline: partly("`!` runs no command at the command line of ~C"),
  enableSSHKeysign: nothing(NO_HOST_BASED),
  escapeChar: acts,
  exitOnForwardFailure: acts,
  fingerprintHash: acts,
  forkAfterAuthentication: acts,
  forwardAgent: acts,
  forwardX11: nothing(NO_X11),
  forwardX11Timeout: nothing(NO_X11),
  forwardX11Trusted: nothing(NO_X11),
  gatewayPorts: acts,
  globalKnownHostsFile: acts,
  hashKnownHosts: acts,
  hostbasedAcceptedAlgorithms: nothing(NO_HOST_BASED),
  hostbasedAuthentication: nothing(NO_HOST_BASED),
  hostKeyAlgorithms: acts,
  hostKeyAlias: acts,
  hostName: acts,
  identitiesOnly: acts,
  identityAgent: acts,
  identityFile: acts,
  ignoreUnknown: acts,
  ipQoS: nothing("Node cannot set the type of service"),
  kbdInteractiveAuthentication: acts,
  kbdInteractiveDevices: acts,
  kexAlgorithms: acts,
  knownHostsCommand: acts,
  localCommand: acts,
  localForward: acts,
  logLevel: acts,
  logVerbose: nothing("--trace prints each packet"),
  macs: acts,
  noHostAuthenticationForLocalhost: acts,
  numberOfPasswordPrompts: acts,
  obscureKeystrokeTiming: nothing("keys are sent when they are typed"),
  passwordAuthentication: acts,
  permitLocalCommand: acts,
  permitRemoteOpen: acts,
  pkcs11Provider: nothing("use an agent that holds the key"),
  port: acts,
  preferredAuthentications: acts,
  proxy: acts,
  proxyUseFdpass: fails("Node cannot receive descriptors"),
  pubkeyAcceptedAlgorithms: acts,
  pubkeyAuthentication: acts,
  refuseConnection: acts,
  rekeyLimit: acts,
  remoteCommand: acts,
  remoteForward: acts,
  requestTTY: acts,
  requiredRSASize: partly("keys of 2048 bits are always enough; a higher bound fails"),
  revokedHostKeys: acts,
  securityKeyProvider: nothing("use an agent that holds the key", isSet),
  sendEnv: acts,
  serverAliveCountMax: acts,
  serverAliveInterval: acts,
  sessionType: acts,
  setEnv: acts,
  stdinNull: acts,
  streamLocalBindMask: nothing("only you can use the sockets", (mask) => mask !== 0o177),
  streamLocalBindUnlink: acts,
  strictHostKeyChecking: acts,
  syslogFacility: nothing("there is no log of the system"),
  tag: acts,
  tcpKeepAlive: nothing("the keepalive of SSH finds a dead peer"),
  tunnel: fails(NO_TUNNEL),
  tunnelDevice: nothing(NO_TUNNEL),
  updateHostKeys: acts,
  user: acts,
  userKnownHostsFile: acts,
  verifyHostKeyDNS: nothing("host keys are not looked up in the DNS"),
  versionAddendum: nothing("the version of Nacre is fixed"),
  visualHostKey: acts,
  warnWeakCrypto: nothing("there is no weak algorithm"),
  xAuthLocation: nothing(NO_X11),
};

/** Returns lines for the user about values that have no effect; with `-v` also about the others that were set. */
export function checkEffects({ values, origins }: Pick<ResolvedConfig, "values" | "origins">): readonly string[] {
  const lines: string[] = [];
  for (const name of Object.keys(KEYWORDS) as (keyof ConfigValues)[]) {
    const effect = KEYWORDS[name] as Effect<unknown>;
    const keyword = `${name[0]!.toUpperCase()}${name.slice(1)}`;
    // rule: config-not-dropped
    if (effect.says?.(values[name])) lines.push(`nacre: ${keyword} has no effect: ${effect.why}`);
    // Only with -v: distributions and programs set these for everybody.
    if (effect.kind === "nothing" && origins[name] !== undefined && isDebug(values))
      lines.push(`debug1: ${keyword} has no effect: ${effect.why}`);
  }
  return lines;
}
