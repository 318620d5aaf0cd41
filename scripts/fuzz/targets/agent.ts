import { answerIn, readIdentities, readSignature } from "../../../packages/node/src/keys/agent-messages.ts";
import { attempt, expectEqual, expectTrue, outcome } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";

/** Bytes from an SSH agent, read as a reply to both kinds of request. */
export const agent: Target = {
  name: "agent",
  run: (received) => {
    const answer = attempt(() => answerIn(received));
    if (answer === undefined) return;
    expectEqual(answer, received.slice(4), "reply of an agent");
    attempt(() => readSignature(answer));
    const { value: keys, code } = outcome(() => readIdentities(answer));
    if (keys === undefined) return expectEqual(code, "agent-failed", "error code for an agent's reply");
    // A key takes at least ten bytes, including its format and comment.
    expectTrue(keys.length <= answer.length / 10, `${keys.length} keys in ${answer.length} bytes`);
  },
};
