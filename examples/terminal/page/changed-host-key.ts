import { forgetHost } from "@nacre/web";
import type { PageDestination } from "../src/destination.ts";
import { element } from "./elements.ts";

const box = element("changed", HTMLElement);
const nameInput = element("forget-name", HTMLInputElement);
const forget = element("forget", HTMLButtonElement);
const details = box.querySelector("details")!;

/** Returns the fingerprints in the message of a `host-key-changed` error: the presented key's, then those of the known keys. */
function fingerprintsIn(message: string): readonly string[] {
  return message.match(/SHA256:[A-Za-z0-9+/]{43}/g) ?? [];
}

/**
 * Shows that a host presented another key than the known one. To forget the old key, the user types the host's name: one click must not
 * suffice. `onForgotten` is called when the key is forgotten.
 */
export function showChangedHostKey({ host, port }: PageDestination, message: string, onForgotten: () => void): void {
  const [presented = "", ...known] = fingerprintsIn(message);
  element("changed-host", HTMLElement).textContent = `${host} port ${port}`;
  element("changed-presented", HTMLElement).textContent = presented;
  element("changed-known", HTMLElement).textContent = known.join(" ");
  nameInput.value = "";
  forget.disabled = true;
  details.open = false;
  nameInput.oninput = () => {
    forget.disabled = nameInput.value.trim() !== host;
  };
  forget.onclick = async () => {
    await forgetHost(host, port);
    hideChangedHostKey();
    onForgotten();
  };
  box.hidden = false;
}

/** Hides the warning. */
export function hideChangedHostKey(): void {
  box.hidden = true;
}
