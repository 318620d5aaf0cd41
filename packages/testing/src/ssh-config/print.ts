import {
  answerQuestions,
  type ConfigAnswers,
  type ConfigRequest,
  type ConfigValues,
  configLines,
  resolveConfig,
} from "@nacre/config";
import { SshError } from "@nacre/wire";
import { parseCommandLine } from "./command-line.ts";

/** What a command line prints: the lines of `-G`, or an error's lines. */
export interface Printed {
  readonly lines: readonly string[];
  readonly failed: boolean;
}

/** What {@link printConfig} needs besides the words: facts, names and answers. */
export interface Machine extends Pick<ConfigRequest, "local" | "algorithms" | "version"> {
  readonly answers: ConfigAnswers;
}

/** Defaults in which Debian's 10.0 differs from 10.5. */
const DEBIAN_DEFAULTS: Partial<ConfigValues> = {
  forwardX11Trusted: true,
  ipQoS: [0xb8, 0x20],
  securityKeyProvider: "internal",
  xAuthLocation: "/usr/bin/xauth",
};

/** Does what `ssh -G -F FILE WORDS` of Debian's 10.0 does. */
export function printConfig(file: string, words: readonly string[], machine: Machine): Printed {
  // Up to 10.0 `Match !final` asks for the second pass too.
  let asksForFinal = false;
  const first = print(file, words, machine, (text) => {
    asksForFinal ||= /^\s*match\b.*!final/im.test(text);
    return text;
  });
  if (!asksForFinal) return first;
  return print(file, words, machine, (text, path) => (path === file ? `${text}\nMatch final\n` : text));
}

function print(
  file: string,
  words: readonly string[],
  { local, algorithms, version, answers }: Machine,
  change: (text: string, path: string) => string,
): Printed {
  try {
    const { host, settings, command, stdioForward } = parseCommandLine(words);
    const request: ConfigRequest = {
      host,
      commandLine: settings,
      files: [{ path: file, kind: "user", required: true }],
      command,
      stdioForward,
      local,
      algorithms,
      version,
      defaults: DEBIAN_DEFAULTS,
    };
    const resolved = answerQuestions(resolveConfig(request), {
      ...answers,
      file: (question) => {
        const answer = answers.file(question);
        return "text" in answer ? { text: change(answer.text, question.path) } : answer;
      },
    });
    return { lines: configLines(resolved), failed: false };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return { lines: error.message.split("\n"), failed: true };
  }
}

/**
 * Compares the lines of an error with what `ssh` prints, with `\n` between the lines. A log level may hide all lines, or all except the
 * last one. The line that names the place of a text that cannot be expanded is Nacre's own.
 */
export function sameError(ours: string, theirs: string): boolean {
  const kept = ours.split("\n").filter((line) => !line.endsWith(": cannot be expanded"));
  return theirs === "" || theirs === kept.at(-1) || theirs === kept.join("\n");
}

/** Drops what differs between Debian's 10.0 and 10.5: keywords of one of them, and other defaults. */
export function comparable(lines: readonly string[]): string[] {
  const batch = lines.includes("batchmode yes");
  return lines
    .filter((line) => !/^(?:gssapi\w*|warnweakcrypto) |^identityfile \S*id_(?:xmss|mldsa44_ed25519)$|^$/.test(line))
    .filter((line) => !(batch && /^serveraliveinterval (?:0|300)$/.test(line)))
    .map((line) => (line === "loglevel SILENT" ? "loglevel QUIET" : line));
}

const keyword = (line: string) => line.split(" ", 1)[0]!;

/** Returns how lines differ from those without a configuration: `+line`, and `-keyword` for one that is missing. */
export function difference(lines: readonly string[], base: readonly string[]): string[] {
  const present = new Set(lines.map(keyword));
  const missing = base.map(keyword).filter((name) => !present.has(name));
  return [
    ...lines.filter((line) => !base.includes(line)).map((line) => `+${line}`),
    ...missing.map((name) => `-${name}`),
  ];
}
