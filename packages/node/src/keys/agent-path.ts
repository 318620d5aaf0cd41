import { readdirSync } from "node:fs";
import { isWindows, thisSystem } from "../windows/system.ts";
import { accountName } from "./account.ts";

/** Facts that the place of an agent depends on. */
export interface AgentSystem {
  readonly platform: NodeJS.Platform;
  /** Environment variable `SSH_AUTH_SOCK`. */
  readonly socket: string | undefined;
  /** Name of the account. */
  readonly user: () => string;
  /** Names of all named pipes of Windows. */
  readonly pipes: () => readonly string[];
}

const PIPES = "\\\\.\\pipe\\";

/** Pipe of the agent that comes with OpenSSH for Windows. */
const OPENSSH_PIPE = "openssh-ssh-agent";

/** Returns what this process sees. */
function agentSystem(): AgentSystem {
  return {
    platform: thisSystem.platform,
    socket: thisSystem.environment["SSH_AUTH_SOCK"],
    user: accountName,
    pipes: () => {
      try {
        return readdirSync(PIPES);
      } catch {
        return [];
      }
    },
  };
}

/**
 * Returns the path of the default agent: SSH_AUTH_SOCK, and on Windows else the pipe of OpenSSH's agent or of Pageant, if there is one. No
 * other pipe is used, since anyone may create one.
 */
export function defaultAgent({ platform, socket, user, pipes }: AgentSystem = agentSystem()): string | undefined {
  if (socket !== undefined && socket !== "") return socket;
  if (!isWindows({ platform })) return undefined;
  const names = pipes();
  if (names.includes(OPENSSH_PIPE)) return PIPES + OPENSSH_PIPE;
  return pageant(names, user());
}

/**
 * Returns the path of the pipe of Pageant 0.75 or later, `pageant.USER.HEX`. Only a listing has the last part. Earlier versions
 * have no pipe.
 */
function pageant(names: readonly string[], user: string): string | undefined {
  const prefix = `pageant.${user}.`.toLowerCase();
  // A user name may contain dots.
  const own = names.filter(
    (name) =>
      name.toLowerCase().startsWith(prefix) && /* rule: pageant-user */ /^[0-9a-f]+$/i.test(name.slice(prefix.length)),
  );
  return own.length === 1 ? PIPES + own[0]! : undefined;
}

/**
 * Returns the path of Pageant's pipe, or else of that of OpenSSH's agent; `undefined` if neither runs, and on other systems than Windows.
 */
export function pageantPath({ platform, user, pipes }: AgentSystem = agentSystem()): string | undefined {
  if (!isWindows({ platform })) return undefined;
  const names = pipes();
  return pageant(names, user()) ?? (names.includes(OPENSSH_PIPE) ? PIPES + OPENSSH_PIPE : undefined);
}

/**
 * Returns the path of the agent that IdentityAgent of ssh_config(5) names; `undefined` for no agent. SSH_AUTH_SOCK names the default one.
 */
export function agentPath(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  system: AgentSystem = agentSystem(),
): string | undefined {
  if (name.toLowerCase() === "none") return undefined;
  if (name === "SSH_AUTH_SOCK") return defaultAgent({ ...system, socket: environment[name] });
  const path = name.startsWith("$") ? environment[name.slice(1)] : name;
  return path === "" ? undefined : path;
}
