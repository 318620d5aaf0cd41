import { type AskToken, staleAnswer } from "@nacre/wire";

/**
 * Queue of the peer's requests that want a reply, on one channel or global. Replies carry no number, so they are sent in the order of the
 * requests, regardless of the order of the decisions (RFC 4254 §4, §5.4).
 */
export class ReplyQueue<Answer> {
  readonly #entries: { readonly token: AskToken; answer: Answer | undefined }[] = [];

  /** Number of requests without a sent reply. */
  get length(): number {
    return this.#entries.length;
  }

  add(token: AskToken): void {
    this.#entries.push({ token, answer: undefined });
  }

  /**
   * Records the answer to a request and returns the answers that can be sent now, in order. Throws `usage` if the token has no unanswered
   * request.
   */
  settle(token: AskToken, answer: Answer): Answer[] {
    const asked = this.#entries.find((entry) => entry.token === token && entry.answer === undefined);
    if (asked === undefined) throw staleAnswer(token);
    asked.answer = answer;
    const due: Answer[] = [];
    for (let first = this.#entries[0]; first?.answer !== undefined; first = this.#entries[0]) {
      due.push(first.answer);
      this.#entries.shift();
    }
    return due;
  }
}
