import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { type ConfigValues, expandText } from "@nacre/config";
import { type ConnectOptions, expandHome, type HopOptions, nodeAlgorithms, type ResolvedConfig } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { sshUsage, usage } from "../options.ts";
import { chooseAlgorithms } from "./algorithms.ts";
import { inform } from "./log-level.ts";

/*
 * The values of a configuration as options of `connect`. To be replaced by the option `config` of `connect`.
 */

/** Returns the options of `connect` for a host. */
export function connectionOptions(config: ResolvedConfig, isJumpHost: boolean): HopOptions {
  const { values } = config;
  const { hostName: host, port, user, strictHostKeyChecking, identityAgent } = values;
  const acceptsNew = strictHostKeyChecking === "accept-new" || strictHostKeyChecking === "no";
  return {
    host,
    port,
    user,
    identities: identitiesOf(config),
    agent: agentOf(identityAgent),
    knownHosts: knownHostsOf(values),
    hostKey: acceptsNew ? "accept-new" : undefined,
    connectTimeout: values.connectTimeout === undefined ? undefined : values.connectTimeout * 1000,
    localAddress: localAddress(values),
    algorithms: isJumpHost ? nodeAlgorithms : algorithmsOf(values),
    limits: {
      keepaliveInterval: values.serverAliveInterval * 1000,
      keepaliveCount: Math.max(1, values.serverAliveCountMax),
      passwordAttempts: Math.max(1, values.numberOfPasswordPrompts),
      ...(values.rekeyLimit.bytes && { rekeyBytes: values.rekeyLimit.bytes }),
      ...(values.rekeyLimit.seconds && { rekeyInterval: values.rekeyLimit.seconds * 1000 }),
    },
    methods: loginMethods(values),
    // Without an agent, ssh(1) goes on without one too.
    ...(!isJumpHost && { forwardAgent: values.forwardAgent !== false && Boolean(process.env.SSH_AUTH_SOCK) }),
  };
}

/** Default key files, as in OpenSSH. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/** Returns the key files to log in with; `undefined` for the agent's keys and the default files. `none` stands for no file. */
function identitiesOf({ values, origins, tokens }: ResolvedConfig): readonly string[] | undefined {
  if (origins.identityFile === undefined)
    return values.identitiesOnly ? DEFAULT_FILES.filter((file) => existsSync(expandHome(file))) : undefined;
  const files: string[] = [];
  for (const { path } of values.identityFile) {
    if (path.toLowerCase() === "none") continue;
    const file = expandText(path, tokens, (name) => process.env[name]);
    if (typeof file !== "string") throw new SshError("usage", `IdentityFile ${escapeText(path)}: ${file.message}`);
    if (existsSync(expandHome(file))) files.push(file);
  }
  return files;
}

/** Returns the agent that IdentityAgent names: `none`, the path of its socket, or a variable, by default SSH_AUTH_SOCK. */
function agentOf(name: string | undefined): ConnectOptions["agent"] {
  if (name === undefined || name === "SSH_AUTH_SOCK") return undefined;
  if (name.toLowerCase() === "none") return false;
  return name.startsWith("$") ? (process.env[name.slice(1)] ?? false) : name;
}

/** A new host is added to the user's first file, never to one of the system. */
function knownHostsOf({ userKnownHostsFile: user, globalKnownHostsFile: system }: ConfigValues): readonly string[] {
  const none = ([first]: readonly string[]): boolean => first?.toLowerCase() === "none";
  // rule: known-hosts-none
  return [...(none(user) ? ["/dev/null"] : user), ...(none(system) ? [] : system)];
}

/**
 * Returns the address to connect from: that of BindAddress, or the one that stands for any address of AddressFamily. Throws `usage` for
 * another family than that of the host or of BindAddress.
 */
function localAddress({ bindAddress, addressFamily, hostName }: ConfigValues): string | undefined {
  if (bindAddress !== undefined && isIP(bindAddress) === 0)
    throw usage(`invalid address "${bindAddress}" after -b; expected an IP address of this machine`);
  if (addressFamily === "any") return bindAddress;
  const family = addressFamily === "inet" ? 4 : 6;
  if (isIP(hostName) !== 0 && isIP(hostName) !== family)
    throw sshUsage(`Could not resolve hostname ${hostName}: Address family for hostname not supported`);
  if (bindAddress !== undefined && isIP(bindAddress) !== family)
    throw usage(`the address ${bindAddress} after -b is not of the family of -${family}`);
  return bindAddress ?? (family === 4 ? "0.0.0.0" : "::");
}

/** Returns the algorithms of the configuration that Nacre has. Throws `usage` if none of a kind is left. */
function algorithmsOf(values: ConfigValues): typeof nodeAlgorithms {
  const available = (kind: keyof typeof nodeAlgorithms, names: readonly string[]): readonly string[] => {
    const has = new Set(nodeAlgorithms[kind].map(({ name }) => name));
    const missing = names.filter((name) => !has.has(name));
    if (missing.length > 0 && values.logLevel.startsWith("DEBUG"))
      inform(values, `debug1: not available, left out: ${missing.join(",")}`);
    return names.filter((name) => has.has(name));
  };
  const names = {
    ciphers: available("ciphers", values.ciphers),
    macs: available("macs", values.macs),
    kex: available("kex", values.kexAlgorithms),
    hostKeyAlgorithms: available("hostKeys", values.hostKeyAlgorithms),
  };
  return chooseAlgorithms(names, nodeAlgorithms);
}

/** Returns the login methods that the configuration names or leaves; `undefined` if it says nothing about them. */
export function loginMethods(values: ConfigValues): ConnectOptions["methods"] {
  const { preferredAuthentications } = values;
  const off = {
    publickey: values.pubkeyAuthentication === "no",
    "keyboard-interactive": !values.kbdInteractiveAuthentication,
    password: !values.passwordAuthentication || values.numberOfPasswordPrompts === 0,
  };
  if (preferredAuthentications === undefined && !Object.values(off).includes(true)) return undefined;
  const preferred = preferredAuthentications?.split(",") ?? Object.keys(off);
  const chosen = [...new Set(preferred)]
    .map((name) => name.trim() as keyof typeof off)
    .filter((name) => Object.hasOwn(off, name) && !off[name]);
  // Without a signature the server says which methods it accepts.
  return chosen[0] === "publickey" ? ["publickey", "none", ...chosen.slice(1)] : ["none", ...chosen];
}
