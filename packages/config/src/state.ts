import { KEYWORDS, OLD_KEYWORDS } from "./keywords.ts";
import type { DefaultContext, Keyword } from "./kinds.ts";
import { tooMany } from "./limits.ts";
import { BadLine, configError, type Origin, place } from "./problems.ts";
import type { ConfigRequest } from "./request.ts";
import { type Environment, expandText, type TokenFacts, type Tokens } from "./tokens.ts";
import type { ConfigValues } from "./values.ts";

/** A value and the lines that set it. */
interface Setting {
  readonly value: unknown;
  readonly origins: readonly Origin[];
}

/** Names of all keywords that have a value. */
export const KEYWORD_NAMES = Object.keys(KEYWORDS) as readonly (keyof ConfigValues)[];

const BY_KEYWORD: ReadonlyMap<string, keyof ConfigValues> = new Map(
  KEYWORD_NAMES.flatMap((name) => [
    ...(name === "proxy" ? [] : [[name.toLowerCase(), name] as const]),
    ...(KEYWORDS[name].aliases ?? []).map((alias) => [alias, name] as const),
  ]),
);

/** Every keyword of ssh_config(5) in lower case, with aliases and old names. */
export const ALL_KEYWORDS: readonly string[] = [
  "host",
  "match",
  "include",
  ...BY_KEYWORD.keys(),
  ...OLD_KEYWORDS.keys(),
].sort();

/** Returns the name of the value that a keyword sets. */
export function valueOf(keyword: string): keyof ConfigValues | undefined {
  return BY_KEYWORD.get(keyword);
}

const CANONICAL_DEFAULTS = {
  canonicalizeMaxDots: 1,
  canonicalizeFallbackLocal: true,
  canonicalizeHostname: "no",
} as const;

/** The values that lines have set. The second pass adds to those of the first. */
export class ConfigState {
  readonly request: ConfigRequest;
  readonly #settings = new Map<keyof ConfigValues, Setting>();
  readonly notices: string[] = [];
  /** Paths of the files that were read. */
  readonly files: string[] = [];
  /** Lines about bad lines, of all files that are being read. */
  readonly problems: string[] = [];
  /** Whether the user is from `-l` or `user@host`, not from a line. */
  userIsTyped = false;
  /** Whether a `Match final` was read: it asks for the second pass. */
  wantsFinalPass = false;

  constructor(request: ConfigRequest) {
    this.request = request;
  }

  isSet(name: keyof ConfigValues): boolean {
    return this.#settings.has(name);
  }

  /** Returns a value as its line gave it: not expanded, and without a default. */
  get<K extends keyof ConfigValues>(name: K): ConfigValues[K] | undefined {
    return this.#settings.get(name)?.value as ConfigValues[K] | undefined;
  }

  originsOf(name: keyof ConfigValues): readonly Origin[] {
    return this.#settings.get(name)?.origins ?? [];
  }

  /** Takes the value of an active line. Throws {@link BadLine} for too many values. */
  set(name: keyof ConfigValues, value: unknown, origin: Origin, replaces = false): void {
    const earlier = this.#settings.get(name);
    if (earlier === undefined || replaces) {
      this.#settings.set(name, { value, origins: [origin] });
      return;
    }
    const combine = (KEYWORDS[name] as Keyword<unknown>).combine;
    const combined = combine === undefined ? earlier.value : combine(earlier.value, value);
    if (combined === earlier.value) return;
    const problem = tooMany(name, combined);
    if (problem !== undefined) throw new BadLine(`${place(origin)}: ${problem}`);
    this.#settings.set(name, { value: combined, origins: [...earlier.origins, origin] });
  }

  /** quirk: the second pass cannot set these any more, even if the first did not. */
  fixForCanonicalizing(): void {
    const { defaults } = this.request;
    for (const name of ["canonicalizeMaxDots", "canonicalizeFallbackLocal", "canonicalizeHostname"] as const)
      if (!this.isSet(name))
        this.#settings.set(name, { value: defaults?.[name] ?? CANONICAL_DEFAULTS[name], origins: [] });
  }

  /** Makes the value of every keyword: set, or by default. */
  defaults(): ConfigValues {
    const values: Record<string, unknown> = {};
    const { algorithms, local, defaults } = this.request;
    const context: DefaultContext = {
      algorithms,
      local,
      isSet: (name) => this.isSet(name),
      values: Object.fromEntries([...this.#settings].map(([name, { value }]) => [name, value])),
    };
    for (const name of KEYWORD_NAMES) {
      const setting = this.#settings.get(name);
      if (setting !== undefined) values[name] = setting.value;
      else if (defaults !== undefined && Object.hasOwn(defaults, name)) values[name] = defaults[name];
      else values[name] = KEYWORDS[name].default(context);
    }
    return values as unknown as ConfigValues;
  }

  /** Returns the port, user and names as known so far, for tokens of `Match exec` and `Include`. */
  soFar(host: string): TokenFacts {
    const { local } = this.request;
    const proxy = this.get("proxy");
    return {
      host,
      typed: this.request.host,
      keyAlias: this.get("hostKeyAlias") ?? host,
      port: this.get("port") ?? 22,
      remoteUser: this.get("user") ?? local.user,
      jumpHost: proxy?.kind === "jump" ? (proxy.hops.at(-1)?.host ?? "") : "",
      user: local.user,
      uid: local.uid,
      home: local.home,
      hostname: local.hostname,
      sha1: local.sha1,
    };
  }
}

/** Replaces `~` or `~user` at the start of a path. Returns `undefined` for an unknown user. */
export function expandTilde(path: string, { local }: ConfigRequest): string | undefined {
  if (!path.startsWith("~")) return path;
  const slash = path.search(local.windows === undefined ? /\// : /[\\/]/);
  const user = path.slice(1, slash < 0 ? undefined : slash);
  const home = user === "" ? local.home : local.homeOf(user);
  if (home === undefined) return undefined;
  return slash < 0 ? home : home.replace(/\/$/, "") + path.slice(slash);
}

/** Expands text or ends reading: an unknown token is fatal even in a line that would not matter. */
export function expandOrFail(
  text: string,
  tokens: Tokens | undefined,
  environment: Environment | undefined,
  origin?: Origin,
): string {
  const expanded = expandText(text, tokens, environment);
  if (typeof expanded === "string") return expanded;
  const lines = [`vdollar_percent_expand: ${expanded.message}`];
  if (expanded.kind === "variable") lines.push("invalid environment variable expansion");
  else lines.push(environment === undefined ? "percent_expand: failed" : "percent_dollar_expand: failed");
  if (origin !== undefined) lines.push(`${place(origin)}: cannot be expanded`);
  throw configError(lines);
}
