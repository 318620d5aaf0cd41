import { SshError } from "@nacre/wire";
import { abortedError, checkOptions, type LoggedIn, logIn, withCaller } from "nacre/extend";
import { splitHost } from "../config/split-host.ts";
import { warmUpAlgorithms } from "../crypto/load.ts";
import { bufferInputUntil } from "../net/buffer-input.ts";
import { placeOf } from "../net/dial.ts";
import { rejectingWithSshError } from "../net/failure.ts";
import { socketDuplex } from "../net/socket-duplex.ts";
import { whilePending } from "../net/while-pending.ts";
import { Client } from "./client.ts";
import { type Opened, throughClient, throughHop, timeOf } from "./jump.ts";
import { CONNECT_OPTIONS, type ConnectOptions, type HopOptions, isStream } from "./options.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { hopError, type Login, type Route, readRoute } from "./route.ts";
import { openWay, type Way } from "./way.ts";

/**
 * Connects to an SSH server over TCP, optionally through jump hosts, verifies its host key and logs in. A text names a host of
 * `~/.ssh/config`, or any other, with optional user and port: `"db"`, `"alice@db:2222"`; it is connected to as `ssh` would. Rejects with an
 * `SshError`: its `code` and `culprit` identify the cause, and every opened connection is closed.
 */
export async function connect(host: string, options?: Omit<ConnectOptions, "host">): Promise<Client>;
export async function connect(options: ConnectOptions): Promise<Client>;
export async function connect(first: string | ConnectOptions, options?: Omit<ConnectOptions, "host">): Promise<Client> {
  try {
    return await rejectingWithSshError(async () => {
      const all = typeof first === "string" ? namedHost(first, options) : first;
      return new Client(await connection(all));
    });
  } catch (error) {
    throw withCaller(error);
  }
}

const { host: _host, ...BESIDE_HOST } = CONNECT_OPTIONS;

/** Returns the options for a host that is named by a text. */
function namedHost(text: string, options: Omit<ConnectOptions, "host"> = {}): ConnectOptions {
  checkOptions(options, BESIDE_HOST, "`connect`");
  const { host, user, port } = splitHost(text);
  if (user?.includes(":"))
    throw new SshError(
      "usage",
      "`connect` takes a user and a port in a text; a password goes in the option `password`",
    );
  if ((user !== undefined && options.user !== undefined) || (port !== undefined && options.port !== undefined))
    throw new SshError("usage", "`user` or `port` of `connect` is given twice: in the text and in the options");
  const { config = true } = options;
  return { ...options, config, host, user: user ?? options.user, port: port ?? options.port };
}

async function connection(options: ConnectOptions): Promise<LoggedIn> {
  const fromCode = readRoute(options);
  const isConfigured = [...fromCode.hops, fromCode.destination].some(({ config }) => Boolean(config));
  // Loaded on demand: many programs name all options themselves.
  const route = isConfigured ? await (await import("./configured-route.ts")).configuredRoute(fromCode) : fromCode;
  const { reconnect = false } = options;
  if (reconnect === false) return connectAlong(route);
  // Loaded on demand: most connections end when they are lost.
  const { connectReconnecting } = await import("./reconnect.ts");
  return connectReconnecting(route, reconnect === true ? {} : reconnect, connectAlong);
}

async function connectAlong({ start, hops, destination }: Route, login: Login = {}): Promise<LoggedIn> {
  // Aborted on failure, so that no request (such as a signature by an agent) outlives this call. After a login nothing is pending, and to
  // abort the signal would take 2 % of its CPU time.
  const over = new AbortController();
  const { signal } = over;
  const release = followSignals(over, [...hops, destination]);
  const { duplex } = hops[0] ?? destination;
  // Made at once: a stream may fail while files are read.
  let given = isStream(duplex) ? socketDuplex(duplex) : duplex;
  let explain: Way["explain"] | undefined;
  try {
    // Read all files before sending anything, so that connecting through a jump host waits only for the network.
    const preparedHops = hops.map((hop) => atHop(hop, prepare(hop, signal)));
    const [last, ...prepared] = await Promise.all([prepare(destination, signal), ...preparedHops]);
    const [first = last] = prepared;
    const opening: Promise<Opened> =
      given !== undefined
        ? Promise.resolve({ duplex: given, since: performance.now() })
        : start !== undefined
          ? throughClient(start, first)
          : openFirst(first, prepared.length > 0);
    // A server that has not answered when the code is loaded is so far away that there is time for this. With a server close by, it would
    // delay the key exchange by more than it saves.
    whilePending(opening, first.loading, () => warmUpAlgorithms(first.options.algorithms));
    let opened = await opening;
    explain = opened.explain;
    given = undefined;
    for (const [index, hop] of prepared.entries()) opened = await throughHop(opened, hop, prepared[index + 1] ?? last);
    // Only input waits for `last.loading`. Our KEXINIT is sent immediately, so the server can start its key exchange early.
    const duplex = bufferInputUntil(last.loading, opened.duplex);
    const connection = await logIn(duplex, {
      ...last.options,
      ...login,
      connecting: timeOf(last, opened),
    });
    await last.loggedIn();
    return { ...connection, place: placeOf(last.dial) };
  } catch (error) {
    await given?.close();
    const wasAborted = signal.aborted;
    over.abort();
    // The stages after the TCP connection do not know the host.
    if (
      wasAborted &&
      error instanceof SshError &&
      error.code === "aborted" &&
      !error.message.includes(destination.host)
    )
      throw abortedError(`connecting to ${placeOf({ host: destination.host, port: destination.port ?? 22 })}`, signal);
    throw explain?.(error) ?? error;
  } finally {
    release();
  }
}

async function openFirst(prepared: Prepared, isHop: boolean): Promise<Opened> {
  const since = performance.now();
  const opening = openWay(prepared.dial);
  const way = await (isHop ? atHop(prepared.dial, opening) : opening);
  prepared.address = way.address;
  return { ...way, since };
}

/** Returns `result`; an error names the hop. */
function atHop<T>(hop: Pick<HopOptions, "host" | "port">, result: Promise<T>): Promise<T> {
  return result.catch((cause: unknown) => {
    throw hopError(hop, cause);
  });
}

/** Aborts `over` when any signal of the options aborts. Returns a function that stops listening. */
function followSignals(over: AbortController, connections: readonly HopOptions[]): () => void {
  const signals = connections.map(({ signal }) => signal).filter((signal) => signal !== undefined);
  const onAbort = (): void => over.abort(signals.find(({ aborted }) => aborted)?.reason);
  for (const signal of signals) signal.addEventListener("abort", onAbort);
  if (signals.some(({ aborted }) => aborted)) onAbort();
  return () => {
    for (const signal of signals) signal.removeEventListener("abort", onAbort);
  };
}
