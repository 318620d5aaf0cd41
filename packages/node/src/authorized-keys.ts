import { type AuthorizedKeyCheck, parseAuthorizedKeys } from "@nacre/keyfiles/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { Authenticate, LoginDecision, PublickeyLogin } from "nacre/internal";
import { expandHome } from "./files.ts";
import { type OwnedFile, readOwned } from "./owned-file.ts";

/**
 * The authorized_keys files of a user: the same for everybody, or by a function of the user's name. A leading `~/` is the home folder of
 * the account that runs the server.
 */
export type AuthorizedKeysFiles =
  | string
  | readonly string[]
  | ((user: string) => AuthorizedKeysPaths | Promise<AuthorizedKeysPaths>);

type AuthorizedKeysPaths = string | readonly string[] | undefined;

/** Options of `authorizedKeys`. */
export interface AuthorizedKeysOptions {
  /**
   * User id of the account that may own the files and their folders, besides root; a function names one for each user. Default: the account
   * that runs the server. A server that root runs for other accounts must give it.
   */
  readonly owner?: number | ((user: string) => number) | undefined;
  /**
   * Home folder that a leading `~/` stands for; folders above it are not checked. Default: that of the account that runs the server, by the
   * password database.
   */
  readonly home?: string | undefined;
  /** Bytes that a file may have; a larger one is not used. Default 4 MiB, some 40,000 Ed25519 keys. */
  readonly maxFileBytes?: number | undefined;
  /**
   * Which variables `environment=` may add: none by default, as sshd's PermitUserEnvironment; true for all. A user who may write the file
   * but run only some commands could run any command by a variable such as LD_PRELOAD or BASH_ENV.
   */
  readonly permitUserEnvironment?: boolean | ((name: string) => boolean) | undefined;
  /** Called with what was not used, and why: one line, safe to show. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/**
 * Lets in by authorized_keys files (sshd(8)): a login with a key of a line whose conditions hold, with the permissions of that line. A
 * line with an option that is unknown or cannot be enforced lets nobody in. Neither does a file that others than its owner and root may
 * write, or replace because they may write a folder above it.
 * Files are read anew at each login; a missing file counts as empty. Only lines with the login's key are parsed, and only their problems
 * are reported, once until the file changes. A user name can be any text: look it up, never paste it into a path.
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

/** Files whose problems are remembered as reported. */
const REMEMBERED_FILES = 1000;

/** Reports each problem of a file once until the file changes: strangers who ask about keys must not fill the log. */
class ProblemLog {
  readonly #warn: (text: string) => void;
  readonly #files = new Map<string, { readonly version: string; readonly told: Set<string> }>();

  constructor(warn: (text: string) => void = () => {}) {
    this.#warn = warn;
  }

  /** `version` changes with the file. */
  report(path: string, version: string, problem: string): void {
    let file = this.#files.get(path);
    if (file?.version !== version) {
      // A path may come from a user name, so the number of files has no other bound.
      if (this.#files.size >= REMEMBERED_FILES) this.#files.clear();
      file = { version, told: new Set() };
      this.#files.set(path, file);
    }
    // rule: problem-told-once
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
    problems.report(path, "", ` is not used: ${error.message}`);
  }
  if (found === undefined) return false;
  const { bytes, version } = found;
  // Node decodes UTF-8 many times faster than portable code, and this runs before login.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  // rule: offered-key-only
  const file = parseAuthorizedKeys(text, login.publicKey);
  for (const { line, problem } of file.problems) problems.report(path, version, `:${line} is not used: ${problem}`);
  const check = file.check(login.publicKey, {
    address: login.remoteAddress,
    now: now(),
    localTime: ({ year, month, day, hour, minute, second }) =>
      new Date(year, month - 1, day, hour, minute, second).getTime(),
  });
  if (!check.allowed) {
    for (const { line, reason } of check.reasons) {
      const refusal = `:${line} does not let ${login.fingerprint} in: ${REASONS[reason](login)}`;
      if (reason === "problem") problems.report(path, version, refusal);
      else warn(`${escapeText(path)}${refusal}`);
    }
    return false;
  }
  // `tunnel=` and `user-rc` are about what this server never has: tunnel devices and ~/.ssh/rc.
  const { command, pty, portForwarding, permitOpen, permitListen, agentForwarding, x11Forwarding } =
    check.key.restrictions;
  const isPermitted = (name: string): boolean =>
    typeof permitUserEnvironment === "function" ? permitUserEnvironment(name) : permitUserEnvironment;
  const environment = Object.entries(check.key.restrictions.environment).filter(([name]) => {
    const permitted = isPermitted(name);
    // rule: permitted-environment
    if (!permitted)
      problems.report(path, version, `:${check.key.line} does not add ${name}: environment= is not permitted to`);
    return permitted;
  });
  return {
    permissions: {
      ...(command !== undefined && { command }),
      environment: Object.fromEntries(environment),
      // rule: login-pty
      pty,
      portForwarding,
      // rule: login-permitopen
      ...(permitOpen !== undefined && { permitOpen }),
      // rule: login-permitlisten
      ...(permitListen !== undefined && { permitListen }),
      agentForwarding,
      x11Forwarding,
    },
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
