import type { ForwardTarget, ListenAddress } from "nacre";
import { usage } from "./options.ts";

/** A forwarding that `-L`, `-R` or `-D` asks for. */
export interface ForwardArgument {
  /** `-L` and `-D` listen here, `-R` at the server. */
  readonly option: "-L" | "-R" | "-D";
  /** Host `"*"`: all addresses; `undefined`: loopback. */
  readonly listen: ListenAddress;
  /** Where connections go, from the other side; `undefined`: wherever each asks for by SOCKS. */
  readonly target: ForwardTarget | undefined;
}

const SERVER_FORMS = "[bind:]port:host:hostport, [bind:]port:/socket, /socket:host:hostport or /socket:/socket";

/** What each option takes, as its help says it. */
const FORMS = {
  "-L": SERVER_FORMS,
  "-R": `${SERVER_FORMS}, or [bind:]port alone for SOCKS`,
  "-D": "[bind:]port",
  "-W": "host:port or /socket",
} as const;

type ForwardOption = keyof typeof FORMS;

/** Reads the value of `-L`, `-R` or `-D`, in the forms of ssh(1). Throws `usage`. */
export function parseForward(option: "-L" | "-R" | "-D", text: string): ForwardArgument {
  const fields = split(option, text);
  const place = fields.length - targetLength(fields);
  const listen = readListen(option, text, fields.slice(0, place));
  const target = place === fields.length ? undefined : readTarget(option, text, fields.slice(place));
  if (target === undefined && option === "-L") throw mistake(option, text, "it names no target");
  if (target !== undefined && option === "-D")
    throw mistake(option, text, "SOCKS has no target: each connection names its own");
  return { option, listen, target };
}

/** Reads the value of `-W`. Throws `usage`. */
export function parseStdioTarget(text: string): ForwardTarget {
  return readTarget("-W", text, split("-W", text));
}

/** A field between colons. A path has a slash in it, as ssh(1) tells them apart. */
interface Field {
  readonly text: string;
  readonly isPath: boolean;
}

/** The fields between colons. Brackets hold an IPv6 address together. */
function split(option: ForwardOption, text: string): readonly Field[] {
  if (!/^(?:\[[^[\]]*\]|[^:[\]]*)(?::(?:\[[^[\]]*\]|[^:[\]]*))*$/.test(text))
    throw mistake(option, text, "an IPv6 address has brackets: [2001:db8::1]");
  return (text.match(/\[[^\]]*\]|[^:[\]]+|(?<=^|:)(?=:|$)/g) ?? []).map((field) => ({
    text: field.replace(/^\[(.*)\]$/, "$1"),
    isPath: field.includes("/") && !field.startsWith("["),
  }));
}

/** How many fields at the end are the target. */
function targetLength(fields: readonly Field[]): number {
  if (fields[0]!.isPath) return fields.length - 1;
  if (fields.length > 1 && fields.at(-1)!.isPath) return 1;
  return fields.length > 2 ? 2 : 0;
}

function readListen(option: ForwardArgument["option"], text: string, fields: readonly Field[]): ListenAddress {
  const [first, second, ...others] = fields;
  if (first === undefined || others.length > 0) throw mistake(option, text, "it has too many parts");
  if (first.isPath) {
    if (option === "-D") throw mistake(option, text, "SOCKS is served at a port");
    return { path: first.text };
  }
  // Only a server is asked to choose a port: it tells which.
  const [bind, port] = second === undefined ? [undefined, first] : [first, second];
  const number = readPort(option, text, port, option === "-R" ? 0 : 1);
  return bind === undefined ? { port: number } : { host: bind.text || "*", port: number };
}

function readTarget(option: ForwardOption, text: string, fields: readonly Field[]): ForwardTarget {
  const [host, port, ...others] = fields;
  if (host?.isPath && port === undefined) return { path: host.text };
  if (host === undefined || port === undefined || others.length > 0 || host.isPath)
    throw mistake(option, text, "it names no host and port to connect to");
  if (host.text === "") throw mistake(option, text, "the host to connect to is empty");
  return { host: host.text, port: readPort(option, text, port, 1) };
}

function readPort(option: ForwardOption, whole: string, { text }: Field, least: 0 | 1): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < least || port > 65535)
    throw mistake(option, whole, `"${text}" is not a port: give a number from ${least} to 65535`);
  return port;
}

function mistake(option: ForwardOption, text: string, problem: string): Error {
  return usage(`${option} ${text}: ${problem}; it takes ${FORMS[option]}`);
}
