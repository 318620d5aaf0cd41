import { answerIn, readIdentities, readSignature } from "../../../packages/node/src/agent-messages.ts";
import { attempt, expectEqual, expectTrue, outcome } from "../contract.ts";
import type { Target } from "../engine/target.ts";

/** What an agent sends, read as the answer to either question. */
export const agent: Target = {
  name: "agent",
  run: (received) => {
    const answer = attempt(() => answerIn(received));
    if (answer === undefined) return;
    expectEqual(answer, received.slice(4), "an agent's answer");
    attempt(() => readSignature(answer));
    const { value: keys, code } = outcome(() => readIdentities(answer));
    if (keys === undefined) return expectEqual(code, "agent-failed", "the error of an agent");
    // A key takes ten bytes at least, its format and its comment among them.
    expectTrue(keys.length <= answer.length / 10, `${keys.length} keys in ${answer.length} bytes`);
  },
};
