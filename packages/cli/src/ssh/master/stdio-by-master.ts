import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SshError } from "@nacre/wire";
import type { ForwardTarget } from "nacre";
import { formatTarget } from "nacre/extend";
import type { Master } from "nacre/internal-on-demand";
import { FAILURE, say } from "../../say.ts";
import { requestForwards } from "./forwards.ts";

/** Copies standard input to a connection, and the connection to standard output, until both have ended. */
export type RunStdio = (connection: Socket) => Promise<void>;

/**
 * Connects to a target through the server of a master. Resolves with a paused socket, or with `undefined` if the master refuses.
 *
 * It goes through a forward from a Unix socket of our own, which is closed as soon as it is connected to. A channel of ours would end the
 * master of OpenSSH if the server refused the target.
 */
export async function dialByMaster(master: Master, target: ForwardTarget): Promise<Socket | undefined> {
  // Only this account can enter the folder.
  const folder = await mkdtemp(join(tmpdir(), "nacre-"));
  try {
    const path = join(folder, "stdio");
    const forwards = [{ option: "-L", listen: { path }, target }] as const;
    if (!(await requestForwards(master, "open-forward", forwards, () => {}))) return undefined;
    const socket = connect({ path, allowHalfOpen: true });
    // Nothing listens to it yet.
    socket.pause();
    await once(socket, "connect");
    // By the answer the master has accepted the connection, which the end of the listener would reset before.
    await master.request({ type: "alive-check" });
    await requestForwards(master, "close-forward", forwards, () => {});
    return socket;
  } finally {
    await rm(folder, { recursive: true, force: true });
    await master.close();
  }
}

/** Connects standard input and output to the socket (`-W`). Resolves with the exit status. Rejects as `runStdio` does. */
export async function runStdioOver(socket: Socket, target: ForwardTarget, runStdio: RunStdio): Promise<number> {
  let isRefused = false;
  socket.once("end", () => {
    // The master closes the connection without a word, whether the server refused the target or the target said nothing.
    const isAnswered = socket.bytesRead > 0 || (socket.writableEnded && socket.bytesWritten > 0);
    isRefused = !isAnswered;
  });
  let broken: Error | undefined;
  socket.on("error", (error) => (broken = error));
  try {
    await runStdio(socket);
  } catch (error) {
    if (broken === undefined) throw error;
    throw new SshError("connection-lost", `the connection through the master broke: ${broken.message}`, {
      cause: error,
    });
  }
  if (!isRefused) return 0;
  say("nacre: Stdio forwarding request failed: Session open refused by peer");
  say(`nacre: the server cannot connect to ${formatTarget(target)}, or the connection was closed at once`);
  return FAILURE;
}
