import { account, type ConnectOptions, connect, nodeAlgorithms } from "@nacre/node";
import { escapeText } from "@nacre/wire";
import { chooseAlgorithms } from "./algorithms.ts";
import { HELP } from "./help.ts";
import { openKeyLog } from "./key-log.ts";
import { asksForHelp } from "./options.ts";
import { questions } from "./questions.ts";
import { runRemote } from "./remote.ts";
import { parseSshArguments, SSH_OPTIONS } from "./ssh-arguments.ts";
import { openTerminal } from "./terminal.ts";
import { packetList } from "./trace.ts";

/** `nacre [user@]host`: connects, runs the command or a shell, and returns the exit status. Rejects with the `SshError` that ended it. */
export async function ssh(line: readonly string[]): Promise<number> {
  const start = performance.now();
  if (asksForHelp(line, SSH_OPTIONS)) {
    process.stdout.write(HELP);
    return 0;
  }
  const words = parseSshArguments(line);
  const user = words.user ?? account().username;
  const algorithms = chooseAlgorithms(words, nodeAlgorithms);
  const keyLog = words.keyLogFile === undefined ? undefined : openKeyLog(words.keyLogFile);
  const terminal = openTerminal();
  const { host, port, knownHosts } = words;
  const asking = questions(terminal, { user, host, port, knownHosts });
  try {
    const options: ConnectOptions = {
      host,
      user,
      algorithms,
      ...asking.options,
      banner: (text) => say(escapeText(text, { keepLines: true })),
      warn: (text) => say(`nacre: ${text}`),
      ...(port !== undefined && { port }),
      ...(words.identityFiles.length > 0 && { identities: words.identityFiles }),
      ...(knownHosts !== undefined && { knownHosts }),
      ...(words.acceptNew && { hostKey: "accept-new" as const }),
      ...(words.hostKeys.length > 0 && { hostKey: words.hostKeys }),
      ...(words.trace && {
        trace: packetList(
          () => performance.now() - start,
          (text) => process.stderr.write(text),
        ),
      }),
      ...(keyLog && { keyLog: keyLog.port }),
    };
    let typedAhead = "";
    const client = await connect(options)
      .catch((error: unknown) => {
        throw asking.explain(error);
      })
      .finally(() => {
        typedAhead = terminal?.close() ?? "";
      });
    try {
      return await runRemote(client, words, typedAhead);
    } finally {
      await client.close();
    }
  } finally {
    keyLog?.close();
  }
}

function say(text: string): void {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}
