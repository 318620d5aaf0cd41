import { SshError } from "@nacre/wire";
import type { Command, CommandCall } from "./command.ts";
import { type Session, shown } from "./session.ts";
import type { Word } from "./words.ts";

/** Announces an action and does it, for each file that a word names. */
async function toEach(
  session: Session,
  word: Word,
  doing: string,
  work: (path: string) => Promise<void>,
): Promise<void> {
  await session.each(await session.expandRemote(word), async (path) => {
    session.announce(`${doing} ${shown(path)}`);
    await work(path);
  });
}

/** Changes the permission bits. With `-h`, changes those of a link itself. */
async function changeMode(session: Session, { flags, words: [mode, file] }: CommandCall): Promise<void> {
  if (!/^[0-7]{1,4}$/.test(mode!.text))
    throw new SshError("usage", `invalid mode "${mode!.text}"; expected up to four octal digits, such as 644`);
  const { sftp, signal } = session;
  const bits = Number.parseInt(mode!.text, 8);
  await toEach(session, file!, "Changing mode on", (path) =>
    flags.has("h") ? sftp.lchmod(path, bits, { signal }) : sftp.chmod(path, bits, { signal }),
  );
}

/** Changes the user or the group, and keeps the other. With `-h`, changes a link itself. */
async function changeOwner(
  session: Session,
  { flags, words: [id, file] }: CommandCall,
  what: "owner" | "group",
): Promise<void> {
  const value = Number(id!.text);
  if (!/^\d{1,10}$/.test(id!.text) || value > 0xffff_ffff)
    throw new SshError("usage", `invalid ${what} "${id!.text}"; expected a number: SFTP knows no names`);
  const { sftp, signal } = session;
  const isLink = flags.has("h");
  await toEach(session, file!, `Changing ${what} on`, async (path) => {
    const { uid, gid } = isLink ? await sftp.lstat(path, { signal }) : await sftp.stat(path, { signal });
    if (uid === undefined || gid === undefined)
      throw new SshError("sftp-unsupported", `the server states no owner for "${shown(path)}", so it cannot be kept`);
    const [newUid, newGid] = what === "owner" ? [value, gid] : [uid, value];
    await (isLink ? sftp.lchown(path, newUid, newGid, { signal }) : sftp.chown(path, newUid, newGid, { signal }));
  });
}

/** Commands that change files on the server. */
export const FILE_COMMANDS: readonly Command[] = [
  {
    names: ["rm", "delete"],
    usage: "path",
    summary: "Remove files",
    flags: "",
    kinds: ["remote"],
    count: [1, 1],
    run: (session, { words: [word] }) =>
      toEach(session, word!, "Removing", (path) => session.sftp.unlink(path, { signal: session.signal })),
  },
  {
    names: ["mkdir"],
    usage: "path",
    summary: "Make a directory",
    flags: "",
    kinds: ["remote"],
    count: [1, 1],
    run: async (session, { words: [word] }) => {
      await session.sftp.mkdir(session.remotePath(word!.text), { signal: session.signal });
    },
  },
  {
    names: ["rmdir"],
    usage: "path",
    summary: "Remove an empty directory",
    flags: "",
    kinds: ["remote"],
    count: [1, 1],
    run: (session, { words: [word] }) => session.sftp.rmdir(session.remotePath(word!.text), { signal: session.signal }),
  },
  {
    names: ["rename"],
    usage: "old new",
    summary: "Rename a file or directory",
    flags: "",
    kinds: ["remote"],
    count: [2, 2],
    run: (session, { words: [from, to] }) =>
      session.sftp.rename(session.remotePath(from!.text), session.remotePath(to!.text), { signal: session.signal }),
  },
  {
    names: ["cp", "copy"],
    usage: "old new",
    summary: "Copy a file on the server",
    flags: "",
    kinds: ["remote"],
    count: [2, 2],
    run: (session, { words: [from, to] }) =>
      session.sftp.copyFile(session.remotePath(from!.text), session.remotePath(to!.text), { signal: session.signal }),
  },
  {
    names: ["ln"],
    usage: "[-s] old new",
    summary: "Make a link; -s makes a symbolic one",
    flags: "s",
    kinds: ["remote"],
    count: [2, 2],
    run: (session, { flags, words: [from, to] }) => link(session, from!, to!, flags.has("s")),
  },
  {
    names: ["symlink"],
    usage: "old new",
    summary: "Make a symbolic link",
    flags: "",
    kinds: ["remote"],
    count: [2, 2],
    run: (session, { words: [from, to] }) => link(session, from!, to!, true),
  },
  {
    names: ["chmod"],
    usage: "[-h] mode path",
    summary: "Change the permission bits, in octal; -h those of a link itself",
    flags: "h",
    kinds: ["other", "remote"],
    count: [2, 2],
    run: changeMode,
  },
  {
    names: ["chown"],
    usage: "[-h] uid path",
    summary: "Change the owner, by number; -h that of a link itself",
    flags: "h",
    kinds: ["other", "remote"],
    count: [2, 2],
    run: (session, call) => changeOwner(session, call, "owner"),
  },
  {
    names: ["chgrp"],
    usage: "[-h] gid path",
    summary: "Change the group, by number; -h that of a link itself",
    flags: "h",
    kinds: ["other", "remote"],
    count: [2, 2],
    run: (session, call) => changeOwner(session, call, "group"),
  },
];

/** Makes a link. The target of a symbolic link is not resolved. */
async function link(session: Session, from: Word, to: Word, isSymbolic: boolean): Promise<void> {
  const { sftp, signal } = session;
  if (isSymbolic) await sftp.symlink(from.text, session.remotePath(to.text), { signal });
  else await sftp.link(session.remotePath(from.text), session.remotePath(to.text), { signal });
}
