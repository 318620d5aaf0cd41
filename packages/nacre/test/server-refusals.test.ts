import { generateEd25519, sha256Fingerprint } from "@nacre/keys";
import { userKey } from "@nacre/testing/nacre/host";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, served, USER_FINGERPRINT } from "@nacre/testing/nacre/wire";
import { seededRandom } from "@nacre/testing/random";
import {
  type Client,
  type ConnectOptions,
  type Login,
  type LoginAttempt,
  type LoginDecision,
  type LoginState,
  type ServeOptions,
  type ServerEvent,
  type Session,
  serve,
} from "nacre";
import { describe, expect, it } from "vitest";

const none: LoginAttempt = { method: "none", user: "guest" };
const byKey: LoginAttempt = { method: "publickey", identity: userKey };
const byQuery: LoginAttempt = { method: "publickey", identity: userKey, query: true };

/** Makes these attempts at a server with this `authenticate`. Returns the outcome, the arguments of `nextLogin`, and the server's log. */
async function attempt(
  attempts: readonly LoginAttempt[],
  server: Partial<ServeOptions<Session>>,
): Promise<{ readonly error: unknown; readonly states: readonly LoginState[]; readonly log: readonly ServerEvent[] }> {
  const states: LoginState[] = [];
  const log: ServerEvent[] = [];
  const nextLogin: ConnectOptions["nextLogin"] = (state) => attempts[states.push(state) - 1];
  const outcome = await failure(served({ log: (event) => log.push(event), ...server }, { identities: [], nextLogin }));
  if (outcome instanceof Error) return { error: outcome, states, log };
  await (outcome as { readonly client: Client }).client.close();
  return { error: undefined, states, log };
}

describe("a login without proof", () => {
  it("is decided by `authenticate` if `methods` names it, and can be one factor", async () => {
    const logins: Login[] = [];
    const authenticate = (login: Login): boolean => logins.push(login) > 0 && login.method === "none";
    const { error, log } = await attempt([none], { methods: ["none", "publickey"], authenticate });
    expect(error).toBeUndefined();
    expect(logins).toEqual([{ method: "none", user: "guest", factors: [], remoteAddress: undefined }]);
    expect(log.find(({ type }) => type === "login")).toEqual({
      type: "login",
      user: "guest",
      factors: [{ method: "none" }],
    });
  });

  it("is refused without a decision otherwise, also by a server that accepts everything", async () => {
    for (const methods of [undefined, ["publickey"], ["publickey", "password", "keyboard-interactive"]] as const) {
      let decisions = 0;
      const { error } = await attempt([none], { methods, authenticate: () => ++decisions > 0 });
      expect(error).toEqual(code("auth-failed"));
      expect(decisions).toBe(0);
    }
  });

  it("is never in the list of methods that a client receives", async () => {
    const server = { methods: ["none", "publickey"], authenticate: () => false } as const;
    const { states } = await attempt([none, byKey], server);
    expect(states.map(({ methods }) => methods)).toEqual([undefined, ["publickey"], ["publickey"]]);
  });

  it("grants what its decision names, and nothing else", async () => {
    const { client } = await served(
      {
        methods: ["none"],
        authenticate: (login) => login.method === "none" && { permissions: { command: "ls" } },
        async session({ user, factors, stdout }) {
          await stdout.getWriter().write(`${user} by ${factors.map(({ method }) => method).join("+")}`);
        },
      },
      { nextLogin: ({ failed }) => (failed === undefined ? none : undefined) },
    );
    expect((await client.exec("id")).stdout).toBe("guest by none");
    await client.close();
  });
});

describe("a refusal with methods", () => {
  const refused = { refuse: true, methods: ["keyboard-interactive"] } as const;

  it("names the methods that the client may try next, after each kind of login", async () => {
    const attempts: readonly LoginAttempt[] = [
      { method: "none" },
      { method: "password", password: "secret" },
      { method: "keyboard-interactive", prompts: () => [] },
      byKey,
      byQuery,
    ];
    for (const one of attempts) {
      const methods = ["none", "publickey", "password", "keyboard-interactive"] as const;
      const { error, states, log } = await attempt([one], { methods, authenticate: () => refused });
      expect(error).toEqual(code("auth-failed"));
      expect(states.at(-1)).toEqual({ methods: refused.methods, partialSuccess: false, failed: one });
      expect(log.filter(({ type }) => type === "login-refused")).toHaveLength(1);
    }
  });

  it("refusals with methods · server", async () => {
    const decisions: readonly unknown[] = [
      refused,
      { refuse: true, methods: [] },
      { ...refused, permissions: {} },
      { ...refused, next: ["password"] },
      { refuse: false, methods: [] },
      { refuse: true },
      { refuse: true, methods: ["none"] },
      { refuse: true, methods: ["x"] },
      { refuse: true, methods: "publickey" },
      { refuse: "yes", methods: [], permissions: {} },
    ];
    for (const decision of decisions) {
      const authenticate = (login: Login): LoginDecision =>
        "signed" in login && login.signed ? true : (decision as LoginDecision);
      expect((await attempt([byQuery], { authenticate })).error).toEqual(code("auth-failed"));
      expect((await attempt([byKey], { authenticate: () => decision as LoginDecision })).error).toEqual(
        code("auth-failed"),
      );
    }
  });
});

describe("a signed login", () => {
  it("has the signature and what it covers; a query has neither", async () => {
    const logins: Login[] = [];
    const authenticate = (login: Login): boolean => logins.push(login) > 0;
    expect((await attempt([byQuery], { authenticate })).error).toBeUndefined();
    const [query, signed] = logins;
    expect(query).not.toHaveProperty("signature");
    expect(query).not.toHaveProperty("signedData");
    if (signed?.method !== "publickey") throw new Error("no signed login");
    expect(signed.fingerprint).toBe(USER_FINGERPRINT);
    expect(userKey.sign("ssh-ed25519", signed.signedData!, seededRandom(1))).toEqual(signed.signature);
  });

  it("is verified before it is decided", async () => {
    const other = generateEd25519(seededRandom(82));
    const forged = {
      publicKey: userKey.publicKey,
      sign: async () => other.sign("ssh-ed25519", new Uint8Array(1), seededRandom(1)),
    };
    let decisions = 0;
    const { error } = await attempt([{ method: "publickey", identity: forged, query: false }], {
      authenticate: () => ++decisions > 0,
    });
    expect(error).toEqual(code("auth-failed"));
    expect([decisions, sha256Fingerprint(userKey.publicKey.blob)]).toEqual([0, USER_FINGERPRINT]);
  });
});

it("an unknown name in `methods` is `usage`", () => {
  const methods = ["hostbased" as "none"];
  expect(() => serve({} as never, { ...open, methods })).toThrow(expect.objectContaining({ code: "usage" }));
});
