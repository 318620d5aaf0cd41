import { element } from "./elements.ts";
import { ANSWER_TIME, CONNECTED, describeLink, type Link, type LinkEvent, nextLink } from "./link.ts";
import { showStatus } from "./status.ts";

const notice = element("notice", HTMLElement);
const noticeText = element("notice-text", HTMLElement);
const noticeActions = element("notice-actions", HTMLElement);

/** Shows the connection of one session: in the status line, and above the terminal unless all is well. */
export class LinkView {
  readonly #name: string;
  #link: Link = CONNECTED;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `name` is the user and the host. `signal` ends the view. */
  constructor(name: string, signal: AbortSignal) {
    this.#name = name;
    window.addEventListener("offline", () => this.update({ type: "offline" }), { signal });
    window.addEventListener("online", () => this.update({ type: "online", at: performance.now() }), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      notice.hidden = true;
    });
    this.#show();
    if (!navigator.onLine) this.update({ type: "offline" });
  }

  update(event: LinkEvent): void {
    const link = nextLink(this.#link, event);
    if (link === this.#link) return;
    this.#link = link;
    this.#show();
  }

  #show(): void {
    const link = this.#link;
    const now = performance.now();
    const { state, status, peer, notice: sentence = "" } = describeLink(link, this.#name, now);
    showStatus(state, status, peer);
    notice.dataset.state = state;
    noticeText.textContent = sentence;
    noticeActions.hidden = state !== "ended";
    notice.hidden = sentence === "";
    clearTimeout(this.#timer);
    if (link.kind !== "connected" || link.waitingSince === undefined || state !== "connected") return;
    this.#timer = setTimeout(() => this.#show(), link.waitingSince + ANSWER_TIME - now);
  }
}
