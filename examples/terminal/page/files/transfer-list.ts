import type { TransferProgress, TransferResult } from "@nacre/files";
import { escapeText, SshError } from "nacre";
import { button, element, withText } from "../elements.ts";
import { formatBytes } from "../trace-lines.ts";
import { fileProblem } from "./file-problem.ts";
import { formatFiles, formatProgress } from "./texts.ts";

/** Milliseconds between two changes of a row. More often, its text would be unreadable. */
const UPDATE_INTERVAL = 200;

const section = element("transfers-section", HTMLElement);
const list = element("transfers", HTMLElement);
const status = element("files-status", HTMLElement);
const clear = element("transfers-clear", HTMLButtonElement);

/** A transfer to run. */
export interface NewTransfer {
  readonly kind: "upload" | "download";
  /** Name of the file or folder. */
  readonly name: string;
  readonly isFolder: boolean;
  /** Moves it. */
  readonly run: (options: TransferControl) => Promise<TransferResult>;
}

/** Options for `upload` and `download`. */
export interface TransferControl {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TransferProgress) => void;
}

/** Shows a text to screen readers. */
export function announce(text: string): void {
  status.textContent = text;
}

/** The transfers of one session. Uploads run one after the other, because they share the connection. */
export class TransferList {
  /** Ends with the session. */
  readonly #signal: AbortSignal;
  #uploads: Promise<unknown> = Promise.resolve();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    list.replaceChildren();
    section.hidden = true;
    clear.onclick = () => {
      for (const row of list.querySelectorAll(":scope > [data-over]")) row.remove();
      section.hidden = list.childElementCount === 0;
    };
  }

  /** Adds a transfer and runs it. Its row shows progress and outcome. Resolves with the result; rejects if it fails or is cancelled. */
  add(transfer: NewTransfer): Promise<TransferResult> {
    const row = new TransferRow(transfer, this.#signal);
    section.hidden = false;
    list.append(row.item);
    row.item.scrollIntoView({ block: "nearest" });
    if (transfer.kind === "download") return row.run();
    const running = this.#uploads.then(() => row.run());
    this.#uploads = running.catch(() => {});
    return running;
  }
}

class TransferRow {
  readonly item: HTMLLIElement = document.createElement("li");
  readonly #transfer: NewTransfer;
  readonly #signal: AbortSignal;
  readonly #abort = new AbortController();
  readonly #bar = document.createElement("progress");
  readonly #state = withText("p", "Waiting", "state");
  readonly #cancel: HTMLButtonElement;
  #updated = 0;

  constructor(transfer: NewTransfer, signal: AbortSignal) {
    this.#transfer = transfer;
    this.#signal = AbortSignal.any([signal, this.#abort.signal]);
    const name = escapeText(transfer.name);
    this.item.className = transfer.kind;
    const what = withText("p", "", "what");
    const arrow = withText("span", transfer.kind === "upload" ? "↑" : "↓", "arrow");
    arrow.setAttribute("role", "img");
    arrow.setAttribute("aria-label", transfer.kind === "upload" ? "Upload" : "Download");
    what.append(arrow, ` ${name}`);
    what.title = name;
    this.#bar.setAttribute("aria-label", `Progress of ${name}`);
    this.#cancel = button("Cancel", () => this.#abort.abort());
    this.#cancel.setAttribute("aria-label", `Cancel ${name}`);
    this.item.append(what, this.#cancel, this.#bar, this.#state);
  }

  async run(): Promise<TransferResult> {
    const onProgress = (progress: TransferProgress): void => this.#show(progress);
    const { kind, isFolder, run } = this.#transfer;
    const name = escapeText(this.#transfer.name);
    const done = kind === "upload" ? "uploaded" : "downloaded";
    try {
      if (this.#signal.aborted) throw new SshError("aborted", "cancelled");
      this.#state.textContent = "Starting";
      const result = await run({ signal: this.#signal, onProgress });
      const [failed] = result.failed;
      const summary = `${formatFiles(result.files)} ${done}, ${formatBytes(result.bytes)}`;
      const leftOut = result.skipped.length === 0 ? "" : `; ${result.skipped.length} left out (links or devices)`;
      if (failed === undefined) this.#end("done", `${summary}${leftOut}`, `${name} is ${done}`);
      else {
        const reason = `${result.failed.length} failed, first ${escapeText(failed.path)}: ${fileProblem(failed.error)}`;
        this.#end("failed", `${summary}${leftOut}; ${reason}`, `${name} is ${done} in part: ${reason}`);
      }
      return result;
    } catch (error) {
      if (this.#abort.signal.aborted)
        this.#end("cancelled", isFolder ? "Cancelled; its complete files stay" : "Cancelled", `${name} is cancelled`);
      else this.#end("failed", fileProblem(error), `${name} failed: ${fileProblem(error)}`);
      throw error;
    }
  }

  #show(progress: TransferProgress): void {
    const now = Date.now();
    if (now - this.#updated < UPDATE_INTERVAL) return;
    this.#updated = now;
    const { bytes, totalBytes } = progress;
    if (totalBytes !== undefined && totalBytes > 0) {
      this.#bar.max = totalBytes;
      this.#bar.value = bytes;
    }
    this.#state.textContent = formatProgress(progress);
  }

  #end(outcome: "done" | "failed" | "cancelled", text: string, announcement: string): void {
    this.item.classList.add(outcome);
    this.item.dataset.over = outcome;
    this.#state.textContent = text;
    const hadFocus = this.#cancel === document.activeElement;
    this.#bar.remove();
    this.#cancel.remove();
    // The focus must not fall back to the top of the page.
    if (hadFocus) clear.focus();
    announce(announcement);
  }
}
