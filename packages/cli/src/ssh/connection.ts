import type { CommandLineSetting, ConfigValues } from "@nacre/config";
import { keyLabel, parsePublicKey } from "@nacre/keys/internal";
import {
  type Client,
  type ConnectOptions,
  connect,
  type HopOptions,
  type JumpHost,
  type ResolvedConfig,
} from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { escapeText } from "@nacre/wire";
import { say, show } from "../say.ts";
import { type Asker, openAsker } from "../terminal/asker.ts";
import { isThere, readConfiguration } from "./configuration.ts";
import type { ConnectionArguments } from "./connection-arguments.ts";
import { askToAdd, askToReplace } from "./consents.ts";
import { type Destination, destinationSettings } from "./destination.ts";
import { defaultEnvironment } from "./environment.ts";
import type { KeyLog } from "./key-log.ts";
import { checkEffects } from "./keywords.ts";
import { inform, isDebug, isVerbose } from "./log-level.ts";
import type { MasterOptions } from "./master/run-by-master.ts";
import { fingerprintHash, type Questions, questions } from "./questions.ts";
import { packetList } from "./trace.ts";

/** Parts that a login uses beside its arguments. */
export interface LoginSetup {
  /** Asks questions, and is closed after the login; `undefined` to ask nothing. */
  readonly asker: Asker | undefined;
  /** Open key log; `undefined` for none. */
  readonly keyLog: KeyLog | undefined;
  /** Whether to open the first session channel with the login. */
  readonly earlyChannel: boolean;
  /** Connects again when the connection is lost; by default it ends. */
  readonly reconnect?: ConnectOptions["reconnect"];
  /** In place of ChannelTimeout. */
  readonly channelTimeouts?: ConnectOptions["channelTimeouts"];
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

/** Settings that scp(1) and sftp(1) pass to ssh(1) before all options. */
const FOR_FILES: readonly CommandLineSetting[] = [
  { text: "PermitLocalCommand no" },
  { text: "ClearAllForwardings yes" },
  { text: "RemoteCommand none" },
  { text: "RequestTTY no" },
];

/**
 * Returns the settings of `nacre cp` and `nacre sftp`. As with scp(1), an option wins over the place, and only an option forwards an agent:
 * the server needs none to pass files on.
 */
export function settingsForFiles(place: Destination, words: readonly CommandLineSetting[]): CommandLineSetting[] {
  return [
    ...FOR_FILES,
    ...words,
    ...destinationSettings(place),
    // rule: files-without-agent
    { text: "ForwardAgent no" },
  ];
}

/**
 * Reads the configuration of a place, for `nacre cp` and `nacre sftp`, and connects: through a master, or with a login. `asks` is whether
 * questions may be asked. Rejects like `logIn`.
 */
export async function logInAt(
  place: Destination,
  words: ConnectionArguments,
  { asks, keyLog }: Pick<LoginSetup, "keyLog"> & { readonly asks: boolean },
): Promise<LoggedIn> {
  const settings = settingsForFiles(place, words.settings);
  const config = await readConfiguration(place.host, { ...words, settings });
  for (const note of checkEffects(config)) inform(config.values, note);
  const isChatty = isVerbose(config.values);
  if (isChatty) for (const file of config.files) say(`debug1: Reading configuration data ${showPath(file)}`);
  if (config.values.controlPath !== undefined) {
    // Loaded on demand: most copies share no connection.
    const { clientByMaster } = await import("./master/run-by-master.ts");
    const client = await clientByMaster(masterOptions(config.values, words));
    if (client !== undefined) return { client, typedAhead: "" };
  }
  const asker = asks && !config.values.batchMode ? openAsker() : undefined;
  const trace = isChatty ? (await import("./verbose.ts")).verboseTrace(config.values) : undefined;
  return logIn(config, words, { asker, keyLog, earlyChannel: true, trace });
}

/** Returns what decides whether a call goes through a master. */
export function masterOptions(values: ConfigValues, { hostKeys, knownHosts }: ConnectionArguments): MasterOptions {
  const { controlPath, controlMaster, forwardAgent, sessionType } = values;
  return {
    controlPath,
    controlMaster,
    onlyMaster: false,
    namesHostKeys: hostKeys.length > 0 || knownHosts !== undefined,
    forwardsAgent: forwardAgent === true ? Boolean(process.env.SSH_AUTH_SOCK) : typeof forwardAgent === "string",
    hasSession: sessionType !== "none",
    verbose: isDebug(values),
  };
}

/** Connects and logs in. Questions are asked by `asker`. Rejects with the `SshError` that ended the connection. */
export async function logIn(
  config: ResolvedConfig,
  words: ConnectionArguments,
  { asker, keyLog, earlyChannel, channelTimeouts, reconnect, trace }: LoginSetup,
): Promise<LoggedIn> {
  const { values } = config;
  const start = performance.now();
  const asking = questionsFor(values, words, asker);
  const options: ConnectOptions = {
    host: config.host,
    // These lines were printed when the files were read.
    config: { ...config, notices: [] },
    ...common(config, words, asking, asker),
    knownHosts: words.knownHosts,
    ...(words.hostKeys.length > 0 && { hostKey: words.hostKeys }),
    jumpOptions: (hop) => jumpOptions(hop, words, asker),
    env: defaultEnvironment(values, words.configFile),
    earlyChannel,
    channelTimeouts,
    reconnect,
    trace: words.trace ? packetList(() => performance.now() - start, show) : trace,
    keyLog: keyLog?.port,
  };
  let typedAhead = "";
  const client = await connect(options)
    .catch((error: unknown) => {
      throw asking.explain(error);
    })
    .finally(() => {
      typedAhead = asker?.close() ?? "";
    });
  return { client, typedAhead };
}

/** Returns options of a jump host beside those of its own configuration. `-i` counts if that names no key. */
function jumpOptions({ config }: JumpHost, words: ConnectionArguments, asker: Asker | undefined): Partial<HopOptions> {
  const { values, origins } = config;
  const keys = words.settings.flatMap(({ keyFile }) => (keyFile !== undefined && isThere(keyFile) ? [keyFile] : []));
  return {
    ...common(config, words, questionsFor(values, words, asker, true), asker),
    ...(origins.identityFile === undefined && keys.length > 0 && { identityFiles: keys }),
  };
}

/** Options of the destination and of each jump host. */
function common(
  { values, origins }: ResolvedConfig,
  words: ConnectionArguments,
  asking: Questions,
  asker: Asker | undefined,
): Partial<HopOptions> {
  const { numberOfPasswordPrompts: prompts, logLevel, addKeysToAgent } = values;
  return {
    ...(values.visualHostKey ? withPicture(asking.options, values) : asking.options),
    ...(prompts === 0 && { password: undefined, prompts: undefined, changePassword: undefined }),
    limits: { passwordAttempts: Math.max(1, prompts) },
    ...(words.acceptNew && { hostKey: "accept-new" }),
    banner: (text) => {
      if (logLevel === "ERROR") return;
      show(escapeText(text.endsWith("\n") ? text : `${text}\n`, { keepLines: true }));
    },
    // Also where no file sets it: ssh's default is yes for the usual known_hosts.
    updateHostKeys:
      values.updateHostKeys === "ask"
        ? asker !== undefined && askToReplace(values)
        : values.updateHostKeys === "yes" && (words.knownHosts === undefined || origins.updateHostKeys !== undefined),
    ...(addKeysToAgent.mode === "ask" && { addKeysToAgent: askToAdd(addKeysToAgent, asker) }),
    hostKeyAdded: (name, { blob }) => {
      const kind = keyLabel(parsePublicKey(blob).format);
      inform(values, `Warning: Permanently added '${escapeText(name)}' (${kind}) to the list of known hosts.`);
    },
    warn: (text, code) => {
      // As with ssh(1), a login goes on without an agent, and says so with -v alone.
      if (code === "agent-failed" && !isDebug(values)) return;
      say(code === "agent-failed" ? `debug1: ${text}` : `nacre: ${text}`);
    },
  };
}

/** Shows the picture of a host's key, unless the question about a new host did (VisualHostKey). */
function withPicture(options: Questions["options"], values: ConfigValues): Partial<HopOptions> {
  const { unknownHost } = options;
  let isShown = false;
  return {
    ...options,
    unknownHost:
      unknownHost &&
      ((hostKey) => {
        isShown = true;
        return unknownHost(hostKey);
      }),
    hostKeyAccepted: async ({ blob }) => {
      if (isShown) return;
      const { shownKey } = await import("./shown-key.ts");
      const { fingerprint, picture } = shownKey(blob, fingerprintHash(values));
      inform(values, `Host key fingerprint is ${fingerprint}\n${picture}`);
    },
  };
}

function questionsFor(
  values: ConfigValues,
  words: ConnectionArguments,
  asker: Asker | undefined,
  isJumpHost = false,
): Questions {
  const { user, hostName: host, port, hostKeyAlias, strictHostKeyChecking, userKnownHostsFile } = values;
  const knownHosts = words.knownHosts === undefined ? userKnownHostsFile : [words.knownHosts];
  const strictHostKeys = strictHostKeyChecking === "yes" && !words.acceptNew;
  const passphraseAttempts = values.numberOfPasswordPrompts;
  return questions(asker, {
    user,
    host,
    port,
    hostKeyAlias,
    knownHosts,
    strictHostKeys,
    passphraseAttempts,
    fingerprintHash: fingerprintHash(values),
    isJumpHost,
  });
}
