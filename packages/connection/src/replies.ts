import { SshError } from "@nacre/wire";
import type { ReplyToken } from "./events.ts";

/** A token that is like no other. */
export function newToken(about: string): ReplyToken {
  return Object.freeze({ about });
}

/**
 * The peer's requests that want a reply, on one channel or global ones. Replies carry no number, so they leave in the
 * order of the requests, in whatever order they were decided (RFC 4254 §4, §5.4).
 */
export class ReplyQueue<Answer> {
  readonly #entries: { readonly token: ReplyToken; answer: Answer | undefined }[] = [];

  /** Requests whose reply has not left yet. */
  get length(): number {
    return this.#entries.length;
  }

  add(token: ReplyToken): void {
    this.#entries.push({ token, answer: undefined });
  }

  /** Takes the answer to a request and returns those that may leave now, first one first. Throws `usage` unless it awaits one. */
  settle(token: ReplyToken, answer: Answer): Answer[] {
    const asked = this.#entries.find((entry) => entry.token === token && entry.answer === undefined);
    if (asked === undefined) throw new SshError("usage", "the token is of no unanswered request");
    asked.answer = answer;
    const due: Answer[] = [];
    for (let first = this.#entries[0]; first?.answer !== undefined; first = this.#entries[0]) {
      due.push(first.answer);
      this.#entries.shift();
    }
    return due;
  }
}
