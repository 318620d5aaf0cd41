import { canonicalAddress } from "./addresses.ts";
import { NO_ALGORITHMS } from "./algorithms.ts";
import { canonicalName } from "./canonical.ts";
import { applyCommandLine } from "./command-line-settings.ts";
import { KEYWORDS } from "./keywords.ts";
import type { Expander, Keyword } from "./kinds.ts";
import { isSafeHost, isSafeUser } from "./names.ts";
import { configError } from "./problems.ts";
import { readFiles } from "./read-files.ts";
import { type Asking, ask, type ConfigRequest, type ResolvedConfig } from "./request.ts";
import { pathOfAgent } from "./special.ts";
import { ConfigState, expandOrFail, expandTilde, KEYWORD_NAMES } from "./state.ts";
import { connectionTokens, type TokenFacts } from "./tokens.ts";
import type { ConfigValues } from "./values.ts";

/**
 * Resolves what a connection to `request.host` would use, as `ssh -G` does. A generator: it asks for files, commands and names, and the
 * caller answers (see {@link ConfigAnswers}). Throws `file-malformed` for bad lines, all of a file in one error; `file-unreadable`;
 * `usage` for a bad command line or name; `connection-failed` for a name that must be canonicalized and cannot be.
 */
export function* resolveConfig(request: ConfigRequest): Asking<ResolvedConfig> {
  const state = new ConfigState(request);
  applyCommandLine(state);
  checkTypedNames(state);

  // First pass: the word typed decides which blocks apply.
  yield* readFiles(state, { isFinal: false, host: request.host });
  const [origin] = state.originsOf("hostName");
  const hostName = state.get("hostName");
  let host = hostName === undefined ? request.host : expandOrFail(hostName, { h: request.host }, undefined, origin);
  if (canonicalAddress(host) === undefined) host = host.toLowerCase();
  state.fixForCanonicalizing();
  host = yield* canonicalName(state, host);

  // Second pass: with the final name. Values of the first pass stay.
  if (state.wantsFinalPass || (state.get("canonicalizeHostname") ?? "no") !== "no")
    yield* readFiles(state, { isFinal: true, host });

  const raw = state.defaults();
  checkRaw(request, raw, host);
  const values: Record<string, unknown> = { ...raw, ...implied(state, raw, request) };
  const facts = { ...state.soFar(host), keyAlias: raw.hostKeyAlias?.toLowerCase() ?? request.host, port: raw.port };
  const user = expandUser(state, raw.user, facts);
  const tokens = connectionTokens({ ...facts, remoteUser: user });
  for (const name of KEYWORD_NAMES) {
    const { finish } = KEYWORDS[name] as Keyword<unknown>;
    const value = values[name];
    if (finish === undefined || value === undefined || name === "user") continue;
    const [at] = state.originsOf(name);
    const environment = request.local.environment;
    const text: Expander["text"] = (raw) => expandOrFail(raw, tokens, environment, at);
    const path: Expander["path"] = (raw) => {
      const expanded = expandTilde(raw, request);
      if (expanded === undefined) throw configError([`tilde_expand: No such user ${raw.slice(1).split("/")[0]}`]);
      return text(expanded);
    };
    values[name] = finish(value, { text, path, tokens: (raw) => expandOrFail(raw, tokens, undefined, at) });
  }
  const resolved = { ...values, user, hostName: host } as unknown as ConfigValues;
  yield* checkForwardedAgent(state, resolved);
  const origins = Object.fromEntries(
    KEYWORD_NAMES.filter((name) => state.isSet(name)).map((name) => [name, state.originsOf(name)]),
  );
  return { host: request.host, values: resolved, origins, tokens, files: state.files, notices: state.notices };
}

/** Checks names that were typed before a command or token sees them (CVE-2023-51385, CVE-2025-61984). */
function checkTypedNames(state: ConfigState): void {
  const { host } = state.request;
  const user = state.get("user");
  // cmd.exe of Windows replaces a name between two % in every word of a command.
  // rule: config-typed-variable
  if (state.request.local.windows !== undefined && /%.*%/.test(`${host} ${user ?? ""}`))
    throw configError(["hostname or username contains invalid characters"], "usage");
  // rule: config-typed-host
  if (!isSafeHost(host)) throw configError(["hostname contains invalid characters"], "usage");
  // rule: config-typed-user
  if (user !== undefined && !isSafeUser(withoutAllowed(state, user)))
    throw configError(["remote username contains invalid characters"], "usage");
}

/** Returns the part of a user name to check: a program may give a name with `$` and `\`, such as `DOMAIN\user`. */
function withoutAllowed({ request }: ConfigState, user: string): string {
  return request.userIsFromCode === true ? user.replace(/[$\\]/g, "") : user;
}

/** Values that follow from others. */
function implied(state: ConfigState, raw: ConfigValues, request: ConfigRequest): Partial<ConfigValues> {
  const only = request.stdioForward === true;
  const clears = state.get("clearAllForwardings") ?? only;
  let updateHostKeys = raw.updateHostKeys;
  const quiet = raw.logLevel === "QUIET" || raw.logLevel === "FATAL" || raw.logLevel === "ERROR";
  const runs = request.command !== undefined || setCommand(raw.remoteCommand) !== undefined || raw.requestTTY === "no";
  const persists = (raw.controlPersist ?? -1) >= 0 && setCommand(raw.controlPath) !== undefined;
  if (updateHostKeys === "ask" && (persists || runs || quiet)) updateHostKeys = "no";
  return {
    clearAllForwardings: clears,
    exitOnForwardFailure: state.get("exitOnForwardFailure") ?? only,
    updateHostKeys,
    ...(clears ? { localForward: [], remoteForward: [], tunnel: "no" } : {}),
  };
}

function setCommand(text: string | undefined): string | undefined {
  return text?.toLowerCase() === "none" ? undefined : text;
}

/** Refuses values that cannot be used. */
function checkRaw(request: ConfigRequest, raw: ConfigValues, host: string): void {
  if (raw.refuseConnection !== undefined)
    throw configError([`RefuseConnection: ${raw.refuseConnection}`], "connection-failed");
  const { proxy } = raw;
  const hop = proxy.kind === "jump" ? proxy.hops.at(-1) : undefined;
  if (hop?.host === host && (hop.port ?? 22) === raw.port && (hop.user ?? raw.user) === raw.user)
    throw configError([`jumphost loop via ${hop.host}`]);
  if (proxy.kind === "command" && proxy.command === "-" && raw.proxyUseFdpass)
    throw configError(["ProxyCommand=- and ProxyUseFDPass are incompatible"]);
  if (raw.connectionAttempts <= 0) throw configError(["Invalid number of ConnectionAttempts"]);
  const remote = setCommand(raw.remoteCommand);
  if (request.command !== undefined && remote !== undefined)
    throw configError(["Cannot execute command-line and remote command."]);
  if (
    raw.forkAfterAuthentication &&
    request.command === undefined &&
    remote === undefined &&
    raw.sessionType !== "none"
  )
    throw configError(["Cannot fork into background without a command to execute."]);
  for (const name of ALGORITHM_NAMES)
    if (raw[name] === NO_ALGORITHMS)
      throw configError([`dump_client_config: expand ${name[0]!.toUpperCase()}${name.slice(1)}: invalid argument`]);
}

const ALGORITHM_NAMES = [
  "ciphers",
  "macs",
  "kexAlgorithms",
  "hostKeyAlgorithms",
  "hostbasedAcceptedAlgorithms",
  "pubkeyAcceptedAlgorithms",
  "caSignatureAlgorithms",
] as const;

/** Expands the user of a file, before `%r` and `%C` are known. */
function expandUser(state: ConfigState, user: string, facts: TokenFacts): string {
  // rule: config-user-controls
  if (/\p{Cc}/u.test(user)) throw configError(["remote username contains invalid characters"]);
  if (!state.isSet("user")) return user;
  // The name typed was checked before; one of a file that stands in its place was not.
  if (state.userIsTyped) {
    if (!isSafeUser(withoutAllowed(state, user))) throw configError(["remote username contains invalid characters"]);
    return user;
  }
  const { remoteUser: _, ...without } = facts;
  const [origin] = state.originsOf("user");
  const expanded = expandOrFail(user, connectionTokens(without), state.request.local.environment, origin);
  // rule: config-expanded-user
  if (expanded !== user && !isSafeUser(expanded)) throw configError(["remote username contains invalid characters"]);
  return expanded;
}

/** quirk: a missing socket is only reported, unless forwards must succeed; a `$VARIABLE` is looked up as a path too. */
function* checkForwardedAgent(state: ConfigState, { forwardAgent, exitOnForwardFailure }: ConfigValues): Asking<void> {
  if (typeof forwardAgent === "boolean") return;
  const path = pathOfAgent(forwardAgent);
  if (yield* ask("exists", { path })) return;
  const message = `Cannot forward agent socket path "${path}": No such file or directory`;
  if (exitOnForwardFailure) throw configError([message]);
  state.notices.push(message);
}
