import { certifiedPrivateKey, ed25519, issueCertificate, parseCertificate } from "@nacre/keys";
import { type Extension, SSH_MSG_USERAUTH_REQUEST, userauthPublickey, userauthSignedData, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { clientNone, clientPublickey, type Identity } from "../src/index.ts";
import {
  banner,
  ClientRig,
  changereq,
  describeSent,
  elsewhere,
  failure,
  hostKey,
  infoRequest,
  inMemory,
  keyOf,
  partial,
  pkOk,
  random,
  rsaLike,
  sessionId,
  success,
} from "./support.ts";

const ED = "ssh-ed25519";
const CERTIFIED = "ssh-ed25519-cert-v01@openssh.com";

/** An identity with a certificate of the key of `inMemory(seed)`. */
function certified(seed: number): Identity {
  const { publicKey } = keyOf(seed);
  const names = { type: "user", keyId: "alice", principals: ["alice"], validBefore: "forever" } as const;
  const blob = issueCertificate(keyOf(9), { publicKey, ...names, random });
  const privateKey = certifiedPrivateKey(keyOf(seed), parseCertificate(blob));
  return { publicKey: privateKey.publicKey, privateKey };
}

const isHostBound = ({ name }: Extension): boolean => name === "publickey-hostbound@openssh.com";

test("a method that is not in the list is not tried", () => {
  for (const source of [{ password: true }, { password: "fixed" }, { keyboardInteractive: true }] as const) {
    const rig = new ClientRig({ ...source, loginMethods: [clientPublickey, clientNone] });
    expect(rig.start()).toEqual(["service ssh-userauth", "none"]);
    expect(rig.receive(failure("password", "keyboard-interactive"))).toEqual([]);
    expect(rig.event("closed").error).toMatchObject({ code: "auth-failed" });
  }
});

describe("the first flight", () => {
  test("holds the service request and a signed request if there is one key in memory", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, keyboardInteractive: true });
    rig.client.start();
    expect(rig.sink.sent.map(describeSent)).toEqual(["service ssh-userauth", `publickey ${ED}`]);
    expect(rig.client.signedRequestInFlight).toBe(true);
    expect(rig.client.waitingForApplication).toBe(false);
  });

  test("signs the session identifier, user, service and key", () => {
    const identity = inMemory(1);
    const rig = new ClientRig({ identities: [identity] });
    rig.client.start();
    const request = SSH_MSG_USERAUTH_REQUEST.decode(rig.sink.last());
    expect(request).toMatchObject({ userName: "alice", serviceName: "ssh-connection", methodName: "publickey" });
    const key = userauthPublickey.decode(request.methodData);
    expect(key.publicKey).toEqual(identity.publicKey.blob);
    expect(ed25519.verify(key.publicKey, userauthSignedData(sessionId, request, key), key.signature!)).toEqual({});
  });

  test.each([
    ["several keys", [inMemory(1), inMemory(2)], `publickey? ${ED}`],
    ["a key not in memory", [elsewhere(1)], `publickey? ${ED}`],
    ["no key", [], "none"],
  ])("with %s sends no signature", (_, identities, first) => {
    const rig = new ClientRig({ identities, password: true });
    expect(rig.start()).toEqual(["service ssh-userauth", first]);
    expect(rig.client.signedRequestInFlight).toBe(false);
  });

  test("signs with a certificate at once, and with its key if the server refuses that", () => {
    const rig = new ClientRig({ identities: [certified(1), inMemory(1)] });
    expect(rig.start()).toEqual(["service ssh-userauth", `publickey ${CERTIFIED}`]);
    expect(rig.client.signedRequestInFlight).toBe(true);
    expect(rig.receive(failure("publickey"))).toEqual([`publickey ${ED}`]);
    rig.receive(failure("publickey"));
    const fingerprint = /SHA256:\S{43}/.source;
    expect(rig.event("closed").error.message).toMatch(
      new RegExp(`publickey \\((${fingerprint}), ${CERTIFIED}\\) and publickey \\(\\1, ${ED}\\)`),
    );
  });

  test("queries a certificate if there is another key", () => {
    const rig = new ClientRig({ identities: [certified(1), inMemory(2)] });
    expect(rig.start()).toEqual(["service ssh-userauth", `publickey? ${CERTIFIED}`]);
  });

  test("ends with SSH_MSG_USERAUTH_SUCCESS", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.start();
    rig.receive(success);
    rig.event("success");
    expect(rig.contexts).toEqual(["publickey", undefined]);
    expect(rig.client.signedRequestInFlight).toBe(false);
  });
});

describe("publickey", () => {
  test("queries a key that is not in memory, then asks for a signature", () => {
    const identity = elsewhere(1);
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    expect(rig.receive(pkOk(identity, ED))).toEqual([]);
    const ask = rig.event("sign");
    expect(ask).toMatchObject({ identity, algorithm: ED });
    expect(rig.client.waitingForApplication).toBe(true);
    rig.client.answer(
      ask.token,
      keyOf(1).sign(ED, ask.data, () => new Uint8Array()),
    );
    expect(rig.sent()).toEqual([`publickey ${ED}`]);
    expect(rig.client.waitingForApplication).toBe(false);
    rig.receive(success);
    rig.event("success");
  });

  test("queries keys in order, each once, and signs only with an accepted one", () => {
    const second = inMemory(2);
    const rig = new ClientRig({ identities: [inMemory(1), second, inMemory(3)] });
    rig.start();
    expect(rig.receive(failure("publickey"))).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(pkOk(second, ED))).toEqual([`publickey ${ED}`]);
    expect(rig.receive(failure("publickey"))).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    expect(rig.event("closed").error.message).toMatch(
      /^alice: the server refused publickey \(SHA256:\S{43}, ssh-ed25519\), .* and publickey \(.*\); it accepts: publickey$/,
    );
  });

  test("continues with the next key if one cannot sign", () => {
    const first = elsewhere(1);
    const rig = new ClientRig({ identities: [first, elsewhere(2)] });
    rig.start();
    rig.receive(pkOk(first, ED));
    rig.client.answer(rig.event("sign").token, undefined);
    expect(rig.sent()).toEqual([`publickey? ${ED}`]);
    rig.receive(failure("publickey"));
    expect(rig.event("closed").error.message).toContain("cannot sign with SHA256:");
  });

  test("asks for its keys if the options have none, before anything else, and once", () => {
    const rig = new ClientRig({ identities: undefined });
    expect(rig.start()).toEqual(["service ssh-userauth"]);
    const ask = rig.event("identities");
    expect(rig.client.waitingForApplication).toBe(true);
    expect(() => rig.client.answer(ask.token, undefined)).toThrow(expect.objectContaining({ code: "usage" }));
    const second = inMemory(2);
    rig.client.answer(ask.token, [elsewhere(1), second]);
    expect(rig.sent()).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(failure("publickey"))).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(pkOk(second, ED))).toEqual([`publickey ${ED}`]);
  });

  test("goes on with the next method if it gets no keys", () => {
    const rig = new ClientRig({ identities: undefined });
    rig.start();
    rig.client.answer(rig.event("identities").token, []);
    expect(rig.sent()).toEqual(["none"]);
  });

  test("signs host-bound after a query, if the server supports it", () => {
    const [first, second] = [elsewhere(1), inMemory(2)];
    const rig = new ClientRig({ identities: [first, second], hostKey, announces: isHostBound });
    expect(rig.start()[1]).toBe(`publickey? ${ED}`);
    rig.receive(pkOk(first, ED));
    const { token, data } = rig.event("sign");
    const subject = { userName: "alice", serviceName: "ssh-connection" };
    const fields = { algorithm: ED, publicKey: first.publicKey.blob, hostKey };
    expect(data).toEqual(userauthSignedData(sessionId, subject, fields));
    rig.client.answer(token, keyOf(1).sign(ED, data, random));
    expect(rig.sent()).toEqual([`host-bound ${ED} ours`]);
    expect(rig.receive(failure("publickey"))).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(pkOk(second, ED))).toEqual([`host-bound ${ED} ours`]);
    rig.receive(success);
    rig.event("success");
  });

  test("does not sign host-bound at once, nor at a server that does not announce it", () => {
    const single = new ClientRig({ identities: [inMemory(1)], hostKey, announces: isHostBound });
    expect(single.start()[1]).toBe(`publickey ${ED}`);
    const first = inMemory(1);
    const rig = new ClientRig({ identities: [first, inMemory(2)], hostKey });
    rig.start();
    expect(rig.receive(pkOk(first, ED))).toEqual([`publickey ${ED}`]);
  });

  test('sends "none" to learn the methods if no key is left', () => {
    const identity = elsewhere(1);
    const rig = new ClientRig({ identities: [identity], password: true });
    rig.start();
    rig.receive(pkOk(identity, ED));
    rig.client.answer(rig.event("sign").token, undefined);
    expect(rig.sent()).toEqual(["none"]);
    rig.receive(failure("publickey", "password"));
    rig.event("password");
  });

  test("does not send an agent's SHA-1 signature", () => {
    const identity = { publicKey: rsaLike(1).publicKey };
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    rig.receive(pkOk(identity, "rsa-sha2-512"));
    const ask = rig.event("sign");
    rig.client.answer(ask.token, new Writer().string("ssh-rsa").string("signature").finish());
    expect(rig.sent()).toEqual(["none"]);
    rig.receive(failure("publickey"));
    expect(rig.event("closed").error.message).toContain("expected a signature of rsa-sha2-512, got ssh-rsa");
  });

  test.each([new Uint8Array(0), new Uint8Array([0, 0, 0, 9, 1]), new Uint8Array([0, 0, 0, 1, 7])])(
    "does not send a malformed signature of an agent",
    (signature) => {
      const identity = elsewhere(1);
      const rig = new ClientRig({ identities: [identity] });
      rig.start();
      rig.receive(pkOk(identity, ED));
      rig.client.answer(rig.event("sign").token, signature);
      expect(rig.sent()).toEqual(["none"]);
    },
  );

  test("continues if a key in memory cannot sign", () => {
    const { publicKey } = keyOf(1);
    const privateKey = { ...keyOf(2), publicKey, sign: () => new Uint8Array([1]) };
    const rig = new ClientRig({ identities: [{ publicKey, privateKey }] });
    expect(rig.start()).toEqual(["service ssh-userauth", "none"]);
  });
});

describe("signature algorithms", () => {
  test("without server-sig-algs, tries rsa-sha2-512, then rsa-sha2-256", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    expect(rig.start()[1]).toBe("publickey rsa-sha2-512");
    expect(rig.receive(failure("publickey"))).toEqual(["publickey rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    expect(rig.event("closed").error.message).toMatch(/rsa-sha2-512\) and publickey \(SHA256:\S+, rsa-sha2-256\)/);
  });

  test("with server-sig-algs, tries only listed algorithms, in the key's order", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.client.setServerSigAlgs(["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]);
    expect(rig.start()[1]).toBe("publickey rsa-sha2-512");
    // OpenSSH also lists algorithms that PubkeyAcceptedAlgorithms forbids.
    expect(rig.receive(failure("publickey"))).toEqual(["publickey rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    rig.event("closed");
  });

  test("with server-sig-algs, tries a refused key's other algorithm after all other keys", () => {
    const rig = new ClientRig({ identities: [rsaLike(1), rsaLike(2), inMemory(3)] });
    rig.client.setServerSigAlgs([ED, "rsa-sha2-256", "rsa-sha2-512"]);
    const asked = [rig.start()[1]];
    for (let i = 0; i < 4; i++) asked.push(...rig.receive(failure("publickey")));
    expect(asked.map((one) => one!.split(" ").slice(0, 2).join(" "))).toEqual([
      "publickey? rsa-sha2-512",
      "publickey? rsa-sha2-512",
      `publickey? ${ED}`,
      "publickey? rsa-sha2-256",
      "publickey? rsa-sha2-256",
    ]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    rig.event("closed");
  });

  test("tries a key's other algorithm if a late server-sig-algs excludes the first", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.start();
    rig.client.setServerSigAlgs(["rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual(["publickey rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
  });

  test("skips a key without a supported algorithm, and reports it in the error", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.client.setServerSigAlgs(["ssh-rsa", ED]);
    expect(rig.start()[1]).toBe("none");
    rig.receive(failure("publickey"));
    const { error } = rig.event("closed");
    expect(error.code).toBe("auth-failed");
    expect(error.message).toMatch(
      /skipped SHA256:\S{43} because the server supports none of its algorithms \(rsa-sha2-512, rsa-sha2-256\)/,
    );
  });

  test("does not report a key as skipped if it was tried before server-sig-algs arrived", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.start();
    rig.client.setServerSigAlgs([ED]);
    rig.receive(failure("publickey"));
    const { message } = rig.event("closed").error;
    expect(message).toContain("refused publickey");
    expect(message).not.toContain("skipped");
  });

  test("signs without a query if the server supports only one key", () => {
    const rig = new ClientRig({ identities: [rsaLike(1), inMemory(2)] });
    rig.client.setServerSigAlgs([ED]);
    expect(rig.start()[1]).toBe(`publickey ${ED}`);
  });
});

describe("password", () => {
  test("is asked for before each attempt, up to the limit", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("publickey", "password"));
    for (const attempt of [1, 2, 3]) {
      const ask = rig.event("password");
      expect(ask.attempt).toBe(attempt);
      expect(rig.client.waitingForApplication).toBe(true);
      rig.client.answer(ask.token, `guess${attempt}`);
      expect(rig.sent()).toEqual([`password guess${attempt}`]);
      rig.receive(failure("publickey", "password"));
    }
    const { error } = rig.event("closed");
    expect(error.message).toBe("alice: the server refused password (3 times); it accepts: publickey, password");
    expect(error.message).not.toContain("guess");
    expect(rig.contexts).toEqual(["password", undefined]);
  });

  test("is abandoned if the application has no answer", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answer(rig.event("password").token, undefined);
    expect(rig.event("closed").error.message).toContain("password was abandoned because no answer was given");
    expect(rig.sent()).toEqual([]);
  });

  test("is changed as often as the server demands, up to the limit", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answer(rig.event("password").token, "old");
    rig.sent();
    rig.receive(changereq("expired"));
    const first = rig.event("change-password");
    expect(first.prompt).toBe("expired");
    rig.client.answer(first.token, { oldPassword: "old", newPassword: "short" });
    expect(rig.sent()).toEqual(["password old -> short"]);
    rig.receive(changereq("too short"));
    const second = rig.event("change-password");
    rig.client.answer(second.token, { oldPassword: "old", newPassword: "a longer one" });
    expect(rig.sent()).toEqual(["password old -> a longer one"]);
    rig.receive(success);
    rig.event("success");
  });

  test("is abandoned if the application has no new password", () => {
    const rig = new ClientRig({ password: true, limits: { passwordAttempts: 2 } });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answer(rig.event("password").token, "old");
    rig.receive(changereq("expired"));
    rig.client.answer(rig.event("change-password").token, undefined);
    expect(rig.event("closed").error.message).toContain("the server demanded a new password, but none was given");
  });
});

describe("keyboard-interactive", () => {
  const prompts = [
    { prompt: "Password: ", echo: false },
    { prompt: "Code: ", echo: true },
  ];

  test("answers several rounds, and rounds without prompts by itself", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
    rig.receive(infoRequest(prompts, "Login", "Both, please"));
    const ask = rig.event("prompts");
    expect(ask).toMatchObject({ name: "Login", instruction: "Both, please", prompts });
    rig.client.answer(ask.token, ["secret", "123456"]);
    expect(rig.sent()).toEqual(['responses ["secret","123456"]']);
    expect(rig.receive(infoRequest([], "", "Your password expires tomorrow"))).toEqual(["responses []"]);
    expect(rig.event("instruction").instruction).toBe("Your password expires tomorrow");
    expect(rig.receive(infoRequest([]))).toEqual(["responses []"]);
    expect(rig.events()).toEqual([]);
    rig.receive(success);
    rig.event("success");
  });

  test("throws `usage` for a wrong number of responses, and keeps the ask open", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    const { token } = rig.event("prompts");
    for (const responses of [[], ["one"], ["one", "two", "three"]])
      expect(() => rig.client.answer(token, responses)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(rig.sent()).toEqual([]);
    rig.client.answer(token, ["one", "two"]);
    expect(rig.sent()).toEqual(['responses ["one","two"]']);
  });

  test("is retried up to the limit, then followed by password", () => {
    const rig = new ClientRig({
      keyboardInteractive: true,
      password: true,
      limits: { keyboardInteractiveAttempts: 2 },
    });
    rig.start();
    const both = failure("password", "keyboard-interactive");
    for (const _ of [1, 2]) {
      expect(rig.receive(both)).toEqual(["keyboard-interactive"]);
      rig.receive(infoRequest(prompts));
      rig.client.answer(rig.event("prompts").token, ["a", "b"]);
      rig.sent();
    }
    rig.receive(both);
    rig.event("password");
  });

  test("is not retried if the server refuses it without a prompt", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
    expect(rig.receive(failure("keyboard-interactive"))).toEqual([]);
    rig.event("closed");
  });

  test("sends empty responses until the server ends a conversation that the application abandoned", () => {
    const rig = new ClientRig({ keyboardInteractive: true, password: true });
    rig.start();
    const both = failure("keyboard-interactive", "password");
    rig.receive(both, infoRequest(prompts));
    rig.client.answer(rig.event("prompts").token, undefined);
    expect(rig.sent()).toEqual(['responses ["",""]']);
    expect(rig.receive(infoRequest(prompts.slice(1)))).toEqual(['responses [""]']);
    expect(rig.receive(infoRequest([]))).toEqual(["responses []"]);
    expect(rig.events()).toEqual([]);
    rig.receive(both);
    rig.client.answer(rig.event("password").token, undefined);
    expect(rig.event("closed").error.message).toBe(
      "alice: the server requires a login, but there was nothing to try; keyboard-interactive was abandoned because no answer was given; password was abandoned because no answer was given; it accepts: keyboard-interactive, password",
    );
  });

  test("limits the rounds of an abandoned conversation too", () => {
    const rig = new ClientRig({ keyboardInteractive: true, limits: { keyboardInteractiveRounds: 3 } });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    rig.client.answer(rig.event("prompts").token, undefined);
    rig.receive(infoRequest(prompts), infoRequest(prompts), infoRequest(prompts));
    expect(rig.event("closed").error.code).toBe("auth-limit");
  });
});

describe("a fixed password", () => {
  const both = failure("keyboard-interactive", "password");
  const fixed = { password: "fixed", keyboardInteractive: "password" } as const;
  const lone = infoRequest([{ prompt: "Password: ", echo: false }]);

  test("is tried once, before keyboard-interactive", () => {
    const rig = new ClientRig(fixed);
    rig.start();
    expect(rig.receive(both)).toEqual([]);
    rig.client.answer(rig.event("password").token, "wrong");
    expect(rig.sent()).toEqual(["password wrong"]);
    expect(rig.receive(both)).toEqual([]);
    expect(rig.event("closed").error.message).toBe(
      "alice: the server refused password; it accepts: keyboard-interactive, password",
    );
  });

  test('answers one conversation if the server does not accept the method "password"', () => {
    const rig = new ClientRig(fixed);
    rig.start();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
    rig.receive(lone);
    rig.client.answer(rig.event("prompts").token, ["wrong"]);
    rig.sent();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual([]);
    expect(rig.event("closed").error.message).toBe(
      "alice: the server refused keyboard-interactive; it accepts: keyboard-interactive",
    );
  });

  test("is not sent again by keyboard-interactive after it was accepted as one factor", () => {
    const rig = new ClientRig(fixed);
    rig.start();
    rig.receive(both);
    rig.client.answer(rig.event("password").token, "right");
    rig.sent();
    expect(rig.receive(partial("keyboard-interactive"))).toEqual([]);
    expect(rig.event("closed").error.message).toContain("accepted password; it accepts: keyboard-interactive");
  });

  test("that a function asks for answers as many conversations as `prompts`, after the method password", () => {
    const rig = new ClientRig({
      password: true,
      keyboardInteractive: "password",
      limits: { keyboardInteractiveAttempts: 2 },
    });
    rig.start();
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
      rig.receive(lone);
      const { token, round } = rig.event("prompts");
      expect(round).toBe(1);
      rig.client.answer(token, ["wrong"]);
      rig.sent();
    }
    expect(rig.receive(failure("keyboard-interactive"))).toEqual([]);
    const other = new ClientRig({ password: true, keyboardInteractive: "password" });
    other.start();
    other.receive(both);
    expect(other.event("password")).toMatchObject({ attempt: 1 });
  });

  test("is tried before prompts that the application can answer", () => {
    const rig = new ClientRig({ password: "fixed", keyboardInteractive: true });
    rig.start();
    rig.receive(both);
    rig.client.answer(rig.event("password").token, "wrong");
    rig.sent();
    expect(rig.receive(both)).toEqual(["keyboard-interactive"]);
    rig.receive(lone);
    rig.event("prompts");
  });
});

describe("banners", () => {
  test("are reported without a language tag, and ignored if malformed", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(new Writer().byte(53).string("hello").finish());
    expect(rig.event("banner").message).toBe("hello");
    rig.receive(Uint8Array.of(53), Uint8Array.of(53, 0, 0, 0, 9));
    expect(rig.events()).toEqual([]);
  });

  test("count against the limit if malformed", () => {
    const rig = new ClientRig({ limits: { authBanners: 2 } });
    rig.start();
    rig.receive(Uint8Array.of(53), Uint8Array.of(53), Uint8Array.of(53));
    expect(rig.event("closed").error.code).toBe("auth-limit");
  });
});

describe("a message that the server does not understand", () => {
  test("has its name returned by `nameOf` if the login waits for its answer", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.sink.next = 7;
    rig.start();
    expect([6, 7, 8, 9].map((number) => rig.client.nameOf(number))).toEqual([
      undefined,
      "SSH_MSG_SERVICE_REQUEST",
      "SSH_MSG_USERAUTH_REQUEST",
      undefined,
    ]);
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    rig.client.answer(rig.event("prompts").token, ["", ""]);
    expect([8, 9, 10].map((number) => rig.client.nameOf(number))).toEqual([
      undefined,
      undefined,
      "SSH_MSG_USERAUTH_INFO_RESPONSE",
    ]);
  });

  const prompts = [
    { prompt: "Password: ", echo: false },
    { prompt: "Code: ", echo: true },
  ];
});

describe("after a failure", () => {
  test("tries publickey, keyboard-interactive, then password, regardless of the server's order", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, keyboardInteractive: true });
    rig.start();
    const list = failure("password", "hostbased", "keyboard-interactive", "publickey");
    expect(rig.receive(list)).toEqual(["keyboard-interactive"]);
    rig.receive(list);
    rig.event("password");
  });

  test("does not try a method that the server does not list", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, keyboardInteractive: true });
    rig.start();
    rig.receive(failure("hostbased", "gssapi-with-mic"));
    const { error } = rig.event("closed");
    expect(error.code).toBe("auth-failed");
    expect(error.message).toMatch(
      /^alice: the server refused publickey \(.*\); it accepts: hostbased, gssapi-with-mic$/,
    );
  });

  test("reports that there was nothing to try", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(failure("publickey", "password"));
    expect(rig.event("closed").error.message).toBe(
      "alice: the server requires a login, but there was nothing to try; it accepts: publickey, password",
    );
  });

  test("reports that the server accepts no further method", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure());
    expect(rig.event("closed").error.message).toMatch(/it accepts: no further method$/);
  });

  test('succeeds by "none" if the server accepts it', () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(success);
    rig.event("success");
    expect(rig.contexts).toEqual([]);
  });
});

describe("partial success", () => {
  test("does not repeat a method that succeeded, even if the server lists it again", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true });
    rig.start();
    rig.receive(partial("publickey", "password"));
    const ask = rig.event("password");
    rig.client.answer(ask.token, "secret");
    rig.receive(partial("publickey", "password"));
    expect(rig.event("closed").error.message).toMatch(
      /^alice: the server accepted publickey \(.*\) and password; it accepts: publickey, password$/,
    );
  });

  test("counts a partial success in answer to a query as a refusal", () => {
    const rig = new ClientRig({ identities: [inMemory(1), inMemory(2)] });
    rig.start();
    rig.receive(partial("publickey"));
    rig.receive(failure("publickey"));
    const { message } = rig.event("closed").error;
    expect(message).toContain("refused publickey");
    expect(message).not.toContain("accepted");
  });

  test("continues with a second key", () => {
    const first = inMemory(1);
    const second = inMemory(2);
    const rig = new ClientRig({ identities: [first, second] });
    rig.start();
    rig.receive(pkOk(first, ED));
    expect(rig.receive(partial("publickey"))).toEqual([`publickey? ${ED}`]);
    rig.receive(pkOk(second, ED), success);
    rig.event("success");
  });

  test("tries a key again if the server refused it before it listed publickey", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answer(rig.event("password").token, "secret");
    rig.sent();
    expect(rig.receive(partial("publickey"))).toEqual([`publickey ${ED}`]);
    rig.receive(success);
    rig.event("success");
  });

  test("appears in the error together with a later refusal", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, limits: { passwordAttempts: 1 } });
    rig.start();
    rig.receive(partial("password"));
    rig.client.answer(rig.event("password").token, "secret");
    rig.receive(failure("password"));
    expect(rig.event("closed").error.message).toMatch(
      /^alice: the server accepted publickey \(.*\), then refused password; it accepts: password$/,
    );
  });
});

test("reports banners as raw text at any time before success", () => {
  const rig = new ClientRig({ password: true });
  rig.start();
  rig.receive(banner("hello \u001b[31m"));
  expect(rig.event("banner").message).toBe("hello \u001b[31m");
  rig.receive(failure("password"));
  const ask = rig.event("password");
  rig.receive(banner("still here"));
  rig.event("banner");
  rig.client.answer(ask.token, "secret");
  rig.receive(banner("bye"), success);
  expect(rig.events().map((event) => event.type)).toEqual(["banner", "success"]);
});
