import { userauthSignedData } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { password, query, request, ServerRig, signed } from "./server-support.ts";
import { keyOf, sessionId } from "./support.ts";

const ALL = "publickey,password,keyboard-interactive";
const usage = expect.objectContaining({ code: "usage" });

/** Returns a server whose methods name "none". */
function open(...methods: string[]): ServerRig {
  return ServerRig.ready({ methods: ["none", ...methods], limits: { failedAttempts: 3 } });
}

describe("a login without proof", () => {
  test("is refused without an ask by a server that does not name it", () => {
    const rig = ServerRig.ready();
    expect(rig.receive(request("none"))).toEqual([`failure ${ALL}`]);
    expect(rig.events()).toEqual([]);
  });

  test("is asked about by a server that names it, and succeeds only by that answer", () => {
    const rig = open("password");
    expect(rig.receive(request("none"))).toEqual([]);
    const ask = rig.event("none");
    expect(ask).toMatchObject({ method: "none", userName: "alice", factors: [], isFirst: true });
    rig.server.answer(ask.token, "success");
    expect(rig.sent()).toEqual(["success"]);
    expect(rig.event("success").factors).toEqual([{ method: "none" }]);
  });

  test("is never named to a client as a method that can continue", () => {
    const rig = open("password");
    rig.receive(password("x"));
    rig.server.answer(rig.event("password").token, "failure");
    expect(rig.sent()).toEqual(["failure password"]);
    const alone = open();
    expect(alone.receive(request("hostbased"))).toEqual(["failure "]);
  });

  test("counts as a failed attempt only from the second on", () => {
    const rig = open("password");
    for (const failures of [0, 1, 2]) {
      rig.receive(request("none"));
      rig.server.answer(rig.event("none").token, "failure");
      expect([failures, rig.sent()]).toEqual([failures, ["failure password"]]);
    }
    rig.receive(request("none"));
    expect(rig.event("closed").error.code).toBe("auth-limit");
  });

  test("is refused after another factor, whose methods do not name it", () => {
    const rig = open("password");
    rig.receive(password("x"));
    rig.server.answer(rig.event("password").token, { partial: ["publickey"] });
    rig.sent();
    expect(rig.receive(request("none"))).toEqual(["failure publickey"]);
    expect(rig.events()).toEqual([]);
  });
});

describe("a refusal that names methods", () => {
  test("replaces the methods that can continue, and counts as a failed attempt", () => {
    const rig = ServerRig.ready({ methods: ["password"], limits: { failedAttempts: 3 } });
    rig.receive(password("x"));
    rig.server.answer(rig.event("password").token, { failure: ["publickey"] });
    expect(rig.sent()).toEqual(["failure publickey"]);
    expect(rig.receive(password("x"))).toEqual(["failure publickey"]);
    rig.receive(signed(keyOf(1)));
    rig.server.answer(rig.event("publickey").token, { failure: [] });
    expect(rig.sent()).toEqual([]);
    expect(rig.event("closed").error.code).toBe("auth-limit");
  });

  test("may leave nothing to try", () => {
    const rig = ServerRig.ready();
    rig.receive(password("x"));
    rig.server.answer(rig.event("password").token, { failure: [] });
    expect(rig.sent()).toEqual(["failure "]);
    expect(rig.receive(signed(keyOf(1)))).toEqual(["failure "]);
    expect(rig.events()).toEqual([]);
  });

  test("holds for its user alone", () => {
    const rig = ServerRig.ready();
    rig.receive(password("x", { userName: "alice" }));
    rig.server.answer(rig.event("password").token, { failure: ["publickey"] });
    rig.sent();
    rig.receive(password("x", { userName: "bob" }));
    rig.server.answer(rig.event("password").token, "failure");
    expect(rig.sent()).toEqual([`failure ${ALL}`]);
  });

  test("keeps the factors that were proved", () => {
    const rig = ServerRig.ready();
    rig.receive(signed(keyOf(1)));
    rig.server.answer(rig.event("publickey").token, { partial: ["password", "keyboard-interactive"] });
    rig.receive(password("x"));
    rig.server.answer(rig.event("password").token, { failure: ["password"] });
    rig.sent();
    rig.receive(password("y"));
    expect(rig.event("password").factors).toHaveLength(1);
  });

  test("answers a query, which counts as refused", () => {
    const rig = ServerRig.ready({ limits: { refusedKeyQueries: 1 } });
    rig.receive(query(keyOf(1)));
    const { token } = rig.event("query");
    for (const invalid of [{}, { failure: "password" }, { failure: [1] }, { partial: ["password"] }, "failure"])
      expect(() => rig.server.answer(token, invalid)).toThrow(usage);
    rig.server.answer(token, { failure: ["password"] });
    expect(rig.sent()).toEqual(["failure password"]);
    expect(rig.receive(query(keyOf(1)))).toEqual(["failure password"]);
    const again = ServerRig.ready({ limits: { refusedKeyQueries: 1 } });
    for (const _ of [1, 2]) {
      again.receive(query(keyOf(1)));
      again.server.answer(again.event("query").token, { failure: ["publickey"] });
    }
    expect(again.event("closed").error.code).toBe("auth-limit");
  });
});

test("an ask about a signed login has the signature and what it covers, and the factor does not", () => {
  const rig = ServerRig.ready();
  const payload = signed(keyOf(1));
  rig.receive(payload);
  const { token, signature, signedData } = rig.event("publickey");
  payload.fill(0);
  const { publicKey } = keyOf(1);
  const subject = { userName: "alice", serviceName: "ssh-connection" };
  expect(signedData).toEqual(
    userauthSignedData(sessionId, subject, { algorithm: "ssh-ed25519", publicKey: publicKey.blob }),
  );
  expect(signature).toEqual(keyOf(1).sign("ssh-ed25519", signedData, () => new Uint8Array(0)));
  rig.server.answer(token, "success");
  expect(rig.event("success").factors).toEqual([
    { method: "publickey", algorithm: "ssh-ed25519", publicKey: publicKey.blob },
  ]);
});

test("an empty user name is a user of its own, and becoming it forgets the factors", () => {
  const rig = ServerRig.ready();
  rig.receive(signed(keyOf(1)));
  rig.server.answer(rig.event("publickey").token, { partial: ["password"] });
  rig.receive(password("x", { userName: "" }));
  const ask = rig.event("password");
  expect(ask).toMatchObject({ userName: "", factors: [] });
  rig.server.answer(ask.token, { partial: ["publickey"] });
  rig.sent();
  rig.receive(signed(keyOf(1)));
  expect(rig.event("publickey").factors).toEqual([]);
});
