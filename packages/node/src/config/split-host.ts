import { SshError } from "@nacre/wire";

/** A host, and the user and port that were written with it. */
export interface HostText {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/** Splits `[user@]host[:port]`, also as `ssh://…`; an IPv6 address has brackets. `what` names the text. Throws `usage`. */
export function splitHost(text: string, what = "host"): HostText {
  const isUri = text.startsWith("ssh://");
  const body = isUri ? text.slice("ssh://".length).replace(/\/$/, "") : text;
  // A user name may contain an @; a host name cannot.
  const [, user, bracketed, name, port] = /^(?:(.+)@)?(?:\[([^[\]]+)\]|([^@:[\]/]+))(?::(\d{1,5}))?$/s.exec(body) ?? [];
  const host = bracketed ?? name;
  // Do not repeat the text, which may contain a password.
  if (host === undefined)
    throw new SshError(
      "usage",
      `invalid ${what}; expected "alice@bastion:2222" with optional user and port, an IPv6 address in brackets ("[2001:db8::1]:22"), or an object with options`,
    );
  return {
    host,
    user: isUri && user !== undefined ? fromUri(user) : user,
    port: port === undefined ? undefined : Number(port),
  };
}

/** Returns the user of a URI, without connection parameters and percent-encoding. */
function fromUri(text: string): string {
  try {
    return decodeURIComponent(text.split(";", 1)[0]!);
  } catch {
    throw new SshError("usage", "the user of an `ssh://` address is not percent-encoded correctly");
  }
}
