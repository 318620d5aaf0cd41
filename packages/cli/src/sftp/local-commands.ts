import { SshError } from "@nacre/wire";
import type { Command } from "./command.ts";
import { type Session, shown } from "./session.ts";
import type { Word } from "./words.ts";

/** Runs the system's `ls` on files of this machine. It takes the options of the system's `ls`. */
async function listLocal(session: Session, words: readonly Word[]): Promise<void> {
  const expanded: string[] = [];
  for (const word of words) {
    if (word.isPattern) expanded.push(...(await session.expandLocal(word)));
    else expanded.push(word.text);
  }
  await run(session, "ls", expanded);
}

/** Runs a line in the user's shell on this machine; "" starts an interactive shell. Rejects with `usage` if it fails. */
export async function runShell(session: Session, line: string): Promise<void> {
  const isWindows = process.platform === "win32";
  const shell = (isWindows ? process.env.ComSpec : process.env.SHELL) || (isWindows ? "cmd.exe" : "/bin/sh");
  await run(session, shell, line === "" ? [] : [isWindows ? "/c" : "-c", line]);
}

async function run(session: Session, program: string, words: readonly string[]): Promise<void> {
  const status = await session.output.run(program, words, session.localDirectory);
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
        throw new SshError("file-unwritable", `cannot make the directory ${shown(path)}: it exists`);
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
          `invalid mask "${shown(word!.text)}"; expected up to three octal digits, such as 022`,
        );
      process.umask(Number.parseInt(word!.text, 8));
      session.print(`Local umask: ${process.umask().toString(8).padStart(3, "0")}`);
    },
  },
];
