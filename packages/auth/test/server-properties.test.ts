import { equalBytes, SshError } from "@nacre/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LoginVerdict, ServerAuthEvent } from "../src/index.ts";
import {
  infoResponse,
  interactive,
  password,
  query,
  request,
  ServerRig,
  serviceRequest,
  signed,
} from "./server-support.ts";
import { keyOf } from "./support.ts";

const users = fc.constantFrom("alice", "bob");
const keys = fc.constantFrom(1, 2).map(keyOf);
const METHODS = ["publickey", "password", "keyboard-interactive"];

/** A message from a client, and whether its signature, if any, is valid. */
interface Sent {
  readonly payload: Uint8Array;
  readonly goodSignature?: boolean;
}

const sane: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 2, arbitrary: users.map((userName) => ({ payload: request("none", new Uint8Array(0), { userName }) })) },
  { weight: 4, arbitrary: fc.tuple(keys, users).map(([key, userName]) => ({ payload: query(key, { userName }) })) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(keys, users)
      .map(([key, userName]) => ({ payload: signed(key, { userName }), goodSignature: true })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(keys, users)
      .map(([key, userName]) => ({ payload: signed(key, { userName, signer: keyOf(3) }), goodSignature: false })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.string(), users).map(([text, userName]) => ({ payload: password(text, { userName }) })),
  },
  { weight: 3, arbitrary: users.map((userName) => ({ payload: interactive({ userName }) })) },
  {
    weight: 5,
    arbitrary: fc.array(fc.string(), { maxLength: 2 }).map((responses) => ({ payload: infoResponse(...responses) })),
  },
  {
    weight: 1,
    arbitrary: users.map((userName) => ({ payload: request("hostbased", new Uint8Array(0), { userName }) })),
  },
  { weight: 2, arbitrary: users.map((userName) => ({ payload: request("none", new Uint8Array(0), { userName }) })) },
);
const hostile: fc.Arbitrary<Sent> = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((payload) => ({ payload })),
  fc
    .tuple(fc.constantFrom(query(keyOf(1)), password("x"), interactive(), signed(keyOf(1))), fc.nat(), fc.nat(255))
    // Any non-zero byte is a true boolean, so changing the byte at offset 41 keeps the signature valid.
    .filter(([payload, at, value]) => at % payload.length !== 41 && payload[at % payload.length] !== value)
    .map(([payload, at, value]) => ({ payload: payload.with(at % payload.length, value), goodSignature: false })),
);
const message = fc.oneof({ weight: 12, arbitrary: sane }, { weight: 1, arbitrary: hostile });

const verdict: fc.Arbitrary<LoginVerdict> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<LoginVerdict>("failure") },
  { weight: 1, arbitrary: fc.constant<LoginVerdict>("success") },
  {
    weight: 2,
    arbitrary: fc.subarray(METHODS, { minLength: 1 }).map((methods): LoginVerdict => ({ partial: methods })),
  },
  { weight: 2, arbitrary: fc.subarray([...METHODS, "none"]).map((methods): LoginVerdict => ({ failure: methods })) },
);
const step = fc.record({
  message,
  verdict,
  questions: fc.integer({ min: 0, max: 2 }),
  answers: fc.boolean(),
  stale: fc.boolean(),
});

type AskEvent = Exclude<ServerAuthEvent, { type: "method" | "success" | "closed" }>;

test("for any client messages, a login succeeds only by an answer to the open ask, for that user and key", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const rig = new ServerRig({ methods: [...METHODS, "none"], limits: { failedAttempts: 8 } });
      rig.server.receive(serviceRequest);
      const goodSignatures: Uint8Array[] = [];
      const used: AskEvent[] = [];
      let open: AskEvent | undefined;
      let granted: AskEvent | undefined;
      let ended = false;

      const look = (): void => {
        for (const event of rig.events()) {
          expect(ended).toBe(false);
          if (event.type === "closed" || event.type === "success") {
            ended = true;
            open = undefined;
          }
          if (event.type === "success") {
            expect(granted).toBeDefined();
            expect(event.userName).toBe(granted?.userName);
            const factor = event.factors.at(-1);
            if (granted?.type === "publickey")
              expect(factor).toEqual({
                method: "publickey",
                algorithm: granted.algorithm,
                publicKey: granted.publicKey,
              });
            else expect(factor?.method).not.toBe("publickey");
          } else if (event.type !== "closed" && event.type !== "method") {
            expect(open).toBeUndefined();
            open = event;
            // Each reported login has a valid signature by that key for that user.
            if (event.type === "publickey")
              expect(goodSignatures).toContainEqual(signed(keyOf(isKey(event.publicKey, 1) ? 1 : 2), event));
            for (const factor of event.factors)
              if (factor.method === "publickey")
                expect(goodSignatures).toContainEqual(
                  signed(keyOf(isKey(factor.publicKey, 1) ? 1 : 2), { userName: event.userName }),
                );
          }
        }
        expect(rig.server.waitingForApplication).toBe(open !== undefined);
      };

      for (const { message, verdict, questions, answers, stale } of steps) {
        if (message.goodSignature === true) goodSignatures.push(message.payload);
        const before = ended;
        rig.sink.take();
        rig.server.receive(message.payload);
        look();
        if (before) expect(rig.sink.sent).toEqual([]);
        const old = used.at(-1);
        if (stale && old !== undefined) {
          for (const call of [
            () => rig.server.answer(old.token, true),
            () => rig.server.answer(old.token, "success"),
            () => rig.server.answer(old.token, "success"),
            () => rig.server.answer(old.token, "success"),
          ])
            expect(call).toThrow(SshError);
          look();
        }
        const ask = open;
        if (ask === undefined || !answers) continue;
        used.push(ask);
        open = undefined;
        granted = verdict === "success" ? ask : undefined;
        const prompts = Array.from({ length: questions }, () => ({ prompt: "?", echo: true }));
        switch (ask.type) {
          case "query":
            rig.server.answer(
              ask.token,
              typeof verdict === "object" && "failure" in verdict ? verdict : verdict === "success",
            );
            break;
          case "none":
          case "publickey":
            rig.server.answer(ask.token, verdict);
            break;
          case "password":
          case "change-password":
            rig.server.answer(ask.token, questions === 0 ? { changePrompt: "again" } : verdict);
            break;
          case "keyboard-interactive":
          case "responses":
            rig.server.answer(ask.token, verdict === "failure" ? { prompts } : verdict);
            break;
          case "ask":
            throw new Error("no method of the list asks so");
        }
        look();
        granted = undefined;
      }
    }),
    { numRuns: 150 },
  );
});

function isKey(publicKey: Uint8Array, number: number): boolean {
  return equalBytes(publicKey, keyOf(number).publicKey.blob);
}
