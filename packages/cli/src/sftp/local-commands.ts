import { isWindows, type ProgramCall, shellCommand, showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import type { Command } from "./command.ts";
import { listOnWindows } from "./list-on-windows.ts";
import type { Session } from "./session.ts";
import type { Word } from "./words.ts";

/** Runs the system's `ls` on files of this machine. It takes the options of the system's `ls`, which Windows lacks. */
async function listLocal(session: Session, words: readonly Word[]): Promise<void> {
  // There a program named ls in the local directory would run, which the server may have delivered.
  // rule: windows-ls
  if (isWindows()) return listOnWindows(session, words);
  const expanded: string[] = [];
  for (const word of words) {
    if (word.isPattern) expanded.push(...(await session.expandLocal(word)));
    else expanded.push(word.text);
  }
  await run(session, { program: "ls", words: expanded, options: {} });
}

/** Runs a line in the user's shell on this machine; "" starts an interactive shell. Rejects with `usage` if it fails. */
export async function runShell(session: Session, line: string): Promise<void> {
  await run(session, shellCommand(line === "" ? undefined : line));
}

async function run(session: Session, call: ProgramCall): Promise<void> {
  const status = await session.output.run(call, session.localDirectory);
  if (status !== 0) throw new SshError("usage", `the local command ended with status ${status}`);
}

/** Commands on this machine. */
export const LOCAL_COMMANDS: readonly Command[] = [
  {
    names: ["lls"],
    usage: "[ls-options] [path]",
    summary: "List a directory on this machine",
    flags: "",
    kinds: ["local"],
    count: [0, Number.POSITIVE_INFINITY],
    takesDashes: true,
    run: (session, { words }) => listLocal(session, words),
  },
  {
    names: ["lmkdir"],
    usage: "path",
    summary: "Make a directory on this machine",
    flags: "",
    kinds: ["local"],
    count: [1, 1],
    run: async (session, { words: [word] }) => {
      const path = session.localPath(word!.text);
      if (!(await session.files.makeDirectory(path, undefined)))
        throw new SshError("file-unwritable", `cannot make the directory ${showPath(path)}: it exists`);
    },
  },
  {
    names: ["lumask"],
    usage: "mask",
    summary: "Set the permission bits, in octal, that new files on this machine do not get",
    flags: "",
    kinds: ["other"],
    count: [1, 1],
    run: (session, { words: [word] }) => {
      if (!/^[0-7]{1,4}$/.test(word!.text) || Number.parseInt(word!.text, 8) > 0o777)
        throw new SshError(
          "usage",
          `invalid mask "${escapeText(word!.text)}"; expected up to three octal digits, such as 022`,
        );
      process.umask(Number.parseInt(word!.text, 8));
      session.print(`Local umask: ${process.umask().toString(8).padStart(3, "0")}`);
    },
  },
];
