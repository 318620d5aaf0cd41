import { access } from "node:fs/promises";
import { isIP } from "node:net";
import { devNull } from "node:os";
import { type ConfigValues, expandText } from "@nacre/config";
import { escapeText, matchPattern, SshError } from "@nacre/wire";
import type { ResolvedConfig } from "../config/options.ts";
import { nodeAlgorithms } from "../crypto/algorithms.ts";
import { agentIdentities } from "../keys/agent.ts";
import { expandHome } from "../keys/files.ts";
import type { IdentitySources } from "../keys/identities.ts";
import { forwardedAgent } from "./forwarded-agent.ts";
import type { HopOptions } from "./options.ts";

/** What a row may use beside its value. */
export interface About {
  readonly values: ConfigValues;
  readonly tokens: ResolvedConfig["tokens"];
  /** Environment of this process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly warn: (text: string) => void;
}

/** Returns the options of `connect` that a value stands for. */
export type Row<V = unknown> = (value: V, about: About) => Partial<HopOptions> | Promise<Partial<HopOptions>>;

/**
 * The options of `connect` that each keyword stands for. A row applies if a file or the command line sets the keyword. Keywords that make
 * one option together share a row. ProxyJump and ProxyCommand make the route, in `configured-route.ts`.
 */
export const ROWS: { readonly [K in keyof ConfigValues]?: Row<Exclude<ConfigValues[K], undefined>> } = {
  userKnownHostsFile: knownHosts,
  globalKnownHostsFile: knownHosts,
  // With `ask`, the callback `unknownHost` decides, and without one an unknown host is refused, as with `yes`.
  strictHostKeyChecking: (mode) => (mode === "ask" || mode === "yes" ? {} : { hostKey: "accept-new" }),

  identityFile: identities,
  identitiesOnly: identities,
  identityAgent: identities,
  preferredAuthentications: methods,
  pubkeyAuthentication: methods,
  passwordAuthentication: methods,
  kbdInteractiveAuthentication: methods,

  ciphers: (names) => ({ algorithms: { ciphers: offered("Ciphers", names, nodeAlgorithms.ciphers) } }),
  macs: (names) => ({ algorithms: { macs: offered("MACs", names, nodeAlgorithms.macs) } }),
  kexAlgorithms: (names) => ({ algorithms: { kex: offered("KexAlgorithms", names, nodeAlgorithms.kex) } }),
  hostKeyAlgorithms: (names) => ({
    algorithms: { hostKeys: offered("HostKeyAlgorithms", names, nodeAlgorithms.hostKeys) },
  }),

  connectTimeout: (seconds) => (seconds === 0 ? {} : { connectTimeout: seconds * 1000 }),
  serverAliveInterval: (seconds) => ({ limits: { keepaliveInterval: seconds * 1000 } }),
  serverAliveCountMax: (count) => ({ limits: { keepaliveCount: Math.max(count, 1) } }),
  rekeyLimit: ({ bytes, seconds }) => ({
    limits: {
      ...(bytes && { rekeyBytes: Math.min(bytes, Number.MAX_SAFE_INTEGER) }),
      ...(seconds && { rekeyInterval: seconds * 1000 }),
    },
  }),
  bindAddress: localAddress,
  addressFamily: localAddress,

  forwardAgent: forwardedAgent,
  sendEnv: sessionEnvironment,
  setEnv: sessionEnvironment,
};

/** Returns the known_hosts files. A new host is added to the user's first file, never to one of the system. */
function knownHosts(_: unknown, { values, home }: About): Partial<HopOptions> {
  const listed = (paths: readonly string[]): readonly string[] =>
    paths[0]?.toLowerCase() === "none" ? [] : paths.map((path) => expandHome(path, home));
  const user = listed(values.userKnownHostsFile);
  // rule: config-known-hosts-none
  return { knownHosts: [...(user.length === 0 ? [devNull] : user), ...listed(values.globalKnownHostsFile)] };
}

/**
 * Returns the login keys, as ssh(1) tries them: those of the agent, unless IdentitiesOnly, and those of files. A missing file is
 * left out, and an agent that fails is one that has no keys.
 */
async function identities(_: unknown, about: About): Promise<Partial<HopOptions>> {
  const { values, home, warn } = about;
  const agent = agentPath(about);
  const files: string[] = [];
  for (const { path: raw } of values.identityFile) {
    if (raw.toLowerCase() === "none") continue;
    const path = expanded("IdentityFile", expandHome(raw, home), about);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      files.push(path);
  }
  const fromAgent = async (path: string): Promise<IdentitySources> => {
    try {
      return await agentIdentities(path);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      warn(error.message);
      return [];
    }
  };
  if (values.identitiesOnly) return { identities: files, ...(agent === undefined && { agent: false }) };
  return { identities: [...(agent === undefined ? [] : await fromAgent(agent)), ...files], agent: false };
}

/** Returns the path of the agent's socket; `undefined` for no agent. */
function agentPath({ values, environment }: About): string | undefined {
  const name = values.identityAgent ?? "SSH_AUTH_SOCK";
  if (name.toLowerCase() === "none") return undefined;
  const variable = name.startsWith("$") ? name.slice(1) : name === "SSH_AUTH_SOCK" ? name : undefined;
  const path = variable === undefined ? name : environment[variable];
  return path === "" ? undefined : path;
}

function methods(_: unknown, { values }: About): Partial<HopOptions> {
  const isOn: Readonly<Record<string, boolean>> = {
    publickey: values.pubkeyAuthentication !== "no",
    "keyboard-interactive": values.kbdInteractiveAuthentication,
    password: values.passwordAuthentication,
  };
  const preferred = values.preferredAuthentications?.split(",").map((name) => name.trim()) ?? Object.keys(isOn);
  const chosen = [...new Set(preferred)].filter((name) => Object.hasOwn(isOn, name) && isOn[name]);
  // Without a signature the server says which methods it accepts.
  const all = chosen[0] === "publickey" ? ["publickey", "none", ...chosen.slice(1)] : ["none", ...chosen];
  return { methods: all as NonNullable<HopOptions["methods"]> };
}

/** Returns the algorithms of a list that Nacre has. Throws `usage` if none is left. */
function offered(keyword: string, names: readonly string[], available: readonly { readonly name: string }[]): string[] {
  const left = names.filter((name) => available.some((one) => one.name === name));
  if (left.length > 0) return left;
  const known = available.map(({ name }) => name).join(", ");
  throw new SshError(
    "usage",
    `${keyword} ${escapeText(names.join(","))} leaves no algorithm; expected one of ${known}`,
  );
}

/** Returns the address to connect from; one that stands for any address if only the family is set. */
function localAddress(_: unknown, { values, warn }: About): Partial<HopOptions> {
  const { bindAddress, addressFamily } = values;
  if (bindAddress !== undefined) {
    if (isIP(bindAddress) !== 0) return { localAddress: bindAddress };
    warn(`BindAddress ${escapeText(bindAddress)} has no effect: it must be an IP address of this machine`);
  }
  if (addressFamily === "any") return {};
  return { localAddress: addressFamily === "inet" ? "0.0.0.0" : "::" };
}

/** Returns the variables of SendEnv and SetEnv. One that is set precedes one of the same name that is sent. */
function sessionEnvironment(_: unknown, { values, environment }: About): Partial<HopOptions> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && values.sendEnv.some((pattern) => matchPattern(name, pattern))) env[name] = value;
  for (const pair of values.setEnv) {
    const at = pair.indexOf("=");
    env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return { env };
}

/** Replaces tokens and variables of a raw value. Throws `file-malformed` for an unknown one. */
function expanded(keyword: string, text: string, { tokens, environment }: About): string {
  const result = expandText(text, tokens, (name) => environment[name]);
  if (typeof result === "string") return result;
  throw new SshError("file-malformed", `${keyword}: ${escapeText(result.message)}`);
}
