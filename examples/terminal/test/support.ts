import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTerminal, type Terminal, type TerminalOptions } from "../src/terminal.ts";

/** Folder of an embedded server, with a short prompt in its shells. */
export function makeFolder(): { readonly path: string; readonly home: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "nacre-terminal-"));
  const home = join(path, "home");
  mkdirSync(home, { mode: 0o700 });
  // Each shell reads one of these files, or the variable.
  for (const file of [".bash_profile", ".profile", ".zprofile"])
    writeFileSync(join(home, file), "PS1='demo@nacre:~$ '\nunset HISTFILE\n");
  return { path, home, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Example that runs in this process, and the connections of its HTTP server. */
export interface TestTerminal extends Terminal {
  /** Cuts the TCP connections of all WebSockets and requests. Returns their number. */
  cut(): number;
  /** Reads nothing more from them, as if the network swallowed what the page sends. */
  swallow(): void;
  /** Stops the HTTP server as a crash does: without a word to the pages. Resolves when its port is free. */
  crash(): Promise<void>;
}

/** Opens the example on free ports. */
export async function openTestTerminal(folder: string, options: Partial<TerminalOptions> = {}): Promise<TestTerminal> {
  const terminal = await openTerminal({ webPort: 0, sshPort: 0, folder, wasm: true, destinations: [], ...options });
  const sockets = new Set<Socket>();
  terminal.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const cut = (): number => {
    const count = sockets.size;
    for (const socket of sockets) socket.destroy();
    return count;
  };
  const swallow = (): void => {
    for (const socket of sockets) socket.pause();
  };
  const crash = async (): Promise<void> => {
    const closed = new Promise((resolve) => terminal.server.close(resolve));
    cut();
    await closed;
  };
  return { ...terminal, cut, swallow, crash };
}
