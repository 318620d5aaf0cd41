import { element, withText } from "./elements.ts";
import type { LinkText } from "./link.ts";

/** State of the page, for the colour of the status line. */
export type PageState = LinkText["state"] | "idle" | "connecting";

const status = element("status", HTMLElement);
const statusText = element("status-text", HTMLElement);

/**
 * Shows the state of the page in the status line, which screen readers announce. `peer` is the host, with or without the user. On a phone
 * it has a line of its own.
 */
export function showStatus(state: PageState, text: string, peer?: string): void {
  status.dataset.state = state;
  const ending = peer === undefined ? "" : ` to ${peer}`;
  // Setting the same text again would announce it again.
  if (statusText.textContent === text + ending) return;
  statusText.replaceChildren(withText("span", text), withText("span", ending));
  statusText.title = text + ending;
}
