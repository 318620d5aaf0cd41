import type { AddKeysToAgent } from "@nacre/config";
import { keyLabel } from "@nacre/keys/internal";
import type { ConnectOptions } from "@nacre/node";
import { escapeText } from "@nacre/wire";
import { say } from "../say.ts";
import type { Asker } from "../terminal/asker.ts";
import { Askpass, askpassUse } from "../terminal/asker.ts";

/**
 * Returns options that ask before the key of a file is added to the agent (AddKeysToAgent ask). As with ssh(1), the program of SSH_ASKPASS
 * asks, also at a terminal; without a display, the terminal. Nothing is added without an asker.
 */
export function askToAdd(
  { seconds }: Pick<AddKeysToAgent, "seconds">,
  asker: Asker | undefined,
): ConnectOptions["addKeysToAgent"] {
  if (asker === undefined) return false;
  /** Answers by file, as a connection that is made again asks nothing. */
  const answers = new Map<string, Promise<boolean>>();
  const ask = async (file: string): Promise<boolean> => {
    const question = `Add key ${escapeText(file)} to agent?`;
    if (askpassUse(process.env) !== "never") return new Askpass().permit(question);
    return /^yes$/i.test((await asker.ask(`${question} (yes/no) `, { echo: true })).trim());
  };
  const permit = (file: string): Promise<boolean> => {
    const answer = answers.get(file) ?? ask(file);
    answers.set(file, answer);
    return answer;
  };
  return { permit, ...(seconds > 0 && { lifetime: seconds }) };
}

/**
 * Returns a function that asks whether a server's new host keys replace those in known_hosts (UpdateHostKeys ask). They arrive after the
 * login, when the terminal is that of the session, so only the program of SSH_ASKPASS can ask. Without it no file changes.
 */
export function askToReplace(asker: Asker | undefined): NonNullable<ConnectOptions["updateHostKeys"]> {
  if (asker === undefined || askpassUse(process.env) !== "always") return false;
  return async ({ added, removed }) => {
    say("The server has updated its host keys.");
    for (const key of added) say(`Learned new hostkey: ${keyLabel(key.format)} ${key.fingerprint}`);
    for (const key of removed) say(`Deprecating obsolete hostkey: ${keyLabel(key.format)} ${key.fingerprint}`);
    return /^yes$/i.test((await new Askpass().ask("Accept updated hostkeys? (yes/no): ")).trim());
  };
}
