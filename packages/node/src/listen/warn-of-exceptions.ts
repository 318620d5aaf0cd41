import { escapeText, SshError } from "@nacre/wire";
import type { ListenEvent } from "./listen-options.ts";

/** The `log` of a server without one: reports exceptions of `authenticate` and of session handlers as process warnings. */
export function warnOfExceptions(event: ListenEvent): void {
  const callback = callbackOf(event);
  if (callback === undefined || !("error" in event)) return;
  const { error } = event;
  // The client gave up, or broke a stream that the handler used.
  if (error instanceof SshError && error.culprit === "peer") return;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  // An exception may repeat text of the client.
  const detail = escapeText(stack, { keepLines: true });
  const message = `${callback} of a server failed: ${escapeText(String(error))}; set \`log\` to handle it`;
  process.emitWarning(message, { type: "NacreWarning", detail });
}

/** Returns the name of the callback that may have caused the event. */
function callbackOf(event: ListenEvent): string | undefined {
  if (event.type === "login-refused") return "`authenticate`";
  // Without an exit, the client ended the session before its handler.
  return event.type === "session-ended" && event.exit !== undefined ? "`session`" : undefined;
}
