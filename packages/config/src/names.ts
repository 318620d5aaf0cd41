/**
 * Returns whether a typed host name is safe: it reaches shells through tokens. It may not begin with `-` or have blanks, controls, or
 * characters of a shell, as in OpenSSH 10.6.
 */
export function isSafeHost(host: string): boolean {
  return !host.startsWith("-") && !/['`"$\\;&<>|(){},\s\p{Cc}]/u.test(host);
}

/** Returns whether a user name is safe that was typed, or that tokens or variables are part of. A file may name any other. */
export function isSafeUser(user: string): boolean {
  return !user.startsWith("-") && !/['`"$\\;&<>|(){}\p{Cc}]|\s-/u.test(user);
}
