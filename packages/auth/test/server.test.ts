import { generateRsa, type PrivateKey } from "@nacre/keys";
import { Reader, SSH_MSG_USERAUTH_PK_OK, Writer } from "@nacre/wire";
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
import { keyOf } from "./support.ts";

const ALL = "publickey,password,keyboard-interactive";

describe("service and methods", () => {
  test("accepts the service, then sends the banner", () => {
    const rig = new ServerRig({ banner: "Authorized use only" });
    expect(rig.receive(serviceRequest)).toEqual(["accept ssh-userauth", "banner Authorized use only"]);
    expect(rig.events()).toEqual([]);
  });

  test("sends the application's banners at any time during authentication", () => {
    const rig = ServerRig.ready();
    rig.receive(password("secret"));
    rig.server.sendBanner("your password expires tomorrow");
    rig.server.answer(rig.event("password").token, "success");
    expect(rig.sent()).toEqual(["banner your password expires tomorrow", "success"]);
    expect(() => rig.server.sendBanner("too late")).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => new ServerRig().server.sendBanner("too early")).toThrow(expect.objectContaining({ code: "usage" }));
  });

  test('answers "none" with the list of methods', () => {
    const rig = ServerRig.ready();
    expect(rig.receive(request("none"))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test.each(["hostbased", "gssapi-with-mic", "x@example.com"])("refuses the unsupported method %s", (method) => {
    const rig = ServerRig.ready();
    expect(rig.receive(request(method, new Uint8Array([1, 2, 3])))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test("refuses a method that is not in `methods` without asking the application", () => {
    const rig = ServerRig.ready({ methods: ["publickey"] });
    expect(rig.receive(password("secret"), interactive())).toEqual(["failure publickey", "failure publickey"]);
    expect(rig.events()).toEqual([]);
  });
});

describe("publickey", () => {
  test("asks the application about a query", () => {
    const key = keyOf(1);
    const rig = ServerRig.ready();
    expect(rig.receive(query(key))).toEqual([]);
    const ask = rig.event("query");
    expect(ask).toMatchObject({
      userName: "alice",
      serviceName: "ssh-connection",
      factors: [],
      algorithm: "ssh-ed25519",
    });
    expect(ask.publicKey).toEqual(key.publicKey.blob);
    expect(rig.server.waitingForApplication).toBe(true);
    rig.server.answer(ask.token, true);
    expect(rig.server.waitingForApplication).toBe(false);
    expect(rig.sent()).toEqual(["ok ssh-ed25519"]);
    rig.receive(query(keyOf(2)));
    rig.server.answer(rig.event("query").token, false);
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
  });

  test("accepts a signed login without a query", () => {
    const key = keyOf(1);
    const rig = ServerRig.ready();
    rig.receive(signed(key));
    const ask = rig.event("publickey");
    expect(ask.publicKey).toEqual(key.publicKey.blob);
    rig.server.answer(ask.token, "success");
    expect(rig.sent()).toEqual(["success"]);
    expect(rig.event("success")).toEqual({
      type: "success",
      userName: "alice",
      serviceName: "ssh-connection",
      factors: [{ method: "publickey", algorithm: "ssh-ed25519", publicKey: key.publicKey.blob }],
    });
  });

  test("lets the application refuse a valid signature", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1)));
    rig.server.answer(rig.event("publickey").token, "failure");
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
  });

  test("accepts RSA with both algorithms, and refuses an algorithm that is not configured", () => {
    const rsa = rsaKey();
    for (const algorithm of ["rsa-sha2-512", "rsa-sha2-256"]) {
      const rig = ServerRig.ready();
      rig.receive(signed(rsa, { algorithm }));
      expect(rig.event("publickey").algorithm).toBe(algorithm);
    }
    const rig = ServerRig.ready({ signatureAlgorithms: [] });
    expect(rig.receive(signed(rsa, { algorithm: "rsa-sha2-512" }))).toEqual([`failure ${ALL}`]);
    expect(rig.receive(query(rsa, { algorithm: "rsa-sha2-512" }))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test("accepts an RSA key blob that names the signature algorithm, as dev-tunnels sends it", () => {
    const rsa = rsaKey();
    const misnamed = withFormat(rsa, "rsa-sha2-512");
    const algorithm = "rsa-sha2-512";
    const rig = ServerRig.ready();
    rig.receive(query(misnamed, { algorithm }));
    const asked = rig.event("query");
    expect(asked.publicKey).toEqual(rsa.publicKey.blob);
    rig.server.answer(asked.token, true);
    const [ok] = rig.sink.take();
    expect(SSH_MSG_USERAUTH_PK_OK.decode(ok!).publicKey).toEqual(misnamed.publicKey.blob);
    rig.receive(signed(misnamed, { algorithm }));
    const login = rig.event("publickey");
    expect(login.publicKey).toEqual(rsa.publicKey.blob);
    rig.server.answer(login.token, { partial: ["publickey"] });
    // The same key under either name is not a second factor.
    rig.sent();
    expect(rig.receive(signed(misnamed, { algorithm }), signed(rsa, { algorithm }))).toEqual([
      "failure publickey",
      "failure publickey",
    ]);
  });

  test.each(["rsa-sha2-256", "ssh-ed25519"])(
    "refuses an RSA key blob that names %s, another algorithm than the request",
    (format) => {
      const misnamed = withFormat(rsaKey(), format);
      const rig = ServerRig.ready();
      expect(rig.receive(signed(misnamed, { algorithm: "rsa-sha2-512" }))).toEqual([`failure ${ALL}`]);
      expect(rig.events()).toEqual([]);
    },
  );
});

describe("password", () => {
  test("is accepted after a wrong one", () => {
    const rig = ServerRig.ready();
    rig.receive(password("wrong"));
    const first = rig.event("password");
    expect(first).toMatchObject({ userName: "alice", password: "wrong" });
    rig.server.answer(first.token, "failure");
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
    rig.receive(password("right"));
    rig.server.answer(rig.event("password").token, "success");
    expect(rig.sent()).toEqual(["success"]);
    expect(rig.event("success").factors).toEqual([{ method: "password" }]);
  });

  test("must be changed until the application accepts the new one", () => {
    const rig = ServerRig.ready();
    rig.receive(password("old"));
    rig.server.answer(rig.event("password").token, { changePrompt: "expired" });
    rig.events();
    expect(rig.sent()).toEqual(["change expired"]);
    rig.receive(password("old", { newPassword: "x" }));
    const change = rig.event("change-password");
    expect(change).toMatchObject({ oldPassword: "old", newPassword: "x" });
    rig.server.answer(change.token, { changePrompt: "too short" });
    expect(rig.sent()).toEqual(["change too short"]);
    rig.receive(password("old", { newPassword: "a longer one" }));
    rig.server.answer(rig.event("change-password").token, "success");
    expect(rig.sent()).toEqual(["success"]);
  });
});

describe("keyboard-interactive", () => {
  const code = { prompt: "Code: ", echo: true };
  const pin = { prompt: "PIN: ", echo: false };

  test("runs several rounds with different numbers of prompts", () => {
    const rig = ServerRig.ready();
    rig.receive(interactive({ submethods: "pam" }));
    const begin = rig.event("keyboard-interactive");
    expect(begin.submethods).toBe("pam");
    rig.server.answer(begin.token, {
      name: "Login",
      instruction: "Two things",
      prompts: [code, pin],
    });
    expect(rig.sent()).toEqual(["questions Code: |PIN: "]);
    rig.receive(infoResponse("123456", "0000"));
    const first = rig.event("responses");
    expect(first.responses).toEqual(["123456", "0000"]);
    rig.server.answer(first.token, { instruction: "Welcome", prompts: [] });
    expect(rig.sent()).toEqual(["questions "]);
    rig.receive(infoResponse());
    rig.server.answer(rig.event("responses").token, "success");
    expect(rig.sent()).toEqual(["success"]);
    expect(rig.event("success").factors).toEqual([{ method: "keyboard-interactive" }]);
  });

  test("is refused immediately if the application has no questions", () => {
    const rig = ServerRig.ready();
    rig.receive(interactive());
    rig.server.answer(rig.event("keyboard-interactive").token, "failure");
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
  });

  test("refuses a wrong number of responses (RFC 4256 §3.4)", () => {
    for (const responses of [[], ["1"], ["1", "2", "3"]]) {
      const rig = ServerRig.ready();
      rig.receive(interactive());
      rig.server.answer(rig.event("keyboard-interactive").token, { prompts: [code, pin] });
      rig.sent();
      expect(rig.receive(infoResponse(...responses))).toEqual([`failure ${ALL}`]);
      expect(rig.events()).toEqual([]);
    }
  });

  test("is aborted by a new request, without SSH_MSG_USERAUTH_FAILURE (RFC 4252 §5.1)", () => {
    const rig = ServerRig.ready();
    rig.receive(interactive());
    rig.server.answer(rig.event("keyboard-interactive").token, { prompts: [pin] });
    rig.sent();
    expect(rig.receive(password("secret"))).toEqual([]);
    rig.event("password");
    rig.receive(infoResponse("0000"));
    expect(rig.event("closed").error.code).toBe("unexpected-message");
  });
});

describe("two factors", () => {
  test("reports a key in the later password ask, and both on success", () => {
    const key = keyOf(1);
    const rig = ServerRig.ready();
    rig.receive(signed(key));
    rig.server.answer(rig.event("publickey").token, { partial: ["password"] });
    expect(rig.sent()).toEqual(["partial password"]);
    const factor = { method: "publickey", algorithm: "ssh-ed25519", publicKey: key.publicKey.blob };
    rig.receive(password("secret"));
    const ask = rig.event("password");
    expect(ask.factors).toEqual([factor]);
    rig.server.answer(ask.token, "success");
    expect(rig.event("success").factors).toEqual([factor, { method: "password" }]);
  });

  test("refuses methods other than those that must follow", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1)));
    rig.server.answer(rig.event("publickey").token, { partial: ["keyboard-interactive"] });
    rig.sent();
    expect(rig.receive(password("secret"), signed(keyOf(2)))).toEqual([
      "failure keyboard-interactive",
      "failure keyboard-interactive",
    ]);
    expect(rig.events()).toEqual([]);
  });

  test("keeps the first factor after a wrong second one", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1)));
    rig.server.answer(rig.event("publickey").token, { partial: ["password"] });
    rig.receive(password("wrong"));
    rig.server.answer(rig.event("password").token, "failure");
    rig.receive(password("right"));
    expect(rig.event("password").factors).toHaveLength(1);
  });

  test("refuses the same key as a second factor", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1)));
    rig.server.answer(rig.event("publickey").token, { partial: ["publickey"] });
    rig.sent();
    expect(rig.receive(query(keyOf(1)), signed(keyOf(1)))).toEqual(["failure publickey", "failure publickey"]);
    expect(rig.events()).toEqual([]);
    rig.receive(signed(keyOf(2)));
    rig.server.answer(rig.event("publickey").token, "success");
    expect(rig.event("success").factors).toHaveLength(2);
  });

  test("throws `usage` for a partial success without a next method, and keeps the ask open", () => {
    const rig = ServerRig.ready();
    rig.receive(password("secret"));
    const { token } = rig.event("password");
    expect(() => rig.server.answer(token, { partial: [] })).toThrow(expect.objectContaining({ code: "usage" }));
    rig.server.answer(token, "failure");
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
  });
});

test("answers pipelined requests in order", () => {
  const rig = new ServerRig();
  expect(rig.receive(serviceRequest, request("none"), query(keyOf(1)), password("a"), password("b"))).toEqual([
    "accept ssh-userauth",
    `failure ${ALL}`,
  ]);
  rig.server.answer(rig.event("query").token, false);
  expect(rig.event("password").password).toBe("a");
});

test("ignores requests after success (RFC 4252 §5.3)", () => {
  const rig = ServerRig.ready();
  rig.receive(password("right"), password("also sent"), signed(keyOf(1)));
  rig.server.answer(rig.event("password").token, "success");
  expect(rig.sent()).toEqual(["success"]);
  rig.event("success");
  expect(rig.receive(request("none"), password("again"), infoResponse())).toEqual([]);
  expect(rig.events()).toEqual([]);
});

/** Returns a small RSA key; its strength does not matter here. */
function rsaKey() {
  let seed = 1;
  const random = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 16;
    });
  const steps = generateRsa(2048, random);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Returns the key with another format name in its blob. */
function withFormat(key: PrivateKey, format: string): PrivateKey {
  const reader = new Reader(key.publicKey.blob, "public key");
  reader.name("format");
  const blob = new Writer().string(format).raw(reader.rest()).finish();
  return { fields: key.fields, publicKey: { ...key.publicKey, blob }, sign: (...args) => key.sign(...args) };
}
