import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** The gateway's own cookie. Browsers accept the prefix only from the host itself, over TLS or on localhost (RFC 6265bis §4.1.3.2). */
const COOKIE = "__Host-nacre";

/** A new secret for the cookie. */
export function newCookieSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Value of `Set-Cookie`. No script reads it, and no page of another site has it sent. */
export function setCookie(secret: string): string {
  // rule: cookie-attributes
  return `${COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

/** The secret in a request's cookie; `undefined` without one. */
export function cookieSecret({ headers }: IncomingMessage): string | undefined {
  const found = headers.cookie?.split(/; */).filter((pair) => pair.startsWith(`${COOKIE}=`)) ?? [];
  const secret = found.length === 1 ? found[0]!.slice(COOKIE.length + 1) : "";
  return /^[\w-]{43}$/.test(secret) ? secret : undefined;
}

/** Names the session of a cookie, without its secret. */
export function cookieSession(request: IncomingMessage): string | undefined {
  const secret = cookieSecret(request);
  return secret && createHash("sha256").update(secret).digest("base64url");
}

/** The token that belongs to a cookie: a page that can read it is of the cookie's origin. */
export function csrfToken(secret: string): string {
  return createHmac("sha256", secret).update("nacre csrf token v1").digest("base64url");
}

/** Whether the request's `X-CSRF-Token` belongs to its cookie. */
export function hasCsrfToken({ headers }: IncomingMessage, secret: string): boolean {
  const given = Buffer.from(String(headers["x-csrf-token"] ?? ""));
  const expected = Buffer.from(csrfToken(secret));
  return given.length === expected.length && timingSafeEqual(given, expected);
}
