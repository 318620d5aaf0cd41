import type { ForwardTarget, ListenAddress } from "nacre";
import { sshUsage } from "../options.ts";

/** Forward requested with `-L`, `-R` or `-D`. */
export interface ForwardArgument {
  /** `-L` and `-D` listen on this machine, `-R` on the server. */
  readonly option: "-L" | "-R" | "-D";
  /** Address to listen on. Host `"*"` means every address, `undefined` means loopback. */
  readonly listen: ListenAddress;
  /** Destination that the other side connects to; `undefined` if each connection names its own by SOCKS. */
  readonly target: ForwardTarget | undefined;
}

const SERVER_FORMS = "[bind:]port:host:hostport, [bind:]port:/socket, /socket:host:hostport or /socket:/socket";

/** Expected form of each option's value, for error messages. */
const FORMS = {
  "-L": SERVER_FORMS,
  "-R": `${SERVER_FORMS}, or [bind:]port alone for SOCKS`,
  "-D": "[bind:]port",
  "-W": "host:port or /socket",
} as const;

/** The words of ssh(1) for each option. */
const KINDS = { "-L": "local", "-R": "remote", "-D": "dynamic", "-W": "stdio" } as const;

type ForwardOption = keyof typeof FORMS;

/** Parses the value of `-L`, `-R` or `-D`, in the forms of ssh(1). Throws `usage` if it is invalid. */
export function parseForward(option: "-L" | "-R" | "-D", text: string): ForwardArgument {
  const fields = split(option, text);
  const place = fields.length - targetLength(fields);
  const listen = readListen(option, text, fields.slice(0, place));
  const target = place === fields.length ? undefined : readTarget(option, text, fields.slice(place));
  if (target === undefined && option === "-L") throw mistake(option, text, "missing target");
  if (target !== undefined && option === "-D")
    throw mistake(option, text, "unexpected target, because each SOCKS connection names its own");
  return { option, listen, target };
}

/** Parses the value of `-W`. Throws `usage` if it is invalid. */
export function parseStdioTarget(text: string): ForwardTarget {
  return readTarget("-W", text, split("-W", text));
}

/** Field between colons. A field with a slash is a socket path, as in ssh(1). */
interface Field {
  readonly text: string;
  readonly isPath: boolean;
}

/** Splits text at colons, except inside the brackets of an IPv6 address. */
function split(option: ForwardOption, text: string): readonly Field[] {
  if (!/^(?:\[[^[\]]*\]|[^:[\]]*)(?::(?:\[[^[\]]*\]|[^:[\]]*))*$/.test(text))
    throw mistake(option, text, "brackets must enclose a whole IPv6 address: [2001:db8::1]");
  return (text.match(/\[[^\]]*\]|[^:[\]]+|(?<=^|:)(?=:|$)/g) ?? []).map((field) => ({
    text: field.replace(/^\[(.*)\]$/, "$1"),
    isPath: field.includes("/") && !field.startsWith("["),
  }));
}

/** Returns how many fields at the end form the target. */
function targetLength(fields: readonly Field[]): number {
  if (fields[0]!.isPath) return fields.length - 1;
  if (fields.length > 1 && fields.at(-1)!.isPath) return 1;
  return fields.length > 2 ? 2 : 0;
}

function readListen(option: ForwardArgument["option"], text: string, fields: readonly Field[]): ListenAddress {
  const [first, second, ...others] = fields;
  if (first === undefined || others.length > 0)
    throw mistake(option, text, "too many fields (write an IPv6 address in brackets)");
  if (first.isPath) {
    if (option === "-D") throw mistake(option, text, "a SOCKS proxy listens on a port, not on a socket path");
    return { path: first.text };
  }
  // Port 0 is for -R only: the server reports the port it chose, and nacre prints it.
  const [bind, port] = second === undefined ? [undefined, first] : [first, second];
  const number = readPort(option, text, port, option === "-R" ? 0 : 1);
  return bind === undefined ? { port: number } : { host: bind.text || "*", port: number };
}

function readTarget(option: ForwardOption, text: string, fields: readonly Field[]): ForwardTarget {
  const [host, port, ...others] = fields;
  if (host?.isPath && port === undefined) return { path: host.text };
  if (host === undefined || port === undefined || others.length > 0 || host.isPath)
    throw mistake(option, text, "the target must be host:port or a socket path");
  if (host.text === "") throw mistake(option, text, "the target host is empty");
  return { host: host.text, port: readPort(option, text, port, 1) };
}

function readPort(option: ForwardOption, whole: string, { text }: Field, least: 0 | 1): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < least || port > 65535)
    throw mistake(option, whole, `invalid port "${text}" (must be ${least} to 65535)`);
  return port;
}

function mistake(option: ForwardOption, text: string, problem: string): Error {
  return sshUsage(
    `Bad ${KINDS[option]} forwarding specification '${text}'`,
    `${option} ${text}: ${problem}; expected ${FORMS[option]}`,
  );
}
