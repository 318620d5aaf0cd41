import { utf8Encode } from "@nacre/wire";

/** Values of `%` tokens by letter, without the `%`. `%%` needs no entry. */
export type Tokens = Readonly<Record<string, string>>;

/** Looks up an environment variable. */
export type Environment = (name: string) => string | undefined;

/** Why a text cannot be expanded. */
export type ExpandProblem = { readonly kind: "format" | "token" | "variable"; readonly message: string };

/**
 * Replaces `%` tokens and, with `environment`, `${NAME}`. One pass from left to right: what comes out is not expanded again. Nothing is
 * quoted for a shell. Returns an {@link ExpandProblem} for an unknown token or an unset variable.
 */
export function expandText(
  text: string,
  tokens: Tokens | undefined,
  environment?: Environment,
): string | ExpandProblem {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (environment !== undefined && text[i] === "$" && text[i + 1] === "{") {
      const close = text.indexOf("}", i + 2);
      if (close < 0)
        return { kind: "format", message: `environment variable '${text.slice(i + 2)}' missing closing '}'` };
      const name = text.slice(i + 2, close);
      const value = environment(name);
      if (value === undefined) return { kind: "variable", message: `env var \${${name}} has no value` };
      parts.push(text.slice(from, i), value);
      i = close;
      from = i + 1;
    } else if (tokens !== undefined && text[i] === "%") {
      const letter = text[++i] ?? "";
      const value = letter === "%" ? "%" : Object.hasOwn(tokens, letter) ? tokens[letter] : undefined;
      if (letter === "") return { kind: "format", message: "invalid format" };
      if (value === undefined) return { kind: "token", message: `unknown key %${letter}` };
      parts.push(text.slice(from, i - 1), value);
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts.join("");
}

/** Facts about a connection that tokens expand to. */
export interface TokenFacts {
  /** The final host name: `%h`. */
  readonly host: string;
  /** The word typed: `%n`. */
  readonly typed: string;
  /** `%k`. */
  readonly keyAlias: string;
  readonly port: number;
  /** `%r`; without it there is no `%C` either, as in `User`. */
  readonly remoteUser?: string;
  /** Host of the last jump host; empty without jump hosts. */
  readonly jumpHost: string;
  readonly user: string;
  readonly uid: number;
  readonly home: string;
  readonly hostname: string;
  readonly sha1: (data: Uint8Array) => Uint8Array;
}

/** Returns the tokens of a connection: `%C %d %h %i %j %k %L %l %n %p %r %u`. */
export function connectionTokens(facts: TokenFacts): Tokens {
  const { host, remoteUser, jumpHost, hostname } = facts;
  const port = String(facts.port);
  const tokens = {
    d: facts.home,
    h: host,
    i: String(facts.uid),
    j: jumpHost,
    k: facts.keyAlias,
    L: hostname.split(".")[0]!,
    l: hostname,
    n: facts.typed,
    p: port,
    u: facts.user,
  };
  if (remoteUser === undefined) return tokens;
  return {
    ...tokens,
    r: remoteUser,
    // Computed when it is used: few files name it, and a program may have to load its SHA-1.
    get C() {
      const hash = facts.sha1(utf8Encode(hostname + host + port + remoteUser + jumpHost));
      return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}
