import type { Client, Forward, NodeProcess } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { show } from "../say.ts";
import type { EscapeActions } from "./escape-keys.ts";

/** What escapes act on. */
export interface EscapeTargets {
  readonly client: Pick<Client, "close" | "rekey">;
  readonly remote: Pick<NodeProcess, "sendBreak">;
  readonly forwards: readonly Pick<Forward, "host" | "port" | "path" | "connections">[];
  /** Stops this process with the terminal as it was, until it is continued. */
  readonly suspend: () => void;
}

/** Key codes of control characters. */
const CTRL_Z = 0x1a;

/** Returns the escapes of ssh(1) for a terminal, after `escape`. */
export function escapeActions(escape: number, { client, remote, forwards, suspend }: EscapeTargets): EscapeActions {
  const character = escape < 0x20 ? `^${String.fromCharCode(escape + 0x40)}` : String.fromCharCode(escape);
  const named = (name: string): string => `${character}${name}`;
  return new Map<number, () => void>([
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
    [code("C"), () => print("commandline disabled")],
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
          ` ${named(".")}   - terminate connection (and any multiplexed sessions)`,
          ` ${named("B")}   - send a BREAK to the remote system`,
          ` ${named("R")}   - request rekey`,
          ` ${named("^Z")}  - suspend ssh`,
          ` ${named("#")}   - list forwarded connections`,
          ` ${named("?")}   - this message`,
          ` ${named(character)}   - send the escape character by typing it twice`,
          "(Note that escapes are only recognized immediately after newline.)",
        ),
    ],
  ]);
}

/** Prints lines on a terminal in raw mode. */
function print(...lines: readonly string[]): void {
  show(lines.map((line) => `${line}\r\n`).join(""));
}

function code(key: string): number {
  return key.charCodeAt(0);
}

function connections(forwards: EscapeTargets["forwards"]): readonly string[] {
  return [
    "  #0 client-session",
    ...forwards
      .filter((forward) => forward.connections > 0)
      .map((one) => `  ${one.path ?? `${one.host}:${one.port}`}: ${one.connections} forwarded`),
  ];
}
