import { exitSignal, exitStatus } from "@nacre/wire";

/** How the program of a session ended: with a status, or with `null` and a signal. */
export interface ExitReport {
  code: number | null | undefined;
  signal: string | undefined;
  dump: boolean | undefined;
  desc: string | undefined;
}

/** Returns the report of a program that has not ended. */
export function noExit(): ExitReport {
  return { code: undefined, signal: undefined, dump: undefined, desc: undefined };
}

/** Returns whether a request reports the exit of a program. */
export function isExit(requestType: string): boolean {
  return requestType === "exit-status" || requestType === "exit-signal";
}

/** Notes the exit that a request reports. Returns whether it is the first: only that counts. Throws `SshError` for malformed data. */
export function readExit(exit: ExitReport, requestType: string, data: Uint8Array): boolean {
  if (exit.code !== undefined) return false;
  if (requestType === "exit-status") {
    exit.code = exitStatus.decode(data).exitStatus;
    return true;
  }
  const { signalName, coreDumped, errorMessage } = exitSignal.decode(data);
  Object.assign(exit, { code: null, signal: `SIG${signalName}`, dump: coreDumped, desc: errorMessage });
  return true;
}

/** Returns the values of the events "exit" and "close". */
export function exitValues({ code, signal, dump, desc }: ExitReport): readonly unknown[] {
  return code === null ? [code, signal, dump, desc] : [code];
}
