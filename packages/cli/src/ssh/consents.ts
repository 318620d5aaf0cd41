import type { AddKeysToAgent, ConfigValues } from "@nacre/config";
import { keyLabel } from "@nacre/keys/internal";
import type { ConnectOptions } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { say } from "../say.ts";
import type { Asker } from "../terminal/asker.ts";
import { Askpass, askpassUse } from "../terminal/asker.ts";
import { isQuiet } from "./log-level.ts";
import { type SessionTerminal, sessionTerminal } from "./session-terminal.ts";

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
    const question = `Add key ${showPath(file)} to agent?`;
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

/** How often the question about new host keys is asked, as in ssh(1). */
const ATTEMPTS = 3;

/**
 * Returns a function that asks whether a server's new host keys replace those in known_hosts (UpdateHostKeys ask). They arrive after the
 * login, when the terminal is that of the session. As with ssh(1), there is no question beside a command, without a terminal at the
 * server, without messages, or if the connection could be shared.
 */
export function askToReplace(
  values: Pick<ConfigValues, "logLevel" | "requestTTY" | "controlPath" | "controlPersist">,
  terminal: SessionTerminal = sessionTerminal,
): NonNullable<ConnectOptions["updateHostKeys"]> {
  const { logLevel, requestTTY, controlPath, controlPersist } = values;
  const isShared = controlPath !== undefined && controlPersist !== undefined;
  if (isShared || requestTTY === "no" || logLevel === "ERROR" || isQuiet(values)) return false;
  return async ({ added, removed }) => {
    const accepted = await terminal.ask(async (asker) => {
      say("The server has updated its host keys.");
      say("These changes were verified by the server's existing trusted key.");
      for (const key of added) say(`Learned new hostkey: ${keyLabel(key.format)} ${key.fingerprint}`);
      for (const key of removed) say(`Deprecating obsolete hostkey: ${keyLabel(key.format)} ${key.fingerprint}`);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const answer = (await asker.ask("Accept updated hostkeys? (yes/no): ", { echo: true })).toLowerCase();
        if (answer === "yes" || answer === "no") return answer === "yes";
        say('Please enter "yes" or "no"');
      }
      return false;
    });
    return accepted === true;
  };
}
