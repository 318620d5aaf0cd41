import { keyLabel } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { nameOf } from "./questions.ts";

/** The login that an error ended. */
export interface MessageContext {
  readonly user: string;
  readonly host: string;
  readonly port: number | undefined;
  /** Name of the host in the known hosts (HostKeyAlias), in place of host and port. */
  readonly hostKeyAlias?: string | undefined;
  /** Whether an unknown host was refused without a question (StrictHostKeyChecking yes). */
  readonly strictHostKeys: boolean;
  /** Whether standard input and output are forwarded (`-W`). */
  readonly hasStdioTarget: boolean;
  /** Whether a forward that fails ends the command. */
  readonly exitOnForwardFailure: boolean;
  /** Whether the error came after the login. */
  readonly isLoggedIn: boolean;
}

/**
 * Returns the lines that ssh(1) prints for an error, for programs that search for them. Empty if it has no fixed message. Escape the lines
 * before display.
 */
export function sshMessages(error: unknown, context: MessageContext): readonly string[] {
  if (!(error instanceof SshError)) return [];
  switch (error.code) {
    case "connection-failed":
    case "connect-timeout":
      return connecting(error, context);
    case "host-key-unknown":
      return [...strictLine(error, context), VERIFICATION_FAILED];
    case "host-key-changed":
      return [...CHANGED, VERIFICATION_FAILED];
    case "host-key-refused":
    case "host-key-revoked":
      return [VERIFICATION_FAILED];
    case "no-common-algorithm": {
      const [, kind = "", offer = ""] = /^no common ([A-Za-z ]+).*; the server offers (.*)$/s.exec(error.message) ?? [];
      const what = ALGORITHM_KINDS.find(([ours]) => kind.startsWith(ours))?.[1];
      if (what === undefined) return [];
      const place = `${context.host} port ${context.port ?? 22}`;
      const list = offer.replaceAll(", ", ",");
      return [`Unable to negotiate with ${place}: no matching ${what} found. Their offer: ${list}`];
    }
    case "auth-failed": {
      const [, methods] = /; it accepts: ([^;]*)/.exec(error.message) ?? [];
      if (error.message.startsWith("jump host")) return [];
      if (methods === undefined) return disconnected(error.cause, context);
      const list = methods === "no further method" ? "" : methods.replaceAll(", ", ",");
      return [`nacre: ${context.user}@${context.host}: Permission denied (${list}).`];
    }
    case "disconnected":
      return disconnected(error, context);
    case "channel-request-failed": {
      const [, type = "subsystem"] = /the channel request "(.*)"$/.exec(error.message) ?? [];
      return [refusedRequest(type)];
    }
    case "listen-failed":
      return [...listening(error), "Could not request local forwarding."];
    case "connection-lost": {
      const { host, port = 22, isLoggedIn } = context;
      const isReset = systemError(error)?.code === "ECONNRESET";
      if (
        isReset ? error.message.startsWith("jump host") : !error.message.startsWith("the server closed the connection")
      )
        return [];
      if (!isLoggedIn) return [`Connection ${isReset ? "reset" : "closed"} by ${host} port ${port}`];
      return [
        isReset
          ? `Read from remote host ${host}: ${REASONS["ECONNRESET"]}`
          : `Connection to ${host} closed by remote host.`,
      ];
    }
    case "keepalive-timeout":
      return error.message.startsWith("jump host") ? [] : [`Timeout, server ${context.host} not responding.`];
    case "forward-unreachable":
    case "forward-denied": {
      const [, port, path] =
        /^the server refused to listen on (?:\S*:(\d+)|(.+)); it prohibits/.exec(error.message) ?? [];
      const level = context.exitOnForwardFailure ? "Error" : "Warning";
      if (port !== undefined) return [`${level}: remote port forwarding failed for listen port ${port}`];
      if (path !== undefined) return [`${level}: remote port forwarding failed for listen path ${path}`];
      if (!context.hasStdioTarget) return [];
      const [, reason = "open failed"] = /cannot connect to it: (.*)$/.exec(error.message) ?? [];
      const kind = error.code === "forward-denied" ? "administratively prohibited" : "connect failed";
      return [`channel 0: open failed: ${kind}: ${reason}`, "stdio forwarding failed"];
    }
    default:
      return [];
  }
}

/** Returns the line of ssh(1) for a request of the session that the server refused. */
export function refusedRequest(type: string): string {
  return `${type === "pty-req" ? "PTY allocation" : type} request failed on channel 0`;
}

/** Kinds of algorithms, as we and as ssh(1) call them. */
const ALGORITHM_KINDS = [
  ["key exchange method", "key exchange method"],
  ["host key algorithm", "host key type"],
  ["cipher", "cipher"],
  ["MAC", "MAC"],
  ["compression", "compression method"],
] as const;

const VERIFICATION_FAILED = "nacre: Host key verification failed.";

const CHANGED = [
  "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
  "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
  "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
];

/** The texts of the C library, which ssh(1) prints. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset by peer",
  EHOSTUNREACH: "No route to host",
  ENETUNREACH: "Network is unreachable",
  EACCES: "Permission denied",
  ETIMEDOUT: "Connection timed out",
};

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  EEXIST: "Address already in use",
  ENOENT: "No such file or directory",
};

const LOOKUPS: Readonly<Record<string, string>> = {
  ENOTFOUND: "Name or service not known",
  EAI_AGAIN: "Temporary failure in name resolution",
};

/** A jump host's error names it, so host and port are those of the message. */
function connecting(error: SshError, context: MessageContext): readonly string[] {
  const [, host = context.host, port = `${context.port ?? 22}`] =
    /cannot connect to (\S+) port (\d+):/.exec(error.message) ?? [];
  const code = systemError(error)?.code ?? "";
  if (LOOKUPS[code] !== undefined) return [`nacre: Could not resolve hostname ${host}: ${LOOKUPS[code]}`];
  if (error.code === "connect-timeout" && !error.message.includes("cannot connect to"))
    return [
      "nacre: Connection timed out during banner exchange",
      `nacre: Connection to ${host} port ${port} timed out`,
    ];
  const reason = error.code === "connect-timeout" ? "Connection timed out" : REASONS[code];
  return reason === undefined ? [] : [`nacre: connect to host ${host} port ${port}: ${reason}`];
}

/** Returns the lines about a server that ended the connection with a message. */
function disconnected(error: unknown, { host, port = 22 }: MessageContext): readonly string[] {
  if (!(error instanceof SshError) || error.reasonCode === undefined) return [];
  const [, description = ""] = /ended the connection: (.*) \([^()]*\)$/s.exec(error.message) ?? [];
  const place = `${host} port ${port}`;
  return [`Received disconnect from ${place}:${error.reasonCode}: ${description}`, `Disconnected from ${place}`];
}

/** Returns the lines about an address that this machine cannot listen on. */
function listening(error: SshError): readonly string[] {
  const [, host, port, path] = /^cannot listen on (?:(\S+) port (\d+)|(.+?)): /.exec(error.message) ?? [];
  const { code = "", address = host } = systemError(error) ?? {};
  if (LOOKUPS[code] !== undefined) return [`channel_setup_fwd_listener_tcpip: getaddrinfo(${host}): ${LOOKUPS[code]}`];
  const reason = LISTEN_REASONS[code];
  if (reason === undefined) return [];
  if (path !== undefined) return [`unix_listener: cannot bind to path ${path}: ${reason}`];
  return [`bind [${address}]:${port}: ${reason}`, `channel_setup_fwd_listener_tcpip: cannot listen to port: ${port}`];
}

/** Returns the system's error that caused this one; `undefined` without one. */
function systemError(error: unknown): (NodeJS.ErrnoException & { readonly address?: string }) | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const first: NodeJS.ErrnoException = cause instanceof AggregateError ? cause.errors[0] : cause;
    if (first?.syscall !== undefined) return first;
  }
  return undefined;
}

function strictLine(error: SshError, { host, port, hostKeyAlias, strictHostKeys }: MessageContext): readonly string[] {
  const [, format = ""] = /is unknown: (\S+) /.exec(error.message) ?? [];
  if (!strictHostKeys || error.message.startsWith("jump host")) return [];
  const place = hostKeyAlias ?? nameOf(host, port);
  return [`nacre: No ${keyLabel(format)} host key is known for ${place} and you have requested strict checking.`];
}
