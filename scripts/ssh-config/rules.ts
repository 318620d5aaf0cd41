import { fileURLToPath } from "node:url";

/** Folder of the sources that the rules are taken out of. */
export const SOURCES = fileURLToPath(new URL("../../packages/config/src/", import.meta.url));

/** A rule of ssh_config, and the change of a source that takes it out. */
export interface Rule {
  readonly rule: string;
  readonly file: string;
  /** Text that stands once in the file. */
  readonly find: string;
  readonly replacement: string;
}

/** Returns the source without a rule. Throws if the text to replace does not stand in it exactly once. */
export function patchedSource(source: string, { rule, file, find, replacement }: Rule): string {
  const count = source.split(find).length - 1;
  if (count !== 1) throw new Error(`rule "${rule}": its text stands ${count} times in ${file}`);
  return source.replace(find, () => replacement);
}

/** Groups changes by file: `[rule, find, replacement]`. */
function rulesIn(file: string, ...changes: readonly (readonly [string, string, string])[]): Rule[] {
  return changes.map(([rule, find, replacement]) => ({ rule, file, find, replacement }));
}

const LINES = rulesIn(
  "words.ts",
  ["trailing blanks, CR and form feeds go", "while (end > 1 && TRAILING.includes(text[end - 1]!)) end--;", ""],
  ["leading blanks, and one =, go", 'if (keyword === "") {', "if (keyword === undefined) {"],
  ["a # at the start makes a comment", ' || keyword.startsWith("#")', ""],
  ["NUL ends a line", 'const nul = text.indexOf("\\0");', "const nul = -1;"],
  ["only one = follows the keyword", "!wasEquals && text[at] ===", "text[at] ==="],
  ["blanks may stand around the =", "at = skipBlanks(text, at + 1, end);", "at++;"],
  ["a keyword may be quoted", "if (text[at] === '\"' && at < end) {", "if (end < 0) {"],
  ["keywords have any case", "keyword: keyword.toLowerCase()", "keyword"],
  [
    "tabs split words",
    'else if (quote === "" && (char === " " || char === "\\t")) {',
    'else if (quote === "" && char === " ") {',
  ],
  ["single quotes quote", `(char === '"' || char === "'")`, `char === '"'`],
  ["the other quote is plain in quotes", `char === quote || (quote === "" && `, `char === quote || (`],
  ["quotes may stand in a word", `(quote === "" && (char === '"'`, `(quote === "" && i === from && (char === '"'`],
  ["a backslash escapes quotes and itself", "(`'\"\\\\`.includes(next) ||", "("],
  ["a backslash escapes a blank", ' || (quote === "" && next === " ")', ""],
  ["no blank is escaped in quotes", '(quote === "" && next === " ")', 'next === " "'],
  ["a # at the start of a word ends the line", 'if (text[i] === "#") break;', ""],
  ["a # in a word is kept", "const char = text[i]!;", 'const char = text[i]!;\n      if (char === "#") break;'],
  ["an open quote is an error", 'if (quote !== "") return undefined;', ""],
);

const READING = rulesIn(
  "read-files.ts",
  [
    "a keyword needs an argument",
    'if (rest === "") throw',
    'if (rest === "") return undefined;\n  if (rest === "") throw',
  ],
  [
    "more arguments than a keyword takes are an error",
    "if (line.left > 0) line.fail(",
    "if (line.left > 9) line.fail(",
  ],
  ["an unknown keyword is an error", "const isUnknown = name", "const isUnknown = false && name"],
  ["IgnoreUnknown", " && !isIgnored(state, keyword);", ";"],
  [
    "IgnoreUnknown ignores case",
    'state.get("ignoreUnknown") ?? "", { ignoreCase: true }',
    'state.get("ignoreUnknown") ?? ""',
  ],
  ["old keywords are read", "!isBlock && !OLD_KEYWORDS.has(keyword) &&", "!isBlock &&"],
  [
    "commands are split too, and need closed quotes",
    "splitWords(rest);",
    'splitWords(rest) ?? (keyword.endsWith("command") ? [] : undefined);',
  ],
  ["all bad lines of a file are listed", "      bad++;", "      bad++;\n      if (bad > 1) continue;"],
  ["bad lines are counted", "terminating, ${bad} bad", "terminating, 1 bad"],
  ["a fatal line ends reading", "if (error.isLast) throw", "if (bad < 0) throw"],
  [
    "lines of blocks that do not match are checked",
    "if (name !== undefined) {",
    "if (name !== undefined && (block.active || KEYWORDS[name].everywhere)) {",
  ],
  [
    "lines of blocks that do not match do not apply",
    "if (block.active || row.everywhere === true)",
    "if (block !== undefined)",
  ],
  [
    "StreamLocalBindMask and SyslogFacility count everywhere",
    "if (block.active || row.everywhere === true)",
    "if (block.active)",
  ],
  [
    "a block ends at the next Host",
    "pass.host, place(origin)) && !block.never;",
    "pass.host, place(origin)) && !block.never && block.active;",
  ],
  [
    "nothing applies in a file included where nothing applies (Host)",
    "place(origin)) && !block.never;",
    "place(origin));",
  ],
  [
    "nothing applies in a file included where nothing applies (Match)",
    "block.active = matches && !block.never;",
    "block.active = matches;",
  ],
  [
    "an Include where nothing applies is read",
    "const inner = { active",
    "if (!block.active) return;\n  const inner = { active",
  ],
  [
    "a block around an Include goes on after it",
    "const inner = { active: block.active, never: !block.active };",
    "const inner = block;",
  ],
  ["included files are deep at most 16", "where.limits.beginInclude(where.depth + 1);", ""],
  [
    "Include takes several paths",
    'for (const word of words) {\n      if (word === "") throw new BadLine(`${at}: keyword include',
    'for (const word of words.slice(0, 1)) {\n      if (word === "") throw new BadLine(`${at}: keyword include',
  ],
  ["tokens in Include", "const expanded = expandText(word, tokens,", "const expanded = expandText(word, undefined,"],
  ["variables in Include", "expandText(word, tokens, local.environment)", "expandText(word, tokens, undefined)"],
  ["an unset variable in Include skips the path", 'if (expanded.kind !== "variable") throw', "throw"],
  ["a relative Include is in ~/.ssh", ": `${local.home}/.ssh/`;", ": `${local.home}/`;"],
  ["~ in Include", "return expandTilde(expanded, state.request) ?? expanded;", "return expanded;"],
  [
    "an empty path of Include is an error",
    'if (word === "") throw new BadLine(`${at}: keyword include empty argument`);',
    'if (word === "") continue;',
  ],
);

const MATCHING = [
  ...rulesIn(
    "match.ts",
    ["Host: a negated match wins", "if (negated) return false;", ""],
    ["Host: any pattern may match", "    matches = true;", "    matches = word === words[0];"],
    ["Host: an empty pattern is an error", 'if (word === "") throw', 'if (word === "-") throw'],
    ["Match: criteria in any case", '.toLowerCase();\n    if (attribute === "all")', ';\n    if (attribute === "all")'],
    ["Match: all of the criteria", "if (holds === negated) result = false;", "result = holds !== negated;"],
    ["Match: ! negates", "if (holds === negated) result = false;", "if (!holds) result = false;"],
    ["Match all", "return result && !negated;", "return false;"],
    ["Match !all", "return result && !negated;", "return result;"],
    ["Match: all stands last", "i + 1 < words.length)", "i < 0)"],
    ["Match: one criterion may stand before all", "if (attributes > 1 ||", "if (attributes > 0 ||"],
    [
      "Match final asks for a second pass",
      "!negated) state.wantsFinalPass = true;",
      "!negated) state.wantsFinalPass = false;",
    ],
    [
      "Match final asks wherever it stands",
      "!negated) state.wantsFinalPass = true;",
      "!negated && result) state.wantsFinalPass = true;",
    ],
    ["Match canonical asks for no second pass", 'if (attribute === "final" && !negated)', "if (!negated)"],
    ["Match final holds in the second pass", "if (pass.isFinal === negated) result = false;", "result = false;"],
    ["Match final holds in no other pass", "if (pass.isFinal === negated) result = false;", ""],
    ["Match: crit=arg", "if (equals > 0 &&", "if (equals > 99 &&"],
    ["Match sessiontype takes no =", ' && !attribute.startsWith("sessiontype=")', ""],
    [
      "Match: a criterion needs an argument",
      "if (argument === undefined) return bad(",
      'argument ??= "*";\n    if (argument === undefined) return bad(',
    ],
    [
      "Match: an empty argument is an error",
      'if (argument === "" && !MAY_BE_EMPTY.has(attribute)) bad(',
      "if (MAY_BE_EMPTY.has(argument)) bad(",
    ],
    [
      "Match: an unknown criterion is an error",
      "if (criterion === undefined) return bad(",
      "if (criterion === undefined) return false;\n    if (criterion === undefined) return bad(",
    ],
    ['Match tagged "" means no tag', 'return (text ?? "") === "" && argument === "";', "return false;"],
    [
      "Match host ignores case",
      "host: compares((_, host) => host, { ignoreCase: true })",
      "host: compares((_, host) => host)",
    ],
    ["Match originalhost ignores case", "request.host, { ignoreCase: true })", "request.host)"],
    [
      "Match originalhost is the word typed",
      "originalhost: compares(({ request }) => request.host,",
      "originalhost: compares((_, host) => host,",
    ],
    ["Match host is HostName as known so far", "if (pass.isFinal) return pass.host;", "return pass.host;"],
    ["Match host expands %h of HostName", "expandOrFail(hostName, { h: pass.host }, undefined, origin)", "hostName"],
    [
      "Match user is the local user without User",
      'state.get("user") ?? state.request.local.user),',
      'state.get("user")),',
    ],
    [
      "Match user is User as known so far",
      'user: compares((state) => state.get("user") ??',
      "user: compares((state) => undefined ??",
    ],
    [
      "Match localuser",
      "localuser: compares(({ request }) => request.local.user)",
      'localuser: compares((state) => state.get("user") ?? state.request.local.user)',
    ],
    ["Match version", "request.version)", '"OpenSSH_9.9")'],
    ["Match tagged", 'state.get("tag"))', "undefined)"],
    ["Match command", "compares(({ request }) => request.command)", "compares(() => undefined)"],
    ["Match sessiontype: shell without a command", '"shell" : "exec"', '"exec" : "exec"'],
    ["Match sessiontype: exec with a command", '"shell" : "exec"', '"shell" : "shell"'],
    ["Match sessiontype: that of the keyword", 'return type === "default" ?', 'return type !== "" ?'],
    ["Match localnetwork", "addresses.some((address) => tests", "addresses.every((address) => tests"],
    ["Match exec runs the command", '(yield* ask("command", { command, origin })) === 0', "true"],
    [
      "Match exec expands tokens",
      "expandOrFail(argument, connectionTokens(state.soFar(host)), undefined, origin)",
      "argument",
    ],
  ),
  ...rulesIn(
    "patterns.ts",
    ["lists: a negated match wins", 'if (negated) return "no";', ""],
    ["lists: split at commas", 'fold(list).split(",")', "[fold(list)]"],
  ),
  ...rulesIn(
    "addresses.ts",
    ["localnetwork: no host bits", "network.some((byte, i) => (byte & ~maskOf(length, i)) !== 0)", "length < 0"],
    ["localnetwork: addresses only", "if (/[^0-9a-fA-F.:/]/.test(entry))", 'if (entry === "*")'],
    ["localnetwork: several networks", 'list.split(",")', 'list.split(",", 1)'],
    [
      "addresses of fewer than four numbers",
      "if (parts.length > 4) return undefined;",
      "if (parts.length !== 4) return undefined;",
    ],
    ["addresses in hexadecimal", "if (/^0x[0-9a-f]{1,8}$/i.test(part))", 'if (part === "0x")'],
    ["IPv6 in its shortest form", "if (length < 2) return", "if (length < 99) return"],
  ),
];

const STATE = rulesIn(
  "state.ts",
  ["the first value wins", "combine === undefined ? earlier.value :", "combine === undefined ? value :"],
  ["-c, -A and the like replace", "if (earlier === undefined || replaces) {", "if (earlier === undefined) {"],
  ["%p is 22 without Port", 'this.get("port") ?? 22', 'this.get("port") ?? 0'],
  ["%p is Port as known so far", 'port: this.get("port") ??', "port: undefined ??"],
  [
    "%k is HostName in Match exec",
    'keyAlias: this.get("hostKeyAlias") ?? host,',
    'keyAlias: this.get("hostKeyAlias") ?? this.request.host,',
  ],
  [
    "%r is the local user without User",
    'remoteUser: this.get("user") ?? local.user',
    'remoteUser: this.get("user") ?? ""',
  ],
  ["%j is the last jump host", "proxy.hops.at(-1)?.host", "proxy.hops[0]?.host"],
  ["~ is the home folder", 'const home = user === "" ? local.home :', 'const home = user === "" ? "~" :'],
  ["~user", "local.homeOf(user)", 'local.homeOf("")'],
);

const LIMITS = rulesIn(
  "limits.ts",
  [
    "IdentityFile has 100 values at most",
    'if (name === "identityFile" && count',
    'if (name === "identityFile" && -count',
  ],
  [
    "CertificateFile has 100 values at most",
    'if (name === "certificateFile" && count',
    'if (name === "certificateFile" && -count',
  ],
);

const RESOLVING = [
  ...rulesIn(
    "resolve.ts",
    [
      "the command line wins over files",
      "  applyCommandLine(state);\n",
      "  yield* readFiles(state, { isFinal: false, host: request.host });\n  applyCommandLine(state);\n",
    ],
    ["HostName expands %h", "expandOrFail(hostName, { h: request.host }, undefined, origin)", "hostName"],
    ["HostName is lower-cased", "host = host.toLowerCase();", ""],
    ["a second pass after Match final", "if (state.wantsFinalPass || (", "if (("],
    ["a second pass with CanonicalizeHostname", ' || (state.get("canonicalizeHostname") ?? "no") !== "no")', ")"],
    ["the second pass compares the final name", "{ isFinal: true, host }", "{ isFinal: true, host: request.host }"],
    ["CanonicalizeMaxDots and the like stay as the first pass had them", "  state.fixForCanonicalizing();\n", ""],
    ["typed hosts are checked", "if (!isSafeHost(host)) throw", 'if (host === "") throw'],
    [
      "typed users are checked",
      "if (user !== undefined && !isSafeUser(withoutAllowed(state, user)))",
      'if (user === "")',
    ],
    ["expanded users are checked", "if (expanded !== user && !isSafeUser(expanded))", 'if (expanded === "")'],
    [
      "users of files are not checked as they are written",
      "if (expanded !== user && !isSafeUser(expanded))",
      "if (!isSafeUser(expanded))",
    ],
    [
      "a user of a file in the place of a typed one is checked",
      "    if (!isSafeUser(withoutAllowed(state, user))) throw",
      '    if (user === "") throw',
    ],
    ["typed users are not expanded", "if (state.userIsTyped) {", "if (state.userIsTyped && !user) {"],
    ["User knows no %r and no %C", "const { remoteUser: _, ...without } = facts;", "const without = facts;"],
    [
      "User expands tokens",
      "const expanded = expandOrFail(user, connectionTokens(without), state",
      "const expanded = expandOrFail(user, undefined, state",
    ],
    [
      "User expands variables",
      "connectionTokens(without), state.request.local.environment,",
      "connectionTokens(without), undefined,",
    ],
    ["%k is HostKeyAlias", "raw.hostKeyAlias?.toLowerCase() ?? request.host", "request.host"],
    ["%k is the word typed without HostKeyAlias", "?? request.host, port: raw.port", "?? host, port: raw.port"],
    [
      "an unknown ~user is fatal",
      "if (expanded === undefined) throw",
      "if (expanded === undefined) return raw;\n      if (expanded === undefined) throw",
    ],
    ["ClearAllForwardings clears", "...(clears ? {", "...(clears && !state ? {"],
    ["ClearAllForwardings clears Tunnel", ', tunnel: "no" }', " }"],
    ["-W clears forwards", 'state.get("clearAllForwardings") ?? only', 'state.get("clearAllForwardings") ?? false'],
    [
      "-W sets ExitOnForwardFailure",
      'state.get("exitOnForwardFailure") ?? only',
      'state.get("exitOnForwardFailure") ?? false',
    ],
    ["UpdateHostKeys ask: no with a command", "(persists || runs || quiet)", "(persists || quiet)"],
    ["UpdateHostKeys ask: no with ControlPersist", "(persists || runs || quiet)", "(runs || quiet)"],
    ["UpdateHostKeys ask: no with a low log level", "(persists || runs || quiet)", "(persists || runs)"],
    ["a jump to the host itself is fatal", "if (hop?.host === host &&", "if (hop?.host === `${host}/` &&"],
    ["a jump to another port of the host", "(hop.port ?? 22) === raw.port && ", ""],
    ["a jump to the host as another user", " && (hop.user ?? raw.user) === raw.user)", ")"],
    ["ProxyUseFdpass needs a command", 'proxy.command === "-" && raw.proxyUseFdpass)', "raw.proxyUseFdpass && !proxy)"],
    ["ConnectionAttempts is at least 1", "if (raw.connectionAttempts <= 0)", "if (raw.connectionAttempts < 0)"],
    [
      "RemoteCommand beside a command is fatal",
      "if (request.command !== undefined && remote !== undefined)",
      "if (request.command === remote && remote)",
    ],
    [
      "RemoteCommand none counts as unset",
      "const remote = setCommand(raw.remoteCommand);",
      "const remote = raw.remoteCommand;",
    ],
    [
      "ForkAfterAuthentication needs a command",
      "raw.forkAfterAuthentication &&",
      "raw.forkAfterAuthentication && !raw &&",
    ],
    ["ForkAfterAuthentication with SessionType none", '    raw.sessionType !== "none"\n', "    raw.sessionType\n"],
    ["a negated algorithm list is fatal", "if (raw[name] === NO_ALGORITHMS)", "if (raw[name] === undefined)"],
    [
      "a missing agent socket is fatal with ExitOnForwardFailure",
      "if (exitOnForwardFailure) throw",
      "if (!forwardAgent) throw",
    ],
  ),
  ...rulesIn(
    "canonical.ts",
    ["addresses in their usual form", "!isOther) return address;", "!isOther) return name;"],
    [
      "addresses of the other family stay as they are",
      "if (address !== undefined && !isOther)",
      "if (address !== undefined)",
    ],
    [
      "CanonicalizeHostname yes: not with a proxy",
      'mode === "always" || (mode === "yes" && isDirect)',
      'mode !== "no"',
    ],
    ["CanonicalizeHostname always", 'mode === "always" || (mode', "(mode"],
    [
      "CanonicalizeFallbackLocal no is fatal",
      'if (state.get("canonicalizeFallbackLocal") === false)',
      'if (state.get("canonicalizeFallbackLocal") === undefined)',
    ],
    ["CanonicalizeMaxDots", '(state.get("canonicalizeMaxDots") ?? 1)', "1"],
    ["names with dots enough stay", "if (!isAnchored && name.split", "if (isAnchored && name.split"],
    ["CanonicalizePermittedCNAMEs resolves the name", "if (rules.length === 0 ||", "if (rules.length >= 0 ||"],
  ),
  ...rulesIn(
    "command-line-settings.ts",
    [
      "-o Host is refused",
      "if (isBlockKeyword(keyword))\n    throw",
      "if (isBlockKeyword(keyword)) return;\n  if (isBlockKeyword(keyword))\n    throw",
    ],
    [
      "-o with an unknown keyword is refused",
      "if (unknown.length > 0) throw",
      "if (unknown.length > 0) return;\n  if (unknown.length > 0) throw",
    ],
    ["-o with more arguments is refused", "if (line.left > 0) throw", "if (line.left < 0) throw"],
    [
      "-J is given once",
      'if (state.get("proxy")?.kind === "jump")',
      'if (state.get("proxy") === undefined && text === "")',
    ],
    ["-J and ProxyCommand of the command line", 'if (state.isSet("proxy")) throw', 'if (text === "") throw'],
    ["-C prints UNKNOWN", '"compression", "unknown"', '"compression", true'],
    ["-l wins over User", 'if (text !== "") state.set("user"', 'if (text === "-") state.set("user"'],
  ),
];

const TOKENS = rulesIn(
  "tokens.ts",
  ["%% is %", 'letter === "%" ? "%" :', 'letter === "%" ? "%%" :'],
  [
    "an unknown token is fatal",
    'if (value === undefined) return { kind: "token"',
    'if (value === undefined) continue;\n      if (value === undefined) return { kind: "token"',
  ],
  ["a last % is fatal", 'if (letter === "") return', 'if (letter === "") break;\n      if (letter === "") return'],
  ["an unset variable is fatal", "const value = environment(name);", 'const value = environment(name) ?? "";'],
  ["an open ${ is fatal", "if (close < 0)", "if (close < 0) break;\n      if (close < 0)"],
  ["%d is the home folder", "    d: facts.home,\n", ""],
  ["%h is the final name", "    h: host,", "    h: facts.typed,"],
  ["%i is the user id", "    i: String(facts.uid),\n", ""],
  ["%j", "    j: jumpHost,", '    j: "",'],
  ["%k", "    k: facts.keyAlias,", "    k: host,"],
  ["%L ends at the first dot", '    L: hostname.split(".")[0]!,\n', ""],
  ["%l is this machine", "    l: hostname,\n", ""],
  ["%n is the word typed", "    n: facts.typed,", "    n: host,"],
  ["%p is the port", "    p: port,\n", ""],
  ["%u is the local user", "    u: facts.user,", '    u: facts.remoteUser ?? "",'],
  ["%r is the remote user", "r: remoteUser,", "r: facts.user,"],
  ["%C has the machine in it", "utf8Encode(hostname + host", "utf8Encode(host"],
  ["%C has the host in it", "hostname + host + port", "hostname + port"],
  ["%C has the port in it", "host + port + remoteUser", "host + remoteUser"],
  ["%C has the user in it", " + remoteUser + jumpHost", " + jumpHost"],
  ["%C has the jump host in it", " + remoteUser + jumpHost", " + remoteUser"],
);

const VALUES = [
  ...rulesIn(
    "line.ts",
    ['"" is a missing argument', 'word === undefined || word === ""', "word === undefined"],
    [
      "variables in forwards and agents",
      "const expanded = expandText(text, undefined, this",
      "const expanded = text || expandText(text, undefined, this",
    ],
    ["ports may be names of services", ": this.context.local.service(text);", ": undefined;"],
    ["ports up to 65535", "number <= 65_535", "number <= 99_999"],
  ),
  ...rulesIn(
    "kinds.ts",
    ["flags in any case", "const key = word.toLowerCase();", "const key = word;"],
    ["flags may be true and false", "{ yes: true, true: true, no: false, false: false }", "{ yes: true, no: false }"],
    [
      "values with own tables print true and false",
      'PRINTED: Readonly<Record<string, string>> = { yes: "true", no: "false" }',
      "PRINTED: Readonly<Record<string, string>> = {}",
    ],
    [
      "an unknown value is an error",
      "if (!Object.hasOwn(table, key))",
      "if (!Object.hasOwn(table, key)) return Object.values(table)[0]!;\n  if (!Object.hasOwn(table, key))",
    ],
    [
      "commands keep quotes and #",
      'return line.rest.replace(/^[ \\t\\r\\n=]+/, "")',
      'return line.rest.replace(/["\'#]/g, "").replace(/^[ \\t\\r\\n=]+/, "")',
    ],
    [
      "none of commands and paths in any case",
      'value.toLowerCase() === "none" ? undefined',
      'value === "none" ? undefined',
    ],
    ["integers are not negative", 'if (value < 0) line.fail("integer value too small.");', ""],
    ["integers have 31 bits", 'if (value > 0x7fffffff) line.fail("integer value too large.");', ""],
    [
      "times are joined",
      'for (const part of text.match(/\\d+(?:\\.\\d+)?[a-z]?|[^]/gi) ?? [""]) {',
      "for (const part of [text]) {",
    ],
    ["hours", "h: 3600", "h: 60"],
    ["an unknown unit of time is an error", "UNITS[unit.toLowerCase()];", "UNITS[unit.toLowerCase()] ?? 1;"],
    ["none stands alone", 'refuseBeside(line, words, text, "none");\n  }', "}"],
    [
      "an empty word in a list is an error",
      'if (text === "") line.fail(`keyword ${line.keyword} empty',
      'if (text === "-") line.fail(`keyword ${line.keyword} empty',
    ],
    [
      "lists that accumulate drop duplicates",
      "const fresh = later.filter((value) => !earlier.some((other) => same(other, value)));",
      "const fresh = later;",
    ],
  ),
  ...rulesIn(
    "algorithms.ts",
    ["+ appends", "[...list.default, ...written] :", "written :"],
    ["^ puts first", "[...written, ...list.default] : written", "written : written"],
    [
      "- removes",
      'if (sign === "-") return list.default.filter((name) => matchList(name, names) !== "yes");',
      'if (sign === "-") return list.default;',
    ],
    ["- takes patterns", 'matchList(name, names) !== "yes"', '!names.split(",").includes(name)'],
    ["patterns only for key types", "(wildcards === true &&", "("],
    ["key types may be patterns", "(wildcards === true &&", "(!list &&"],
    [
      "patterns expand in the order of known names",
      "list.known.filter((name) => matchPattern(name, pattern))",
      "list.known.filter((name) => matchPattern(name, pattern)).reverse()",
    ],
    ["algorithm lists drop duplicates", "[...new Set(found)]", "found"],
    ["an unknown algorithm is an error", 'if (names === "" || unknown !== undefined)', 'if (names === "")'],
    ["a ! in a list makes it empty", 'if (all.some((name) => name.startsWith("!")))', 'if (all[0] === "")'],
    ["a key exchange method is named by itself", "list === line.context.algorithms.kex", "list === undefined"],
  ),
  ...rulesIn(
    "keywords.ts",
    ["LocalForward accumulates", "  combine: added(sameForward),\n", ""],
    ["IdentityFile accumulates", "    combine: added((a, b) => a.path === b.path && a.fromUser === b.fromUser),\n", ""],
    ["CertificateFile accumulates", "    combine: added((a, b) => a === b),\n", ""],
    [
      "the first line of a list wins whole",
      "  parse: (line) => allWords(line, 32),",
      "  parse: (line) => allWords(line, 32),\n  combine: (earlier: readonly string[], later: readonly string[]) => [...earlier, ...later],",
    ],
    ["tokens in socket paths of forwards", "path: expand.tokens(value.path)", "path: value.path"],
    ["RemoteForward without a target is SOCKS", 'dynamic || (remote && (second ?? "") === "")', "dynamic"],
    ["LocalForward needs a target", 'line.fail("Missing target argument.");', "return [];"],
    [
      "Compression is not true",
      "oneOf(line, { yes: true, no: false })",
      "oneOf(line, { yes: true, no: false, true: true })",
    ],
    ["HostKeyAlias is lower-cased", "finish: (value) => value.toLowerCase() }", "}"],
    ["ControlPath is expanded", "undefined : expand.path(value)) })", "undefined : value) })"],
    [
      "IdentityAgent is expanded",
      "finish: (value, expand) => expand.path(value),\n  }),\n  ignoreUnknown",
      "}),\n  ignoreUnknown",
    ],
    ["$NAME of IdentityAgent is a name", "line.fail(`Invalid environment name ${text}.`);", "return text;"],
    [
      "RemoteCommand is expanded",
      "undefined : expand.tokens(value)),\n  }),\n  logLevel",
      "undefined : value),\n  }),\n  logLevel",
    ],
    ["VersionAddendum is expanded", '"" : expand.text(value)', '"" : value'],
    ["VersionAddendum keeps its #", "      line.all();\n      return line.rest;", '      return line.all().join(" ");'],
    ["RevokedHostKeys is expanded", "? [] : paths.map(expand.path)),", "? [] : paths),"],
    ["UserKnownHostsFile is expanded", "finish: (paths, expand) => paths.map(expand.path),", ""],
    [
      "GlobalKnownHostsFile is printed as written",
      'default: () => ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],',
      'default: () => ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],\n    finish: (paths, expand) => paths.map(expand.path),',
    ],
    ["LogVerbose keeps one word", "allWords(line).slice(0, 1)", "allWords(line)"],
    ["ports are at least 1", "return port === undefined || port === 0 ?", "return port === undefined ?"],
    ["UpdateHostKeys: no with own known hosts files", '!isSet("userKnownHostsFile") && ', ""],
    ["UpdateHostKeys: no with VerifyHostKeyDNS", ' && (values.verifyHostKeyDNS ?? "no") === "no"', ""],
    ["StrictHostKeyChecking off", ', { off: "no" }', ""],
    ["Tunnel yes is point-to-point", '{ yes: "point-to-point", true: "point-to-point" }', "{}"],
    ["FingerprintHash in any case", "name === text.toUpperCase()", "name === text"],
    [
      "ConnectTimeout none leaves it unset",
      "    combine: (earlier, later) => (earlier < 0 ? later : earlier),\n    default: () => undefined",
      "    default: () => undefined",
    ],
    ["ChallengeResponseAuthentication is another name", '"challengeresponseauthentication", ', ""],
    ["KeepAlive is another name", ', { aliases: ["keepalive"] }', ""],
    ["…KeyTypes are other names", 'keys("keys", ["pubkeyacceptedkeytypes"])', 'keys("keys")'],
    ["local forwards to sockets print as dynamic ones too", ' || target.kind === "socket")', ")"],
  ),
  ...rulesIn(
    "forwards.ts",
    ["brackets in forwards", 'if (text[at] === "[") {', 'if (text[at] === "]") {'],
    [
      "a backslash escapes in forwards",
      'if (text[at] === "\\\\" && ++at === text.length) return undefined;',
      'if (text[at] === "") return undefined;',
    ],
    ["forwards to sockets", 'else if (text[at] === "/") isPath = true;', 'else if (text[at] === "") isPath = true;'],
    ["only RemoteForward listens on port 0", "(end.port > 0 || mayBeZero)", "(end.port >= 0 || mayBeZero)"],
    ["RemoteForward may listen on port 0", "(end.port > 0 || mayBeZero)", "end.port > 0"],
    ["forwards print brackets", "`[${end.host}]:${end.port}`", "`${end.host}:${end.port}`"],
    ["SOCKS prints as [socks]:0", '"[socks]:0"', '""'],
  ),
  ...rulesIn(
    "special.ts",
    ["ObscureKeystrokeTiming is 1 to 1000", "interval <= 1000", "interval <= 9999"],
    ["LogLevel in any case", "const upper = text.toUpperCase();", "const upper = text;"],
    ["LogLevel debug1", 'upper === "DEBUG1" ? "DEBUG" : upper', "upper"],
    ["the last StreamLocalBindMask wins", "  combine: (_, later) => later,\n", ""],
    ["StreamLocalBindMask is octal", "Number.parseInt(text, 8)\n", "Number.parseInt(text, 10)\n"],
    [
      "SyslogFacility in any case",
      "name === text.toUpperCase()) ?? line.fail(`unsupported log fac",
      "name === text) ?? line.fail(`unsupported log fac",
    ],
    ["RekeyLimit: units", "1024 ** SCALES", "1000 ** SCALES"],
    ["RekeyLimit: less than 16 is refused", "bytes < 16", "bytes < 1"],
    [
      "RekeyLimit: bytes and time combine alone",
      "    seconds: earlier.seconds ?? later.seconds,",
      "    seconds: earlier.seconds,",
    ],
    ["IPQoS: one value counts for both", "line.left === 0 ? interactive :", "line.left === 0 ? 0 :"],
    ["IPQoS: values to 255", "Number(text) <= 255", "Number(text) <= 999"],
    ["EscapeChar ^X", "return code & 31;", "return code;"],
    ["EscapeChar none", 'return text === "none" ? NO_ESCAPE :', 'return text === "" ? NO_ESCAPE :'],
    ["TunnelDevice has two units at most", "if (more.length > 0) line.fail(", "if (more.length > 9) line.fail("],
    ["ControlPersist 0 is yes", 'value === 0 ? "yes" : value]', "value]"],
    ["ControlPersist: upper case is refused", 'return text === "yes" ||', 'return text.toLowerCase() === "yes" ||'],
    ["AddKeysToAgent confirm with a time", "? mode : `${mode} ${seconds}`", "? mode : mode"],
    [
      "AddKeysToAgent with a time",
      "line.left === 0 ? parseTime(first) : undefined",
      "line.left < 0 ? parseTime(first) : undefined",
    ],
    ["a path of ForwardAgent counts after no", "earlier ? later : { unused: later }", "earlier"],
    [
      "ForwardAgent may be a path",
      "    return text;\n  },\n  combine(earlier, later)",
      "    return false;\n  },\n  combine(earlier, later)",
    ],
    [
      "SendEnv accumulates",
      "combine: (earlier, later) => withoutRemoved(earlier, later),",
      "combine: (earlier) => earlier,",
    ],
    ["SendEnv keeps duplicates", "return [...names, ...kept];", "return [...new Set([...names, ...kept])];"],
    [
      "SendEnv -pattern removes earlier lines",
      "names = names.filter((one) => !matchPattern(one, name.slice(1)));",
      "names = [...names];",
    ],
    ["SendEnv -pattern removes from its line", "kept.filter((one) => !matchPattern(one, name.slice(1)))", "kept"],
    ["SendEnv takes no =", ' || text.includes("=")', ""],
    ["SetEnv: the first of equal names", "if (!pairs.some((pair) => pair.startsWith(name)))", "if (name)"],
    [
      "SetEnv expands values",
      '+ expand.text(pair.slice(pair.indexOf("=") + 1))',
      '+ pair.slice(pair.indexOf("=") + 1)',
    ],
    ["SetEnv needs a =", 'if (!text.includes("=")) line.fail("Invalid SetEnv.");', ""],
    [
      "ChannelTimeout: its times are checked",
      "parseTime(text.slice(equals + 1)) === undefined)",
      "text === undefined)",
    ],
    ["PermitRemoteOpen: any stands alone", 'refuseBeside(line, words, text, "any", "none");', ""],
    [
      "PermitRemoteOpen: its ports are checked",
      "if (port === undefined || !(port ===",
      'if (text === "" || !(port !== "" || port ===',
    ],
    [
      "CanonicalDomains is lower-cased",
      "const name = text.toLowerCase();\n      const says",
      "const name = text;\n      const says",
    ],
    ["CanonicalDomains loses its last dot", 'return name.replace(/\\.$/, "");', "return name;"],
    ["CanonicalDomains: its names are checked", "if (bad !== null)", "if (bad !== null && !bad)"],
    ["CanonicalizePermittedCNAMEs is lower-cased", "const lower = text.toLowerCase();", "const lower = text;"],
    [
      "CanonicalizePermittedCNAMEs * is *:*",
      'return [{ source: "*", target: "*" }];',
      'return [{ source: "*", target: "" }];',
    ],
    ["CanonicalizePermittedCNAMEs needs a colon", "if (colon < 0 || colon === lower.length - 1)", "if (colon > 999)"],
    ["CanonicalizePermittedCNAMEs prints its own name", '  printedName: "canonicalizePermittedcnames",\n', ""],
    [
      "the first of ProxyCommand and ProxyJump wins",
      '(earlier === JUMP_NONE && later.kind === "command" ? later : earlier)',
      "later",
    ],
    [
      "ProxyJump none leaves a later ProxyCommand",
      '(earlier === JUMP_NONE && later.kind === "command" ? later : earlier)',
      "earlier",
    ],
    [
      "ProxyCommand none counts as unset",
      '(value.kind === "command" && value.command.toLowerCase() === "none")',
      "false",
    ],
    ["ProxyJump ends at a #", 'const cut = text.replace(/[ \\t\\r\\n#].*$/s, "");', "const cut = text;"],
    ["names in -J are checked", "if (bad.length > 0) throw", "if (bad.length > 99) throw"],
    ["jump hosts print brackets around addresses", "? `[${host}]` : host", "? host : host"],
    ["jump hosts print a port only if they have one", 'port === undefined ? "" : `:${port}`', "`:${port ?? 22}`"],
  ),
  ...rulesIn(
    "jump-hosts.ts",
    ["ssh:// in jump hosts", 'text.startsWith("ssh://");', 'text.startsWith("SSH://");'],
    ["an IPv6 address is not the host of a URI", "if (uri && !/^[a-z0-9_]", "if (uri && !text && !/^[a-z0-9_]"],
    [
      "a URI's host loses its last dot",
      'const host = uri ? place.host.replace(/\\.$/, "") : place.host;',
      "const host = place.host;",
    ],
    [
      "users in URIs are percent-decoded",
      'user = decodePercent(user.split(";", 1)[0]!);',
      'user = user.split(";", 1)[0]!;',
    ],
    ["users in URIs end at ;", 'decodePercent(user.split(";", 1)[0]!)', "decodePercent(user)"],
    ["a path in a URI is refused", 'if (path.length > 1 || (path[0] ?? "") !== "") return undefined;', ""],
    ["a jump host splits at the last @", 'const at = body.lastIndexOf("@");', 'const at = body.indexOf("@");'],
    ["an empty user is refused", "if (at === 0 || (uri", "if ((uri"],
    ["port 0 of a jump host is refused", " || number === 0)) return undefined;", ")) return undefined;"],
    ["a bare IPv6 jump host is refused", "more.length > 0 || ", ""],
    ["an empty jump host is refused", 'if (host === "" || more', "if (more"],
  ),
];

/** The rules of ssh_config. Some texts of `find` stand for two rules. */
export const RULES: readonly Rule[] = [
  ...LINES,
  ...READING,
  ...MATCHING,
  ...STATE,
  ...LIMITS,
  ...RESOLVING,
  ...TOKENS,
  ...VALUES,
];
