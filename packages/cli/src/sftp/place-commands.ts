import { homedir } from "node:os";
import { showPath } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";
import type { Command } from "./command.ts";
import { type Session, shown } from "./session.ts";
import type { Word } from "./words.ts";

async function changeDirectory(session: Session, word: Word | undefined): Promise<void> {
  const { sftp, signal } = session;
  const [path = "", ...others] = word === undefined ? [session.home] : await session.expandRemote(word);
  if (others.length > 0)
    throw new SshError("usage", `"${shown(word!.text)}" matches several files; name one directory`);
  const real = await sftp.realpath(path, { signal });
  if (!(await sftp.stat(real, { signal })).isDirectory())
    throw new SshError("usage", `"${shown(real)}" is not a directory`);
  session.directory = real;
}

async function changeLocalDirectory(session: Session, word: Word | undefined): Promise<void> {
  const [path = "", ...others] = word === undefined ? [homedir()] : await session.expandLocal(word);
  if (others.length > 0)
    throw new SshError("usage", `"${showPath(word!.text)}" matches several files; name one directory`);
  if ((await session.files.stat(path)).type !== "directory")
    throw new SshError("usage", `"${showPath(path)}" is not a directory`);
  session.localDirectory = path;
}

/** `cd`, `pwd`, `lcd` and `lpwd`. */
export const PLACE_COMMANDS: readonly Command[] = [
  {
    names: ["cd", "chdir"],
    usage: "[path]",
    summary: "Change the directory on the server; without a path, to that of the user",
    flags: "",
    kinds: ["remote"],
    count: [0, 1],
    run: (session, { words: [word] }) => changeDirectory(session, word),
  },
  {
    names: ["pwd"],
    usage: "",
    summary: "Show the directory on the server",
    flags: "",
    kinds: [],
    count: [0, 0],
    run: (session) => session.print(`Remote working directory: ${shown(session.directory)}`),
  },
  {
    names: ["lcd", "lchdir"],
    usage: "[path]",
    summary: "Change the directory on this machine; without a path, to your own",
    flags: "",
    kinds: ["local"],
    count: [0, 1],
    run: (session, { words: [word] }) => changeLocalDirectory(session, word),
  },
  {
    names: ["lpwd"],
    usage: "",
    summary: "Show the directory on this machine",
    flags: "",
    kinds: [],
    count: [0, 0],
    run: (session) => session.print(`Local working directory: ${showPath(session.localDirectory)}`),
  },
];
