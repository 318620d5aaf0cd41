import { ed25519 } from "@nacre/keys";
import { SSH_MSG_USERAUTH_REQUEST, userauthPublickey, userauthSignedData, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import {
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
  sessionId,
  success,
} from "./support.ts";

const ED = "ssh-ed25519";

describe("the first flight", () => {
  test("one key in memory: service request and signed request leave together", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, keyboardInteractive: true });
    rig.client.start();
    expect(rig.sink.sent.map(describeSent)).toEqual(["service ssh-userauth", `publickey ${ED}`]);
    expect(rig.client.signedRequestInFlight).toBe(true);
    expect(rig.client.waitingForApplication).toBe(false);
  });

  test("the signature is over the session, the user, the service and the key", () => {
    const identity = inMemory(1);
    const rig = new ClientRig({ identities: [identity] });
    rig.client.start();
    const request = SSH_MSG_USERAUTH_REQUEST.decode(rig.sink.last());
    expect(request).toMatchObject({ userName: "alice", serviceName: "ssh-connection", methodName: "publickey" });
    const key = userauthPublickey.decode(request.methodData);
    expect(key.publicKey).toEqual(identity.publicKey.blob);
    expect(ed25519.verify(key.publicKey, userauthSignedData(sessionId, request, key), key.signature!)).toBe(true);
  });

  test.each([
    ["several keys", [inMemory(1), inMemory(2)], `publickey? ${ED}`],
    ["a key elsewhere", [elsewhere(1)], `publickey? ${ED}`],
    ["no key", [], "none"],
  ])("%s", (_, identities, first) => {
    const rig = new ClientRig({ identities, password: true });
    expect(rig.start()).toEqual(["service ssh-userauth", first]);
    expect(rig.client.signedRequestInFlight).toBe(false);
  });

  test("the login is over with its success", () => {
    const rig = new ClientRig({ identities: [inMemory(1)] });
    rig.start();
    rig.receive(success);
    rig.event("success");
    expect(rig.contexts).toEqual(["publickey", undefined]);
    expect(rig.client.signedRequestInFlight).toBe(false);
  });
});

describe("publickey", () => {
  test("a key elsewhere is queried, then its signature asked for", () => {
    const identity = elsewhere(1);
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    expect(rig.receive(pkOk(identity, ED))).toEqual([]);
    const ask = rig.event("sign");
    expect(ask).toMatchObject({ identity, algorithm: ED });
    expect(rig.client.waitingForApplication).toBe(true);
    rig.client.answerSignature(
      ask.token,
      keyOf(1).sign(ED, ask.data, () => new Uint8Array()),
    );
    expect(rig.sent()).toEqual([`publickey ${ED}`]);
    expect(rig.client.waitingForApplication).toBe(false);
    rig.receive(success);
    rig.event("success");
  });

  test("keys go in order, each once, and the first the server takes signs", () => {
    const second = inMemory(2);
    const rig = new ClientRig({ identities: [inMemory(1), second, inMemory(3)] });
    rig.start();
    expect(rig.receive(failure("publickey"))).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(pkOk(second, ED))).toEqual([`publickey ${ED}`]);
    expect(rig.receive(failure("publickey"))).toEqual([`publickey? ${ED}`]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    expect(rig.event("closed").error.message).toMatch(
      /^alice: the server refused publickey \(SHA256:\S{43}, ssh-ed25519\), .* and publickey \(.*\); it would take: publickey$/,
    );
  });

  test("a key that cannot sign is passed over", () => {
    const first = elsewhere(1);
    const rig = new ClientRig({ identities: [first, elsewhere(2)] });
    rig.start();
    rig.receive(pkOk(first, ED));
    rig.client.answerSignature(rig.event("sign").token, undefined);
    expect(rig.sent()).toEqual([`publickey? ${ED}`]);
    rig.receive(failure("publickey"));
    expect(rig.event("closed").error.message).toContain("not signed with SHA256:");
  });

  test("nothing known of the server and no key left: none asks what it takes", () => {
    const identity = elsewhere(1);
    const rig = new ClientRig({ identities: [identity], password: true });
    rig.start();
    rig.receive(pkOk(identity, ED));
    rig.client.answerSignature(rig.event("sign").token, undefined);
    expect(rig.sent()).toEqual(["none"]);
    rig.receive(failure("publickey", "password"));
    rig.event("password");
  });

  test("an agent's SHA-1 signature never leaves", () => {
    const identity = { publicKey: rsaLike(1).publicKey };
    const rig = new ClientRig({ identities: [identity] });
    rig.start();
    rig.receive(pkOk(identity, "rsa-sha2-512"));
    const ask = rig.event("sign");
    rig.client.answerSignature(ask.token, new Writer().string("ssh-rsa").string("signature").finish());
    expect(rig.sent()).toEqual(["none"]);
    rig.receive(failure("publickey"));
    expect(rig.event("closed").error.message).toContain("ssh-rsa where rsa-sha2-512 was asked for");
  });

  test.each([new Uint8Array(0), new Uint8Array([0, 0, 0, 9, 1]), new Uint8Array([0, 0, 0, 1, 7])])(
    "a malformed signature of an agent never leaves",
    (signature) => {
      const identity = elsewhere(1);
      const rig = new ClientRig({ identities: [identity] });
      rig.start();
      rig.receive(pkOk(identity, ED));
      rig.client.answerSignature(rig.event("sign").token, signature);
      expect(rig.sent()).toEqual(["none"]);
    },
  );

  test("a private key in memory that cannot sign is passed over", () => {
    const { publicKey } = keyOf(1);
    const privateKey = { ...keyOf(2), publicKey, sign: () => new Uint8Array([1]) };
    const rig = new ClientRig({ identities: [{ publicKey, privateKey }] });
    expect(rig.start()).toEqual(["service ssh-userauth", "none"]);
  });
});

describe("signature algorithms", () => {
  test("without server-sig-algs: rsa-sha2-512, and 256 after it was refused", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    expect(rig.start()[1]).toBe("publickey rsa-sha2-512");
    expect(rig.receive(failure("publickey"))).toEqual(["publickey rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    expect(rig.event("closed").error.message).toMatch(/rsa-sha2-512\) and publickey \(SHA256:\S+, rsa-sha2-256\)/);
  });

  test("with server-sig-algs: those that the server named, in the key's own order, and no other", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.client.setServerSigAlgs(["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]);
    expect(rig.start()[1]).toBe("publickey rsa-sha2-512");
    // OpenSSH names also what PubkeyAcceptedAlgorithms forbids.
    expect(rig.receive(failure("publickey"))).toEqual(["publickey rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
    rig.event("closed");
  });

  test("with server-sig-algs: a refused key has its other algorithm when every key had its turn", () => {
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

  test("server-sig-algs that come late and exclude what was tried: the key gets its other algorithm", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.start();
    rig.client.setServerSigAlgs(["rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual(["publickey rsa-sha2-256"]);
    expect(rig.receive(failure("publickey"))).toEqual([]);
  });

  test("a key whose algorithms the server does not know is skipped, and the error says so", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.client.setServerSigAlgs(["ssh-rsa", ED]);
    expect(rig.start()[1]).toBe("none");
    rig.receive(failure("publickey"));
    const { error } = rig.event("closed");
    expect(error.code).toBe("auth-failed");
    expect(error.message).toMatch(
      /not tried: SHA256:\S{43}, for the server knows no algorithm of it \(rsa-sha2-512, rsa-sha2-256\)/,
    );
  });

  test("a key that was tried before the server said what it knows is not called untried", () => {
    const rig = new ClientRig({ identities: [rsaLike(1)] });
    rig.start();
    rig.client.setServerSigAlgs([ED]);
    rig.receive(failure("publickey"));
    const { message } = rig.event("closed").error;
    expect(message).toContain("refused publickey");
    expect(message).not.toContain("not tried");
  });

  test("the one key left that the server can use signs at once", () => {
    const rig = new ClientRig({ identities: [rsaLike(1), inMemory(2)] });
    rig.client.setServerSigAlgs([ED]);
    expect(rig.start()[1]).toBe(`publickey ${ED}`);
  });
});

describe("password", () => {
  test("is asked anew for each attempt, up to the limit", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("publickey", "password"));
    for (const attempt of [1, 2, 3]) {
      const ask = rig.event("password");
      expect(ask.attempt).toBe(attempt);
      expect(rig.client.waitingForApplication).toBe(true);
      rig.client.answerPassword(ask.token, `guess${attempt}`);
      expect(rig.sent()).toEqual([`password guess${attempt}`]);
      rig.receive(failure("publickey", "password"));
    }
    const { error } = rig.event("closed");
    expect(error.message).toBe("alice: the server refused password (3 times); it would take: publickey, password");
    expect(error.message).not.toContain("guess");
    expect(rig.contexts).toEqual(["password", undefined]);
  });

  test("no answer gives the method up", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answerPassword(rig.event("password").token, undefined);
    expect(rig.event("closed").error.message).toContain("password was given up for want of an answer");
    expect(rig.sent()).toEqual([]);
  });

  test("is changed when the server demands it, as often as it does within bounds", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answerPassword(rig.event("password").token, "old");
    rig.sent();
    rig.receive(changereq("expired"));
    const first = rig.event("change-password");
    expect(first.prompt).toBe("expired");
    rig.client.answerChangePassword(first.token, { oldPassword: "old", newPassword: "short" });
    expect(rig.sent()).toEqual(["password old -> short"]);
    rig.receive(changereq("too short"));
    const second = rig.event("change-password");
    rig.client.answerChangePassword(second.token, { oldPassword: "old", newPassword: "a longer one" });
    expect(rig.sent()).toEqual(["password old -> a longer one"]);
    rig.receive(success);
    rig.event("success");
  });

  test("a change that is not answered gives the method up", () => {
    const rig = new ClientRig({ password: true, limits: { passwordAttempts: 2 } });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answerPassword(rig.event("password").token, "old");
    rig.receive(changereq("expired"));
    rig.client.answerChangePassword(rig.event("change-password").token, undefined);
    expect(rig.event("closed").error.message).toContain("the server demands a new password, and none was given");
  });
});

describe("keyboard-interactive", () => {
  const prompts = [
    { prompt: "Password: ", echo: false },
    { prompt: "Code: ", echo: true },
  ];

  test("several prompts, several rounds, and a round without a prompt that nobody is asked about", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
    rig.receive(infoRequest(prompts, "Login", "Both, please"));
    const ask = rig.event("prompts");
    expect(ask).toMatchObject({ name: "Login", instruction: "Both, please", prompts });
    rig.client.answerPrompts(ask.token, ["secret", "123456"]);
    expect(rig.sent()).toEqual(['responses ["secret","123456"]']);
    expect(rig.receive(infoRequest([], "", "Your password expires tomorrow"))).toEqual(["responses []"]);
    expect(rig.event("instruction").instruction).toBe("Your password expires tomorrow");
    expect(rig.receive(infoRequest([]))).toEqual(["responses []"]);
    expect(rig.events()).toEqual([]);
    rig.receive(success);
    rig.event("success");
  });

  test("another number of responses is the caller's mistake, and leaves the ask open", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    const { token } = rig.event("prompts");
    for (const responses of [[], ["one"], ["one", "two", "three"]])
      expect(() => rig.client.answerPrompts(token, responses)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(rig.sent()).toEqual([]);
    rig.client.answerPrompts(token, ["one", "two"]);
    expect(rig.sent()).toEqual(['responses ["one","two"]']);
  });

  test("is begun anew up to the limit, then passwords", () => {
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
      rig.client.answerPrompts(rig.event("prompts").token, ["a", "b"]);
      rig.sent();
    }
    rig.receive(both);
    rig.event("password");
  });

  test("a server that refuses without a question is not asked again", () => {
    const rig = new ClientRig({ keyboardInteractive: true });
    rig.start();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
    expect(rig.receive(failure("keyboard-interactive"))).toEqual([]);
    rig.event("closed");
  });

  test("no answer gives the method up, and the conversation goes on with empty responses until the server ends it", () => {
    const rig = new ClientRig({ keyboardInteractive: true, password: true });
    rig.start();
    const both = failure("keyboard-interactive", "password");
    rig.receive(both, infoRequest(prompts));
    rig.client.answerPrompts(rig.event("prompts").token, undefined);
    expect(rig.sent()).toEqual(['responses ["",""]']);
    expect(rig.receive(infoRequest(prompts.slice(1)))).toEqual(['responses [""]']);
    expect(rig.receive(infoRequest([]))).toEqual(["responses []"]);
    expect(rig.events()).toEqual([]);
    rig.receive(both);
    rig.client.answerPassword(rig.event("password").token, undefined);
    expect(rig.event("closed").error.message).toBe(
      "alice: the server wants a login, and there was nothing to try; keyboard-interactive was given up for want of an answer; password was given up for want of an answer; it would take: keyboard-interactive, password",
    );
  });

  test("a conversation that was given up is bounded like any other", () => {
    const rig = new ClientRig({ keyboardInteractive: true, limits: { keyboardInteractiveRounds: 3 } });
    rig.start();
    rig.receive(failure("keyboard-interactive"), infoRequest(prompts));
    rig.client.answerPrompts(rig.event("prompts").token, undefined);
    rig.receive(infoRequest(prompts), infoRequest(prompts), infoRequest(prompts));
    expect(rig.event("closed").error.code).toBe("auth-limit");
  });
});

describe("a fixed password", () => {
  const both = failure("keyboard-interactive", "password");
  const fixed = { password: "fixed", keyboardInteractive: "password" } as const;
  const lone = infoRequest([{ prompt: "Password: ", echo: false }]);

  test("is tried before keyboard-interactive, and once: the server refused it", () => {
    const rig = new ClientRig(fixed);
    rig.start();
    expect(rig.receive(both)).toEqual([]);
    rig.client.answerPassword(rig.event("password").token, "wrong");
    expect(rig.sent()).toEqual(["password wrong"]);
    expect(rig.receive(both)).toEqual([]);
    expect(rig.event("closed").error.message).toBe(
      "alice: the server refused password; it would take: keyboard-interactive, password",
    );
  });

  test("answers a conversation where the server takes no password otherwise, and once", () => {
    const rig = new ClientRig(fixed);
    rig.start();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual(["keyboard-interactive"]);
    rig.receive(lone);
    rig.client.answerPrompts(rig.event("prompts").token, ["wrong"]);
    rig.sent();
    expect(rig.receive(failure("keyboard-interactive"))).toEqual([]);
    expect(rig.event("closed").error.message).toBe(
      "alice: the server refused keyboard-interactive; it would take: keyboard-interactive",
    );
  });

  test("that is one factor is not the answer to what the server asks next", () => {
    const rig = new ClientRig(fixed);
    rig.start();
    rig.receive(both);
    rig.client.answerPassword(rig.event("password").token, "right");
    rig.sent();
    expect(rig.receive(partial("keyboard-interactive"))).toEqual([]);
    expect(rig.event("closed").error.message).toContain("accepted password; it would take: keyboard-interactive");
  });

  test("comes first where prompts can be answered too, which come behind it", () => {
    const rig = new ClientRig({ password: "fixed", keyboardInteractive: true });
    rig.start();
    rig.receive(both);
    rig.client.answerPassword(rig.event("password").token, "wrong");
    rig.sent();
    expect(rig.receive(both)).toEqual(["keyboard-interactive"]);
    rig.receive(lone);
    rig.event("prompts");
  });
});

describe("banners", () => {
  test("without a language tag are shown, and those that cannot be read are ignored", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(new Writer().byte(53).string("hello").finish());
    expect(rig.event("banner").message).toBe("hello");
    rig.receive(Uint8Array.of(53), Uint8Array.of(53, 0, 0, 0, 9));
    expect(rig.events()).toEqual([]);
  });

  test("that cannot be read count like others", () => {
    const rig = new ClientRig({ limits: { authBanners: 2 } });
    rig.start();
    rig.receive(Uint8Array.of(53), Uint8Array.of(53), Uint8Array.of(53));
    expect(rig.event("closed").error.code).toBe("auth-limit");
  });
});

describe("a message that the server does not understand", () => {
  test("is told by its name, if the login waits for its answer", () => {
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
    rig.client.answerPrompts(rig.event("prompts").token, ["", ""]);
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

describe("what goes on after a failure", () => {
  test("publickey, then keyboard-interactive, then password, whatever order the server lists", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, keyboardInteractive: true });
    rig.start();
    const list = failure("password", "hostbased", "keyboard-interactive", "publickey");
    expect(rig.receive(list)).toEqual(["keyboard-interactive"]);
    rig.receive(list);
    rig.event("password");
  });

  test("a method the server does not list is not tried", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, keyboardInteractive: true });
    rig.start();
    rig.receive(failure("hostbased", "gssapi-with-mic"));
    const { error } = rig.event("closed");
    expect(error.code).toBe("auth-failed");
    expect(error.message).toMatch(
      /^alice: the server refused publickey \(.*\); it would take: hostbased, gssapi-with-mic$/,
    );
  });

  test("nothing to try", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(failure("publickey", "password"));
    expect(rig.event("closed").error.message).toBe(
      "alice: the server wants a login, and there was nothing to try; it would take: publickey, password",
    );
  });

  test("a server that takes nothing more", () => {
    const rig = new ClientRig({ password: true });
    rig.start();
    rig.receive(failure());
    expect(rig.event("closed").error.message).toMatch(/it would take: nothing more$/);
  });

  test("none may be enough", () => {
    const rig = new ClientRig({});
    rig.start();
    rig.receive(success);
    rig.event("success");
    expect(rig.contexts).toEqual([]);
  });
});

describe("partial success", () => {
  test("what succeeded is not repeated, though the server lists it again", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true });
    rig.start();
    rig.receive(partial("publickey", "password"));
    const ask = rig.event("password");
    rig.client.answerPassword(ask.token, "secret");
    rig.receive(partial("publickey", "password"));
    expect(rig.event("closed").error.message).toMatch(
      /^alice: the server accepted publickey \(.*\) and password; it would take: publickey, password$/,
    );
  });

  test("a query cannot succeed, not even in part: the key counts as refused", () => {
    const rig = new ClientRig({ identities: [inMemory(1), inMemory(2)] });
    rig.start();
    rig.receive(partial("publickey"));
    rig.receive(failure("publickey"));
    const { message } = rig.event("closed").error;
    expect(message).toContain("refused publickey");
    expect(message).not.toContain("accepted");
  });

  test("two keys", () => {
    const first = inMemory(1);
    const second = inMemory(2);
    const rig = new ClientRig({ identities: [first, second] });
    rig.start();
    rig.receive(pkOk(first, ED));
    expect(rig.receive(partial("publickey"))).toEqual([`publickey? ${ED}`]);
    rig.receive(pkOk(second, ED), success);
    rig.event("success");
  });

  test("a key refused while the server took no keys yet is tried once it does", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true });
    rig.start();
    rig.receive(failure("password"));
    rig.client.answerPassword(rig.event("password").token, "secret");
    rig.sent();
    expect(rig.receive(partial("publickey"))).toEqual([`publickey ${ED}`]);
    rig.receive(success);
    rig.event("success");
  });

  test("then refused: the error tells both", () => {
    const rig = new ClientRig({ identities: [inMemory(1)], password: true, limits: { passwordAttempts: 1 } });
    rig.start();
    rig.receive(partial("password"));
    rig.client.answerPassword(rig.event("password").token, "secret");
    rig.receive(failure("password"));
    expect(rig.event("closed").error.message).toMatch(
      /^alice: the server accepted publickey \(.*\), then refused password; it would take: password$/,
    );
  });
});

test("banners come at any time before success, as raw text", () => {
  const rig = new ClientRig({ password: true });
  rig.start();
  rig.receive(banner("hello \u001b[31m"));
  expect(rig.event("banner").message).toBe("hello \u001b[31m");
  rig.receive(failure("password"));
  const ask = rig.event("password");
  rig.receive(banner("still here"));
  rig.event("banner");
  rig.client.answerPassword(ask.token, "secret");
  rig.receive(banner("bye"), success);
  expect(rig.events().map((event) => event.type)).toEqual(["banner", "success"]);
});
