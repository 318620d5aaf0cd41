/** The process with the server of a soak test. Its commands echo input, send data, or wait. */
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { generateEd25519 } from "@nacre/keys";
import { listen, type NodeSession } from "@nacre/node";
import { SshError } from "@nacre/wire";
import { census } from "./census.ts";
import { hostKeySeed, userKeySeed } from "./keys.ts";

const userKey = generateEd25519(userKeySeed).publicKey.blob;
const abort = new AbortController();
const failures: string[] = [];

const server = await listen({
  port: 0,
  hostKeys: [generateEd25519(hostKeySeed)],
  authenticate: (login) => login.method === "publickey" && Buffer.compare(login.publicKey, userKey) === 0,
  session: serve,
  subsystems: { echo: (session) => pipeline(session.stdin, session.stdout) },
  loginGraceTime: 2000,
  maxUnauthenticated: { start: 1000, rate: 1, full: 1000 },
  // Without this, the limits per source would apply: all connections come from one address, and half of them end before the login.
  perSource: false,
  signal: abort.signal,
  log: (event) => {
    // A session handler may fail with an SshError when its client disconnects. Any other error is a failure.
    if (event.type !== "session-ended" || !("error" in event)) return;
    if (!(event.error instanceof SshError)) failures.push(String(event.error));
  },
});

process.once("disconnect", () => process.exit());
process.on("message", (message: "census") => {
  if (message !== "census") throw new Error(`unexpected message ${String(message)}`);
  void census(abort.signal, server.connections.length).then((counted) =>
    process.send?.({ ...counted, failures: failures.splice(0) }),
  );
});
process.send?.({ port: server.address.port });

async function serve({ command = "", stdin, stdout, signal }: NodeSession): Promise<number> {
  const [what, size = "0"] = command.split(" ");
  switch (what) {
    case "echo":
      await pipeline(stdin, stdout);
      return 0;
    case "send":
      await pipeline(function* () {
        for (let left = Number(size); left > 0; left -= 16_384) yield Buffer.alloc(Math.min(left, 16_384), 7);
      }, stdout);
      return 0;
    case "wait":
      if (!signal.aborted) await once(signal, "abort");
      return 0;
    default:
      return 127;
  }
}
