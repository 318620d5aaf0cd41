import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { ClipboardRequests } from "./clipboard-request.ts";
import { element } from "./elements.ts";
import { allowStyleOfSpans, documentWithNonce, styleNonce } from "./styles-with-nonce.ts";
import { keySequence, withControl } from "./terminal-keys.ts";
import { DARK, LIGHT } from "./themes.ts";

/** Lines above the screen that the terminal keeps. */
const SCROLLBACK = 5000;
/** Name of the option "screen-reader mode" in `localStorage`. */
const SCREEN_READER_ITEM = "screen-reader";
const OSC_CLIPBOARD = 52;

const parent = element("terminal", HTMLElement);
const keyRow = element("key-row", HTMLElement);
const screenReader = element("screen-reader", HTMLInputElement);
const isDark = matchMedia("(prefers-color-scheme: dark)");

allowStyleOfSpans();

/** Size of a terminal in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The terminal of one session. */
export class TerminalView {
  readonly #terminal: Terminal;
  readonly #requests: ClipboardRequests;
  readonly #over = new AbortController();
  readonly #resizes: ResizeObserver;
  #isControlHeld = false;

  /** `onInput` receives typed and pasted text, `onResize` the size after a change, `onLeave` the keyboard's request to leave. */
  constructor(onInput: (text: string) => void, onResize: (size: Size) => void, onLeave: () => void) {
    const terminal = new Terminal({
      documentOverride: documentWithNonce(styleNonce()),
      fontFamily: getComputedStyle(parent).getPropertyValue("--mono"),
      fontSize: 14,
      lineHeight: 1.2,
      scrollback: SCROLLBACK,
      cursorBlink: true,
      theme: isDark.matches ? DARK : LIGHT,
      minimumContrastRatio: 4.5,
      screenReaderMode: localStorage.getItem(SCREEN_READER_ITEM) === "on",
    });
    this.#terminal = terminal;
    parent.replaceChildren();
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(parent);
    terminal.textarea?.setAttribute("aria-describedby", "terminal-help");
    this.#resizes = new ResizeObserver(() => fit.fit());
    this.#resizes.observe(parent);
    fit.fit();

    this.#requests = new ClipboardRequests(() => terminal.focus());
    terminal.parser.registerOscHandler(OSC_CLIPBOARD, (data) => {
      this.#requests.receive(data);
      return true;
    });
    terminal.onData((text) => onInput(this.#isControlHeld && text.length === 1 ? this.#controlled(text) : text));
    terminal.onResize(({ cols, rows }) => onResize({ columns: cols, rows }));
    terminal.attachCustomKeyEventHandler((event) => this.#onKey(event, onLeave));

    const { signal } = this.#over;
    isDark.addEventListener("change", () => (terminal.options.theme = isDark.matches ? DARK : LIGHT), { signal });
    screenReader.checked = terminal.options.screenReaderMode ?? false;
    screenReader.addEventListener("change", () => this.#setScreenReader(screenReader.checked), { signal });
    element("copy", HTMLButtonElement).addEventListener("click", () => this.#copy(), { signal });
    element("paste", HTMLButtonElement).addEventListener("click", () => void this.#paste(), { signal });
    keyRow.addEventListener("click", (event) => this.#onKeyRow(event), { signal });
    // A button of the row must not take the focus: the phone's keyboard would close.
    keyRow.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    this.#holdControl(false);
  }

  get size(): Size {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows };
  }

  /** Writes output of the host. Resolves when the terminal has parsed it, which slows the host down to the terminal's speed. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(bytes, resolve));
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** Stops input and the cursor. The output stays readable. */
  end(): void {
    this.#terminal.options.disableStdin = true;
    this.#terminal.options.cursorBlink = false;
  }

  /** Removes the terminal from the page. */
  dispose(): void {
    this.#over.abort();
    this.#resizes.disconnect();
    this.#requests.dispose();
    this.#terminal.dispose();
  }

  /** Returns false for keys that the terminal must not send. */
  #onKey(event: KeyboardEvent, onLeave: () => void): boolean {
    if (!event.ctrlKey || !event.shiftKey) return true;
    switch (event.code) {
      case "KeyC":
        event.preventDefault();
        if (event.type === "keydown") this.#copy();
        return false;
      case "KeyV":
        // The browser pastes into the terminal's text field.
        return false;
      case "KeyX":
        event.preventDefault();
        if (event.type === "keydown") onLeave();
        return false;
      default:
        return true;
    }
  }

  #copy(): void {
    const text = this.#terminal.getSelection();
    // Without the permission, the selection stays and the browser's own menu can copy it.
    if (text !== "") navigator.clipboard.writeText(text).catch(() => {});
  }

  async #paste(): Promise<void> {
    // The browser asks the user, who may refuse.
    const text = await navigator.clipboard.readText().catch(() => "");
    if (text !== "") this.#terminal.paste(text);
    this.#terminal.focus();
  }

  #onKeyRow({ target }: Event): void {
    const { key } = target instanceof HTMLElement ? target.dataset : {};
    if (key === undefined) return;
    if (key === "Control") return this.#holdControl(!this.#isControlHeld);
    if (key === "Paste") return void this.#paste();
    const { applicationCursorKeysMode: applicationCursor } = this.#terminal.modes;
    const control = this.#isControlHeld;
    this.#holdControl(false);
    this.#terminal.input(keySequence(key, { control, applicationCursor }));
  }

  #controlled(text: string): string {
    this.#holdControl(false);
    return withControl(text);
  }

  #holdControl(isHeld: boolean): void {
    this.#isControlHeld = isHeld;
    keyRow.querySelector("[data-key=Control]")!.setAttribute("aria-pressed", `${isHeld}`);
  }

  #setScreenReader(isOn: boolean): void {
    this.#terminal.options.screenReaderMode = isOn;
    localStorage.setItem(SCREEN_READER_ITEM, isOn ? "on" : "off");
  }
}
