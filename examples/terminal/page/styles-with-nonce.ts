// Lets xterm.js 6.0 work under a policy without `unsafe-inline`.

/** Returns the nonce of this response's Content-Security-Policy. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")!.nonce;
}

/**
 * Returns a document for `documentOverride` of xterm.js. Style elements that are appended to its `div` elements get the nonce; without it,
 * all colours are lost. The nonce is not set when a style element is created, because xterm.js creates that of its scrollbar with the
 * page's own document, regardless of `documentOverride`.
 */
export function documentWithNonce(nonce: string): Document {
  function appendChild<T extends Node>(this: HTMLElement, child: T): T {
    if (child instanceof HTMLStyleElement) child.nonce = nonce;
    return Element.prototype.appendChild.call(this, child) as T;
  }
  const createElement = (tag: string, options?: ElementCreationOptions): HTMLElement => {
    const made = document.createElement(tag, options);
    if (made instanceof HTMLDivElement) made.appendChild = appendChild;
    return made;
  };
  return new Proxy(document, {
    get(target, name) {
      if (name === "createElement") return createElement;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/**
 * Makes `setAttribute("style", …)` of spans permitted, page-wide. xterm.js sets 24-bit colours with it, on elements of the page's own
 * document, and the policy forbids style attributes. Setting `style.cssText` has the same effect and is not restricted.
 */
export function allowStyleOfSpans(): void {
  HTMLSpanElement.prototype.setAttribute = setAttribute;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}
