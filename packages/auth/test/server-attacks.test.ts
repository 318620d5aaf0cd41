import { defaultSignatureAlgorithms, type SignatureAlgorithm } from "@nacre/keys";
import {
  askToken,
  equalBytes,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  type SshErrorCode,
  userauthPublickey,
  Writer,
} from "@nacre/wire";
import { describe, expect, test } from "vitest";
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
import { failure, infoRequest, keyOf, pkOk, sessionId } from "./support.ts";

const ALL = "publickey,password,keyboard-interactive";
const usage = expect.objectContaining({ code: "usage" });

/** Expects that the server ended with this error, sent no reply, and ignores further messages. */
function expectFatal(rig: ServerRig, code: SshErrorCode, message: RegExp): void {
  const last = rig.events().at(-1);
  expect(last?.type).toBe("closed");
  if (last?.type === "closed") {
    expect(last.error.code).toBe(code);
    expect(last.error.message).toMatch(message);
  }
  expect(rig.server.waitingForApplication).toBe(false);
  expect(rig.receive(serviceRequest, request("none"), password("secret"), signed(keyOf(1)))).toEqual([]);
  expect(rig.events()).toEqual([]);
}

describe("messages that a client may not send before login (CVE-2018-10933, CVE-2025-32433)", () => {
  test.each([
    ["USERAUTH_SUCCESS", SSH_MSG_USERAUTH_SUCCESS.encode({})],
    ["USERAUTH_FAILURE", failure("password")],
    ["PK_OK", pkOk({ publicKey: keyOf(1).publicKey }, "ssh-ed25519")],
    ["INFO_REQUEST", infoRequest([])],
    ["INFO_RESPONSE without a question", infoResponse()],
    ["GLOBAL_REQUEST", new Writer().byte(80).string("x").boolean(true).finish()],
    ["CHANNEL_OPEN", new Writer().byte(90).string("session").uint32(0).uint32(1).uint32(1).finish()],
    ["a second SERVICE_REQUEST", serviceRequest],
    ["an empty payload", new Uint8Array(0)],
  ])("rejects %s", (_, payload) => {
    const ready = ServerRig.ready();
    expect(ready.receive(payload)).toEqual([]);
    expectFatal(ready, "unexpected-message", /^the client sent message /);
    const asked = ServerRig.ready();
    asked.receive(password("secret"));
    const { token } = asked.event("password");
    expect(asked.receive(payload)).toEqual([]);
    expectFatal(asked, "unexpected-message", /^the client sent message /);
    expect(() => asked.server.answer(token, "success")).toThrow(usage);
    expect(asked.sent()).toEqual([]);
  });

  test.each([
    ["a login", password("secret")],
    ["a response", infoResponse()],
    ["USERAUTH_SUCCESS", SSH_MSG_USERAUTH_SUCCESS.encode({})],
  ])("rejects %s before the service request", (_, payload) => {
    const rig = new ServerRig();
    expect(rig.receive(payload)).toEqual([]);
    expectFatal(rig, "unexpected-message", /^the client sent message /);
  });
});

describe("services", () => {
  test("rejects ssh-connection in the service request", () => {
    const rig = new ServerRig();
    expect(rig.receive(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-connection" }))).toEqual([]);
    expectFatal(rig, "service-unavailable", /ssh-connection/);
  });

  test("rejects a login request for another service than ssh-connection", () => {
    const rig = ServerRig.ready();
    expect(rig.receive(signed(keyOf(1), { serviceName: "ssh-other" }))).toEqual([]);
    expectFatal(rig, "service-unavailable", /ssh-other/);
  });
});

describe("signature verification", () => {
  const good = keyOf(1);
  const other = keyOf(2);
  const elsewhere = sessionId.map((byte) => byte ^ 1);

  test.each([
    ["by another key", signed(good, { signer: other })],
    ["over another session identifier", signed(good, { over: { sessionId: elsewhere } })],
    ["over another user", signed(good, { over: { userName: "bob" } })],
    ["over another service", signed(good, { over: { serviceName: "ssh-other" } })],
    ["over another key", signed(good, { over: { publicKey: other.publicKey.blob } })],
    ["that is empty", publickey("ssh-ed25519", good.publicKey.blob, new Uint8Array(0))],
    ["that is malformed", publickey("ssh-ed25519", good.publicKey.blob, new Uint8Array([0, 0, 0, 99]))],
    [
      "of zeros",
      publickey(
        "ssh-ed25519",
        good.publicKey.blob,
        new Writer().string("ssh-ed25519").string(new Uint8Array(64)).finish(),
      ),
    ],
    ["under an algorithm that is not the key's", publickey("rsa-sha2-512", good.publicKey.blob, new Uint8Array(0))],
    ["under SHA-1", publickey("ssh-rsa", good.publicKey.blob, new Uint8Array(0))],
    ["for a malformed key", publickey("ssh-ed25519", new Uint8Array([1, 2, 3]), new Uint8Array(0))],
    ["for an empty key", publickey("ssh-ed25519", new Uint8Array(0), new Uint8Array(0))],
    [
      "for a truncated key",
      publickey("ssh-ed25519", good.publicKey.blob.subarray(0, -1), new Writer().string("ssh-ed25519").finish()),
    ],
  ])("refuses a signature %s without asking the application", (_, payload) => {
    const rig = ServerRig.ready();
    expect(rig.receive(payload)).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
    expect(rig.server.waitingForApplication).toBe(false);
  });

  test("refuses a query for an algorithm that is not the key's without asking the application", () => {
    const rig = ServerRig.ready();
    expect(rig.receive(query(good, { algorithm: "rsa-sha2-512" }))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test("uses the requested algorithm", () => {
    const names: string[] = [];
    const spy = (name: string): SignatureAlgorithm => ({
      name,
      signatureName: name,
      keyFormat: "ssh-ed25519",
      verify: () => {
        names.push(name);
        return undefined;
      },
    });
    const rig = ServerRig.ready({ signatureAlgorithms: [spy("first"), spy("second")] });
    rig.receive(publickey("second", good.publicKey.blob, new Uint8Array(0)));
    expect(names).toEqual(["second"]);
  });

  test("refuses the login if the verifier throws", () => {
    const broken: SignatureAlgorithm = {
      name: "ssh-ed25519",
      signatureName: "ssh-ed25519",
      keyFormat: "ssh-ed25519",
      verify: () => {
        throw new RangeError("out of memory");
      },
    };
    const rig = ServerRig.ready({ signatureAlgorithms: [broken] });
    expect(rig.receive(signed(good))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test("reports the key that signed, not one queried before (CVE-2024-45337)", () => {
    const rig = ServerRig.ready();
    // Both keys are accepted in queries, but only the first signs.
    for (const key of [good, other]) {
      rig.receive(query(key));
      rig.server.answer(rig.event("query").token, true);
    }
    rig.receive(signed(good));
    const ask = rig.event("publickey");
    expect(ask.publicKey).toEqual(good.publicKey.blob);
    rig.server.answer(ask.token, "success");
    expect(rig.event("success").factors).toEqual([
      { method: "publickey", algorithm: "ssh-ed25519", publicKey: good.publicKey.blob },
    ]);
  });

  test("refuses a signature by another key than the queried one", () => {
    const rig = ServerRig.ready();
    rig.receive(query(other));
    rig.server.answer(rig.event("query").token, true);
    rig.sent();
    expect(rig.receive(signed(other, { signer: good }))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test("copies the key from the payload", () => {
    const payload = signed(good);
    const rig = ServerRig.ready();
    rig.server.receive(payload);
    payload.fill(0);
    expect(rig.event("publickey").publicKey).toEqual(good.publicKey.blob);
  });
});

describe("late, repeated and foreign answers", () => {
  test("a token admits one answer to one ask", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1)));
    const first = rig.event("publickey");
    expect(() => rig.server.answer(askToken("publickey"), "success")).toThrow(usage);
    for (const invalid of [true, undefined, null, {}, { changePrompt: "?" }, { prompts: [] }, { partial: [] }])
      expect(() => rig.server.answer(first.token, invalid)).toThrow(usage);
    expect(rig.sent()).toEqual([]);
    rig.server.answer(first.token, "failure");
    expect(() => rig.server.answer(first.token, "success")).toThrow(usage);
    rig.receive(signed(keyOf(2)));
    expect(() => rig.server.answer(first.token, "success")).toThrow(usage);
    rig.event("publickey");
    expect(rig.sent()).toEqual([]);
  });

  test("accepting a query does not log the client in", () => {
    const rig = ServerRig.ready();
    rig.receive(query(keyOf(1)));
    const { token } = rig.event("query");
    expect(() => rig.server.answer(token, "success")).toThrow(usage);
    rig.server.answer(token, true);
    expect(rig.events()).toEqual([]);
    expect(rig.sent()).toEqual(["ok ssh-ed25519"]);
  });

  test("accepting a query does not accept a bad signature sent after it", () => {
    const rig = ServerRig.ready();
    rig.receive(query(keyOf(1)), signed(keyOf(1), { signer: keyOf(2) }));
    const { token } = rig.event("query");
    rig.server.answer(token, true);
    expect(rig.events()).toEqual([]);
    expect(rig.sent()).toEqual(["ok ssh-ed25519", `failure ${ALL}`]);
  });

  test("an answer applies to the user asked about, even if the client has named another since", () => {
    const rig = ServerRig.ready();
    rig.receive(password("secret", { userName: "alice" }), password("secret", { userName: "root" }));
    const ask = rig.event("password");
    expect(ask.userName).toBe("alice");
    rig.server.answer(ask.token, "success");
    expect(rig.event("success").userName).toBe("alice");
    expect(rig.sent()).toEqual(["success"]);
  });

  test("the next queued user gets an ask of its own after a refusal", () => {
    const rig = ServerRig.ready();
    rig.receive(password("secret", { userName: "alice" }), password("secret", { userName: "root" }));
    const first = rig.event("password");
    rig.server.answer(first.token, "failure");
    const second = rig.event("password");
    expect(second.userName).toBe("root");
    expect(() => rig.server.answer(first.token, "success")).toThrow(usage);
    rig.server.answer(second.token, "failure");
  });

  test("the answer to a conversation's earlier round does not apply to the next", () => {
    const rig = ServerRig.ready();
    rig.receive(interactive());
    const { token } = rig.event("keyboard-interactive");
    rig.server.answer(token, { prompts: [{ prompt: "?", echo: true }] });
    expect(() => rig.server.answer(token, "success")).toThrow(usage);
    rig.receive(infoResponse("x"));
    expect(() => rig.server.answer(token, "success")).toThrow(usage);
    rig.event("responses");
  });
});

describe("change of the user", () => {
  test("discards factors proved for another user", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1), { userName: "mallory" }));
    rig.server.answer(rig.event("publickey").token, { partial: ["password"] });
    rig.sent();
    rig.receive(password("secret", { userName: "root" }));
    const ask = rig.event("password");
    expect(ask).toMatchObject({ userName: "root", factors: [] });
    rig.server.answer(ask.token, "failure");
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
    // Naming the first user again does not restore the factor.
    rig.receive(password("secret", { userName: "mallory" }));
    expect(rig.event("password").factors).toEqual([]);
  });

  test("counts a change of the user as a failed attempt", () => {
    const rig = ServerRig.ready({ limits: { failedAttempts: 4 } });
    for (const userName of ["a", "b", "c", "d"]) {
      rig.receive(query(keyOf(1), { userName }));
      rig.server.answer(rig.event("query").token, false);
      rig.sent();
    }
    expect(rig.receive(query(keyOf(1), { userName: "e" }))).toEqual([]);
    expectFatal(rig, "auth-limit", /failed to log in 4 times/);
  });
});

describe("limits", () => {
  test.each([
    ["passwords", () => password("guess")],
    ["bad signatures", () => signed(keyOf(1), { signer: keyOf(2) })],
    ["unsupported methods", () => request("hostbased")],
    ["keyboard-interactive", () => interactive()],
    ["long passwords", () => password("x".repeat(1025))],
  ])("ends the connection after `failedAttempts`: %s", (_, attempt) => {
    const rig = ServerRig.ready({ limits: { failedAttempts: 3 } });
    for (let i = 1; i <= 3; i++) {
      const sent = rig.receive(attempt());
      for (const event of rig.events()) {
        if (event.type === "password") rig.server.answer(event.token, "failure");
        if (event.type === "keyboard-interactive") rig.server.answer(event.token, "failure");
        if (event.type === "closed") expect(event.error.code).toBe("auth-limit");
      }
      expect([...sent, ...rig.sent()]).toEqual(i < 3 ? [`failure ${ALL}`] : []);
    }
    expect(rig.receive(password("right"))).toEqual([]);
  });

  test('counts "none" requests except the first as failed attempts', () => {
    const rig = ServerRig.ready({ limits: { failedAttempts: 2 } });
    expect(rig.receive(request("none"), request("none"))).toEqual([`failure ${ALL}`, `failure ${ALL}`]);
    expect(rig.receive(request("none"))).toEqual([]);
    expectFatal(rig, "auth-limit", /failed to log in 2 times/);
  });

  test("does not count key queries as failed attempts", () => {
    const rig = ServerRig.ready({ limits: { failedAttempts: 1 } });
    for (let number = 1; number <= 6; number++) {
      rig.receive(query(keyOf(number)));
      rig.server.answer(rig.event("query").token, number === 6);
    }
    rig.receive(signed(keyOf(6)));
    rig.server.answer(rig.event("publickey").token, "success");
    expect(rig.event("success").factors).toHaveLength(1);
  });

  test("counts key queries separately, accepted or refused", () => {
    const rig = ServerRig.ready({ limits: { keyQueries: 10 } });
    let sent = 0;
    for (let i = 0; i < 1000; i++) {
      const algorithm = i % 2 === 0 ? "ssh-ed25519" : "unknown";
      rig.server.receive(query(keyOf(1), { algorithm }));
      for (const event of rig.events()) if (event.type === "query") rig.server.answer(event.token, true);
      sent += rig.sent().length;
    }
    expect(sent).toBe(10);
  });

  test("counts refused key queries, whether the application or the algorithm refuses them", () => {
    const rig = ServerRig.ready({ limits: { refusedKeyQueries: 4 } });
    for (let i = 0; i < 4; i++) {
      rig.receive(query(keyOf(1), { algorithm: i % 2 === 0 ? "ssh-ed25519" : "unknown" }));
      if (i % 2 === 0) rig.server.answer(rig.event("query").token, false);
    }
    // An accepted query does not count.
    rig.receive(query(keyOf(1)));
    rig.server.answer(rig.event("query").token, true);
    rig.receive(query(keyOf(1)));
    rig.server.answer(rig.event("query").token, false);
    expectFatal(rig, "auth-limit", /more than 4 key queries that were refused/);
  });

  test("counts aborted conversations as failed attempts", () => {
    const rig = ServerRig.ready({ limits: { failedAttempts: 3 } });
    for (let i = 0; i < 3; i++) {
      rig.receive(interactive());
      rig.server.answer(rig.event("keyboard-interactive").token, { prompts: [] });
    }
    rig.receive(interactive());
    expectFatal(rig, "auth-limit", /failed to log in 3 times/);
  });

  test("fails an attempt that needs more than `keyboardInteractiveRounds`", () => {
    const rig = ServerRig.ready({ limits: { keyboardInteractiveRounds: 2 } });
    rig.receive(interactive());
    rig.server.answer(rig.event("keyboard-interactive").token, { prompts: [] });
    for (const reply of ["questions ", `failure ${ALL}`]) {
      rig.receive(infoResponse());
      rig.server.answer(rig.event("responses").token, { prompts: [] });
      expect(rig.sent()).toEqual([reply]);
    }
  });

  test("counts each demand for a new password as a failed attempt", () => {
    const rig = ServerRig.ready({ limits: { failedAttempts: 2 } });
    rig.receive(password("old"));
    rig.server.answer(rig.event("password").token, { changePrompt: "expired" });
    rig.receive(password("old", { newPassword: "x" }));
    rig.server.answer(rig.event("change-password").token, { changePrompt: "too short" });
    expectFatal(rig, "auth-limit", /failed to log in 2 times/);
  });

  test("allows `passwordBytes` bytes of password and refuses one more", () => {
    for (const [text, within] of [
      ["x".repeat(16), true],
      ["x".repeat(17), false],
      ["é".repeat(8), true],
      ["é".repeat(9), false],
    ] as const) {
      const rig = ServerRig.ready({ limits: { passwordBytes: 16 } });
      expect(rig.receive(password(text))).toEqual(within ? [] : [`failure ${ALL}`]);
      expect(rig.events()).toHaveLength(within ? 1 : 0);
      const change = ServerRig.ready({ limits: { passwordBytes: 16 } });
      expect(change.receive(password("old", { newPassword: text }))).toEqual(within ? [] : [`failure ${ALL}`]);
    }
  });

  test("rejects a request of 1 MiB", () => {
    const rig = ServerRig.ready();
    expect(rig.receive(password("x".repeat(1 << 20)))).toEqual([]);
    expectFatal(rig, "auth-limit", /, but the maximum is 32768 \(`authRequestBytes`\)$/);
  });

  test("rejects more than `queuedAuthRequests` requests while an ask is open", () => {
    const rig = ServerRig.ready({ limits: { queuedAuthRequests: 3 } });
    rig.receive(password("first"));
    rig.event("password");
    for (let i = 0; i < 3; i++) expect(rig.receive(password("more"))).toEqual([]);
    expect(rig.events()).toEqual([]);
    rig.receive(password("one more"));
    expectFatal(rig, "auth-limit", /more than 3 further login requests/);
  });

  test("rejects a response count that the message is too short for", () => {
    const rig = ServerRig.ready();
    rig.receive(interactive());
    rig.server.answer(rig.event("keyboard-interactive").token, { prompts: [] });
    rig.sent();
    rig.receive(new Writer().byte(61).uint32(0xffff_ffff).finish());
    expectFatal(rig, "malformed-message", /4294967295 items/);
  });

  test.each([
    ["publickey", new Uint8Array([1, 0])],
    ["password", new Uint8Array([0, 0, 0, 0, 9])],
    ["keyboard-interactive", new Uint8Array([])],
    ["password", new Uint8Array([0, 0, 0, 0, 1, 0xff])],
  ])("rejects a malformed %s request", (method, data) => {
    const rig = ServerRig.ready();
    expect(rig.receive(request(method, data))).toEqual([]);
    expectFatal(rig, "malformed-message", /request/);
  });
});

describe("an unknown user", () => {
  test("gets the same replies, for the same work, as a known one", () => {
    const known = play("alice");
    expect(play("nobody")).toEqual(known);
    expect(known.transcript).toHaveLength(10);
    expect(known.work.filter((one) => one.startsWith("verify"))).toHaveLength(2);
  });
});

function publickey(algorithm: string, publicKey: Uint8Array, signature: Uint8Array): Uint8Array {
  return request("publickey", userauthPublickey.encode({ algorithm, publicKey, signature }));
}

/** Runs every method for a user. The application knows only alice, who has key 1 and the password "right". */
function play(userName: string): { readonly transcript: string[]; readonly work: string[] } {
  const work: string[] = [];
  const counted = defaultSignatureAlgorithms.map(
    (algorithm): SignatureAlgorithm => ({
      ...algorithm,
      verify: (publicKey, data, signature) => {
        work.push(`verify ${algorithm.name}`);
        return algorithm.verify(publicKey, data, signature);
      },
    }),
  );
  const rig = ServerRig.ready({ banner: "hello", signatureAlgorithms: counted, limits: { failedAttempts: 20 } });
  const transcript: string[] = [];
  for (const payload of [
    request("none", new Uint8Array(0), { userName }),
    query(keyOf(2), { userName }),
    query(keyOf(2), { userName, algorithm: "ecdsa-sha2-nistp256" }),
    signed(keyOf(2), { userName }),
    signed(keyOf(1), { userName, signer: keyOf(2) }),
    password("wrong", { userName }),
    password("x".repeat(2000), { userName }),
    interactive({ userName }),
    infoResponse("wrong"),
    request("hostbased", new Uint8Array(0), { userName }),
  ]) {
    rig.server.receive(payload);
    for (const event of rig.events()) {
      work.push(`ask ${event.type}`);
      const known = "userName" in event && event.userName === "alice";
      const rightKey = known && "publicKey" in event && equalBytes(event.publicKey, keyOf(1).publicKey.blob);
      const right = known && "password" in event && event.password === "right";
      if (event.type === "query") rig.server.answer(event.token, rightKey);
      if (event.type === "publickey") rig.server.answer(event.token, rightKey ? "success" : "failure");
      if (event.type === "password") rig.server.answer(event.token, right ? "success" : "failure");
      if (event.type === "keyboard-interactive")
        rig.server.answer(event.token, { prompts: [{ prompt: "Password: ", echo: false }] });
      if (event.type === "responses") rig.server.answer(event.token, "failure");
    }
    transcript.push(...rig.sent());
  }
  return { transcript, work };
}
