// Command-line program: `npm start -- chat`, with the options below.
import { parseArgs } from "node:util";
import { type Chat, openChat } from "./chat.ts";

const USAGE = `usage: npm start -- chat [option…]

  --ssh-port PORT   port for SSH clients; default 2222, 0 for a free one
  --web-port PORT   port of the page; default 8080, 0 for a free one
  --host ADDRESS    address to listen at; default 127.0.0.1, this machine only
  --host-key FILE   the server's host key, created if missing; default ~/.config/nacre-chat/host_key
  --origin ORIGIN   another origin of the page, such as https://chat.example.org behind a proxy; may be repeated
  --valkey URL      share the room with other processes, such as redis://localhost:6379
  --help            show this text
`;

await main();

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return;
  let chat: Chat;
  try {
    chat = await openChat(options);
  } catch (error) {
    console.error(`chat: ${(error as Error).message}`);
    process.exitCode = 1;
    return;
  }
  console.log(`The chat room is open; Ctrl-C closes it.
  terminal: ssh -p ${chat.sshPort} YOUR-NAME@localhost
  page:     http://localhost:${chat.webPort}/`);
  // A second signal ends the process immediately, which is Node's default.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void chat.close());
}

function readOptions(): Parameters<typeof openChat>[0] | undefined {
  try {
    const { values } = parseArgs({
      options: {
        "ssh-port": { type: "string", default: "2222" },
        "web-port": { type: "string", default: "8080" },
        host: { type: "string", default: "127.0.0.1" },
        "host-key": { type: "string", default: "~/.config/nacre-chat/host_key" },
        origin: { type: "string", multiple: true, default: [] },
        valkey: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      return undefined;
    }
    const { host, valkey, origin: origins } = values;
    return {
      ssh: { host, port: portOf("ssh-port", values["ssh-port"]), hostKey: values["host-key"] },
      web: { host, port: portOf("web-port", values["web-port"]), origins },
      valkey,
      log: (line) => console.error(line),
    };
  } catch (error) {
    console.error(`chat: ${(error as Error).message}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

function portOf(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new Error(`--${option} ${text} is not a port; give a number from 0 to 65535`);
}
