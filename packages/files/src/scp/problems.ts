import { escapeText, SshError } from "@nacre/wire";

/** Characters of a server's text that an error shows. */
const SHOWN_LENGTH = 300;

/** Returns the error for a text of the server. The text is escaped, because it may contain commands to a terminal (CVE-2019-6109). */
export function problemError(what: string, text: string): SshError {
  // rule: scp-problem-text
  const shown = escapeText(text.slice(0, SHOWN_LENGTH));
  return new SshError("scp-failure", `${what}: "${shown}"`);
}
