import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Name of the gateway's cookie. Browsers accept `__Host-` only from the host itself, over TLS or on localhost (RFC 6265bis §4.1.3.2). */
const COOKIE = "__Host-nacre";

/** Returns a new random secret for the cookie. */
export function newCookieSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Returns the value of `Set-Cookie`. Scripts cannot read the cookie, and requests from other sites do not include it. */
export function setCookie(secret: string): string {
  // rule: cookie-attributes
  return `${COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

/** Returns the secret in the request's cookie, or `undefined` if the request does not have exactly one valid cookie. */
export function cookieSecret({ headers }: IncomingMessage): string | undefined {
  const found = headers.cookie?.split(/; */).filter((pair) => pair.startsWith(`${COOKIE}=`)) ?? [];
  const secret = found.length === 1 ? found[0]!.slice(COOKIE.length + 1) : "";
  return /^[\w-]{43}$/.test(secret) ? secret : undefined;
}

/** Returns the HTTP session of the request's cookie: a hash that does not reveal the secret. */
export function cookieSession(request: IncomingMessage): string | undefined {
  const secret = cookieSecret(request);
  return secret && createHash("sha256").update(secret).digest("base64url");
}

/** Returns the CSRF token for a cookie's secret. Only pages of the cookie's origin can read it. */
export function csrfToken(secret: string): string {
  return createHmac("sha256", secret).update("nacre csrf token v1").digest("base64url");
}

/** Returns whether the request's `X-CSRF-Token` matches the cookie's secret. */
export function hasCsrfToken({ headers }: IncomingMessage, secret: string): boolean {
  const given = Buffer.from(String(headers["x-csrf-token"] ?? ""));
  const expected = Buffer.from(csrfToken(secret));
  return given.length === expected.length && timingSafeEqual(given, expected);
}
