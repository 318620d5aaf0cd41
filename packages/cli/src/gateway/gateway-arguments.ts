import type { GatewayLimits } from "@nacre/gateway";
import { parseOptions, usage } from "../options.ts";

/** Parsed arguments of `nacre gateway`. */
export interface GatewayArguments {
  readonly listen: string;
  readonly port: number;
  readonly origins: readonly string[];
  readonly allow: readonly string[];
  /** Accepted values of `Host`. Empty: the hosts of the origins, and on loopback also the address that the command listens on. */
  readonly hosts: readonly string[];
  readonly plain: string | undefined;
  readonly path: string;
  readonly address: string | undefined;
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
  readonly trustedProxies: readonly string[];
  readonly allowInsecure: boolean;
  readonly allowMissingOrigin: boolean;
  readonly metrics: boolean;
  /** File with the token of servers that request tickets; `undefined` if pages request tickets themselves. */
  readonly issueToken: string | undefined;
  /** URL of a Valkey or Redis server. */
  readonly tickets: string | undefined;
  /** Limits by name; `gatewayLimits` checks them. */
  readonly limits: Partial<Record<keyof GatewayLimits, number>>;
  readonly log: "text" | "json";
}

/** Options of `nacre gateway`, and whether each has a value. */
export const GATEWAY_OPTIONS = {
  "--listen": "value",
  "-p": "value",
  "--port": "value",
  "--origin": "value",
  "--allow": "value",
  "--host": "value",
  "--plain": "value",
  "--path": "value",
  "--address": "value",
  "--cert": "value",
  "--key": "value",
  "--trusted-proxy": "value",
  "--allow-insecure": "flag",
  "--allow-missing-origin": "flag",
  "--metrics": "flag",
  "--issue-token": "value",
  "--tickets": "value",
  "--limit": "value",
  "--log": "value",
} as const;

/** Parses the arguments after `nacre gateway`. Throws `usage` if they are invalid. */
export function parseGatewayArguments(words: readonly string[]): GatewayArguments {
  const { options, rest } = parseOptions(words, GATEWAY_OPTIONS);
  if (rest.length > 0) throw usage(`gateway does not know what to do with "${rest[0]}"`);
  const all = (...names: (keyof typeof GATEWAY_OPTIONS)[]): string[] =>
    options.filter(([option]) => names.some((name) => name === option)).map(([, value]) => value);
  const last = (...names: (keyof typeof GATEWAY_OPTIONS)[]): string | undefined => all(...names).at(-1);

  const origins = all("--origin");
  if (origins.length === 0) throw usage("name the pages that may connect: --origin https://app.example.org");
  const allow = all("--allow");
  if (allow.length === 0) throw usage("name where connections may go: --allow ssh.example.org:22");
  const log = last("--log") ?? "text";
  if (log !== "text" && log !== "json") throw usage(`there is no kind of log "${log}"; there are text, json`);
  const path = last("--path") ?? "/ssh";
  if (!/^\/[^?#]*$/.test(path)) throw usage(`--path must begin with / and have no ? or #, unlike "${path}"`);
  return {
    listen: last("--listen") ?? "127.0.0.1",
    port: port(last("-p", "--port")),
    origins,
    allow,
    hosts: all("--host"),
    plain: last("--plain"),
    path,
    address: last("--address"),
    certificate: certificate(last("--cert"), last("--key")),
    trustedProxies: all("--trusted-proxy"),
    allowInsecure: all("--allow-insecure").length > 0,
    allowMissingOrigin: all("--allow-missing-origin").length > 0,
    metrics: all("--metrics").length > 0,
    issueToken: last("--issue-token"),
    tickets: last("--tickets"),
    limits: Object.fromEntries(all("--limit").map((text) => limit(text))),
    log,
  };
}

function certificate(cert: string | undefined, key: string | undefined): GatewayArguments["certificate"] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw usage("--cert and --key belong together: name both files");
  return { cert, key };
}

function port(text = "8022"): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65535)
    throw usage(`invalid port "${text}"; expected a number from 0 to 65535 (0 chooses a free port)`);
  return value;
}

function limit(text: string): [name: string, value: number] {
  const [, name, value] = /^([a-zA-Z]+)=(\d{1,15})$/.exec(text) ?? [];
  if (name === undefined) throw usage(`--limit wants NAME=NUMBER, as maxConnections=100, not "${text}"`);
  return [name, Number(value)];
}
