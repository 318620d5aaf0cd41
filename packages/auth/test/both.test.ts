import { defaultSignatureAlgorithms } from "@nacre/keys";
import { equalBytes } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import {
  ClientAuth,
  type ClientAuthEvent,
  type ClientAuthOptions,
  type Factor,
  ServerAuth,
  type ServerAuthEvent,
  type ServerAuthOptions,
  serverMethods,
} from "../src/index.ts";
import { clientOptions, elsewhere, inMemory, keyOf, random, sessionId, TestSink } from "./support.ts";

type ClientAnswers = (client: ClientAuth, event: ClientAuthEvent) => void;
type ServerAnswers = (server: ServerAuth, event: ServerAuthEvent) => void;

interface Outcome {
  /** Error of the client or server; `undefined` if the login succeeded. */
  readonly refused: string | undefined;
  readonly factors: readonly Factor[] | undefined;
  /** Number of times the client sent bytes; each is one flight. */
  readonly flights: number;
  readonly texts: readonly string[];
}

/** Connects a client and a server in memory and carries their messages in flights, as a network would, until neither sends any. */
function login(
  clientChanges: Partial<ClientAuthOptions>,
  serverOptions: Partial<ServerAuthOptions>,
  clientAnswers: ClientAnswers,
  serverAnswers: ServerAnswers,
): Outcome {
  const clientSink = new TestSink();
  const serverSink = new TestSink();
  const client = new ClientAuth({
    sink: clientSink,
    ...clientOptions,
    ...clientChanges,
  });
  const server = new ServerAuth({
    sink: serverSink,
    sessionId,
    loginMethods: serverMethods,
    methods: ["publickey", "password", "keyboard-interactive"],
    signatureAlgorithms: defaultSignatureAlgorithms,
    ...serverOptions,
  });
  let refused: string | undefined;
  let succeeded = false;
  let factors: readonly Factor[] | undefined;
  let flights = 0;
  const texts: string[] = [];
  client.setServerSigAlgs(defaultSignatureAlgorithms.map(({ name }) => name));
  client.start();
  for (;;) {
    for (let event = client.nextEvent(); event !== undefined; event = client.nextEvent()) {
      if (event.type === "closed") refused = event.error.message;
      if (event.type === "success") succeeded = true;
      if (event.type === "banner") texts.push(event.message);
      if (event.type === "instruction") texts.push(event.instruction);
      clientAnswers(client, event);
    }
    const sent = clientSink.take();
    if (sent.length > 0) flights++;
    for (const payload of sent) server.receive(payload);
    for (let event = server.nextEvent(); event !== undefined; event = server.nextEvent()) {
      if (event.type === "closed") refused ??= event.error.message;
      if (event.type === "success") ({ factors } = event);
      serverAnswers(server, event);
    }
    const replies = serverSink.take();
    if (sent.length === 0 && replies.length === 0) break;
    for (const payload of replies) client.receive(payload);
  }
  expect(succeeded).toBe(factors !== undefined);
  return { refused, factors, flights, texts };
}

/** An application that accepts key 1 and the password "secret", and runs keyboard-interactive in two rounds. */
const knowsAlice: ServerAnswers = (server, event) => {
  const isKey1 = "publicKey" in event && equalBytes(event.publicKey, keyOf(1).publicKey.blob);
  if (event.type === "query") server.answer(event.token, isKey1);
  if (event.type === "publickey") server.answer(event.token, isKey1 ? "success" : "failure");
  if (event.type === "password") server.answer(event.token, event.password === "secret" ? "success" : "failure");
  if (event.type === "keyboard-interactive")
    server.answer(event.token, {
      prompts: [
        { prompt: "Password: ", echo: false },
        { prompt: "Code: ", echo: true },
      ],
    });
  if (event.type !== "responses") return;
  if (event.responses.length === 0) server.answer(event.token, "success");
  else if (event.responses.join() === "secret,123456")
    server.answer(event.token, { instruction: "Welcome", prompts: [] });
  else server.answer(event.token, "failure");
};

const silent: ClientAnswers = () => {};
const passwords =
  (...guesses: string[]): ClientAnswers =>
  (client, event) => {
    if (event.type === "password") client.answer(event.token, guesses[event.attempt - 1]);
  };
const signing: ClientAnswers = (client, event) => {
  if (event.type === "sign") client.answer(event.token, keyOf(1).sign(event.algorithm, event.data, random));
};

describe("client and server", () => {
  test("logs in with a key in memory in one flight", () => {
    const { factors, flights } = login({ identities: [inMemory(1)] }, {}, silent, knowsAlice);
    expect(factors).toMatchObject([{ method: "publickey", algorithm: "ssh-ed25519" }]);
    expect(flights).toBe(1);
  });

  test("queries each key in an agent and signs with the accepted one", () => {
    const identities = [elsewhere(3), elsewhere(2), elsewhere(1)];
    const { factors, flights } = login({ identities }, { banner: "hello" }, signing, knowsAlice);
    expect(factors).toHaveLength(1);
    expect(flights).toBe(4);
  });

  test("tries six keys without a failed attempt", () => {
    const identities = [6, 5, 4, 3, 2, 1].map(inMemory);
    const { factors } = login({ identities }, { limits: { failedAttempts: 1 } }, silent, knowsAlice);
    expect(factors).toHaveLength(1);
  });

  test("logs in with the second password, after a banner", () => {
    const { factors, texts } = login(
      { identities: [inMemory(2)], password: true },
      { banner: "hello" },
      passwords("guess", "secret"),
      knowsAlice,
    );
    expect(factors).toEqual([{ method: "password" }]);
    expect(texts).toEqual(["hello"]);
  });

  test("logs in by keyboard-interactive with two prompts, then a round without prompts", () => {
    const { factors, texts } = login(
      { keyboardInteractive: true },
      {},
      (client, event) => {
        if (event.type === "prompts") client.answer(event.token, ["secret", "123456"]);
      },
      knowsAlice,
    );
    expect(factors).toEqual([{ method: "keyboard-interactive" }]);
    expect(texts).toEqual(["Welcome"]);
  });

  test("changes an expired password", () => {
    let current = "old";
    const { factors } = login(
      { password: true },
      { methods: ["password"] },
      (client, event) => {
        passwords("old")(client, event);
        if (event.type === "change-password") client.answer(event.token, { oldPassword: "old", newPassword: "new" });
      },
      (server, event) => {
        if (event.type === "password") server.answer(event.token, { changePrompt: "expired" });
        if (event.type !== "change-password") return;
        expect(event.oldPassword).toBe(current);
        current = event.newPassword;
        server.answer(event.token, "success");
      },
    );
    expect(factors).toEqual([{ method: "password" }]);
    expect(current).toBe("new");
  });

  test("logs in with two factors: a key, then a password", () => {
    const { factors } = login(
      { identities: [inMemory(1)], password: true },
      { methods: ["publickey"] },
      passwords("secret"),
      (server, event) => {
        if (event.type === "publickey") server.answer(event.token, { partial: ["password"] });
        else knowsAlice(server, event);
      },
    );
    expect(factors).toMatchObject([{ method: "publickey" }, { method: "password" }]);
  });

  test("logs in with two factors: a password, then the key refused before it", () => {
    const { factors } = login(
      { identities: [inMemory(1)], password: true },
      { methods: ["password"] },
      passwords("secret"),
      (server, event) => {
        if (event.type === "password") server.answer(event.token, { partial: ["publickey"] });
        else knowsAlice(server, event);
      },
    );
    expect(factors).toMatchObject([{ method: "password" }, { method: "publickey" }]);
  });

  test("logs in with two keys as two factors", () => {
    const identities = [inMemory(1), inMemory(2)];
    const { factors } = login({ identities }, { methods: ["publickey"] }, silent, (server, event) => {
      if (event.type === "query") server.answer(event.token, true);
      if (event.type === "publickey")
        server.answer(event.token, event.factors.length > 0 ? "success" : { partial: ["publickey"] });
    });
    expect(factors).toHaveLength(2);
  });

  test("lists all tries in the error when everything was refused", () => {
    const { factors, refused } = login(
      { identities: [inMemory(2)], password: true, keyboardInteractive: true },
      {},
      (client, event) => {
        passwords("wrong")(client, event);
        if (event.type === "prompts") client.answer(event.token, undefined);
      },
      knowsAlice,
    );
    expect(factors).toBeUndefined();
    expect(refused).toMatch(
      /^alice: the server refused publickey \(SHA256:\S+, ssh-ed25519\) and password; keyboard-interactive was abandoned because no answer was given; password was abandoned because no answer was given; it accepts: publickey, password, keyboard-interactive$/,
    );
  });

  test("fails if the server does not support the client's algorithm", () => {
    const { factors } = login({ identities: [inMemory(1)] }, { signatureAlgorithms: [] }, silent, knowsAlice);
    expect(factors).toBeUndefined();
  });
});
