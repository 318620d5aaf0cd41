import { once } from "node:events";
import { connect } from "@nacre/node";
import { expect, test, vi } from "vitest";
import { makeFolder, openTestTerminal } from "./support.ts";

// In a file of its own: connections of other tests would hide a leak.
test("closing releases all servers, connections and processes", { timeout: 120_000 }, async () => {
  const before = resources();
  const folder = makeFolder();
  const terminal = await openTestTerminal(folder.path);
  const { port, password, fingerprint } = terminal.ssh;
  const client = await connect({
    host: "127.0.0.1",
    port,
    user: "demo",
    password,
    hostKey: fingerprint,
    identities: [],
  });
  const shell = await client.shell();
  // Takes the loss, which would otherwise be an uncaught error of the output.
  shell.exit.catch(() => {});
  await once(shell.stdout, "data");
  const response = await fetch(terminal.url, { headers: { connection: "close" } });
  await response.text();
  expect(resources()).toEqual(expect.arrayContaining(["ProcessWrap", "TCPServerWrap"]));
  await terminal.close();
  expect((await client.ended).code).toMatch(/^(?:disconnected|connection-lost)$/);
  await vi.waitFor(() => expect(resources()).toEqual(before), 15_000);
  folder.remove();
});

/** Returns the types of the active resources of this process, without timers, because the test runner has its own. */
function resources(): string[] {
  const names = process.getActiveResourcesInfo().filter((name) => name !== "Timeout" && name !== "Immediate");
  return names.sort((a, b) => a.localeCompare(b));
}
