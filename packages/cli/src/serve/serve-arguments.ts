import { resolve } from "node:path";
import type { GatewayPorts, TcpForwardingOptions } from "@nacre/node";
import { parseOptions, usage } from "../options.ts";
import { type AlgorithmNames, algorithmNames } from "../ssh/algorithms.ts";

/** Parsed command line of `nacre serve`. */
export interface ServeArguments extends AlgorithmNames {
  readonly listen: string | undefined;
  readonly port: number;
  readonly hostKeyFiles: readonly string[];
  readonly hostCertificates: readonly string[];
  readonly authorizedKeys: string | undefined;
  readonly trustedUserCAKeys: string | undefined;
  readonly authorizedPrincipalsFile: string | undefined;
  readonly revokedKeys: string | undefined;
  /** Whether every security key must have verified its user. */
  readonly verifyRequired: boolean;
  /** User names that may log in; empty for only the user who runs the server. */
  readonly users: readonly string[];
  /** Commands by subsystem name; an empty command removes a default subsystem. */
  readonly subsystems: Readonly<Record<string, string>>;
  readonly banner: string | undefined;
  readonly log: "text" | "json";
  /** Whether commands and shells may run, in addition to subsystems. */
  readonly exec: boolean;
  /** Whether `environment=` in authorized_keys takes effect. */
  readonly permitUserEnvironment: boolean;
  /** Forwarding allowed to logins with a key that permits it; `undefined` forbids all forwarding. */
  readonly forwarding: TcpForwardingOptions | undefined;
  /** Addresses and networks exempt from the per-source limits; `false` disables these limits. */
  readonly exempt: readonly string[] | false;
  /** How SFTP is served; `undefined` for `--no-sftp`. */
  readonly sftp: { readonly root: string | undefined; readonly readOnly: boolean } | undefined;
}

/** Options of `nacre serve`, and whether each takes a value. */
export const SERVE_OPTIONS = {
  "--listen": "value",
  "-p": "value",
  "--port": "value",
  "--host-key": "value",
  "--host-certificate": "value",
  "--authorized-keys": "value",
  "--trusted-user-ca-keys": "value",
  "--authorized-principals-file": "value",
  "--revoked-keys": "value",
  "--verify-required": "flag",
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
  "--sftp-root": "value",
  "--sftp-read-only": "flag",
  "--no-sftp": "flag",
  "--permit-user-environment": "flag",
} as const;

/** Parses the words after `nacre serve`. Throws `usage` if they are invalid. */
export function parseServeArguments(words: readonly string[]): ServeArguments {
  const { options, rest } = parseOptions(words, SERVE_OPTIONS);
  if (rest.length > 0) throw usage(`unexpected argument "${rest[0]}"; nacre serve takes options only`);
  const all = (...names: (keyof typeof SERVE_OPTIONS)[]): string[] =>
    options.filter(([option]) => names.some((name) => name === option)).map(([, value]) => value);

  const log = all("--log").at(-1) ?? "text";
  if (log !== "text" && log !== "json") throw usage(`unknown log format "${log}"; expected text or json`);
  const users = all("--user");
  if (users.includes("")) throw usage("--user needs a user name");
  const authorizedPrincipalsFile = all("--authorized-principals-file").at(-1);
  const trustedUserCAKeys = all("--trusted-user-ca-keys").at(-1);
  if (authorizedPrincipalsFile !== undefined && trustedUserCAKeys === undefined)
    throw usage("--authorized-principals-file needs --trusted-user-ca-keys, whose certificates it restricts");
  const subsystems = Object.fromEntries(all("--subsystem").map(subsystem));
  if (Object.hasOwn(subsystems, "sftp") && all("--sftp-root", "--sftp-read-only").length > 0)
    throw usage("--subsystem sftp=COMMAND excludes --sftp-root and --sftp-read-only, which it could ignore");
  return {
    listen: all("--listen").at(-1),
    port: port(all("-p", "--port").at(-1)),
    hostKeyFiles: all("--host-key"),
    hostCertificates: all("--host-certificate"),
    authorizedKeys: all("--authorized-keys").at(-1),
    trustedUserCAKeys,
    authorizedPrincipalsFile,
    revokedKeys: all("--revoked-keys").at(-1),
    verifyRequired: all("--verify-required").length > 0,
    users,
    ...algorithmNames((name) => all(name).at(-1)),
    subsystems,
    banner: all("--banner").at(-1),
    log,
    exec: all("--no-exec").length === 0,
    permitUserEnvironment: all("--permit-user-environment").length > 0,
    forwarding: forwarding(all),
    sftp: sftp(all),
    exempt: all("--no-per-source").length > 0 ? false : all("--exempt"),
  };
}

const FORWARDING_OPTIONS = ["--permit-open", "--permit-listen", "--gateway-ports"] as const;

/** Returns the options for `tcpForwarding`, which validates the places itself. */
function forwarding(
  all: (name: "--allow-forwarding" | (typeof FORWARDING_OPTIONS)[number]) => readonly string[],
): TcpForwardingOptions | undefined {
  if (all("--allow-forwarding").length === 0) {
    const idle = FORWARDING_OPTIONS.find((name) => all(name).length > 0);
    if (idle === undefined) return undefined;
    throw usage(`${idle} needs --allow-forwarding; without it nothing is forwarded`);
  }
  const permitOpen = all("--permit-open");
  const permitListen = all("--permit-listen");
  const gatewayPorts = all("--gateway-ports").at(-1);
  if (gatewayPorts !== undefined && !isGatewayPorts(gatewayPorts))
    throw usage(`invalid value "${gatewayPorts}" for --gateway-ports; expected no, yes or clientspecified`);
  return {
    permitOpen: permitOpen.length > 0 ? permitOpen : undefined,
    permitListen: permitListen.length > 0 ? permitListen : undefined,
    gatewayPorts,
  };
}

function sftp(
  all: (name: "--sftp-root" | "--sftp-read-only" | "--no-sftp") => readonly string[],
): ServeArguments["sftp"] {
  const root = all("--sftp-root").at(-1);
  const readOnly = all("--sftp-read-only").length > 0;
  if (all("--no-sftp").length === 0) return { root: root === undefined ? undefined : resolve(root), readOnly };
  if (root !== undefined || readOnly) throw usage("--no-sftp excludes --sftp-root and --sftp-read-only");
  return undefined;
}

function isGatewayPorts(text: string): text is GatewayPorts {
  return text === "no" || text === "yes" || text === "clientspecified";
}

/** Parses a port. The default is above 1023, so it needs no root privileges. */
function port(text = "2222"): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65535)
    throw usage(`invalid port "${text}"; expected an integer from 1 to 65535, or 0 for a free port`);
  return value;
}

function subsystem(text: string): [name: string, command: string] {
  const [, name, command] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || command === undefined)
    throw usage(`invalid value "${text}" for --subsystem; expected NAME=COMMAND`);
  return [name, command];
}
