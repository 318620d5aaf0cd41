import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerChannel, SFTPWrapper } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { logIn } from "../sessions.ts";
import { call, type OpenedSftp, openSessions, openSftp, pattern, thrown, untyped } from "../sftp-peers.ts";

const section = "sftp: ends";
const HANDLE = Buffer.from("handle");

/** Records the events of SFTP. Resolves when it is closed. */
function watched(record: Recorder, sftp: SFTPWrapper): Promise<unknown> {
  const events = ["exit", "end", "error", "close"];
  for (const event of events) sftp.on(event as "close", (...values: unknown[]) => record(event, ...values));
  return once(sftp, "close");
}

/** Sends requests that get no answer. Resolves when all have called back. */
async function pending(record: Recorder, sftp: SFTPWrapper): Promise<void> {
  await Promise.all([
    call(record, "stat", (done) => sftp.stat("file", done)),
    call(record, "open", (done) => sftp.open("file", "r", done)),
    call(record, "read", (done) => sftp.read(HANDLE, Buffer.alloc(10), 0, 10, 0, done)),
    call(record, "write", (done) => sftp.write(HANDLE, Buffer.alloc(10), 0, 10, 0, done)),
    call(record, "readdir", (done) => sftp.readdir("dir", done)),
    call(record, "readFile", (done) => sftp.readFile("file", done)),
    call(record, "writeFile", (done) => sftp.writeFile("file", "text", done)),
    call(record, "realpath", (done) => sftp.realpath("file", done)),
    call(record, "exists", (done) => sftp.exists("file", done)),
  ]);
}

function none(): void {}

/** Serves SFTP that answers nothing. Calls `act` with the channel's SFTP on the server when the last request is there. */
function silent(
  ssh2: Ssh2,
  record: Recorder,
  peers: Peers,
  act: (opened: OpenedSftp, server: SFTPWrapper) => void,
): Promise<OpenedSftp> {
  let opened!: OpenedSftp;
  const answers = {
    OPEN: none,
    READ: none,
    WRITE: none,
    OPENDIR: none,
    STAT: (reply: { readonly sftp: SFTPWrapper }, path: string) => {
      if (path === "last") act(opened, reply.sftp);
    },
    REALPATH: none,
  };
  return openSftp(
    ssh2,
    (event, ...values) => event !== "server" && record(event, ...values),
    peers,
    answers as never,
  ).then((made) => (opened = made));
}

/** Refuses or ends SFTP while it is started. */
function starting(name: string, serve: (session: Parameters<Parameters<typeof openSessions>[2]>[0]) => void): Case {
  return {
    name,
    section,
    async run(ssh2, record, peers) {
      const { client } = await logIn(ssh2, peers, (connection) =>
        connection.on("session", (accept) => serve(accept())),
      );
      await new Promise<void>((resolve) => {
        client.sftp((error, sftp) => {
          record("sftp", error, typeof sftp);
          resolve();
        });
      });
    },
  };
}

const ends: readonly Case[] = [
  starting("a server without SFTP", () => {}),
  starting("a server that refuses SFTP", (session) => session.on("sftp", (_accept, reject) => reject())),
  starting("a subsystem that exits", (session) =>
    session.on("subsystem" as "exec", (accept: () => ServerChannel) => {
      const channel = accept();
      channel.exit(3);
      channel.close();
    }),
  ),
  starting("a subsystem that a signal ends", (session) =>
    session.on("subsystem" as "exec", (accept: () => ServerChannel) => {
      const channel = accept();
      channel.exit("KILL" as never, false as never, "killed" as never);
      channel.close();
    }),
  ),
  starting("a subsystem that closes", (session) =>
    session.on("subsystem" as "exec", (accept: () => ServerChannel) => accept().close()),
  ),
  {
    name: "a server that closes the channel with open requests",
    section,
    async run(ssh2, record, peers) {
      const { sftp } = await silent(ssh2, record, peers, (_, server) => server.end());
      const closed = watched(record, sftp);
      const all = pending(record, sftp);
      sftp.stat("last", () => record("last"));
      await Promise.all([all, closed]);
    },
  },
  {
    name: "a connection that is lost with open requests",
    section,
    async run(ssh2, record, peers) {
      const { sftp, client } = await silent(ssh2, record, peers, ({ socket }) => socket.destroy());
      client.on("close", () => record("client close"));
      const closed = watched(record, sftp);
      const all = pending(record, sftp);
      sftp.stat("last", () => record("last"));
      await Promise.all([all, closed]);
    },
  },
  {
    name: "the client's end with open requests",
    section,
    async run(ssh2, record, peers) {
      const { sftp, client } = await silent(ssh2, record, peers, ({ client: one }) => one.end());
      client.on("close", () => record("client close"));
      const closed = watched(record, sftp);
      const all = pending(record, sftp);
      sftp.stat("last", () => record("last"));
      await Promise.all([all, closed]);
    },
  },
  {
    name: "SFTP beside another one",
    section,
    async run(ssh2, record, peers) {
      const { sftp, client } = await openSftp(ssh2, record, peers, {
        REALPATH: (reply, path: string) => reply.name(`/${path}`),
      });
      const other = await new Promise<SFTPWrapper>((resolve) => void client.sftp((_, made) => resolve(made)));
      await call(record, "first", (done) => sftp.realpath("a", done));
      await call(record, "second", (done) => other.realpath("b", done));
      sftp.end();
      await call(record, "second", (done) => other.realpath("c", done));
    },
  },
  {
    name: "a callback that ends the client",
    section,
    async run(ssh2, record, peers) {
      const { sftp, client } = await openSftp(ssh2, record, peers, { REALPATH: (reply) => reply.name("/") });
      const closed = once(client, "close");
      await call(record, "realpath", (done) =>
        sftp.realpath(".", (...values) => {
          client.end();
          (done as (...all: unknown[]) => void)(...values);
        }),
      );
      await closed;
    },
  },
];

/** Opens SFTP to OpenSSH's `sftp-server`, which a server of ssh2 runs. */
function openOpenSsh(ssh2: Ssh2, peers: Peers, started: (child: ChildProcess) => void = () => {}): Promise<OpenedSftp> {
  return openSessions(ssh2, peers, (session) => {
    session.on("subsystem" as "exec", (accept: () => ServerChannel) => {
      const channel = accept();
      const child: ChildProcess = spawn("/usr/lib/openssh/sftp-server", ["-e"], {
        cwd: peers.folder,
        stdio: ["pipe", "pipe", "ignore"],
      });
      peers.after(() => child.kill("SIGKILL"));
      started(child);
      channel.pipe(child.stdin!);
      child.stdout!.pipe(channel);
      child.on("exit", (code) => {
        channel.exit(code ?? 1);
        channel.end();
      });
      channel.on("close", () => child.kill("SIGKILL"));
    });
  });
}

/** A case with OpenSSH's server. */
function openssh(
  name: string,
  run: (sftp: SFTPWrapper, record: Recorder, folder: string) => Promise<void>,
  rest: Partial<Case> = {},
): Case {
  return {
    name,
    section: "sftp: OpenSSH's server",
    ...rest,
    async run(ssh2, record, peers) {
      const { sftp } = await openOpenSsh(ssh2, peers);
      await run(sftp, record, peers.folder);
    },
  };
}

const openHandle = (sftp: SFTPWrapper, path: string, flags: "r" | "w"): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    sftp.open(path, flags, (error, handle) => (error ? reject(error) : resolve(handle))),
  );

const withOpenSsh: readonly Case[] = [
  {
    name: "end() with open requests",
    section,
    async run(ssh2, record, peers) {
      let child: ChildProcess | undefined;
      const { sftp } = await openOpenSsh(ssh2, peers, (started) => {
        child = started;
      });
      child!.kill("SIGSTOP");
      const closed = watched(record, sftp);
      const all = pending(record, sftp);
      sftp.end();
      await Promise.all([all, closed]);
    },
  },
  openssh("end() after a transfer", async (sftp, record, folder) => {
    await writeFile(join(folder, "file"), pattern(100_000));
    const closed = watched(record, sftp);
    await call(record, "get", (done) => sftp.fastGet("file", join(folder, "copy"), done));
    sftp.end();
    await closed;
  }),
  openssh("rename, hardlink and fsync of OpenSSH", async (sftp, record, folder) => {
    await writeFile(join(folder, "a"), "a");
    await writeFile(join(folder, "b"), "b");
    await call(record, "rename", (done) => sftp.rename("a", "b", done));
    await call(record, "posix", (done) => sftp.ext_openssh_rename("a", "b", done));
    await call(record, "missing", (done) => sftp.ext_openssh_rename("a", "b", done));
    await call(record, "hardlink", (done) => sftp.ext_openssh_hardlink("b", "c", done));
    record("links", (await stat(join(folder, "c"))).nlink);
    const handle = await openHandle(sftp, "c", "w");
    await call(record, "fsync", (done) => sftp.ext_openssh_fsync(handle, done));
    thrown(record, "handle", () => sftp.ext_openssh_fsync("c" as never, () => {}));
  }),
  openssh("statvfs of OpenSSH", async (sftp, record) => {
    const handle = await openHandle(sftp, "file", "w");
    for (const start of [
      (done: (...values: never[]) => void) => sftp.ext_openssh_statvfs(".", done as never),
      (done: (...values: never[]) => void) => sftp.ext_openssh_fstatvfs(handle, done as never),
    ])
      await new Promise<void>((resolve) => {
        start((error: unknown, facts: Record<string, number>) => {
          record(
            "statvfs",
            error,
            Object.keys(facts),
            facts["f_bsize"],
            facts["f_namemax"],
            Object.values(facts).map((value) => typeof value),
          );
          resolve();
        });
      });
    await call(record, "missing", (done) => sftp.ext_openssh_statvfs("missing", done));
  }),
  openssh("lsetstat and home directory of OpenSSH", async (sftp, record, folder) => {
    const any = untyped(sftp);
    await symlink("b", join(folder, "link"));
    await call(record, "lsetstat", (done) => any["ext_openssh_lsetstat"]!("link", { atime: 5, mtime: 6 }, done));
    await new Promise<void>((resolve) => {
      sftp.lstat("link", (error, { atime, mtime }) => {
        record("times", error, atime, mtime);
        resolve();
      });
    });
    await call(record, "root's home", (done) => any["ext_home_dir"]!("root", done));
    await call(record, "nobody", (done) => any["ext_home_dir"]!("no such user", done));
    thrown(record, "user", () => any["ext_home_dir"]!(5, () => {}));
    for (const [uids, gids] of [
      [1, []],
      [[], 1],
      [[-1], []],
      [[], [2 ** 32]],
      [["1"], []],
    ])
      thrown(record, "ids", () => any["ext_users_groups"]!(uids, gids, () => {}));
  }),
  openssh("copy-data of OpenSSH", async (sftp, record, folder) => {
    await writeFile(join(folder, "a"), "0123456789");
    const any = untyped(sftp);
    const [from, to] = [await openHandle(sftp, "a", "r"), await openHandle(sftp, "b", "w")];
    await call(record, "copy", (done) => any["ext_copy_data"]!(from, 2, 5, to, 1, done));
    await call(record, "same", (done) => any["ext_copy_data"]!(from, 2, 5, from, 1, done));
    await call(record, "b", (done) => sftp.readFile("b", done));
    thrown(record, "source", () => any["ext_copy_data"]!("a", 2, 5, to, 1, () => {}));
    thrown(record, "target", () => any["ext_copy_data"]!(from, 2, 5, "b", 1, () => {}));
  }),
  openssh("files, directories and limits of OpenSSH", async (sftp, record, folder) => {
    const contents = pattern(300_000);
    await writeFile(join(folder, "big"), contents);
    await mkdir(join(folder, "dir"));
    const names = ["ä", "b c", ".hidden"];
    for (const name of names) await writeFile(join(folder, "dir", name), name);
    record("handles", (sftp as never as { maxOpenHandles: number }).maxOpenHandles > 0);
    await call(record, "readFile", (done) => sftp.readFile("big", done));
    const handle = await openHandle(sftp, "big", "r");
    const buffer = Buffer.alloc(300_000);
    await call(record, "read", (done) => sftp.read(handle, buffer, 0, 300_000, 0, done));
    await call(record, "end", (done) => sftp.read(handle, buffer, 0, 10, 300_000, done));
    await call(record, "write to a file for reading", (done) => sftp.write(handle, buffer, 0, 10, 0, done));
    await new Promise<void>((resolve) => {
      sftp.readdir("dir", (error, list) => {
        record(
          "readdir",
          error,
          list.map(({ filename, attrs: { mode, size } }) => `${filename} ${mode} ${size}`).toSorted(),
        );
        resolve();
      });
    });
    await call(record, "mkdir", (done) => sftp.mkdir("dir", done));
    await call(record, "rmdir", (done) => sftp.rmdir("dir", done));
    await call(record, "unlink", (done) => sftp.unlink("missing", done));
    await call(record, "opendir", (done) => sftp.opendir("big", done));
    await call(record, "put", (done) => sftp.fastPut(join(folder, "big"), "copy", done));
    await call(record, "copy", (done) => sftp.readFile("copy", done));
    await call(record, "closed handle", (done) => sftp.close(Buffer.from("none"), done));
  }),
  openssh(
    "symlink of OpenSSH's `sftp-server`, run by another server",
    async (sftp, record, folder) => {
      await call(record, "symlink", (done) => sftp.symlink("target", "link", done));
      record(
        "link",
        await readlink(join(folder, "link")).catch(() => "missing"),
        await readlink(join(folder, "target")).catch(() => "missing"),
      );
    },
    {
      differs: "symlink to OpenSSH's sftp-server",
      expected: {
        ssh2: [["symlink"], ["link", "missing", "link"]],
        nacre: [["symlink"], ["link", "target", "missing"]],
      },
    },
  ),
  openssh(
    "expand-path of OpenSSH",
    async (sftp, record, folder) => {
      const any = untyped(sftp);
      await new Promise<void>((resolve) => {
        sftp.on("close", () => resolve());
        any["ext_openssh_expandPath"]!("./file", (error: Error | undefined, path: unknown) => {
          record("path", error, path === join(folder, "file"));
          resolve();
        });
      });
    },
    {
      differs: "ext_openssh_expandPath",
      expected: {
        ssh2: [["path", { error: "No response from server" }, false]],
        nacre: [["path", "<undefined>", true]],
      },
    },
  ),
];

export const cases: readonly Case[] = [...ends, ...withOpenSsh];
