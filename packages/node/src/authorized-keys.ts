import { type AuthorizedKeyCheck, parseAuthorizedKeys } from "@nacre/keyfiles/parts";
import { escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import type { Authenticate, LoginDecision, PublickeyLogin } from "nacre/parts";
import { expandHome } from "./files.ts";
import { readOwned } from "./owned-file.ts";

/** Which authorized_keys files count for a user: all the same, or what a function says. A leading `~/` is the home folder of who runs the server. */
export type AuthorizedKeysFiles =
  | string
  | readonly string[]
  | ((user: string) => AuthorizedKeysPaths | Promise<AuthorizedKeysPaths>);

type AuthorizedKeysPaths = string | readonly string[] | undefined;

export interface AuthorizedKeysOptions {
  /**
   * Which variables `environment=` may add: none by default, as sshd's PermitUserEnvironment; true for all. Whoever may write the file
   * and is to run less than everything could run it all by a variable such as LD_PRELOAD or BASH_ENV.
   */
  readonly permitUserEnvironment?: boolean | ((name: string) => boolean) | undefined;
  /** Called with what was not used, and why: one line, safe to show. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/**
 * Lets in by authorized_keys files (sshd(8)): whoever has a key of a line whose conditions hold, with what the line permits. A
 * line with an option that is unknown or cannot be enforced lets nobody in, and neither does a file that others may write, or
 * replace because a folder above it is theirs to write.
 * Files are read anew at each login; those that do not exist are empty. A name of a user that goes into a path is any text:
 * look it up, do not paste it in.
 */
export function authorizedKeys(files: AuthorizedKeysFiles, options: AuthorizedKeysOptions = {}): Authenticate {
  return async (login) => {
    if (login.method !== "publickey") return false;
    const paths = typeof files === "function" ? await files(login.user) : files;
    for (const path of typeof paths === "string" ? [paths] : (paths ?? [])) {
      const decision = await decide(path, login, options);
      if (decision !== false) return decision;
    }
    return false;
  };
}

async function decide(
  path: string,
  login: PublickeyLogin,
  { warn = () => {}, now = Date.now, permitUserEnvironment = false }: AuthorizedKeysOptions,
): Promise<LoginDecision> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readOwned(expandHome(path));
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    warn(`${escapeText(path)} is not used: ${error.message}`);
  }
  if (bytes === undefined) return false;
  const file = parseAuthorizedKeys(utf8DecodeLossy(bytes));
  for (const { line, problem } of file.problems) warn(`${escapeText(path)}:${line} is not used: ${problem}`);
  const check = file.check(login.publicKey, {
    address: login.remoteAddress,
    now: now(),
    localTime: ({ year, month, day, hour, minute, second }) =>
      new Date(year, month - 1, day, hour, minute, second).getTime(),
  });
  if (!check.allowed) {
    for (const { line, reason } of check.reasons)
      warn(`${escapeText(path)}:${line} does not let ${login.fingerprint} in: ${REASONS[reason](login)}`);
    return false;
  }
  // Forwarding and ~/.ssh/rc need no permission: this server has neither.
  const { command, pty } = check.key.restrictions;
  const isPermitted = (name: string): boolean =>
    typeof permitUserEnvironment === "function" ? permitUserEnvironment(name) : permitUserEnvironment;
  const environment = Object.entries(check.key.restrictions.environment).filter(([name]) => {
    const permitted = isPermitted(name);
    if (!permitted)
      warn(`${escapeText(path)}:${check.key.line} does not add ${name}: environment= is not permitted to`);
    return permitted;
  });
  return {
    permissions: { ...(command !== undefined && { command }), environment: Object.fromEntries(environment), pty },
  };
}

const REASONS: Readonly<
  Record<
    Extract<AuthorizedKeyCheck, { allowed: false }>["reasons"][number]["reason"],
    (login: PublickeyLogin) => string
  >
> = {
  from: ({ remoteAddress }) => `the client is at ${remoteAddress ?? "an address that is not known"}`,
  expired: () => "its time is over",
  problem: () => "the line is not used",
};
