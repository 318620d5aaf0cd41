import { heldBy, patch, type Row, remove } from "./types.ts";

const SYSTEM = "node/test/windows/system";
const ACCESS = "node/test/windows/access";
const CLI = "cli/test/windows";

/** Attacks by other accounts of a Windows machine, and by servers that name files there. */
export const WINDOWS: readonly Row[] = [
  {
    title: "Windows: files in a folder where every user may create them",
    client: heldBy(
      SYSTEM,
      "are not looked for in a folder of the current drive, where every user may create files",
      remove("windows-folder"),
    ),
    server: "not touched",
  },
  {
    title: "Windows: programs in the current folder",
    client: [
      heldBy(
        SYSTEM,
        "run on Windows by its own cmd.exe, with their quotes, and never from the current folder",
        patch("windows-shell", 'program: environment["ComSpec"]!'),
        remove("windows-current-folder"),
      ),
      heldBy(CLI, "lls runs no program", remove("windows-ls")),
      heldBy(CLI, "a terminal session runs no stty", remove("windows-stty")),
      heldBy(CLI, "the program of SSH_ASKPASS has an absolute path", remove("windows-askpass")),
    ],
    server: "not touched",
  },
  {
    title: "Windows: commands of a configuration that others can write",
    client: [
      heldBy(
        ACCESS,
        "may not be written by another account, nor its folders up to the home folder",
        remove("windows-exposed"),
      ),
      heldBy(ACCESS, "is in the home folder", remove("windows-exposed-owner")),
      heldBy(
        CLI,
        "commands of the system's configuration do not run",
        patch("windows-config-commands", "const commands = true;"),
      ),
    ],
    server: "not touched",
  },
  {
    title: "Windows: a variable of cmd.exe in a typed host or user",
    client: heldBy(
      "config/test/windows",
      "refuses a typed name with a variable of cmd.exe",
      remove("config-typed-variable"),
    ),
    server: "not touched",
  },
  {
    title: "Windows: a private key that other accounts can read",
    client: heldBy(ACCESS, "is not called private unless its list says so", remove("windows-restricted")),
    server: heldBy(
      "node/test/windows/keys",
      "a new host key is restricted to the account, or a line says that it is not",
      patch("windows-secret-file", "const problem = undefined;"),
    ),
  },
  {
    title: "Windows: names that differ in case only",
    client: heldBy(
      "files/test/client/attacks",
      "Windows: names that differ in case only · client",
      remove("transfer-name-case"),
    ),
    server: "not touched",
  },
];
