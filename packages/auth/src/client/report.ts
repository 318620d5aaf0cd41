import { cutText, escapeText, SshError } from "@nacre/wire";

/** Matches the descriptions with which servers end a connection after too many refused attempts. */
const TOO_MANY = /too many (?:bad )?auth|max(?:imum)? auth|NO_MORE_AUTH_METHODS_AVAILABLE/i;

/** Most method names of the server that an error repeats; real servers list fewer. */
const METHODS_SHOWN = 12;

/** Records what was tried, in order, for the final error. It holds no secrets: only methods, fingerprints and algorithms. */
export class Report {
  readonly #tries: { readonly what: string; readonly verdict: "refused" | "accepted"; times: number }[] = [];
  readonly #notes: string[] = [];
  readonly #userName: string;

  /** `userName`: the user of the login. Tries for other users are named. */
  constructor(userName: string) {
    this.#userName = userName;
  }

  /** Records the server's answer to a try. */
  tried(method: string, verdict: "refused" | "accepted", userName: string): void {
    const what = userName === this.#userName ? method : `${method} as ${shownUser(userName)}`;
    const last = this.#tries.at(-1);
    if (last?.what === what && last.verdict === verdict) last.times++;
    else this.#tries.push({ what, verdict, times: 1 });
  }

  /** Records why something was not tried or not completed. */
  note(text: string): void {
    if (!this.#notes.includes(text)) this.#notes.push(text);
  }

  /** Returns the error for the end of authentication, when nothing is left to try. */
  error(canContinue: readonly string[]): SshError {
    const accepts = canContinue.length === 0 ? "no further method" : shortList(canContinue);
    const parts = [this.#story(), ...this.#notes, `it accepts: ${accepts}`];
    return new SshError("auth-failed", `${shownUser(this.#userName)}: ${parts.join("; ")}`);
  }

  /**
   * Returns the error for a server that ended the connection during the login: `auth-failed` if it counted too many refused attempts,
   * otherwise `error`.
   */
  disconnected(error: SshError): SshError {
    if (this.#tries.length === 0 || !TOO_MANY.test(error.message)) return error;
    return new SshError(
      "auth-failed",
      `${shownUser(this.#userName)}: ${this.#story()}, then ended the connection after too many attempts; pass only the right key in \`identities\``,
      { cause: error },
    );
  }

  #story(): string {
    if (this.#tries.length === 0) return "the server requires a login, but there was nothing to try";
    const runs: { readonly verdict: string; readonly whats: string[] }[] = [];
    for (const { what, verdict, times } of this.#tries) {
      const shown = times > 1 ? `${what} (${times} times)` : what;
      const last = runs.at(-1);
      if (last?.verdict === verdict) last.whats.push(shown);
      else runs.push({ verdict, whats: [shown] });
    }
    return `the server ${runs.map(({ verdict, whats }) => `${verdict} ${sentenceList(whats)}`).join(", then ")}`;
  }
}

function shownUser(userName: string): string {
  return userName === "" ? '""' : escapeText(userName);
}

function sentenceList(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, METHODS_SHOWN).map((name) => cutText(name, 64));
  if (names.length > METHODS_SHOWN) shown.push(`… (${names.length} in total)`);
  return shown.join(", ");
}
