import type { CommandLineSetting } from "@nacre/config";
import { type Client, type ConnectOptions, connect, type HopOptions, type ResolvedConfig } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { say, show } from "../say.ts";
import { type Asker, openAsker } from "../terminal/asker.ts";
import { readConfiguration } from "./configuration.ts";
import type { ConnectionArguments } from "./connection-arguments.ts";
import { connectionOptions, loginMethods } from "./connection-options.ts";
import { type Destination, destinationSettings } from "./destination.ts";
import type { KeyLog } from "./key-log.ts";
import { checkEffects } from "./keywords.ts";
import { inform, isVerbose } from "./log-level.ts";
import { type Questions, questions } from "./questions.ts";
import { packetList } from "./trace.ts";

/** What a login uses beside its arguments. */
export interface LoginSetup {
  /** Asks questions, and is closed after the login; `undefined` to ask nothing. */
  readonly asker: Asker | undefined;
  /** Open key log; `undefined` for none. */
  readonly keyLog: KeyLog | undefined;
  /** Whether to open the first session channel with the login. */
  readonly earlyChannel: boolean;
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

/** What scp(1) and sftp(1) say to ssh(1) before all options. */
const FOR_FILES: readonly CommandLineSetting[] = [
  { text: "PermitLocalCommand no" },
  { text: "ClearAllForwardings yes" },
  { text: "RemoteCommand none" },
  { text: "RequestTTY no" },
];

/**
 * Reads the configuration of a place, connects and logs in, for `nacre cp` and `nacre sftp`. `asks` is whether questions may be asked.
 * Rejects like `logIn`.
 */
export async function logInAt(
  place: Destination,
  words: ConnectionArguments,
  { asks, keyLog }: Pick<LoginSetup, "keyLog"> & { readonly asks: boolean },
): Promise<LoggedIn> {
  // As with scp(1), an option wins over the place.
  const settings = [...FOR_FILES, ...words.settings, ...destinationSettings(place)];
  const config = await readConfiguration(place.host, { ...words, settings });
  for (const note of checkEffects(config)) inform(config.values, note);
  const asker = asks && !config.values.batchMode ? openAsker() : undefined;
  const trace = isVerbose(config.values) ? (await import("./verbose.ts")).verboseTrace(config.values) : undefined;
  return logIn(config, words, { asker, keyLog, earlyChannel: true, trace });
}

/** Connects and logs in. Questions are asked by `setup.asker`. Rejects with the `SshError` that ended the connection. */
export async function logIn(config: ResolvedConfig, words: ConnectionArguments, setup: LoginSetup): Promise<LoggedIn> {
  const { asker, keyLog, earlyChannel, trace } = setup;
  const start = performance.now();
  let typedAhead = "";
  try {
    const asking = questionsFor(config, words, asker);
    const hops = await hopsOf(config, words);
    const options: ConnectOptions = {
      ...hostOptions(config, words, asking),
      via: hops.map((hop) => hostOptions(hop, words, questionsFor(hop, words, asker, true), true)),
      ...(words.hostKeys.length > 0 && { hostKey: words.hostKeys }),
      earlyChannel,
      trace: words.trace ? packetList(() => performance.now() - start, show) : trace,
      keyLog: keyLog?.port,
    };
    const client = await connect(options).catch((error: unknown) => {
      throw asking.explain(error);
    });
    typedAhead = asker?.close() ?? "";
    return { client, typedAhead };
  } catch (error) {
    asker?.close();
    throw error;
  }
}

/** Maximum number of jump hosts. A loop of ProxyJump has more. */
const MAX_HOPS = 16;

/**
 * Returns the configurations of the jump hosts, nearest first. Each is resolved from the same files; of the command line, `-i` counts. The
 * first hop's own ProxyJump comes before it, as with ssh(1). Rejects with `usage` for a loop.
 */
async function hopsOf(config: ResolvedConfig, words: ConnectionArguments): Promise<readonly ResolvedConfig[]> {
  const hops: ResolvedConfig[] = [];
  for (let next = config; next.values.proxy.kind === "jump"; ) {
    const before = await Promise.all(
      next.values.proxy.hops.map(({ host, user, port }) => {
        const keys = words.settings.filter(({ keyFile }) => keyFile !== undefined);
        const settings = [...destinationSettings({ host, user, port }), ...keys];
        return readConfiguration(host, { ...words, settings }, {}, () => {});
      }),
    );
    hops.unshift(...before);
    if (hops.length > MAX_HOPS) throw new SshError("usage", `more than ${MAX_HOPS} jump hosts: ProxyJump is a loop`);
    next = before[0]!;
  }
  return hops;
}

/** Returns the options for a host. `--known-hosts` and `--accept-new` apply to jump hosts too, `--host-key` does not. */
function hostOptions(
  config: ResolvedConfig,
  words: ConnectionArguments,
  asking: Questions,
  isJumpHost = false,
): HopOptions {
  const { values } = config;
  return {
    ...connectionOptions(config, isJumpHost),
    ...(words.knownHosts !== undefined && { knownHosts: words.knownHosts }),
    ...(words.acceptNew && { hostKey: "accept-new" as const }),
    ...asking.options,
    banner: (text) => {
      const lines = escapeText(text.endsWith("\n") ? text : `${text}\n`, { keepLines: true });
      if (values.logLevel !== "ERROR") show(lines);
    },
    warn: (text) => say(`nacre: ${text}`),
  };
}

function questionsFor(
  { values }: ResolvedConfig,
  words: ConnectionArguments,
  asker: Asker | undefined,
  isJumpHost = false,
): Questions {
  const { user, hostName: host, port, strictHostKeyChecking, userKnownHostsFile } = values;
  const knownHosts = words.knownHosts === undefined ? userKnownHostsFile : [words.knownHosts];
  const strictHostKeys = strictHostKeyChecking === "yes" && !words.acceptNew;
  const methods = loginMethods(values);
  return questions(asker, { user, host, port, knownHosts, strictHostKeys, isJumpHost, methods });
}
