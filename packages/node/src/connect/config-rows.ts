import {
  type AddKeysToAgent,
  type ConfigValues,
  expandText,
  type LocalFacts,
  sessionEnvironment,
  splitWords,
} from "@nacre/config";
import { formatName } from "@nacre/keys/internal";
import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";
import { clientKeyboardInteractiveWith } from "nacre/extend";
import type { ResolvedConfig } from "../config/config.ts";
import { nodeAlgorithms } from "../crypto/algorithms.ts";
import { LIST_TIMEOUT, linkTo } from "../keys/agent.ts";
import { agentPath } from "../keys/agent-path.ts";
import { expandHome, readIfThere } from "../keys/files.ts";
import type { HostKeyLookup } from "../keys/known-hosts-options.ts";
import { forwardedAgent } from "./forwarded-agent.ts";
import type { HopOptions } from "./options.ts";

/** Facts that a row may use beside its value. */
export interface About {
  readonly values: ConfigValues;
  /** The options in code, which precede those of the rows. */
  readonly code: Partial<HopOptions>;
  readonly tokens: ResolvedConfig["tokens"];
  /** Environment of this process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly local: Pick<LocalFacts, "home" | "homeOf">;
  readonly warn: (text: string, code?: SshErrorCode) => void;
  /** Rejects unless a command of the configuration may run. */
  readonly assertCommandAllowed: (what: string, keyword: keyof ConfigValues) => Promise<void>;
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
  knownHostsCommand: knownHosts,
  hashKnownHosts: knownHosts,
  checkHostIP: knownHosts,
  noHostAuthenticationForLocalhost: knownHosts,
  hostKeyAlias: (hostKeyAlias) => ({ hostKeyAlias }),
  revokedHostKeys: (paths) => (paths.length === 0 ? {} : { revokedHostKeys: paths }),
  fingerprintHash: (hash) => ({ fingerprintHash: hash === "MD5" ? "md5" : "sha256" }),
  // With `ask`, a function that the caller passes decides, and without one no file changes.
  updateHostKeys: (mode) => (mode === "yes" ? { updateHostKeys: true } : {}),
  // With `ask`, the callback `unknownHost` decides, and without one an unknown host is refused, as with `yes`.
  strictHostKeyChecking: (mode) =>
    mode === "accept-new" ? { hostKey: mode } : mode === "no" ? { hostKey: "restrict-changed" } : {},

  identityFile: identities,
  certificateFile: (paths, about) => ({
    certificateFiles: paths
      .filter((path) => path.toLowerCase() !== "none")
      .map((path) => expanded("CertificateFile", inHome(path, about), about)),
  }),
  identitiesOnly: identities,
  identityAgent: identities,
  addKeysToAgent: addedKeys,
  pubkeyAcceptedAlgorithms: (names) => ({
    identityAlgorithms: offered("PubkeyAcceptedAlgorithms", names, nodeAlgorithms.hostKeys),
  }),
  preferredAuthentications: methods,
  pubkeyAuthentication: methods,
  passwordAuthentication: methods,
  kbdInteractiveAuthentication: methods,
  kbdInteractiveDevices: methods,
  numberOfPasswordPrompts: (count) => ({ limits: { passwordAttempts: Math.max(count, 1) } }),

  ciphers: (names) => ({ algorithms: { ciphers: offered("Ciphers", names, nodeAlgorithms.ciphers) } }),
  macs: (names) => ({ algorithms: { macs: offered("MACs", names, nodeAlgorithms.macs) } }),
  kexAlgorithms: (names) => ({ algorithms: { kex: offered("KexAlgorithms", names, nodeAlgorithms.kex) } }),
  hostKeyAlgorithms: (names) => ({
    algorithms: { hostKeys: offered("HostKeyAlgorithms", names, nodeAlgorithms.hostKeys) },
  }),
  caSignatureAlgorithms: (caSignatureAlgorithms) => ({ caSignatureAlgorithms }),

  connectTimeout: (seconds) => (seconds === 0 ? {} : { connectTimeout: seconds * 1000 }),
  serverAliveInterval: (seconds) => ({ limits: { keepaliveInterval: seconds * 1000 } }),
  serverAliveCountMax: (count) => ({ limits: { keepaliveCount: Math.max(count, 1) } }),
  rekeyLimit: ({ bytes, seconds }) => ({
    limits: {
      ...(bytes && { rekeyBytes: Math.min(bytes, Number.MAX_SAFE_INTEGER) }),
      ...(seconds && { rekeyInterval: seconds * 1000 }),
    },
  }),
  bindAddress: (localAddress) => ({ localAddress }),
  addressFamily: (addressFamily) => ({ addressFamily }),
  connectionAttempts: (connectionAttempts) => ({ connectionAttempts }),

  forwardAgent: forwardedAgent,
  sendEnv: variables,
  setEnv: variables,
};

/** Returns where host keys are known from. A new host is added to the user's first file, never to one of the system. */
async function knownHosts(_: unknown, about: About): Promise<Partial<HopOptions>> {
  const { values } = about;
  const listed = (paths: readonly string[]): readonly string[] =>
    paths[0]?.toLowerCase() === "none" ? [] : paths.map((path) => inHome(path, about));
  const { knownHostsCommand } = values;
  if (knownHostsCommand !== undefined) await about.assertCommandAllowed("KnownHostsCommand", "knownHostsCommand");
  return {
    knownHosts: {
      // rule: config-known-hosts-none
      files: listed(values.userKnownHostsFile),
      globalFiles: listed(values.globalKnownHostsFile),
      hash: values.hashKnownHosts,
      checkAddress: values.checkHostIP,
      trustLoopback: values.noHostAuthenticationForLocalhost,
      ...(knownHostsCommand !== undefined && {
        command: (lookup: HostKeyLookup) => commandWords(knownHostsCommand, lookup, about),
      }),
    },
  };
}

/** Returns the words of KnownHostsCommand. The program is taken as it is written. */
function commandWords(text: string, { reason, name, hostKey }: HostKeyLookup, about: About): readonly string[] {
  const [program = "", ...words] = splitWords(text) ?? [];
  const none = "NONE";
  const tokens = {
    ...about.tokens,
    I: reason === "order" ? "ORDER" : "HOSTNAME",
    H: name,
    f: hostKey?.fingerprint ?? none,
    K: hostKey === undefined ? none : Buffer.from(hostKey.blob).toString("base64"),
    t: hostKey === undefined ? none : formatName(hostKey.blob),
  };
  return [program, ...words.map((word) => expanded("KnownHostsCommand", word, { ...about, tokens }))];
}

/**
 * Returns the files of login keys, and the agent. As in ssh(1), the public half of a key is enough if the agent holds it, and an agent that
 * does not answer is left out. An agent that the option `agent` names must answer.
 */
async function identities(_: unknown, about: About): Promise<Partial<HopOptions>> {
  const { values } = about;
  const identityFiles: string[] = [];
  for (const { path: raw } of values.identityFile) {
    if (raw.toLowerCase() === "none") continue;
    const path = expanded("IdentityFile", inHome(raw, about), about);
    // A file that cannot be read is left out later, with a warning.
    const isThere = await readIfThere(path).then(Boolean, () => true);
    identityFiles.push(isThere ? path : `${path}.pub`);
  }
  return { identityFiles, identitiesOnly: values.identitiesOnly, ...(await identityAgent(about)) };
}

async function identityAgent(about: About): Promise<Partial<HopOptions>> {
  const { identityAgent: name } = about.values;
  // An agent that is not used is neither opened nor warned about.
  if (name === undefined || about.code.agent !== undefined) return {};
  const path = agentPath(name, about.environment);
  if (path === undefined) return { agent: false };
  try {
    const link = await linkTo(path, { timeout: LIST_TIMEOUT });
    await link.close();
    return { agent: path };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    about.warn(error.message, error.code);
    return { agent: false };
  }
}

function addedKeys({ mode, seconds }: AddKeysToAgent): Partial<HopOptions> {
  if (mode === "no" || mode === "ask") return {};
  return { addKeysToAgent: { confirm: mode === "confirm", ...(seconds > 0 && { lifetime: seconds }) } };
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
  const { kbdInteractiveDevices: devices } = values;
  return {
    methods: all.map((name) =>
      name === "keyboard-interactive" && devices !== undefined ? clientKeyboardInteractiveWith(devices) : name,
    ) as NonNullable<HopOptions["methods"]>,
  };
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

function variables(_: unknown, { values, environment }: About): Partial<HopOptions> {
  return { env: sessionEnvironment(values, environment) };
}

/**
 * Replaces the tokens of a raw value and, with `environment`, its variables. Throws `file-malformed` for an unknown one.
 */
export function expanded(
  keyword: string,
  text: string,
  { tokens, environment }: Pick<About, "tokens"> & Partial<Pick<About, "environment">>,
): string {
  const result = expandText(text, tokens, environment && ((name) => environment[name]));
  if (typeof result === "string") return result;
  throw new SshError("file-malformed", `${keyword}: ${escapeText(result.message)}`);
}

/** Replaces `~` or `~user` at the start of a path. Throws `file-malformed` for an unknown user. */
function inHome(path: string, { local }: About): string {
  const [, user] = /^~([^/\\]+)/.exec(path) ?? [];
  if (user === undefined) return expandHome(path, local.home);
  const home = local.homeOf(user);
  if (home === undefined)
    throw new SshError("file-malformed", `${escapeText(path)}: there is no user ${escapeText(user)}`);
  return home + path.slice(1 + user.length);
}
