import { SshError } from "@nacre/wire";

/** Values of every type that a JavaScript program may pass, by a name for messages. */
const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  boolean: true,
  "false boolean": false,
  number: 1,
  "negative number": -1,
  "fractional number": 1.5,
  "NaN number": Number.NaN,
  string: "x",
  "empty string": "",
  function: () => {},
  array: [],
  "array of null": [null],
  "array of strings": ["x"],
  object: {},
  "object of null": { a: null },
  bytes: new Uint8Array(1),
  bigint: 1n,
  symbol: Symbol("x"),
  promise: Promise.resolve(),
};

/** Accepted values of each option: names in `VALUES`. */
export type Accepted = Readonly<Record<string, readonly string[]>>;

export const BOOLEAN: readonly string[] = ["boolean", "false boolean"];
export const FUNCTION: readonly string[] = ["function"];
export const STRING: readonly string[] = ["string", "empty string"];

/** Accepted values of the options of `connect`. */
export const CONNECT: Accepted = {
  user: ["string"],
  hostKey: FUNCTION,
  identities: ["array"],
  password: [...STRING, "function"],
  changePassword: FUNCTION,
  prompts: FUNCTION,
  methods: ["array"],
  channels: ["object"],
  banner: FUNCTION,
  events: FUNCTION,
  algorithms: ["object"],
  wasm: [...BOOLEAN, "object", "object of null"],
  limits: ["object"],
  nextLogin: FUNCTION,
  minRsaBits: [],
  softwareVersion: ["string"],
  requireStrictKex: BOOLEAN,
  signal: [],
  earlyChannel: BOOLEAN,
  trace: FUNCTION,
  keyLog: FUNCTION,
  random: [],
};

/** Accepted values of the options of `serve`. */
export const SERVE: Accepted = {
  hostKeys: [],
  authenticate: FUNCTION,
  methods: ["array"],
  banner: STRING,
  session: FUNCTION,
  subsystems: ["object"],
  forcedCommands: ["object"],
  channels: ["object"],
  globalRequests: ["object"],
  sessionRequests: ["object"],
  forwarding: [],
  acceptPty: [...BOOLEAN, "function"],
  acceptEnv: FUNCTION,
  acceptAgent: BOOLEAN,
  rawSessions: FUNCTION,
  noMoreSessions: FUNCTION,
  unrestricted: ["boolean"],
  loginGraceTime: ["number"],
  announceHostKeys: BOOLEAN,
  algorithms: ["object"],
  wasm: [...BOOLEAN, "object", "object of null"],
  userKeys: ["array"],
  authorityAlgorithms: ["array"],
  limits: ["object"],
  greeting: STRING,
  minRsaBits: [],
  softwareVersion: ["string"],
  requireStrictKex: BOOLEAN,
  remoteAddress: STRING,
  signal: [],
  log: FUNCTION,
  events: FUNCTION,
  trace: FUNCTION,
  keyLog: FUNCTION,
  random: FUNCTION,
};

/**
 * Calls `use` with each value for each option, and returns the outcomes that are wrong: an error other than an `SshError`, the code
 * `internal`, no `usage` for a value that is not accepted, or `usage` for one that is.
 */
export async function wrongOutcomes(
  accepted: Accepted,
  use: (options: Record<string, unknown>) => unknown,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const [option, kinds] of Object.entries(accepted))
    for (const [name, value] of Object.entries(VALUES)) {
      const isAccepted = kinds.includes(name);
      const outcome = await outcomeOf(() => use({ [option]: value }));
      const isUsage = outcome.startsWith("usage: ");
      const isFault = outcome.startsWith("internal: ") || outcome.startsWith("not an SshError: ");
      if (isFault || isUsage === isAccepted) wrong.push(`${option}: ${name}: ${outcome}`);
    }
  return wrong;
}

async function outcomeOf(use: () => unknown): Promise<string> {
  try {
    await use();
    return "no error";
  } catch (error) {
    return error instanceof SshError ? `${error.code}: ${error.message}` : `not an SshError: ${String(error)}`;
  }
}
