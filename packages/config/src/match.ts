import { matchPattern } from "@nacre/wire";
import { parseNetworks } from "./addresses.ts";
import { matchList } from "./patterns.ts";
import { BadLine, type Origin, place } from "./problems.ts";
import { type Asking, ask } from "./request.ts";
import { type ConfigState, expandOrFail } from "./state.ts";
import { connectionTokens } from "./tokens.ts";

/** A pass over the files: names that blocks are compared with. */
export interface Pass {
  /** Whether this is the second pass. */
  readonly isFinal: boolean;
  /** The word typed, or in the second pass the final host name. */
  readonly host: string;
}

/** Returns whether a `Host` line matches. A negated match ends the line. */
export function matchHost(words: readonly string[], host: string, at: string): boolean {
  let matches = false;
  for (const word of words) {
    if (word === "") throw new BadLine(`${at}: keyword host empty argument`);
    const negated = word.startsWith("!");
    if (!matchPattern(host, negated ? word.slice(1) : word)) continue;
    if (negated) return false;
    matches = true;
  }
  return matches;
}

/** Tries one criterion: whether it holds, or the lines that say why its argument is wrong. */
type Criterion = (
  argument: string,
  about: { readonly state: ConfigState; readonly host: string; readonly origin: Origin; readonly isLive: boolean },
) => boolean | Asking<boolean | readonly string[]>;

/** A criterion that compares text with a pattern list. An empty list, where allowed, means that there is no text. */
function compares(
  subject: (state: ConfigState, host: string) => string | undefined,
  options?: { readonly ignoreCase?: boolean },
): Criterion {
  return (argument, { state, host }) => {
    const text = subject(state, host);
    if (text === undefined || argument === "") return (text ?? "") === "" && argument === "";
    return matchList(text, argument, options) === "yes";
  };
}

const CRITERIA: Readonly<Record<string, Criterion>> = {
  host: compares((_, host) => host, { ignoreCase: true }),
  originalhost: compares(({ request }) => request.host, { ignoreCase: true }),
  user: compares((state) => state.get("user") ?? state.request.local.user),
  localuser: compares(({ request }) => request.local.user),
  version: compares(({ request }) => request.version),
  tagged: compares((state) => state.get("tag")),
  command: compares(({ request }) => request.command),
  sessiontype: compares((state) => {
    const type = state.get("sessionType") ?? "default";
    return type === "default" ? (state.request.command === undefined ? "shell" : "exec") : type;
  }),
  *localnetwork(argument) {
    const networks = parseNetworks(argument);
    const [first] = networks;
    if (typeof first === "string") return networks as readonly string[];
    const tests = networks as readonly ((address: string) => boolean)[];
    const addresses = yield* ask("addresses", {});
    return addresses.some((address) => tests.some((test) => test(address)));
  },
  *exec(argument, { state, host, origin, isLive }) {
    const command = expandOrFail(argument, connectionTokens(state.soFar(host)), undefined, origin);
    // Not run if an earlier criterion of the line failed.
    if (!isLive) return false;
    return (yield* ask("command", { command, origin })) === 0;
  },
};

/** Conditions whose argument may be empty. */
const MAY_BE_EMPTY = new Set(["tagged", "command"]);

/** Returns whether a `Match` line matches. Throws {@link BadLine} if it is malformed. */
export function* matchLine(words: readonly string[], state: ConfigState, pass: Pass, origin: Origin): Asking<boolean> {
  const bad = (...lines: readonly string[]): never => {
    throw new BadLine(...lines, `${place(origin)}: Bad Match condition`);
  };
  const host = knownHost(state, pass, origin);
  let result = true;
  let attributes = 0;
  for (let i = 0; i < words.length; i++) {
    const written = words[i]!;
    const negated = written.startsWith("!");
    let attribute = written.slice(negated ? 1 : 0).toLowerCase();
    if (attribute === "all") {
      // quirk: `all` may follow one other criterion.
      if (attributes > 1 || i + 1 < words.length)
        bad(`${place(origin)}: '${written}' cannot be combined with other Match attributes`);
      return result && !negated;
    }
    attributes++;
    if (attribute === "canonical" || attribute === "final") {
      if (attribute === "final" && !negated) state.wantsFinalPass = true;
      if (pass.isFinal === negated) result = false;
      continue;
    }
    let argument: string | undefined;
    const equals = attribute.indexOf("=");
    if (equals > 0 && !attribute.startsWith("sessiontype=")) {
      argument = written.slice((negated ? 1 : 0) + equals + 1);
      attribute = attribute.slice(0, equals);
    } else argument = words[++i];
    if (argument === undefined) return bad(`${place(origin)}: missing argument for Match '${written}'`);
    const criterion = Object.hasOwn(CRITERIA, attribute) ? CRITERIA[attribute] : undefined;
    if (argument === "" && !MAY_BE_EMPTY.has(attribute)) bad(`Missing Match criteria for ${attribute}`);
    if (criterion === undefined) return bad(`Unsupported Match attribute ${attribute}`);
    const outcome = criterion(argument, { state, host, origin, isLive: result });
    const holds = typeof outcome === "boolean" ? outcome : yield* outcome;
    if (typeof holds !== "boolean") return bad(...holds);
    if (holds === negated) result = false;
  }
  return result;
}

/** Returns the host name as known so far. */
export function knownHost(state: ConfigState, pass: Pass, origin: Origin): string {
  const hostName = state.get("hostName");
  if (pass.isFinal) return pass.host;
  return hostName === undefined ? pass.host : expandOrFail(hostName, { h: pass.host }, undefined, origin);
}
