import { exitSignal, exitStatus, signalRequest, windowChange } from "@nacre/wire";
import type { Channel as MuxChannel } from "nacre/extend";
import { SIGNALS } from "../constants.ts";
import { ssh2Error } from "../errors.ts";

/** Returns a signal's name as it is sent: in capitals, without "SIG". Throws `Invalid signal: …` for others. */
function signalName(given: unknown): string {
  const name = typeof given === "string" ? given.toUpperCase().replace(/^SIG/, "") : "";
  if (Object.hasOwn(SIGNALS, name)) return name;
  throw ssh2Error(`Invalid signal: ${String(given)}`);
}

/** Sends a signal to the command. Throws for a name that RFC 4254 §6.10 does not have. */
export function sendSignal(channel: MuxChannel, name: unknown): void {
  channel.notify("signal", signalRequest.encode({ signalName: signalName(name) }));
}

/** Sends the size of the terminal in characters and pixels. */
export function sendWindowChange(
  channel: MuxChannel,
  rows: number,
  columns: number,
  height: number,
  width: number,
): void {
  channel.notify(
    "window-change",
    windowChange.encode({
      columns: columns >>> 0,
      rows: rows >>> 0,
      widthPixels: width >>> 0,
      heightPixels: height >>> 0,
    }),
  );
}

/** Sends the exit status of a command. */
export function sendExitStatus(channel: MuxChannel, status: number): void {
  channel.notify("exit-status", exitStatus.encode({ exitStatus: status >>> 0 }));
}

/** Sends the signal that ended a command. Throws for a name that RFC 4254 §6.10 does not have. */
export function sendExitSignal(channel: MuxChannel, name: unknown, coreDumped?: unknown, message?: unknown): void {
  channel.notify(
    "exit-signal",
    exitSignal.encode({
      signalName: signalName(name),
      coreDumped: Boolean(coreDumped),
      errorMessage: typeof message === "string" ? message : "",
      languageTag: "",
    }),
  );
}
