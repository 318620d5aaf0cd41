import { SshError } from "nacre";
import type { PageDestination } from "../src/destination.ts";

/** Milliseconds in which the gateway must answer a request. */
const TIMEOUT = 10_000;

/**
 * Gets a one-time ticket for a destination from the gateway. The first request sets the gateway's cookie and returns a token that only
 * pages of this origin can read; the second one proves it. Rejects with an `SshError` if that fails.
 */
export async function fetchTicket({ host, port }: PageDestination, signal: AbortSignal): Promise<string> {
  const bounded = { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]) };
  try {
    const { csrfToken } = await json<{ csrfToken: string }>(await fetch("/ssh/ticket", bounded));
    const response = await fetch("/ssh/ticket", {
      ...bounded,
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrfToken },
      body: JSON.stringify({ host, port }),
    });
    return (await json<{ ticket: string }>(response)).ticket;
  } catch (error) {
    if (error instanceof SshError) throw error;
    const code = signal.aborted ? "aborted" : "connection-failed";
    throw new SshError(code, "the request for a ticket failed", { cause: error });
  }
}

async function json<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const reason = response.status === 429 ? "too-many" : "";
  throw new SshError("gateway-refused", `the gateway refused a ticket (HTTP ${response.status})`, {
    cause: { reason },
  });
}
