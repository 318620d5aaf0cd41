import type { GatewayPorts, TcpForwardingOptions } from "@nacre/node";
import { type AlgorithmNames, algorithmNames } from "./algorithms.ts";
import { parseOptions, usage } from "./options.ts";

/** `nacre serve`, read. */
export interface ServeArguments extends AlgorithmNames {
  readonly listen: string | undefined;
  readonly port: number;
  readonly hostKeyFiles: readonly string[];
  readonly authorizedKeys: string | undefined;
  /** Names that may log in; empty for the name of who runs the server. */
  readonly users: readonly string[];
  /** Commands by the names of their subsystems; an empty one takes a subsystem away that is there otherwise. */
  readonly subsystems: Readonly<Record<string, string>>;
  readonly banner: string | undefined;
  readonly log: "text" | "json";
  /** Whether commands and shells are run, beside subsystems. */
  readonly exec: boolean;
  /** Whether `environment=` of authorized_keys counts. */
  readonly permitUserEnvironment: boolean;
  /** What is forwarded for logins whose keys permit it; `undefined` for nothing. */
  readonly forwarding: TcpForwardingOptions | undefined;
  /** Addresses and networks that the bounds for each source do not apply to; `false` for no such bounds. */
  readonly exempt: readonly string[] | false;
}

/** What `serve` knows, and whether it takes a value. */
export const SERVE_OPTIONS = {
  "--listen": "value",
  "-p": "value",
  "--port": "value",
  "--host-key": "value",
  "--authorized-keys": "value",
  "--user": "value",
  "-c": "value",
  "-m": "value",
  "--kex": "value",
  "--subsystem": "value",
  "--banner": "value",
  "--log": "value",
  "--permit-open": "value",
  "--permit-listen": "value",
  "--gateway-ports": "value",
  "--exempt": "value",
  "--no-per-source": "flag",
  "--allow-forwarding": "flag",
  "--no-exec": "flag",
  "--permit-user-environment": "flag",
} as const;

/** Reads the words after `nacre serve`. Throws `usage`. */
export function parseServeArguments(words: readonly string[]): ServeArguments {
  const { options, rest } = parseOptions(words, SERVE_OPTIONS);
  if (rest.length > 0) throw usage(`serve does not know what to do with "${rest[0]}"`);
  const all = (...names: (keyof typeof SERVE_OPTIONS)[]): string[] =>
    options.filter(([option]) => names.some((name) => name === option)).map(([, value]) => value);

  const log = all("--log").at(-1) ?? "text";
  if (log !== "text" && log !== "json") throw usage(`there is no kind of log "${log}"; there are text, json`);
  const users = all("--user");
  if (users.includes("")) throw usage("--user needs the name of a user");
  return {
    listen: all("--listen").at(-1),
    port: port(all("-p", "--port").at(-1)),
    hostKeyFiles: all("--host-key"),
    authorizedKeys: all("--authorized-keys").at(-1),
    users,
    ...algorithmNames((name) => all(name).at(-1)),
    subsystems: Object.fromEntries(all("--subsystem").map(subsystem)),
    banner: all("--banner").at(-1),
    log,
    exec: all("--no-exec").length === 0,
    permitUserEnvironment: all("--permit-user-environment").length > 0,
    forwarding: forwarding(all),
    exempt: all("--no-per-source").length > 0 ? false : all("--exempt"),
  };
}

const FORWARDING_OPTIONS = ["--permit-open", "--permit-listen", "--gateway-ports"] as const;

/** What `tcpForwarding` is to be given: a place that it does not take is `usage` there. */
function forwarding(
  all: (name: "--allow-forwarding" | (typeof FORWARDING_OPTIONS)[number]) => readonly string[],
): TcpForwardingOptions | undefined {
  if (all("--allow-forwarding").length === 0) {
    const idle = FORWARDING_OPTIONS.find((name) => all(name).length > 0);
    if (idle === undefined) return undefined;
    throw usage(`${idle} needs --allow-forwarding: without it nothing is forwarded`);
  }
  const permitOpen = all("--permit-open");
  const permitListen = all("--permit-listen");
  const gatewayPorts = all("--gateway-ports").at(-1);
  if (gatewayPorts !== undefined && !isGatewayPorts(gatewayPorts))
    throw usage(`--gateway-ports takes no, yes or clientspecified, not "${gatewayPorts}"`);
  return {
    permitOpen: permitOpen.length > 0 ? permitOpen : undefined,
    permitListen: permitListen.length > 0 ? permitListen : undefined,
    gatewayPorts,
  };
}

function isGatewayPorts(text: string): text is GatewayPorts {
  return text === "no" || text === "yes" || text === "clientspecified";
}

/** One that needs no administrator, unless told. */
function port(text = "2222"): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65535)
    throw usage(`"${text}" is no port: it is a number from 1 to 65535, or 0 for a free one`);
  return value;
}

function subsystem(text: string): [name: string, command: string] {
  const [, name, command] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || command === undefined) throw usage(`--subsystem wants NAME=COMMAND, not "${text}"`);
  return [name, command];
}
