import { type AskToken, equalBytes, SSH_MSG_USERAUTH_REQUEST, SshError, userauthPublickey } from "@nacre/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClientAuthEvent, Identity } from "../src/index.ts";
import {
  accept,
  banner,
  ClientRig,
  changereq,
  describeSent,
  elsewhere,
  failure,
  infoRequest,
  inMemory,
  keyOf,
  partial,
  pkOk,
  rsaLike,
  success,
} from "./support.ts";

const identityPool: readonly Identity[] = [
  inMemory(1),
  elsewhere(2),
  rsaLike(3),
  { publicKey: rsaLike(4).publicKey },
  inMemory(5),
];
const ALGORITHMS = ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"];
const METHODS = ["publickey", "password", "keyboard-interactive", "hostbased"];

const options = fc.record({
  identities: fc.subarray([...identityPool]),
  password: fc.boolean(),
  keyboardInteractive: fc.boolean(),
});
const list = fc.subarray(METHODS);

/** A message from the server, valid or not. A function if it depends on the client's last query. */
const message: fc.Arbitrary<Uint8Array | ((asked: { identity: Identity; algorithm: string }) => Uint8Array)> = fc.oneof(
  { weight: 6, arbitrary: list.map((methods) => failure(...methods)) },
  { weight: 3, arbitrary: list.map((methods) => partial(...methods)) },
  {
    weight: 6,
    arbitrary: fc.constant((asked: { identity: Identity; algorithm: string }) => pkOk(asked.identity, asked.algorithm)),
  },
  { weight: 1, arbitrary: fc.constantFrom(...identityPool).map((identity) => pkOk(identity, "ssh-ed25519")) },
  { weight: 2, arbitrary: fc.string().map(banner) },
  { weight: 4, arbitrary: fc.string().map(changereq) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.array(fc.record({ prompt: fc.string(), echo: fc.boolean() }), { maxLength: 3 }), fc.string())
      .map(([prompts, name]) => infoRequest(prompts, name)),
  },
  { weight: 1, arbitrary: fc.constantFrom(success, accept) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(accept, success, failure("password"), infoRequest([{ prompt: "?", echo: true }])),
        fc.nat(),
        fc.nat(255),
      )
      .map(([payload, at, value]) => payload.with(at % payload.length, value)),
  },
);

/** A server message and the application's reaction to an open ask: answer, give up, or let the ask stay open. */
const step = fc.record({ message, answer: fc.constantFrom("answer", "give up", "wait"), stale: fc.boolean() });

/** Runs a client between a random server and application, and checks after each step what it sends. */
class Game {
  readonly rig: ClientRig;
  #open: Exclude<ClientAuthEvent, { type: "banner" | "method" | "instruction" | "success" | "closed" }> | undefined;
  #asked: { identity: Identity; algorithm: string } = { identity: identityPool[0] ?? inMemory(1), algorithm: "" };
  readonly #used: AskToken[] = [];
  #secrets = 0;
  ended: ClientAuthEvent | undefined;
  requests = 0;

  constructor(options: { identities: readonly Identity[]; password: boolean; keyboardInteractive: boolean }) {
    this.rig = new ClientRig(options);
    this.rig.client.start();
    this.#look([]);
    this.receive(accept);
  }

  receive(message: Uint8Array | ((asked: { identity: Identity; algorithm: string }) => Uint8Array)): void {
    this.rig.client.receive(typeof message === "function" ? message(this.#asked) : message);
    this.#look([]);
  }

  act(answer: string, stale: boolean): void {
    const used = this.#used.at(-1);
    if (stale && used !== undefined) {
      for (const call of [
        () => this.rig.client.answer(used, "stale"),
        () => this.rig.client.answer(used, new Uint8Array(0)),
        () => this.rig.client.answer(used, ["stale"]),
        () => this.rig.client.answer(used, { oldPassword: "stale", newPassword: "stale" }),
      ])
        expect(call).toThrow(SshError);
      expect(this.rig.sink.sent).toEqual([]);
    }
    const ask = this.#open;
    if (ask === undefined || answer === "wait") return;
    this.#open = undefined;
    this.#used.push(ask.token);
    const { client } = this.rig;
    const secret = `secret${++this.#secrets}`;
    const giveUp = answer === "give up";
    switch (ask.type) {
      case "ask":
      case "identities":
      case "next-attempt":
        throw new Error("no method of the list asks so");
      case "sign": {
        const number = identityPool.indexOf(ask.identity) + 1;
        const signature = ask.algorithm.startsWith("rsa")
          ? rsaLike(number).privateKey.sign(ask.algorithm, ask.data, () => new Uint8Array())
          : keyOf(number).sign(ask.algorithm, ask.data, () => new Uint8Array());
        client.answer(ask.token, giveUp ? undefined : signature);
        this.#look(giveUp ? [] : [`publickey ${ask.algorithm}`]);
        break;
      }
      case "password":
        client.answer(ask.token, giveUp ? undefined : secret);
        this.#look(giveUp ? [] : [`password ${secret}`]);
        break;
      case "change-password":
        client.answer(ask.token, giveUp ? undefined : { oldPassword: "old", newPassword: secret });
        this.#look(giveUp ? [] : [`password old -> ${secret}`]);
        break;
      case "prompts": {
        const responses = ask.prompts.map(() => secret);
        client.answer(ask.token, giveUp ? undefined : responses);
        this.#look(giveUp ? [] : [`responses ${JSON.stringify(responses)}`]);
      }
    }
  }

  /** Checks all output and events. A secret may leave only as the answer just given. */
  #look(expected: string[]): void {
    const payloads = this.rig.sink.take();
    const sent = payloads.map(describeSent);
    if (expected.length > 0) expect(sent).toEqual(expected);
    else for (const one of sent) expect(one).not.toMatch(/secret|stale/);
    for (const one of sent) {
      expect(one).not.toContain("ssh-rsa");
      if (this.ended !== undefined) expect(sent).toEqual([]);
    }
    this.requests += sent.length;
    for (const payload of payloads) {
      if (payload[0] !== SSH_MSG_USERAUTH_REQUEST.number) continue;
      const { methodName, methodData } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
      if (methodName !== "publickey") continue;
      const { algorithm, publicKey } = userauthPublickey.decode(methodData);
      const identity = identityPool.find((one) => equalBytes(one.publicKey.blob, publicKey));
      if (identity !== undefined) this.#asked = { identity, algorithm };
    }
    for (const event of this.rig.events()) {
      expect(this.ended).toBeUndefined();
      if (event.type === "success" || event.type === "closed") {
        this.ended = event;
        this.#open = undefined;
      } else if (event.type !== "banner" && event.type !== "method" && event.type !== "instruction") {
        expect(this.#open).toBeUndefined();
        this.#open = event;
      }
    }
    expect(this.rig.client.waitingForApplication).toBe(this.#open !== undefined);
  }
}

test("for any server messages, the client never throws and sends no secret except the answer to the open ask", () => {
  fc.assert(
    fc.property(
      options,
      fc.option(fc.subarray(ALGORITHMS)),
      fc.array(step, { maxLength: 40 }),
      (options, algorithms, steps) => {
        const game = new Game(options);
        if (algorithms !== null) game.rig.client.setServerSigAlgs(algorithms);
        for (const { message, answer, stale } of steps) {
          game.receive(message);
          game.act(answer, stale);
        }
      },
    ),
    { numRuns: 250 },
  );
});

test("ends with a bounded number of requests if the server only sends failures", () => {
  fc.assert(
    fc.property(options, fc.array(fc.tuple(list, fc.boolean()), { minLength: 1, maxLength: 8 }), (options, answers) => {
      const game = new Game(options);
      for (let i = 0; game.ended === undefined; i++) {
        const [methods, partly] = answers[i % answers.length] ?? [[], false];
        if (!game.rig.client.waitingForApplication) game.receive(partly ? partial(...methods) : failure(...methods));
        game.act("answer", false);
        expect(game.requests).toBeLessThan(60);
      }
      expect(game.ended.type).toBe("closed");
    }),
    { numRuns: 250 },
  );
});
