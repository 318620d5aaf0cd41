import type { Client } from "@nacre/web";
import { escapeText } from "nacre";

/**
 * Appends the line on standard input to authorized_keys, unless it is there already. Through `sh`, because the user's shell may have
 * another syntax.
 */
const APPEND = `exec sh -c 'cd && umask 077 && mkdir -p .ssh && IFS= read -r line && file=.ssh/authorized_keys &&
if grep -qxF -e "$line" "$file" 2>/dev/null; then exit; fi
{ [ -z "$(tail -c 1 "$file" 2>/dev/null)" ] || echo; printf "%s\\n" "$line"; } >> "$file"'`;

/** Adds an authorized_keys line on the host, as `ssh-copy-id` does. Rejects with the host's error output if that fails. */
export async function installKey(client: Client, line: string, signal: AbortSignal): Promise<void> {
  const { status, stderr } = await client.exec(APPEND, { input: `${line}\n`, signal });
  if (status !== 0)
    throw new Error(`The host did not add the key: ${escapeText(stderr.trim()) || `exit status ${status}`}`);
}
