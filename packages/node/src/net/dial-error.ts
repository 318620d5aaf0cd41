import { escapeText, SshError } from "@nacre/wire";

/** An address that could not be connected to. */
export interface FailedAttempt {
  readonly address: string;
  readonly cause: NodeJS.ErrnoException;
  /** Whether the error is about the address to connect from. */
  readonly isFromBind: boolean;
}

/** Maximum number of addresses in a message. */
const MAX_LISTED = 8;

const BIND = "cannot connect from `localAddress`; it must be an address of this machine and of the host's family";

/** Returns the error for attempts that all failed, with what each address answered if there were several. */
export function dialError(where: string, failures: readonly FailedAttempt[]): SshError {
  const [first] = failures;
  if (first === undefined) return failed(where, "the host name has no address");
  if (failures.every(({ cause }) => cause.code === "ETIMEDOUT"))
    return timedOut(where, "within the system's timeout", failures);
  if (failures.length === 1) return failed(where, reasonOf(first) + remedyFor(first), first.cause);
  return failed(where, listed(failures) + remedyFor(first), causeOf(failures));
}

/** Returns the error for a host that did not answer in time, with what some of its addresses answered. */
export function timedOut(where: string, when: string, failures: readonly FailedAttempt[] = []): SshError {
  const answered = failures.filter(({ cause }) => cause.code !== "ETIMEDOUT");
  const list = answered.length === 0 ? "" : `; ${listed(answered)}`;
  return new SshError("connect-timeout", `cannot connect to ${where}: no answer ${when}${list}`, {
    cause: causeOf(failures),
  });
}

/** Returns the error for a host name that could not be looked up. */
export function lookupError(where: string, cause: NodeJS.ErrnoException): SshError {
  if (cause.code === "ENOTFOUND") return failed(where, "host name not found; check its spelling", cause);
  if (cause.code === "EAI_AGAIN") return failed(where, "host name lookup failed; check the network connection", cause);
  return failed(where, escapeText(cause.message), cause);
}

/** Returns the error for an address to connect from that the host's addresses cannot be reached from. */
export function cannotBind(where: string): SshError {
  return failed(where, BIND);
}

/** Returns the error for an address that is not of `addressFamily`. */
export function notInFamily(where: string, addressFamily: string): SshError {
  return failed(where, `the address is not of \`addressFamily\` "${addressFamily}"`);
}

function failed(where: string, reason: string, cause?: unknown): SshError {
  return new SshError("connection-failed", `cannot connect to ${where}: ${reason}`, { cause });
}

function reasonOf({ cause, isFromBind }: FailedAttempt): string {
  if (isFromBind) return BIND;
  switch (cause.code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return "no route to host";
    case "ETIMEDOUT":
      return "no answer";
    default:
      return escapeText(cause.message);
  }
}

function remedyFor({ cause }: FailedAttempt): string {
  return cause.code === "ECONNREFUSED" ? "; check that a server listens on this port" : "";
}

/** Returns what each address answered: `2001:db8::1: no route to host, 192.0.2.1: connection refused`. */
function listed(failures: readonly FailedAttempt[]): string {
  const words = failures.slice(0, MAX_LISTED).map((one) => `${escapeText(one.address)}: ${reasonOf(one)}`);
  const more = failures.length - words.length;
  return `${words.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function causeOf(failures: readonly FailedAttempt[]): unknown {
  if (failures.length > 1) return new AggregateError(failures.map(({ cause }) => cause));
  return failures[0]?.cause;
}
