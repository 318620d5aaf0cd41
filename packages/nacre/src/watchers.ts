import type { KeyLogPort, TracePort } from "@nacre/session";

interface Watchers {
  readonly trace?: TracePort | undefined;
  readonly keyLog?: KeyLogPort | undefined;
}

/** The ports of those who watch a session. What they throw is dropped: it must not end what they watch. */
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
