import { type AskToken, staleAnswer } from "@nacre/wire";

/**
 * The peer's requests that want a reply, on one channel or global ones. Replies carry no number, so they leave in the
 * order of the requests, in whatever order they were decided (RFC 4254 §4, §5.4).
 */
export class ReplyQueue<Answer> {
  readonly #entries: { readonly token: AskToken; answer: Answer | undefined }[] = [];

  /** Requests whose reply has not left yet. */
  get length(): number {
    return this.#entries.length;
  }

  add(token: AskToken): void {
    this.#entries.push({ token, answer: undefined });
  }

  /** Takes the answer to a request and returns those that may leave now, first one first. Throws `usage` unless it awaits one. */
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
