/** What a page needs beyond its own script and styles. */
export interface PolicyOptions {
  /** Nonce of the response's style elements; without one, a page has no style elements. */
  readonly styleNonce?: string | undefined;
  /** Whether the page may compile WebAssembly; default false. */
  readonly wasm?: boolean | undefined;
}

/**
 * Returns the Content-Security-Policy of one response. The page may run only its own script and connect only to its own origin, so that
 * injected text cannot send a password or a key elsewhere. Neither scripts nor style attributes may be inline. Trusted Types forbid
 * `innerHTML` and similar APIs, so that text cannot be parsed as HTML.
 */
export function contentSecurityPolicy({ styleNonce, wasm = false }: PolicyOptions = {}): string {
  return [
    "default-src 'none'",
    `script-src 'self'${wasm ? " 'wasm-unsafe-eval'" : ""}`,
    `style-src 'self'${styleNonce === undefined ? "" : ` 'nonce-${styleNonce}'`}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}
