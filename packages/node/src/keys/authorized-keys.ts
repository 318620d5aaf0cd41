import { type AuthorizedKeyCheck, parseAuthorizedKeys } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { Authenticate, LoginDecision, PublickeyLogin } from "nacre/extend";
import { expandHome } from "./files.ts";
import { type OwnedFile, readOwned } from "./owned-file.ts";

/**
 * Paths of a user's authorized_keys files: either the same for all users, or returned by a function of the user name. A leading `~/` is the
 * home folder of the account that runs the server.
 */
export type AuthorizedKeysFiles =
  | string
  | readonly string[]
  | ((user: string) => AuthorizedKeysPaths | Promise<AuthorizedKeysPaths>);

/** Names of authorized_keys files; `undefined` for a user who has none. */
export type AuthorizedKeysPaths = string | readonly string[] | undefined;

/** Options of `authorizedKeys`. */
export interface AuthorizedKeysOptions {
  /**
   * User id that may own the files and their folders, in addition to root. A function returns the id for each user. Default: the account
   * that runs the server. Required if the server runs as root and serves other accounts.
   */
  readonly owner?: number | ((user: string) => number) | undefined;
  /**
   * Home folder that replaces a leading `~/`; the folders above it are not checked. Default: the home folder of the account that runs the
   * server, from the password database.
   */
  readonly home?: string | undefined;
  /** Maximum size of a file in bytes; a larger file is ignored. Default 4 MiB, about 40,000 Ed25519 keys. */
  readonly maxFileBytes?: number | undefined;
  /**
   * Variables that the option `environment=` may set: none by default, like sshd's PermitUserEnvironment; true permits all. Setting
   * LD_PRELOAD or BASH_ENV would let a user run any command, even if the account is restricted to certain commands.
   */
  readonly permitUserEnvironment?: boolean | ((name: string) => boolean) | undefined;
  /** Called with a one-line description of each ignored file or line. Safe to display. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Returns the current time in milliseconds since 1970; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * Returns an `authenticate` function that accepts the keys in authorized_keys files (sshd(8)). A login gets the permissions of the matching
 * line. A line with an unknown or unenforceable option accepts no login. A file is ignored if a user other than its owner and root can
 * write it, or can replace it by writing a folder above it.
 * Files are read again at each login; a missing file counts as empty. Only lines that contain the login's key are parsed. Problems in these
 * lines are reported once until the file changes. A user name can be any text: look it up, never paste it into a path.
 */
export function authorizedKeys(files: AuthorizedKeysFiles, options: AuthorizedKeysOptions = {}): Authenticate {
  const problems = new ProblemLog(options.warn);
  return async (login) => {
    if (login.method !== "publickey") return false;
    const paths = typeof files === "function" ? await files(login.user) : files;
    for (const path of typeof paths === "string" ? [paths] : (paths ?? [])) {
      const decision = await decide(path, login, options, problems);
      if (decision !== false) return decision;
    }
    return false;
  };
}

/** Maximum number of files in the problem log. */
const REMEMBERED_FILES = 1000;

/** Reports each problem of a file once until the file changes, so that unauthenticated clients cannot fill the log. */
class ProblemLog {
  readonly #warn: (text: string) => void;
  readonly #files = new Map<string, { readonly version: string; readonly told: Set<string> }>();

  constructor(warn: (text: string) => void = () => {}) {
    this.#warn = warn;
  }

  /** Reports `problem`. `version` identifies the file's current content. */
  report(path: string, version: string, problem: string): void {
    let file = this.#files.get(path);
    if (file?.version !== version) {
      // Paths may contain user names, so clients could otherwise add files without limit.
      if (this.#files.size >= REMEMBERED_FILES) this.#files.clear();
      file = { version, told: new Set() };
      this.#files.set(path, file);
    }
    // Once, because clients may query a key as often as they like.
    if (file.told.has(problem)) return;
    file.told.add(problem);
    this.#warn(`${escapeText(path)}${problem}`);
  }
}

async function decide(
  path: string,
  login: PublickeyLogin,
  options: AuthorizedKeysOptions,
  problems: ProblemLog,
): Promise<LoginDecision> {
  const { warn = () => {}, now = Date.now, permitUserEnvironment = false, owner, home, maxFileBytes } = options;
  let found: OwnedFile | undefined;
  try {
    found = await readOwned(expandHome(path, home), {
      owner: typeof owner === "function" ? owner(login.user) : owner,
      home,
      maxBytes: maxFileBytes,
    });
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    problems.report(path, "", ` is ignored: ${error.message}`);
  }
  if (found === undefined) return false;
  const { bytes, version } = found;
  // Runs before login: Node decodes UTF-8 many times faster than the portable code.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  // rule: offered-key-only
  const file = parseAuthorizedKeys(text, login.publicKey);
  for (const { line, problem } of file.problems) problems.report(path, version, `:${line} is ignored: ${problem}`);
  const check = file.check(login.publicKey, {
    address: login.remoteAddress,
    now: now(),
    localTime: ({ year, month, day, hour, minute, second }) =>
      new Date(year, month - 1, day, hour, minute, second).getTime(),
  });
  if (!check.allowed) {
    for (const { line, reason } of check.reasons) {
      const refusal = `:${line} does not accept ${login.fingerprint}: ${REASONS[reason](login)}`;
      if (reason === "problem") problems.report(path, version, refusal);
      else warn(`${escapeText(path)}${refusal}`);
    }
    return false;
  }
  // This server has no tunnel devices and no ~/.ssh/rc, so `tunnel=` and `user-rc` have no effect.
  const { command, pty, permitOpen, permitListen, portForwarding, agentForwarding, x11Forwarding } =
    check.key.restrictions;
  const forwarding = { portForwarding, agentForwarding, x11Forwarding };
  const isPermitted = (name: string): boolean =>
    typeof permitUserEnvironment === "function" ? permitUserEnvironment(name) : permitUserEnvironment;
  const environment = Object.entries(check.key.restrictions.environment).filter(([name]) => {
    const permitted = isPermitted(name);
    // rule: permitted-environment
    if (!permitted)
      problems.report(
        path,
        version,
        `:${check.key.line} does not set ${name}: \`permitUserEnvironment\` does not permit it`,
      );
    return permitted;
  });
  return {
    permissions: {
      ...(command !== undefined && { command }),
      environment: Object.fromEntries(environment),
      // rule: login-pty
      pty,
      // rule: login-permitopen
      ...(permitOpen !== undefined && { permitOpen }),
      // rule: login-permitlisten
      ...(permitListen !== undefined && { permitListen }),
      ...forwarding,
    },
  };
}

const REASONS: Readonly<
  Record<
    Extract<AuthorizedKeyCheck, { allowed: false }>["reasons"][number]["reason"],
    (login: PublickeyLogin) => string
  >
> = {
  from: ({ remoteAddress }) =>
    `its \`from\` option does not match the client's address (${remoteAddress ?? "unknown"})`,
  expired: () => "its `expiry-time` has passed",
  problem: () => "the line is invalid",
};
