/**
 * Returns the Content-Security-Policy of one response. The page may run only its own script and connect only to its own origin, so that
 * injected text cannot send a password or a key elsewhere. `nonce` permits the style elements that xterm.js creates; neither scripts nor
 * style attributes may be inline.
 */
export function contentSecurityPolicy(nonce: string, wasm: boolean): string {
  return [
    "default-src 'none'",
    `script-src 'self'${wasm ? " 'wasm-unsafe-eval'" : ""}`,
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}
