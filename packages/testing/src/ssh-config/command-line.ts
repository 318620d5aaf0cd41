import type { CommandLineSetting } from "@nacre/config";
import { SshError } from "@nacre/wire";

/** The words of a command line of `ssh`, as settings of a configuration. */
export interface CommandLine {
  readonly host: string;
  readonly settings: readonly CommandLineSetting[];
  readonly command: string | undefined;
  readonly stdioForward: boolean;
}

const FLAGS = "1246AaCfGgKkMNnqsTtVvXxYy";
const WITH_VALUE = "BbcDEeFIiJLlmOoPpQRSWw";

/** Settings of each flag that has one; `true`: it replaces earlier ones. */
const SET: Readonly<Record<string, readonly string[]>> = {
  4: ["AddressFamily inet"],
  6: ["AddressFamily inet6"],
  A: ["ForwardAgent yes"],
  a: ["ForwardAgent no"],
  f: ["ForkAfterAuthentication yes", "StdinNull yes"],
  g: ["GatewayPorts yes"],
  n: ["StdinNull yes"],
  N: ["SessionType none", "RequestTTY no"],
  q: ["LogLevel QUIET"],
  s: ["SessionType subsystem"],
  T: ["RequestTTY no"],
  X: ["ForwardX11 yes"],
  x: ["ForwardX11 no"],
  Y: ["ForwardX11 yes", "ForwardX11Trusted yes"],
};
const REPLACE: Readonly<Record<string, string>> = {
  b: "BindAddress",
  B: "BindInterface",
  c: "Ciphers",
  e: "EscapeChar",
  I: "PKCS11Provider",
  m: "MACs",
  S: "ControlPath",
};
const FIRST: Readonly<Record<string, string>> = { i: "IdentityFile", P: "Tag", p: "Port" };

const LEVELS = ["QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1", "DEBUG2", "DEBUG3"];

/** Parses a command line as `ssh` does, up to what `-G` shows. Throws `usage` for a wrong one. */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const settings: CommandLineSetting[] = [];
  let host: string | undefined;
  let stdioForward = false;
  let verbose = 0;
  let master = 0;
  let level = 0;
  let terminal = "";
  const replace = (text: string) => settings.push({ text, replaces: true });
  const take = (letter: string, value: string) => {
    if (letter === "v") {
      // The first -v sets DEBUG1; each other raises the level by one.
      level = verbose++ === 0 ? LEVELS.indexOf("DEBUG1") : Math.min(level + 1, LEVELS.length - 1);
      replace(`LogLevel ${LEVELS[level]}`);
    } else if (letter === "M") replace(`ControlMaster ${++master > 1 ? "ask" : "yes"}`);
    else if (letter === "t") replace(`RequestTTY ${(terminal = terminal === "yes" ? "force" : "yes")}`);
    else if (letter === "o") {
      settings.push({ text: value });
      const [, type] = /^\s*requesttty[\s="']+(\w+)/i.exec(value) ?? [];
      if (type !== undefined) terminal ||= type.toLowerCase().replace("true", "yes");
    } else if ("CDJLRl".includes(letter)) settings.push({ option: `-${letter}` as "-J", text: value });
    else if (letter === "W") {
      stdioForward = true;
      for (const text of SET.N!) replace(text);
    } else if (REPLACE[letter] !== undefined) replace(`${REPLACE[letter]} ${quoted(value)}`);
    else if (FIRST[letter] !== undefined) settings.push({ text: `${FIRST[letter]} ${quoted(value)}` });
    if (letter === "q") level = LEVELS.indexOf("QUIET");
    if ("NTW".includes(letter)) terminal = "no";
    for (const text of SET[letter] ?? []) replace(text);
  };
  let i = 0;
  for (; i < words.length; i++) {
    const text = words[i]!;
    if (text === "--") {
      i++;
      // After `--`, no option is read: the host follows, if there was none, and then the command.
      if (host === undefined && words[i] !== undefined) host = destination(words[i++]!, settings);
      break;
    }
    if (!text.startsWith("-") || text === "-") {
      if (host !== undefined) break;
      host = destination(text, settings);
      continue;
    }
    for (let k = 1; k < text.length; k++) {
      const letter = text[k]!;
      if (FLAGS.includes(letter)) {
        take(letter, "");
        continue;
      }
      if (!WITH_VALUE.includes(letter)) throw new SshError("usage", `unknown option -- ${letter}`);
      take(letter, text.slice(k + 1) || (words[++i] ?? ""));
      break;
    }
  }
  const command = words.slice(i).join(" ");
  if (host === undefined) throw new SshError("usage", "usage: ssh");
  return { host, settings, command: command === "" ? undefined : command, stdioForward };
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Splits `user@host` and `ssh://user@host:port`. */
function destination(text: string, settings: CommandLineSetting[]): string {
  const uri = /^ssh:\/\/(?:([^@;]*)(?:;[^@]*)?@)?([^@:/]+|\[[^\]]*\])(?::(\d*))?\/?$/.exec(text);
  if (uri !== null) {
    const [, user, host = "", port] = uri;
    // quirk: a URI without a user counts as one that names it.
    settings.push({ option: "-l", text: decodeURIComponent(user ?? "") });
    if (port !== undefined && port !== "") settings.push({ text: `Port ${port}` });
    return host;
  }
  const at = text.lastIndexOf("@");
  if (at > 0) settings.push({ option: "-l", text: text.slice(0, at) });
  return text.slice(at + 1);
}
