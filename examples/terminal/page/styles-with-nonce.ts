// Lets xterm.js 6.0 work under a policy without `unsafe-inline`.
import type { Terminal } from "@xterm/xterm";

/** Returns the nonce of this response's Content-Security-Policy. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")!.nonce;
}

/** Returns a document for `documentOverride` of xterm.js whose style elements carry `nonce`. Without it, all colours are lost. */
export function documentWithNonce(nonce: string): Document {
  const createElement = makerWithNonce(nonce);
  return new Proxy(document, {
    get(target, name) {
      if (name === "createElement") return createElement;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/**
 * Calls `terminal.open`. xterm.js makes the style element of its scrollbar with the page's own document, regardless of `documentOverride`.
 * During the call, that document adds the nonce, too.
 */
export function openWithNonce(terminal: Terminal, parent: HTMLElement, nonce: string): void {
  document.createElement = makerWithNonce(nonce);
  try {
    terminal.open(parent);
  } finally {
    // Removes the own property, so that the method of the prototype is visible again.
    Reflect.deleteProperty(document, "createElement");
  }
}

/**
 * Makes `setAttribute("style", …)` of spans permitted, page-wide. xterm.js sets 24-bit colours with it, and the policy forbids style
 * attributes. Setting `style.cssText` has the same effect and is not restricted.
 */
export function allowStyleOfSpans(): void {
  HTMLSpanElement.prototype.setAttribute = setAttribute;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

function makerWithNonce(nonce: string): typeof document.createElement {
  return (tag: string, options?: ElementCreationOptions): HTMLElement => {
    const made: HTMLElement = Document.prototype.createElement.call(document, tag, options);
    if (made instanceof HTMLStyleElement) made.nonce = nonce;
    return made;
  };
}
