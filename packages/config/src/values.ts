/** End of a forward: a TCP port or the path of a socket. */
export type Endpoint =
  | {
      readonly kind: "tcp";
      /** Host or listen address; `undefined` if none was given. May be empty, which means all addresses. */
      readonly host: string | undefined;
      readonly port: number;
    }
  | { readonly kind: "socket"; readonly path: string };

/** A forward of LocalForward, RemoteForward or DynamicForward. */
export interface Forward {
  readonly listen: Endpoint;
  /** `"socks"`: the client of the forward names the target. */
  readonly target: Endpoint | "socks";
}

/** One jump host. */
export interface JumpHop {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  /** The text that names the hop. */
  readonly text: string;
}

/**
 * How to reach the host: by a command, through jump hosts, or directly. The first of ProxyCommand and ProxyJump decides, except
 * `ProxyJump none`.
 */
export type Proxy =
  | { readonly kind: "direct" }
  | { readonly kind: "command" /** With tokens: see `expandText`. */; readonly command: string }
  | { readonly kind: "jump" /** In the order in which they are connected. */; readonly hops: readonly JumpHop[] };

/** A value of IdentityFile. */
export interface IdentityFile {
  /** With tokens and `~`; or `none`. */
  readonly path: string;
  /** Whether the command line or a file of the user names it. A system file may name the same path again. */
  readonly fromUser: boolean;
}

/** Data and time after which keys are exchanged again. */
export interface RekeyLimit {
  /** Bytes after which keys are exchanged again; 0 for the default. `undefined` if not set. */
  readonly bytes: number | undefined;
  /** Seconds; 0 for none. `undefined` if not set. */
  readonly seconds: number | undefined;
}

/** Whether a key that was read from a file is added to the agent, and for how long. */
export interface AddKeysToAgent {
  readonly mode: "no" | "yes" | "ask" | "confirm";
  /** Lifetime in seconds; 0 for none. */
  readonly seconds: number;
}

/** A rule of CanonicalizePermittedCNAMEs: two pattern lists. */
export interface CnameRule {
  readonly source: string;
  readonly target: string;
}

type Flag = boolean;
type YesNoAsk = "yes" | "no" | "ask";
/** A path or word as written, with tokens; or `none`. */
type Text = string;

/**
 * The value of each keyword, named as in ssh_config(5) with a small first letter. `undefined`: not set, and without a default. Seconds and
 * bytes are numbers. Text with tokens is raw where its doc comment says so, otherwise expanded.
 */
export interface ConfigValues {
  readonly user: string;
  readonly hostName: string;
  readonly port: number;
  readonly addressFamily: "any" | "inet" | "inet6";
  readonly batchMode: Flag;
  readonly canonicalizeFallbackLocal: Flag;
  readonly canonicalizeHostname: "no" | "yes" | "always";
  readonly checkHostIP: Flag;
  /** quirk: `"unknown"`, which means yes, is that of the option `-C`: `ssh -G` prints it so. */
  readonly compression: Flag | "unknown";
  readonly controlMaster: "no" | "yes" | "ask" | "auto" | "autoask";
  readonly enableSSHKeysign: Flag;
  readonly clearAllForwardings: Flag;
  readonly exitOnForwardFailure: Flag;
  readonly fingerprintHash: "MD5" | "SHA1" | "SHA256" | "SHA384" | "SHA512";
  readonly forwardX11: Flag;
  readonly forwardX11Trusted: Flag;
  readonly gatewayPorts: Flag;
  readonly hashKnownHosts: Flag;
  readonly hostbasedAuthentication: Flag;
  readonly identitiesOnly: Flag;
  readonly kbdInteractiveAuthentication: Flag;
  readonly noHostAuthenticationForLocalhost: Flag;
  readonly passwordAuthentication: Flag;
  readonly permitLocalCommand: Flag;
  readonly proxyUseFdpass: Flag;
  readonly pubkeyAuthentication: "no" | "yes" | "unbound" | "host-bound";
  readonly requestTTY: "auto" | "no" | "yes" | "force";
  readonly sessionType: "default" | "none" | "subsystem";
  readonly stdinNull: Flag;
  readonly forkAfterAuthentication: Flag;
  readonly streamLocalBindUnlink: Flag;
  readonly strictHostKeyChecking: "no" | "yes" | "ask" | "accept-new";
  readonly tcpKeepAlive: Flag;
  readonly tunnel: "no" | "point-to-point" | "ethernet";
  readonly verifyHostKeyDNS: YesNoAsk;
  readonly visualHostKey: Flag;
  readonly updateHostKeys: YesNoAsk;
  readonly enableEscapeCommandline: Flag;
  readonly warnWeakCrypto: "no" | "yes" | "no-pq-kex";
  readonly canonicalizeMaxDots: number;
  readonly connectionAttempts: number;
  readonly forwardX11Timeout: number;
  readonly numberOfPasswordPrompts: number;
  readonly serverAliveCountMax: number;
  readonly serverAliveInterval: number;
  readonly requiredRSASize: number;
  /** Interval in milliseconds; 0 for off. */
  readonly obscureKeystrokeTiming: number;
  readonly bindAddress: string | undefined;
  readonly bindInterface: string | undefined;
  readonly ciphers: readonly string[];
  readonly controlPath: Text | undefined;
  readonly hostKeyAlgorithms: readonly string[];
  readonly hostKeyAlias: string | undefined;
  readonly hostbasedAcceptedAlgorithms: readonly string[];
  readonly identityAgent: Text | undefined;
  readonly ignoreUnknown: string | undefined;
  readonly kbdInteractiveDevices: string | undefined;
  readonly kexAlgorithms: readonly string[];
  readonly caSignatureAlgorithms: readonly string[];
  /** Raw: all tokens and `%T`. */
  readonly localCommand: Text | undefined;
  readonly remoteCommand: Text | undefined;
  readonly logLevel: "QUIET" | "FATAL" | "ERROR" | "INFO" | "VERBOSE" | "DEBUG" | "DEBUG2" | "DEBUG3";
  readonly macs: readonly string[];
  readonly pkcs11Provider: Text | undefined;
  readonly securityKeyProvider: Text | undefined;
  readonly preferredAuthentications: string | undefined;
  readonly pubkeyAcceptedAlgorithms: readonly string[];
  readonly revokedHostKeys: readonly Text[];
  readonly xAuthLocation: string | undefined;
  /** Raw: all tokens, `%f %H %I %K %t` and `${VAR}`. */
  readonly knownHostsCommand: Text | undefined;
  readonly tag: string | undefined;
  readonly versionAddendum: string | undefined;
  /** Forwards of LocalForward and DynamicForward in the order of their lines. */
  readonly localForward: readonly Forward[];
  readonly remoteForward: readonly Forward[];
  /** Raw: all tokens, `${VAR}` and `~`. */
  readonly identityFile: readonly IdentityFile[];
  readonly canonicalDomains: readonly string[];
  /** Raw: all tokens, `${VAR}` and `~`. */
  readonly certificateFile: readonly Text[];
  /** Raw: `~`. */
  readonly globalKnownHostsFile: readonly Text[];
  readonly userKnownHostsFile: readonly Text[];
  readonly sendEnv: readonly string[];
  /** `NAME=value`. */
  readonly setEnv: readonly string[];
  readonly logVerbose: readonly string[];
  /** `type=seconds`, as written. */
  readonly channelTimeout: readonly string[];
  /** `any`, `none`, or `host:port`. */
  readonly permitRemoteOpen: readonly string[];
  readonly addKeysToAgent: AddKeysToAgent;
  /**
   * Whether the agent is forwarded, or the path or `$VARIABLE` of the socket to forward. `unused` has the path of a line after
   * `ForwardAgent no`: no agent is forwarded.
   */
  readonly forwardAgent: boolean | string | { readonly unused: string };
  /** Seconds; `undefined` for no limit. */
  readonly connectTimeout: number | undefined;
  /** Unit numbers of the local and the remote device, or `any`. */
  readonly tunnelDevice: readonly [local: number | "any", remote: number | "any"];
  readonly canonicalizePermittedCNAMEs: readonly CnameRule[];
  /** Seconds until an idle master ends; 0 for never; `undefined` for off. */
  readonly controlPersist: number | undefined;
  /** Code of the escape character; `undefined` for none. */
  readonly escapeChar: number | undefined;
  /** Values for interactive and other sessions; `undefined` for none. */
  readonly ipQoS: readonly [interactive: number | undefined, bulk: number | undefined];
  readonly rekeyLimit: RekeyLimit;
  readonly streamLocalBindMask: number;
  readonly syslogFacility: string;
  /** Message of RefuseConnection, with which the connection must fail. */
  readonly refuseConnection: string | undefined;
  /** ProxyCommand and ProxyJump. */
  readonly proxy: Proxy;
}
