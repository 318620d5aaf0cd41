import { KEYWORDS, OLD_KEYWORDS, parseForwardOption } from "./keywords.ts";
import type { Keyword } from "./kinds.ts";
import { Line } from "./line.ts";
import { BadLine, configError } from "./problems.ts";
import { isBlockKeyword, isIgnored } from "./read-files.ts";
import type { CommandLineSetting } from "./request.ts";
import { parseJumpOption, pathOfAgent } from "./special.ts";
import { type ConfigState, valueOf } from "./state.ts";
import { splitKeyword, splitWords } from "./words.ts";

const ORIGIN = { file: "command-line", line: 0 };

/** Takes the settings of the command line, in their order. A bad one ends reading. */
export function applyCommandLine(state: ConfigState): void {
  for (const setting of state.request.commandLine ?? []) {
    try {
      if (setting.option === undefined) applyLine(state, setting);
      else applyOption(state, setting.option, setting.text);
    } catch (error) {
      if (error instanceof BadLine)
        throw configError(setting.problem === undefined ? error.lines : [setting.problem], "usage");
      throw error;
    }
  }
}

function applyLine(state: ConfigState, { text, replaces }: CommandLineSetting): void {
  const split = splitKeyword(text);
  if (split === undefined) return;
  const { keyword, rest } = split;
  const at = "command-line line 0";
  if (rest === "") throw new BadLine(`${at}: no argument after keyword "${keyword}"`);
  const name = valueOf(keyword);
  const words = splitWords(rest);
  const isKnown = name !== undefined || isBlockKeyword(keyword) || OLD_KEYWORDS.has(keyword);
  const unknown =
    isKnown || isIgnored(state, keyword) ? [] : [`command-line: line 0: Bad configuration option: ${keyword}`];
  if (words === undefined) throw new BadLine(...unknown, `${at}: invalid quotes`);
  if (unknown.length > 0) throw new BadLine(...unknown);
  // quirk: the message for Match names Host.
  if (isBlockKeyword(keyword))
    throw new BadLine(`${keyword === "include" ? "Include" : "Host"} directive not supported as a command-line option`);
  if (name === undefined) return;
  const line = new Line(keyword, rest, words, ORIGIN, { ...state.request, fromUser: true });
  const value = (KEYWORDS[name] as Keyword<unknown>).parse(line);
  if (line.left > 0) throw new BadLine(`${at}: keyword ${keyword} extra arguments at end of line`);
  state.set(name, value, ORIGIN, replaces);
}

/** Takes an option whose argument has another form than its keyword's line. */
function applyOption(state: ConfigState, option: NonNullable<CommandLineSetting["option"]>, text: string): void {
  const line = new Line("", text, [text], ORIGIN, { ...state.request, fromUser: true });
  if (option === "-C") return state.set("compression", "unknown", ORIGIN, true);
  if (option === "-A") {
    const earlier = state.get("forwardAgent") ?? false;
    // A path that was named before stays the agent to forward.
    return state.set("forwardAgent", typeof earlier === "boolean" || pathOfAgent(earlier), ORIGIN, true);
  }
  if (option === "-t")
    return state.set("requestTTY", state.get("requestTTY") === "yes" ? "force" : "yes", ORIGIN, true);
  if (option === "-l") {
    if (!state.isSet("user")) state.userIsTyped = true;
    if (text !== "") state.set("user", text, ORIGIN);
    return;
  }
  if (option === "-J") {
    if (state.get("proxy")?.kind === "jump")
      throw configError(["Only a single -J option is permitted (use commas to separate multiple jump hops)"], "usage");
    if (state.isSet("proxy")) throw configError(["Cannot specify -J with ProxyCommand"], "usage");
    state.set("proxy", parseJumpOption(line, text), ORIGIN);
    return;
  }
  const kind = ({ "-L": "local", "-R": "remote", "-D": "dynamic" } as const)[option];
  const expanded = line.expandEnvironment(text, `Bad ${kind} forwarding specification '${text}'`);
  const forward = parseForwardOption(line, kind, expanded);
  if (forward === undefined) throw configError([`Bad ${kind} forwarding specification '${text}'`], "usage");
  state.set(kind === "remote" ? "remoteForward" : "localForward", [forward], ORIGIN);
}
