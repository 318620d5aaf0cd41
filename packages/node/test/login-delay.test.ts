import type { Authenticate, Login, LoginDecision } from "nacre/extend";
import { expect, test, vi } from "vitest";
import { delayRefusals } from "../src/listen/login-delay.ts";

const login: Login = { method: "password", user: "alice", password: "secret", factors: [], remoteAddress: undefined };
const refused = new Error("no database");
const otherwise: LoginDecision = { refuse: true, methods: ["publickey"] };

/** Returns what `delayRefusals` makes of this decision, and a function that ends all delays. */
function decide(authenticate: Authenticate) {
  const delayed = delayRefusals(authenticate, () => 60_000);
  return { answer: delayed.authenticate(login), stop: delayed.stop };
}

test("returns an immediate acceptance immediately, so that the reply leaves in the same write", () => {
  const decision = { permissions: { command: "true" } };
  expect(decide(() => decision).answer).toBe(decision);
});

test("resolves with a later acceptance without a delay", async () => {
  expect(await decide(async () => true).answer).toBe(true);
});

test.each<[string, Authenticate, LoginDecision | Error]>([
  ["an immediate refusal", () => false, false],
  ["a later refusal", async () => false, false],
  ["a refusal that names methods", () => otherwise, otherwise],
  [
    "an exception",
    () => {
      throw refused;
    },
    refused,
  ],
  ["a rejection", () => Promise.reject(refused), refused],
])("holds %s back until the delay ends", async (_, authenticate, outcome) => {
  const { answer, stop } = decide(authenticate);
  const settled = vi.fn();
  const result = Promise.resolve(answer).catch((error: unknown) => error);
  void result.then(settled);
  await new Promise((resolve) => setImmediate(resolve));
  expect(settled).not.toHaveBeenCalled();
  stop();
  expect(await result).toBe(outcome);
});

test.each<Login>([
  { method: "none", user: "alice", factors: [], remoteAddress: undefined },
  {
    method: "publickey",
    user: "alice",
    factors: [],
    remoteAddress: undefined,
    signed: false,
    algorithm: "ssh-ed25519",
    publicKey: new Uint8Array(51),
    fingerprint: "SHA256:…",
  },
])("answers a login that guesses nothing at once: $method", (one) => {
  expect(
    delayRefusals(
      () => false,
      () => 60_000,
    ).authenticate(one),
  ).toBe(false);
});
