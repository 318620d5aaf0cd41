import type { Client, NodeProcess } from "@nacre/node";
import { SshError } from "@nacre/wire";
import type { EscapeActions } from "./escape-keys.ts";
import type { OpenForward } from "./forwards.ts";

/** Targets of escapes. */
export interface EscapeTargets {
  readonly client: Pick<Client, "close" | "rekey">;
  readonly remote: Pick<NodeProcess, "sendBreak">;
  readonly forwards: readonly OpenForward[];
  /** Whether the connection is that of a master, which keeps some escapes to itself. */
  readonly isShared: boolean;
  /** Stops this process with the terminal as it was, until it is continued. */
  readonly suspend: () => void;
  /** Reads a line at the terminal and runs it (`~C`); `undefined` without EnableEscapeCommandline. */
  readonly commandLine: (() => Promise<void>) | undefined;
  /** Makes the messages one level louder, or quieter. Returns what to print: the new level. */
  readonly changeLevel: (step: 1 | -1) => string;
}

/** Key codes of control characters. */
const CTRL_Z = 0x1a;

/** Returns the escapes of ssh(1) for a terminal, after `escape`. */
export function escapeActions(escape: number, targets: EscapeTargets): EscapeActions {
  const { client, remote, forwards, isShared, suspend, commandLine, changeLevel } = targets;
  const character = escape < 0x20 ? `^${String.fromCharCode(escape + 0x40)}` : String.fromCharCode(escape);
  const named = (name: string): string => `${character}${name}`;
  /** An escape that a session of a master does not have. */
  const own = (name: string, act: () => void | Promise<void>): [number, () => void | Promise<void>] => [
    code(name),
    isShared ? () => print(`${named(name)} escape not available to multiplexed sessions`) : act,
  ];
  return new Map<number, () => void | Promise<void>>([
    [
      code("."),
      () => {
        print(named("."));
        void client.close();
      },
    ],
    [
      code("B"),
      () => {
        print(named("B"));
        remote.sendBreak().catch((error: unknown) => {
          if (!(error instanceof SshError)) throw error;
          print("the server refused the break");
        });
      },
    ],
    [code("R"), () => client.rekey()],
    own("C", commandLine ?? (() => print("commandline disabled"))),
    own("V", () => print(`${named("V")} [${changeLevel(-1)}]`)),
    own("v", () => print(`${named("v")} [${changeLevel(1)}]`)),
    own("&", () => print(`${named("&")} [not available: this process cannot move to the background]`)),
    [code("#"), () => print(named("#"), "The following connections are open:", ...connections(forwards))],
    [
      CTRL_Z,
      () => {
        print(`${named("^Z")} [suspend ssh]`);
        suspend();
      },
    ],
    [
      code("?"),
      () =>
        print(
          named("?"),
          "Supported escape sequences:",
          isShared
            ? ` ${named(".")}   - terminate session`
            : ` ${named(".")}   - terminate connection (and any multiplexed sessions)`,
          ` ${named("B")}   - send a BREAK to the remote system`,
          ...(isShared || commandLine === undefined ? [] : [` ${named("C")}   - open a command line`]),
          ` ${named("R")}   - request rekey`,
          ...(isShared ? [] : [` ${named("V/v")} - decrease/increase verbosity (LogLevel)`]),
          ` ${named("^Z")}  - suspend ssh`,
          ` ${named("#")}   - list forwarded connections`,
          ` ${named("?")}   - this message`,
          ` ${named(character)}   - send the escape character by typing it twice`,
          "(Note that escapes are only recognized immediately after newline.)",
        ),
    ],
  ]);
}

/** Prints lines on a terminal in raw mode, at any log level. */
function print(...lines: readonly string[]): void {
  process.stderr.write(lines.map((line) => `${line}\r\n`).join(""));
}

function code(key: string): number {
  return key.charCodeAt(0);
}

function connections(forwards: EscapeTargets["forwards"]): readonly string[] {
  return [
    "  #0 client-session",
    ...forwards
      .filter(({ forward }) => forward.connections > 0)
      .map(({ forward: one }) => `  ${one.path ?? `${one.host}:${one.port}`}: ${one.connections} forwarded`),
  ];
}
