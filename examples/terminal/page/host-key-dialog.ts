import type { UnknownHostKey } from "@nacre/web";
import { element } from "./elements.ts";

const dialog = element("host-key", HTMLDialogElement);

/** Shows an unknown host key. Resolves with whether the user accepts it; closing the dialog or `signal` refuses it. */
export function askAboutHostKey(
  { host, port, algorithm, fingerprint, randomart }: UnknownHostKey,
  signal: AbortSignal,
): Promise<boolean> {
  element("host-key-host", HTMLElement).textContent = `${host} port ${port}`;
  element("host-key-algorithm", HTMLElement).textContent = algorithm;
  element("host-key-fingerprint", HTMLElement).textContent = fingerprint;
  element("host-key-randomart", HTMLElement).textContent = randomart;
  return new Promise((resolve) => {
    const refuse = (): void => dialog.close("refuse");
    signal.addEventListener("abort", refuse);
    // The first button, "Refuse", gets the focus, so that Enter does not accept by accident.
    dialog.returnValue = "";
    dialog.showModal();
    dialog.onclose = () => {
      signal.removeEventListener("abort", refuse);
      resolve(dialog.returnValue === "accept");
    };
    if (signal.aborted) refuse();
  });
}
