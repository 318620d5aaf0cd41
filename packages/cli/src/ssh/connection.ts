import { account, type Client, type ConnectOptions, connect, type HopOptions, nodeAlgorithms } from "@nacre/node";
import { escapeText } from "@nacre/wire";
import { say } from "../say.ts";
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
  { terminal, keyLog, earlyChannel }: LoginSetup,
): { readonly options: ConnectOptions; readonly explain: Questions["explain"] } {
  const start = performance.now();
  const { knownHosts } = words;
  const user = destination.user ?? account().username;
  const asking = questions(terminal, { user, host, port, knownHosts });
  const options: ConnectOptions = {
    host,
    user,
    port,
    via: words.jumpHosts.map((hop) => hopOptions(hop, words, terminal)),
    algorithms: chooseAlgorithms(words, nodeAlgorithms),
    earlyChannel,
    ...commonOptions(words),
    ...asking.options,
    ...(words.hostKeys.length > 0 && { hostKey: words.hostKeys }),
    ...(words.trace && {
      trace: packetList(
        () => performance.now() - start,
        (text) => process.stderr.write(text),
      ),
    }),
    keyLog: keyLog?.port,
  };
  return { options, explain: asking.explain };
}

/** Options for a jump host. User, port, `--host-key`, `-c`, `-m`, `--kex`, `--trace` and `--keylog` apply only to the destination. */
function hopOptions(hop: Destination, words: ConnectionArguments, terminal: Terminal | undefined): HopOptions {
  const { host, port, user = account().username } = hop;
  const asking = questions(terminal, { user, host, port, knownHosts: words.knownHosts, isJumpHost: true });
  return { host, port, user, algorithms: nodeAlgorithms, ...commonOptions(words), ...asking.options };
}

/** Options that apply to the destination and to every jump host. */
function commonOptions(words: ConnectionArguments): Partial<HopOptions> {
  const { identityFiles, knownHosts, acceptNew, connectTimeout, localAddress } = words;
  return {
    identities: identityFiles.length > 0 ? identityFiles : undefined,
    knownHosts,
    connectTimeout,
    localAddress,
    hostKey: acceptNew ? "accept-new" : undefined,
    banner: (text) => process.stderr.write(escapeText(text.endsWith("\n") ? text : `${text}\n`, { keepLines: true })),
    warn: (text) => say(`nacre: ${text}`),
  };
}
