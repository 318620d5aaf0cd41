import { element } from "./elements.ts";
import type { LinkText } from "./link.ts";

/** State of the page, for the colour of the status line. */
export type PageState = LinkText["state"] | "idle" | "connecting";

const status = element("status", HTMLElement);
const statusText = element("status-text", HTMLElement);

/** Shows the state of the page in the status line, which screen readers announce. */
export function showStatus(state: PageState, text: string): void {
  status.dataset.state = state;
  // Setting the same text again would announce it again.
  if (statusText.textContent !== text) statusText.textContent = text;
}
