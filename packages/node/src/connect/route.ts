import { SshError } from "@nacre/wire";
import { type ClientProvider, checkOptions } from "nacre/extend";
import { splitHost } from "../config/split-host.ts";
import { isHostAlone, placeOf } from "../net/dial.ts";
import { asSshError } from "../net/failure.ts";
import { CONNECT_OPTIONS, type ConnectOptions, HOP_OPTIONS, type Hop, type HopOptions } from "./options.ts";
import { checkBehindHop, checkOneWay } from "./way.ts";

/** Connections that lead to a destination. */
export interface Route {
  /** Connected client to start from; `undefined` to start with a TCP connection. */
  readonly start: Exclude<Hop, string | HopOptions> | undefined;
  /** Jump hosts in order, nearest first. */
  readonly hops: readonly HopOptions[];
  readonly destination: ConnectOptions;
}

/** What a login takes from `reconnect`. */
export type Login = Pick<ClientProvider, "lossOf">;

/** Reads `via`. Throws `usage` for invalid options, including those of a hop. */
export function readRoute(options: ConnectOptions): Route {
  // An untyped caller may pass no options.
  const destination = { ...options };
  const { via = [] } = destination;
  // As in `ssh -J`, one text may name several.
  const listed = [via].flat().flatMap((hop: unknown) => (typeof hop === "string" ? hop.split(",") : [hop]));
  for (const one of [destination, ...listed]) holdRejections((one as Partial<HopOptions> | null)?.identities);
  checkOptions(destination, CONNECT_OPTIONS, "`connect`");
  checkOneWay(destination);
  const [first] = listed;
  const start = isClient(first) ? first : undefined;
  const hops = listed.slice(start === undefined ? 0 : 1).map((hop) => readHop(hop, destination));
  // Any other host is reached through the one before.
  // A destination's proxy is for the first jump host.
  for (const behind of [...listed, { ...destination, proxy: undefined }].slice(1)) checkBehindHop(behind as object);
  if (start !== undefined && destination.proxy !== undefined)
    throw new SshError("usage", "`proxy` cannot lead to a connected client in `via`; set it for that client");
  const { reconnect } = destination;
  if (reconnect !== undefined && reconnect !== false && (hops[0] ?? destination).duplex !== undefined)
    throw new SshError("usage", "`reconnect` needs a host that it can connect to again, not a `duplex`");
  return { start, hops, destination };
}

/**
 * Handles rejections of promises in `identities`: without this, they would be unhandled if another error comes first, or until
 * `loadIdentities` awaits them.
 */
function holdRejections(identities: unknown): void {
  if (!Array.isArray(identities)) return;
  for (const source of identities as readonly unknown[]) if (source instanceof Promise) source.catch(() => {});
}

function readHop(hop: unknown, destination: ConnectOptions): HopOptions {
  if (isClient(hop)) throw new SshError("usage", "a connected client in `via` must come first");
  const own = typeof hop === "string" ? namedHop(hop, destination) : (hop as HopOptions);
  try {
    checkOptions(own, HOP_OPTIONS, "a jump host");
    checkOneWay(own);
  } catch (cause) {
    throw hopError({ ...own }, cause);
  }
  return { ...inherited(destination), ...given(own) } as HopOptions;
}

/** Returns the options of a jump host that is named by a text. It has the configuration of the destination, if that has one. */
function namedHop(text: string, { config }: ConnectOptions): HopOptions {
  const isResolved = typeof config === "object" && "source" in config;
  return { ...splitHost(text, "jump host"), config: isResolved ? config.source : config };
}

/** Returns the options about this machine. */
export function inherited(destination: ConnectOptions): object {
  return Object.fromEntries(
    Object.entries(destination).filter(([name]) => CONNECT_OPTIONS[name as keyof ConnectOptions].scope === "machine"),
  );
}

/** Returns the options that are not `undefined`. */
export function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Returns whether the value is a client of this package or another copy of it. */
function isClient(value: unknown): value is Exclude<Hop, string | HopOptions> {
  return typeof (value as { readonly dialChannel?: unknown } | null | undefined)?.dialChannel === "function";
}

/** Returns the error of a hop with the hop's name before its message; the code stays the same. */
export function hopError({ host, port = 22 }: Partial<HopOptions>, cause: unknown): SshError {
  const { code, message } = asSshError(cause);
  // An untyped caller may have passed no host, or one with a password.
  const name = isHostAlone(host) ? ` ${placeOf({ host, port })}` : "";
  return new SshError(code, `jump host${name}: ${message}`, { cause });
}
