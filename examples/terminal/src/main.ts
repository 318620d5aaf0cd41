// Command-line program: `npm start -- web`, with the options of `arguments.ts`.
import { formatEvent } from "@nacre/gateway";
import { type Arguments, parseArguments, USAGE } from "./arguments.ts";
import { DEMO_USER } from "./ssh-server.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

await main();

async function main(): Promise<void> {
  let options: Arguments | undefined;
  try {
    options = parseArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`web: ${(error as Error).message}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options === undefined) {
    console.log(USAGE);
    return;
  }
  let terminal: Terminal;
  try {
    terminal = await openTerminal({
      ...options,
      // Shows on standard error what the gateway learns about each connection.
      log: (event) => console.error(formatEvent(event, "text", new Date())),
      warn: (text) => console.error(text),
    });
  } catch (error) {
    console.error(`web: ${(error as Error).message}`);
    process.exitCode = 1;
    return;
  }
  const { url, ssh } = terminal;
  console.log(`The terminal is open; Ctrl-C closes it.
  page:      ${url}
  user:      ${DEMO_USER}
  password:  ${ssh.password}
  host key:  ${ssh.fingerprint}`);
  // A second signal ends the process immediately, which is Node's default.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void terminal.close());
}
