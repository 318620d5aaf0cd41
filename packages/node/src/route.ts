import { SshError } from "@nacre/wire";
import { checkNames } from "nacre/internal";
import { placeOf } from "./dial.ts";
import { asSshError } from "./failure.ts";
import { HOP_OPTIONS, NODE_CONNECT_OPTIONS } from "./option-names.ts";
import type { ConnectOptions, Hop, HopOptions } from "./options.ts";
import { checkOptions } from "./prepare.ts";

/** The connections that lead to a destination. */
export interface Route {
  /** The client whose server the first connection starts from; `undefined` if it starts here. */
  readonly start: Exclude<Hop, string | HopOptions> | undefined;
  /** Jump hosts, in order from here outward. */
  readonly hops: readonly HopOptions[];
  readonly destination: HopOptions;
}

/** Options that a hop has in common with the destination unless it names its own: those that are about this machine. */
const SHARED = [
  "agent",
  "passphrase",
  "knownHosts",
  "crypto",
  "algorithms",
  "wasm",
  "requireStrictKex",
  "limits",
  "connectTimeout",
  "warn",
  "random",
] as const satisfies readonly (keyof HopOptions)[];

/** Reads `via`. Throws `usage` for options that cannot be meant, those of a hop included. */
export function readRoute(options: ConnectOptions): Route {
  // A program without types may give nothing at all.
  const destination = { ...options };
  checkNames(destination, NODE_CONNECT_OPTIONS, "connect");
  checkOptions(destination);
  const { via = [] } = destination;
  const listed: readonly unknown[] = Array.isArray(via) ? via : [via];
  const [first] = listed;
  const start = isClient(first) ? first : undefined;
  const hops = listed.slice(start === undefined ? 0 : 1).map((hop) => readHop(hop, destination));
  return { start, hops, destination };
}

function readHop(hop: unknown, destination: ConnectOptions): HopOptions {
  if (isClient(hop))
    throw new SshError("usage", "in `via` a connected client can only be the first: it leads from here");
  const own = typeof hop === "string" ? parseHop(hop) : (hop as HopOptions);
  checkNames(own, HOP_OPTIONS, "a jump host");
  const complete = { ...shared(destination), ...given(own) } as HopOptions;
  try {
    checkOptions(complete);
  } catch (cause) {
    throw hopError(complete, cause);
  }
  return complete;
}

/** `[user@]host[:port]`; an IPv6 address has brackets. Throws `usage`. */
function parseHop(text: string): HopOptions {
  // A user name may hold an @; a host cannot.
  const [, user, bracketed, name, port] = /^(?:(.+)@)?(?:\[([^[\]]+)\]|([^@:[\]/]+))(?::(\d{1,5}))?$/s.exec(text) ?? [];
  const host = bracketed ?? name;
  // What was given is not repeated: it may hold a password.
  if (host === undefined)
    throw new SshError(
      "usage",
      'a jump host must be "alice@bastion:2222", with user and port or without, an IPv6 address in brackets ("[2001:db8::1]:22"), or options',
    );
  return { host, user, port: port === undefined ? undefined : Number(port) };
}

function shared(destination: ConnectOptions): Partial<HopOptions> {
  return Object.fromEntries(SHARED.map((name) => [name, destination[name]]));
}

/** The options that are given: `undefined` counts as not given. */
function given(options: HopOptions): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Any client, of this package or of another copy of it. */
function isClient(value: unknown): value is Exclude<Hop, string | HopOptions> {
  return typeof (value as { readonly dialChannel?: unknown } | null | undefined)?.dialChannel === "function";
}

/** The error of a hop, with its name in front and the same code. */
export function hopError({ host, port = 22 }: Pick<HopOptions, "host" | "port">, cause: unknown): SshError {
  const { code, message } = asSshError(cause);
  // A program without types may have given no host.
  const name = typeof host === "string" ? ` ${placeOf({ host, port })}` : "";
  return new SshError(code, `jump host${name}: ${message}`, { cause });
}
