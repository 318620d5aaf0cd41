import { concatBytes, copyBytes } from "@nacre/wire";
import { type ChunkStep, type ProxyDialogue, takeChunk } from "../../../packages/node/src/net/proxy/dialogue.ts";
import { HttpConnectDialogue } from "../../../packages/node/src/net/proxy/http-connect.ts";
import { Socks5Dialogue } from "../../../packages/node/src/net/proxy/socks5.ts";
import { expectEqual, expectSafe, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";

/** Maximum length of a proxy's answers in bytes. */
const MOST = 16 * 1024;

const target = { host: "db.example.org", port: 22 };
const login = { user: "alice", password: "s3cret" };
const DIALOGUES: readonly (() => ProxyDialogue)[] = [
  () => new Socks5Dialogue(target, undefined),
  () => new Socks5Dialogue(target, login),
  () => new HttpConnectDialogue(target, login),
];

/** What a proxy answers to a client. The first byte chooses the protocol. Input in one piece and byte by byte must give the same result. */
export const proxyAnswers: Target = {
  name: "proxy-answers",
  run: (input) => {
    const dialogue = DIALOGUES[(input[0] ?? 0) % DIALOGUES.length]!;
    const answer = input.subarray(1);
    const step = takeChunk(dialogue(), answer);
    expectEqual(byteByByte(dialogue(), answer), step, "a proxy's answer byte by byte");
    switch (step.type) {
      case "more":
        return expectTrue(answer.length <= MOST, `the dialogue wants more than ${answer.length} bytes`);
      case "refused":
        expectSafe(step.reason);
        return expectTrue(!step.reason.includes(login.password), "the reason has the password");
      case "connected":
        expectEqual(step.rest, answer.slice(answer.length - step.rest.length), "bytes after the answer");
        expectTrue(answer.length - step.rest.length <= MOST, "the answer is too long");
    }
  },
};

function byteByByte(dialogue: ProxyDialogue, answer: Uint8Array): ChunkStep {
  let send = new Uint8Array(0);
  for (let at = 0; at < answer.length; at++) {
    const step = takeChunk(dialogue, answer.subarray(at, at + 1));
    send = concatBytes(send, step.send);
    if (step.type === "connected") return { ...step, send, rest: copyBytes(answer.subarray(at + 1)) };
    if (step.type === "refused") return { ...step, send };
  }
  return { type: "more", send };
}
