import { existsSync } from "node:fs";
import {
  account,
  type Client,
  type ConnectOptions,
  connect,
  expandHome,
  type HopOptions,
  nodeAlgorithms,
} from "@nacre/node";
import { escapeText } from "@nacre/wire";
import { say, show } from "../say.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { chooseAlgorithms } from "./algorithms.ts";
import type { ConnectionArguments } from "./connection-arguments.ts";
import type { Destination } from "./destination.ts";
import type { KeyLog } from "./key-log.ts";
import { type Questions, questions } from "./questions.ts";
import { packetList } from "./trace.ts";

/** What a login uses beside its arguments. */
export interface LoginSetup {
  /** Terminal for questions, closed after the login; `undefined` to ask nothing. */
  readonly terminal: Terminal | undefined;
  /** Open key log; `undefined` for none. */
  readonly keyLog: KeyLog | undefined;
  /** Whether to open the first session channel with the login. */
  readonly earlyChannel: boolean;
  /** Connects again when the connection is lost; by default it ends. */
  readonly reconnect?: ConnectOptions["reconnect"];
  /** Receives a description of each packet, unless the arguments print them. */
  readonly trace?: ConnectOptions["trace"];
}

/** A connection, and the input typed after the last answer. */
export interface LoggedIn {
  /** Connection, logged in. */
  readonly client: Client;
  /** Text typed at the terminal after the last answer; "" without a terminal. */
  readonly typedAhead: string;
}

/** Connects and logs in. Questions are asked at the terminal. Rejects with the `SshError` that ended the connection. */
export async function logIn(
  destination: Destination,
  words: ConnectionArguments,
  setup: LoginSetup,
): Promise<LoggedIn> {
  const { options, explain } = connectOptions(destination, words, setup);
  let typedAhead = "";
  const client = await connect(options)
    .catch((error: unknown) => {
      throw explain(error);
    })
    .finally(() => {
      typedAhead = setup.terminal?.close() ?? "";
    });
  return { client, typedAhead };
}

/** Returns the options for `connect`, and a function that completes its error message. */
function connectOptions(
  { host, port, ...destination }: Destination,
  words: ConnectionArguments,
  { terminal, keyLog, earlyChannel, reconnect, trace }: LoginSetup,
): { readonly options: ConnectOptions; readonly explain: Questions["explain"] } {
  const start = performance.now();
  const { knownHosts, strictHostKeys, methods } = words;
  const user = destination.user ?? account().username;
  const common = commonOptions(words);
  const asking = questions(terminal, { user, host, port, knownHosts, strictHostKeys });
  const options: ConnectOptions = {
    host,
    user,
    port,
    via: words.jumpHosts.map((hop) => hopOptions(hop, words, common, terminal)),
    algorithms: chooseAlgorithms(words, nodeAlgorithms),
    earlyChannel,
    reconnect,
    ...common,
    ...asking.options,
    ...(words.hostKeys.length > 0 && { hostKey: words.hostKeys }),
    // Without an agent, ssh(1) goes on without one too.
    forwardAgent: words.forwardAgent && Boolean(process.env.SSH_AUTH_SOCK),
    methods,
    trace: words.trace ? packetList(() => performance.now() - start, show) : trace,
    keyLog: keyLog?.port,
  };
  return { options, explain: asking.explain };
}

/** Options for a jump host. User, port, `--host-key`, `-c`, `-m`, `--kex`, `--trace` and `--keylog` apply only to the destination. */
function hopOptions(
  hop: Destination,
  words: ConnectionArguments,
  common: Partial<HopOptions>,
  terminal: Terminal | undefined,
): HopOptions {
  const { host, port, user = account().username } = hop;
  const { knownHosts, strictHostKeys } = words;
  const asking = questions(terminal, { user, host, port, knownHosts, strictHostKeys, isJumpHost: true });
  return { host, port, user, algorithms: nodeAlgorithms, ...common, ...asking.options };
}

/** Options that apply to the destination and to every jump host. */
function commonOptions(words: ConnectionArguments): Partial<HopOptions> {
  const { knownHosts, acceptNew, connectTimeout, localAddress, agent, limits } = words;
  return {
    identities: identitiesOf(words),
    agent,
    knownHosts,
    connectTimeout,
    localAddress,
    limits,
    hostKey: acceptNew ? "accept-new" : undefined,
    banner: (text) => show(escapeText(text.endsWith("\n") ? text : `${text}\n`, { keepLines: true })),
    warn: (text) => say(`nacre: ${text}`),
  };
}

/** Default key files, as in OpenSSH. */
const DEFAULT_FILES: readonly string[] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/**
 * Returns the key files to log in with; `undefined` for the agent's keys and the default files. As in ssh(1), a missing file is left out
 * with a warning, and `none` stands for no file.
 */
function identitiesOf({ identityFiles, identitiesOnly }: ConnectionArguments): readonly string[] | undefined {
  const there = identityFiles.filter((file) => {
    if (file.toLowerCase() === "none") return false;
    if (file.includes("-----BEGIN") || existsSync(expandHome(file))) return true;
    say(`Warning: Identity file ${escapeText(file)} not accessible: No such file or directory.`);
    return false;
  });
  if (there.length > 0 || identityFiles.some((file) => file.toLowerCase() === "none")) return there;
  return identitiesOnly ? DEFAULT_FILES.filter((file) => existsSync(expandHome(file))) : undefined;
}
