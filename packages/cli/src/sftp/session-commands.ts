import { textWidth } from "../cp/text-width.ts";
import type { Command } from "./command.ts";

/** Commands of the session itself. `commands` is the whole table, for `help`. */
export function sessionCommands(commands: () => readonly Command[]): readonly Command[] {
  return [
    {
      names: ["help", "?"],
      usage: "",
      summary: "Show this list",
      flags: "",
      kinds: [],
      count: [0, 1],
      run: (session) => {
        for (const line of helpLines(commands())) session.print(line);
      },
    },
    {
      names: ["progress"],
      usage: "",
      summary: "Show the progress of transfers, or stop showing it",
      flags: "",
      kinds: [],
      count: [0, 0],
      run: (session) => {
        session.showsProgress = !session.showsProgress;
        session.print(`Progress meter ${session.showsProgress ? "enabled" : "disabled"}`);
      },
    },
    {
      names: ["version"],
      usage: "",
      summary: "Show the version of SFTP",
      flags: "",
      kinds: [],
      count: [0, 0],
      run: (session) => session.print("SFTP protocol version 3"),
    },
    {
      names: ["quit", "exit", "bye"],
      usage: "",
      summary: "End the session",
      flags: "",
      kinds: [],
      count: [0, 0],
      run: (session) => {
        session.isOver = true;
      },
    },
  ];
}

/** Returns the lines of `help`, sorted by name. */
function helpLines(commands: readonly Command[]): string[] {
  const rows = commands
    .map(({ names, usage, summary }) => [`${names.join(", ")} ${usage}`.trimEnd(), summary] as const)
    .concat([
      ["!command", "Run a command in the shell of this machine"],
      ["!", "Start a shell on this machine"],
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(...rows.map(([left]) => textWidth(left)));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
}
