import { escapeText } from "@nacre/wire";

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use; choose another port, or 0 for a free port",
  EACCES: "permission denied; ports below 1024 usually require root",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name lookup failed; check the network connection",
};

/** Returns why this machine cannot listen on an address, and what to do. Escaped, from the system's error. */
export function listenReason({ code, message }: NodeJS.ErrnoException): string {
  return REASONS[code ?? ""] ?? escapeText(message);
}
