// What does not run on Windows. Paths are relative to the project's root.

/** Test files of what Windows lacks. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "`diskFileSystem` refuses Windows": [
    "packages/node/test/disk/attacks.test.ts",
    "packages/node/test/disk/directory-cache.test.ts",
    "packages/node/test/disk/disk-files.test.ts",
    "packages/node/test/disk/faulty-disk.test.ts",
    "packages/node/test/disk/handler.test.ts",
    "packages/node/test/disk/long-files.test.ts",
    "packages/node/test/disk/swapped-directories.test.ts",
  ],
  "`nacre serve` refuses Windows": [
    "packages/cli/test/process-tree.test.ts",
    "packages/cli/test/serve-environment.test.ts",
    "packages/cli/test/serve-stop.test.ts",
  ],
};

/** Titles of tests by reason and file. */
export const WINDOWS_EXCLUSIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "modes and owners of files": {
    "packages/cli/test/compile-cache.test.ts": [
      "does not keep compiled code in a folder that another user could replace",
      "does not keep compiled code in a folder that another user owns or can open",
      "the folder of the compile cache is made for this user alone",
    ],
    "packages/cli/test/gateway.test.ts": [
      "refuses a file of --issue-token that other users can read or write",
      "refuses a file of --key that other users can read or write",
    ],
    "packages/cli/test/keygen-files.test.ts": [
      "a printed public key -y refuses a file that others can read, and a wrong passphrase",
    ],
    "packages/cli/test/sftp/commands.test.ts": [
      "lumask sets the bits that new local files do not get, and takes only a mask",
    ],
    "packages/node/test/attacks.test.ts": [
      "authorized_keys · server",
      "sftp: a partial file that another user placed in the folder of a download · client",
      "whose file · client",
    ],
    "packages/node/test/authorized-keys.test.ts": [
      "authorizedKeys ignores a file of another owner, and one that is too large",
      "authorizedKeys ignores a file that others can write, a missing one and an unreadable one",
      "authorizedKeys ignores a file that others could replace",
      "authorizedKeys reports once that others can write a file, regardless of the keys that clients query",
      "hostKeyFile rejects a key that others can read or write, and creates a private folder",
    ],
    "packages/node/test/certificate-logins.test.ts": [
      "trustedUserCAKeys trusts no authority if others can write the file, or if it is missing",
    ],
    "packages/node/test/config/attacks.test.ts": ["a command in files that others can write · client"],
    "packages/node/test/identities.test.ts": [
      "default keys are skipped with a warning if others can read them",
      "keys in `identities` are rejected if others can read them, in any format, encrypted or not; public keys are accepted",
    ],
    "packages/node/test/owned-file.test.ts": [
      "readOwned checks no folder above a home folder that is named by a link, or with a slash at its end",
      "readOwned requires that this account or root owns the file, unless another owner is given",
    ],
    "packages/node/test/local-files.test.ts": [
      "makes, renames and removes directories, files and links",
      "writes a new file with mode and times",
    ],
    "packages/node/test/short-files.test.ts": [
      "creates a file with contents, mode and times, but not in place of another one or through a link",
      "sets the mode without times, and times without the mode, at once and in the thread pool",
    ],
  },
  "links (Wine makes none)": {
    "packages/cli/test/cp/attacks.test.ts": [
      "scp: a link that an earlier copy made in place of the target · client",
      "sftp: a link that an earlier copy made in place of the target · client",
    ],
    "packages/cli/test/cp/copy-run.test.ts": [
      "a link as the target stays, and the file that it leads to gets the copy",
    ],
    "packages/cli/test/key-log.test.ts": [
      "the key log accepts a link to a regular file",
      "the key log rejects a link to a device and leaves its mode unchanged",
    ],
    "packages/cli/test/keygen-files.test.ts": [
      "keygen -p replaces the file behind a link",
      "keygen -c changes the .pub file beside the link to a key",
    ],
    "packages/cli/test/keygen-known-hosts.test.ts": ["keygen -R changes a file behind a link to another file system"],
    "packages/node/test/attacks.test.ts": [
      "sftp: a link in place of a file that a download creates · client",
      "sftp: a link that takes the place of a directory during a download · client",
      "special files · client",
    ],
    "packages/node/test/config/resolve.test.ts": ["a configuration file may be the null device, also through a link"],
    "packages/node/test/host-keys.test.ts": [
      "host keys that a server replaces keep the file's mode and symbolic link, and leave no other file",
    ],
    "packages/node/test/local-files.test.ts": [
      "removes empty directories, and no links to them",
      "sets attributes of a directory, but not through a link",
    ],
  },
  "pipes that are files": {
    "packages/cli/test/attacks.test.ts": ["special files: key log · client"],
    "packages/cli/test/cp/copy-run.test.ts": [
      "a pipe or device as the target gets the contents here, and stays, also behind a link",
    ],
    "packages/cli/test/key-log.test.ts": [
      "the key log rejects a FIFO and leaves its mode unchanged",
      "the key log rejects a link to a FIFO and leaves its mode unchanged",
    ],
    "packages/cli/test/sftp/commands.test.ts": ["a device or pipe gets the contents of a fetched file, and stays"],
    "packages/node/test/attacks.test.ts": ["special files · server"],
    "packages/node/test/authorized-keys.test.ts": ["authorizedKeys ignores a pipe, and does not wait for a writer"],
    "packages/node/test/config/attacks.test.ts": ["a configuration of binary data · client"],
    "packages/node/test/known-hosts.test.ts": ["a new host is not written to a device or a pipe"],
    "packages/node/test/left-open.test.ts": ["leaves no descriptor of a file open that it refuses"],
    "packages/node/test/local-files.test.ts": [
      "continues no link, pipe, directory or file with two names, and fails if it cannot look",
      "keeps a pipe that is the target of a download, also behind a link",
      "lists every type of file with its attributes",
      "opens only regular files, and links only if told to",
    ],
    "packages/node/test/owned-file.test.ts": ["readOwned requires a regular file within the size limit"],
    "packages/node/test/short-files.test.ts": ["reads only regular files, and links only if told to"],
  },
  "Unix sockets": {
    "packages/cli/test/master.test.ts": [
      "a control socket is not used where a master cannot help",
      "a control socket of a master with the extension `info` shows connection and channels, escaped; another shows nothing",
      "a control socket of a program other than a master is closed, with a message",
      "a control socket that is missing, or left over, is passed over",
      "master: a host key that was named · client",
      "master: a path that others can change · client",
      "master: a socket of another user · client",
    ],
    "packages/node/test/attacks.test.ts": ["forwarding · server"],
    "packages/node/test/forward/local.test.ts": [
      "a Unix socket of a forward has mode 0600 regardless of the umask, and is removed on close",
      "a Unix socket of a forward may have a path as long as the system allows",
      "a Unix socket of a forward never replaces a file, with streamLocalBindUnlink false",
      "a Unix socket of a forward never replaces a file, with streamLocalBindUnlink true",
      "a Unix socket of a forward replaces a socket only with streamLocalBindUnlink, and keeps another program's socket on close",
      "a Unix socket of a forward requires an existing folder",
    ],
    "packages/node/test/tcp-forwarding.test.ts": [
      "tcpForwarding listens on a Unix socket with mode 0600, which it removes",
      "tcpForwarding listens without replacing an existing file or removing another program's file",
    ],
  },
  "names that are not text, and directories held open, which Windows lacks": {
    "packages/node/test/local-files.test.ts": [
      "keeps names of local files that are not UTF-8",
      "reaches a held directory under another name, and shows its path in errors",
    ],
  },
  "Windows buffers all that a program writes to a socket": {
    "packages/node/test/socket-duplex.test.ts": [
      "a duplex over a socket receives no more than the system's buffers while paused",
    ],
  },
  "programs of Unix": {
    "packages/cli/test/askpass.test.ts": [
      "the program of SSH_ASKPASS gets the question as its argument, and no hint",
      "the program of SSH_ASKPASS gives the first 1023 bytes",
      "the program of SSH_ASKPASS gives the first line",
      "the program of SSH_ASKPASS gives the text before a carriage return",
      "the program of SSH_ASKPASS gives the words without a line end",
      "the program of SSH_ASKPASS is ended with the questions",
      "the program of SSH_ASKPASS permits with echo YES: true",
      "the program of SSH_ASKPASS permits with echo: true",
    ],
    "packages/cli/test/consents.test.ts": [
      'AddKeysToAgent ask is answered "" by the program: true',
      'AddKeysToAgent ask is answered "yes" by the program: true',
    ],
    "packages/cli/test/keygen-files.test.ts": [
      "a printed public key -y gets the passphrase from the program of SSH_ASKPASS",
    ],
    "packages/cli/test/sftp/commands.test.ts": [
      "this machine ! runs a line in the shell, and lls runs ls, in the local directory",
    ],
    "packages/node/test/command-duplex.test.ts": [
      "`proxyCommand` ends when the server does",
      "`proxyCommand` has the stderr of this process",
      "`proxyCommand` is the way to the host; nothing is left after `close`",
      "`proxyCommand` leads to the first jump host",
      "`proxyCommand` runs again for each connection of `reconnect`",
      "`proxyCommand` that ends before the login is named with its status: sh -c 'echo no such host; exit 2'",
      "`proxyCommand` that ends before the login is named with its status: sh -c 'exit 1'",
      "`proxyCommand` that ends before the login is named with its status: sh -c 'kill -KILL $$'",
      "`proxyCommand` that is silent is bounded by `connectTimeout`, and ended by `signal`",
      "closing the byte connection of a command close kills a command that ignores SIGHUP and its input",
      "closing the byte connection of a command reset kills a command that ignores SIGHUP and its input",
      "closing the byte connection of a command sends what was written, then SIGHUP, and waits for the command's end",
      "the byte connection of a command delivers all output of a command that has ended",
      "the byte connection of a command ends soon after a command that closes its output and goes on",
      "the byte connection of a command fails when the command closes its input and goes on",
      "the byte connection of a command is paused and resumed, and reports when there is room",
      "the byte connection of a command passes bytes in both directions, and its end",
      "the byte connection of a command runs with the shell of SHELL, which the command replaces",
      "the byte connection of a command tells how the command ended: exit 3",
      "the byte connection of a command tells how the command ended: no-such-command-anywhere 2>/dev/null",
      "the byte connection of a command tells how the command ended: sh -c 'kill -TERM $$'",
    ],
    "packages/node/test/config/attacks.test.ts": ["a command that outlives its configuration · client"],
    "packages/node/test/config/connect.test.ts": ["HostKeyAlias, RevokedHostKeys and KnownHostsCommand count"],
    "packages/node/test/config/resolve.test.ts": [
      "Match exec a command that a signal ends, and a shell that is missing, do not match",
      "Match exec runs the shell with tokens, without input and output",
      "Match exec the end of the command ends the processes of the command",
      "Match exec the signal ends the processes of the command",
      "Match exec the time limit ends the processes of the command",
    ],
    "packages/node/test/host-keys.test.ts": [
      "a command for known hosts adds its lines, and gets what is looked up",
      "a command for known hosts and what it started end with it, and with the attempt",
      "known hosts: the command · client",
    ],
  },
  "`nacre serve` refuses Windows": {
    "packages/cli/test/attacks.test.ts": ["descriptors · server", "signals · server"],
    "packages/cli/test/serve-arguments.test.ts": [
      'parseServeArguments parses "--sftp-root /srv/files --sftp-read-only"',
    ],
  },
  "a terminal of script(1)": {
    "packages/cli/test/attacks.test.ts": ["type-ahead · client"],
  },
  devices: {
    "packages/cli/test/cp/copy-run.test.ts": [
      "a pipe or device as the target may be standard output that takes nothing, as on a full disk: status 1, with the reason",
      "a pipe or device as the target may be standard output, whether that is a pipe or a file",
    ],
    "packages/node/test/full-disk.test.ts": [
      "a new host key on a full disk leaves no lock behind, and the warning names the reason",
    ],
  },
  "`diskFileSystem` refuses Windows": {
    "packages/cli/test/serve-sftp.test.ts": ["nacre serve: a command of scp that is not understood · server"],
    "packages/node/test/duplex.test.ts": ["transfers work over `duplex`"],
    "packages/node/test/reconnect-transfers.test.ts": [
      "files of a directory that are complete are not moved again",
      "reconnect: a transfer without progress · client",
      "the network taken away for 30 s a download with `resume` goes on by itself",
      "the network taken away for 30 s a transfer without `resume` fails once",
      "the network taken away for 30 s an upload with `resume` goes on by itself",
      "the network taken away for 300 s a download with `resume` goes on by itself",
      "the network taken away for 300 s a transfer without `resume` fails once",
      "the network taken away for 300 s an upload with `resume` goes on by itself",
      "the network taken away for 5 s a download with `resume` goes on by itself",
      "the network taken away for 5 s a transfer without `resume` fails once",
      "the network taken away for 5 s an upload with `resume` goes on by itself",
      "the result includes files that were complete before a loss",
    ],
  },
  "names that Windows does not permit": {
    "packages/node/test/config/resolve.test.ts": [
      "a configuration file is found by a pattern in each part of its path",
    ],
  },
  "Windows reports a path below a file as missing": {
    "packages/node/test/config/resolve.test.ts": [
      "a configuration file is unreadable in a loop of links or with a NUL in its path, else missing",
    ],
  },
  "an agent does not listen on Windows": {
    "packages/node/test/create-agent.test.ts": [
      "an agent of `createAgent` does not replace a file, and removes its socket when it stops listening",
      "an agent of `createAgent` leaves nothing open after `close`",
      "an agent of `createAgent` listens on a socket that only its user can reach",
    ],
  },
  "named pipes have no end of one direction alone": {
    "packages/node/test/forward/local.test.ts": ["a Unix socket of a forward forwards to a Unix socket"],
  },
  "the package redis is not installed there": {
    "packages/cli/test/gateway.test.ts": [
      "says with which code the ticket store refuses its password, and not the password",
    ],
  },
  "the password database": {
    "packages/node/test/account.test.ts": [
      "accountName throws `usage` for an account without an entry",
      "the home folder is taken from the password database, not from HOME",
    ],
    "packages/node/test/runtime.test.ts": [
      "the account on Bun, where userInfo returns the environment falls back to userInfo if the database has no entry",
      "the account on Bun, where userInfo returns the environment is read from the password database",
    ],
  },
};

/** The test files that do not run on Windows. */
export const UNIX_FILES: readonly string[] = Object.values(FILES).flat();
