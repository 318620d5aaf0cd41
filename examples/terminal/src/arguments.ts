// Command-line arguments of `npm start -- web`.
import { parseArgs } from "node:util";
import type { Destination } from "./destination.ts";

export const USAGE = `usage: npm start -- web [option…]

  --host [USER@]HOST   also connect to this host; it is the first in the list
  -p, --port PORT      port of --host; default 22
  --allow HOST:PORT    also connect to this host; may be repeated. For a name with private addresses, add their network:
                       --allow db.internal:22=10.0.0.0/8
  --web-port PORT      port of the page; default 8081, 0 for a free one
  --ssh-port PORT      port of the embedded SSH server; default 2223, 0 for a free one
  --folder FOLDER      host key and home folder of the embedded server; default ~/.config/nacre-terminal
  --no-wasm            forbid WebAssembly in the page's policy; the portable cipher then runs
  --help               show this text
`;

/** Parsed arguments. */
export interface Arguments {
  readonly webPort: number;
  readonly sshPort: number;
  readonly folder: string;
  readonly wasm: boolean;
  /** Destinations in addition to the embedded server, the preferred one first. */
  readonly destinations: readonly Destination[];
}

/** Parses the arguments. Returns `undefined` for `--help`. Throws an `Error` with a remedy if an argument is invalid. */
export function parseArguments(words: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      host: { type: "string" },
      port: { type: "string", short: "p" },
      allow: { type: "string", multiple: true, default: [] },
      "web-port": { type: "string", default: "8081" },
      "ssh-port": { type: "string", default: "2223" },
      folder: { type: "string", default: "~/.config/nacre-terminal" },
      "no-wasm": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  if (values.host === undefined && values.port !== undefined) throw new Error("--port needs --host");
  const preferred = values.host === undefined ? [] : [hostOption(values.host, values.port ?? "22")];
  return {
    webPort: portOf("--web-port", values["web-port"], 0),
    sshPort: portOf("--ssh-port", values["ssh-port"], 0),
    folder: values.folder,
    wasm: !values["no-wasm"],
    destinations: [...preferred, ...values.allow.map((text) => allowOption(text))],
  };
}

function hostOption(text: string, portText: string): Destination {
  const [, user, host = ""] = /^(?:(.+)@)?\[?([^@[\]]+)\]?$/.exec(text) ?? [];
  if (host === "") throw new Error(`--host ${text} is not a host; give alice@ssh.example.org`);
  const port = portOf("--port", portText, 1);
  return { host, port, user, allow: `${host.includes(":") ? `[${host}]` : host}:${port}` };
}

function allowOption(allow: string): Destination {
  const [, address, name = address, port = ""] = /^(?:\[([^\]]+)\]|([^:[\]*]+)):(\d{1,5})(?:=.+)?$/.exec(allow) ?? [];
  if (name === undefined) throw new Error(`--allow ${allow} is not a destination; give ssh.example.org:22`);
  return { host: name, port: portOf("--allow", port, 1), user: undefined, allow };
}

function portOf(option: string, text: string, least: number): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= least && port <= 65_535) return port;
  throw new Error(`${option} ${text} is not a port; give a number from ${least} to 65535`);
}
