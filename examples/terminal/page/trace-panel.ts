import type { TraceRecord } from "nacre";
import { element, withText } from "./elements.ts";
import { negotiatedRows } from "./negotiated.ts";
import { formatBytes, type TraceLine, TraceLines } from "./trace-lines.ts";

/** Most packets in the list. */
const MOST = 250;
/** Pixels from the end within which the list follows new packets. */
const NEAR_END = 40;

const negotiated = element("negotiated", HTMLElement);
const list = element("trace", HTMLOListElement);
const totalText = element("trace-total", HTMLElement);
const pause = element("trace-pause", HTMLButtonElement);

/** Shows the packets of one connection and the algorithms that it negotiated. */
export class TracePanel {
  readonly #lines = new TraceLines(MOST);
  #serverVersion = "";
  #isScheduled = false;
  #isPaused = false;
  /** Whether the list scrolls to new packets: the user has not scrolled up. */
  #follows = true;

  constructor() {
    list.replaceChildren();
    negotiated.replaceChildren();
    list.onscroll = () => {
      this.#follows = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
    };
    pause.onclick = () => this.#setPaused(!this.#isPaused);
    this.#setPaused(false);
  }

  /** Adds a record of the trace. The list changes once per frame, so that a bulk transfer does not slow down. */
  add(record: TraceRecord): void {
    if (record.type === "identification" && record.direction === "received") this.#serverVersion = record.line;
    if (record.type === "negotiated") this.#showNegotiated(record.summary);
    this.#lines.add(record);
    this.#schedule();
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    pause.setAttribute("aria-pressed", `${isPaused}`);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#render();
    });
  }

  #render(): void {
    const { packets, total } = this.#lines;
    totalText.textContent = `${packets} · ↑ ${formatBytes(total.sent)} · ↓ ${formatBytes(total.received)}`;
    if (this.#isPaused) return;
    list.append(...this.#lines.take().map((line) => itemOf(line)));
    while (list.childElementCount > MOST) list.firstElementChild?.remove();
    if (this.#follows) list.scrollTop = list.scrollHeight;
  }

  #showNegotiated(summary: string): void {
    const rows = [...negotiatedRows(summary), { title: "Server", value: this.#serverVersion }];
    negotiated.replaceChildren(
      ...rows.flatMap(({ title, value, remark }) => {
        const data = withText("dd", value);
        if (remark !== undefined) data.append(" ", withText("span", remark, "remark"));
        return [withText("dt", title), data];
      }),
    );
  }
}

function itemOf({ direction, name, length, summary }: TraceLine): HTMLLIElement {
  const item = document.createElement("li");
  item.className = direction;
  const arrow = withText("span", direction === "sent" ? "↑" : "↓", "arrow");
  arrow.setAttribute("role", "img");
  arrow.setAttribute("aria-label", direction);
  item.append(arrow, " ", withText("span", name, "name"), " ", withText("span", `${length}`, "length"));
  if (summary !== "") item.append(" ", withText("span", summary, "summary"));
  return item;
}
