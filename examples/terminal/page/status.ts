import { element } from "./elements.ts";

/** State of the connection, for the colour of the status line. */
export type ConnectionState = "idle" | "connecting" | "connected" | "reconnecting" | "ended";

const status = element("status", HTMLElement);

/** Shows the state of the connection in the status line, which screen readers announce. */
export function showStatus(state: ConnectionState, text: string): void {
  status.dataset.state = state;
  status.textContent = text;
}
