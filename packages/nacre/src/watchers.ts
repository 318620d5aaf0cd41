import type { KeyLogPort, TracePort } from "@nacre/session";

interface Watchers {
  readonly trace?: TracePort | undefined;
  readonly keyLog?: KeyLogPort | undefined;
}

/** Returns the `trace` and `keyLog` callbacks wrapped so that exceptions are dropped: an observer must not end the connection. */
export function watchers({ trace, keyLog }: Watchers): { readonly trace?: TracePort; readonly keyLog?: KeyLogPort } {
  return { ...(trace && { trace: quietly(trace) }), ...(keyLog && { keyLog: quietly(keyLog) }) };
}

function quietly<A extends readonly unknown[]>(watch: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      watch(...args);
    } catch {}
  };
}
