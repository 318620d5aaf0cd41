import { generateEd25519 } from "@nacre/keys";
import { userKey } from "@nacre/testing/nacre/host";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, served, USER_FINGERPRINT, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import { seededRandom } from "@nacre/testing/random";
import {
  type ClientLoginMethod,
  type ConnectOptions,
  connect,
  type Login,
  type LoginAttempt,
  type LoginState,
  type RemoteIdentity,
  type ServeOptions,
  type Session,
  SshError,
  serve,
} from "nacre";
import { clientPassword, connect as connectWith, webDuplex } from "nacre/core";
import { describe, expect, it } from "vitest";

const ALL = ["publickey", "password", "keyboard-interactive"] as const;
const other = generateEd25519(seededRandom(81));

const remote: RemoteIdentity = {
  publicKey: userKey.publicKey,
  sign: async (algorithm, data) => userKey.sign(algorithm, data, seededRandom(1)),
};

function byPassword(): LoginAttempt {
  return { method: "password", password: "secret" };
}

/** What the application of the test's server accepts. */
async function accepts(login: Login): Promise<boolean> {
  if (login.method === "publickey") return login.fingerprint === USER_FINGERPRINT;
  if (login.method === "password") return login.password === "secret";
  if (login.method === "change-password") return login.newPassword === "better";
  if (login.method === "keyboard-interactive") return (await login.ask(["Code"]))[0] === "123456";
  return login.method === "none" && login.user === "guest";
}

/** Logs in with these attempts, in order. Returns the server's view of each login, and the arguments of `nextLogin`. */
async function attempt(
  attempts: readonly LoginAttempt[],
  server: Partial<ServeOptions<Session>> = {},
  client: Partial<ConnectOptions> = {},
): Promise<{ readonly seen: readonly string[]; readonly states: readonly LoginState[]; readonly error: unknown }> {
  const seen: string[] = [];
  const states: LoginState[] = [];
  const nextLogin = (state: LoginState): LoginAttempt | undefined => attempts[states.push(state) - 1];
  const { near, far } = wire();
  const authenticate: ServeOptions<Session>["authenticate"] = async (login) => {
    const facts = login.method === "publickey" ? `${login.signed ? "" : "? "}${login.algorithm}` : "";
    seen.push(`${login.user} ${login.method} ${facts}`.trim());
    return (await server.authenticate?.(login)) ?? accepts(login);
  };
  serve(far, { ...open, methods: ALL, ...server, authenticate });
  const outcome = await failure(connect(near, { ...visitor, identities: [], nextLogin, ...client }));
  if (outcome instanceof SshError) return { seen, states, error: outcome };
  await (outcome as Awaited<ReturnType<typeof connect>>).close();
  return { seen, states, error: undefined };
}

describe("nextLogin", () => {
  it.each<[string, LoginAttempt, readonly string[]]>([
    ["none", { method: "none", user: "guest" }, ["guest none"]],
    ["a password", { method: "password", password: "secret" }, ["alice password"]],
    ["a function that asks for a password", { method: "password", password: async () => "secret" }, ["alice password"]],
    ["a key", { method: "publickey", identity: userKey }, ["alice publickey ssh-ed25519"]],
    [
      "a query of a key",
      { method: "publickey", identity: userKey, query: true },
      ["alice publickey ? ssh-ed25519", "alice publickey ssh-ed25519"],
    ],
    [
      "a key elsewhere",
      { method: "publickey", identity: remote },
      ["alice publickey ? ssh-ed25519", "alice publickey ssh-ed25519"],
    ],
    [
      "a key elsewhere without a query",
      { method: "publickey", identity: remote, query: false },
      ["alice publickey ssh-ed25519"],
    ],
    [
      "keyboard-interactive",
      { method: "keyboard-interactive", prompts: ({ prompts }) => prompts.map(() => "123456") },
      ["alice keyboard-interactive"],
    ],
    ["a method value", { method: clientPassword, password: "secret", user: "bob" }, ["bob password"]],
  ])("logs in with %s", async (_, one, seen) => {
    const { error, ...told } = await attempt([one], { methods: ["none", ...ALL] });
    expect(error).toBeUndefined();
    expect(told).toEqual({ seen, states: [{ methods: undefined, partialSuccess: false, failed: undefined }] });
  });

  it("decides the order, and receives each failed attempt as it returned it", async () => {
    const attempts: readonly LoginAttempt[] = [
      { method: "password", password: "wrong" },
      { method: "none" },
      { method: "publickey", identity: other, user: "bob" },
      { method: "password", password: () => undefined },
      { method: "keyboard-interactive", prompts: () => ["wrong"], user: "bob" },
      { method: "password", password: "secret", user: "bob" },
    ];
    const { seen, states, error } = await attempt(attempts, { limits: { failedAttempts: 20 } });
    expect(error).toBeUndefined();
    expect(seen).toEqual(["alice password", "bob publickey ssh-ed25519", "bob keyboard-interactive", "bob password"]);
    expect(states.map(({ failed }) => failed)).toEqual([undefined, ...attempts.slice(0, -1)]);
    expect(states.every(({ failed }, index) => failed === attempts[index - 1])).toBe(true);
    expect(states.slice(1).every(({ methods }) => methods?.join() === ALL.join())).toBe(true);
  });

  it("takes the options of `connect` where an attempt has none", async () => {
    const options: Partial<ConnectOptions> = { password: "secret", prompts: () => ["123456"] };
    for (const method of ["password", "keyboard-interactive"] as const) {
      const { error } = await attempt([{ method, user: undefined, password: undefined }], {}, options);
      expect(error).toBeUndefined();
    }
  });

  it("goes on after a factor that was not enough", async () => {
    const attempts: readonly LoginAttempt[] = [
      { method: "publickey", identity: userKey },
      { method: "password", password: "wrong" },
      { method: "password", password: "secret" },
    ];
    const { error, states } = await attempt(attempts, {
      authenticate: (login) => (login.method === "publickey" ? { next: ["password"] } : accepts(login)),
    });
    expect(error).toBeUndefined();
    expect(states).toEqual([
      { methods: undefined, partialSuccess: false, failed: undefined },
      { methods: ["password"], partialSuccess: true, failed: undefined },
      { methods: ["password"], partialSuccess: false, failed: attempts[1] },
    ]);
  });

  it("changes an expired password", async () => {
    const { error } = await attempt(
      [
        {
          method: "password",
          password: "old",
          changePassword: (prompt) => ({ oldPassword: prompt, newPassword: "better" }),
        },
      ],
      { authenticate: (login) => (login.method === "password" ? { changePassword: "too old" } : accepts(login)) },
    );
    expect(error).toBeUndefined();
  });

  it("ends the login with what was refused", async () => {
    const { error } = await attempt([{ method: "password", password: "wrong", user: "" }]);
    expect(error).toEqual(code("auth-failed"));
    expect(String(error)).toContain('alice: the server refused password as ""; it accepts: publickey, password');
  });

  it("ends the login with its exception", async () => {
    const cases = [
      [new Error("no more ideas"), "auth-cancelled"],
      [new SshError("key-unsupported", "no such key"), "key-unsupported"],
    ] as const;
    for (const [thrown, expected] of cases)
      for (const isAsync of [true, false]) {
        const nextLogin = (): Promise<never> => {
          if (isAsync) return Promise.reject(thrown);
          throw thrown;
        };
        expect(await failure(served({}, { nextLogin }))).toEqual(code(expected));
      }
  });

  it("ends the login if it does not decide within the time limit", async () => {
    const limits = { authTimeout: 50 };
    const error = await failure(served({}, { nextLogin: () => new Promise<never>(() => {}), limits }));
    expect(error).toEqual(code("auth-timeout"));
    expect(String(error)).toContain("no way to log in was chosen within 50 ms");
  });

  it("makes no more attempts than the limit, at a server that refuses without end", async () => {
    let calls = 0;
    const nextLogin = (): LoginAttempt => {
      calls++;
      return { method: "password", password: "wrong" };
    };
    const server: Partial<ServeOptions<Session>> = { methods: ALL, authenticate: () => false };
    const error = await failure(
      served({ ...server, limits: { failedAttempts: 1000 } }, { nextLogin, limits: { chosenAttempts: 5 } }),
    );
    expect(error).toEqual(code("auth-failed"));
    expect(calls).toBe(5);
  });

  it("sends a restricted server no password", async () => {
    const attempts: readonly LoginAttempt[] = [
      { method: "password", password: "secret" },
      { method: "keyboard-interactive", prompts: () => ["secret"] },
      { method: clientPassword, password: "secret" },
      { method: "publickey", identity: userKey },
    ];
    const { seen, error } = await attempt(attempts, {}, { hostKey: () => "restricted" });
    expect(error).toBeUndefined();
    expect(seen).toEqual(["alice publickey ssh-ed25519"]);
  });

  it("is not called before the host key is accepted", async () => {
    let calls = 0;
    const nextLogin = (): undefined => void calls++;
    expect(await failure(served({}, { nextLogin, hostKey: () => false }))).toEqual(code("host-key-refused"));
    expect(calls).toBe(0);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["false", false],
    ["text", "password"],
    ["no method", { password: "secret" }],
    ["an unknown method", { method: "hostbased" }],
    ["a method that is no value", { method: {} }],
    ["an unknown member", { method: "password", passphrase: "secret" }],
    ["a user with NUL", { method: "none", user: "a\0b" }],
    ["a user that is not text", { method: "none", user: 7 }],
    ["a password that is not text", { method: "password", password: 7 }],
    ["a key that is not opened", { method: "publickey", identity: "secret" }],
    ["an algorithm of another key", { method: "publickey", identity: userKey, algorithm: "rsa-sha2-512" }],
    ["a query that is not boolean", { method: "publickey", identity: userKey, query: "yes" }],
  ])("ends the login with `usage` for %s, and does not show it", async (_, given) => {
    const error = await failure(served({}, { nextLogin: () => given as LoginAttempt }));
    expect(error).toEqual(code("usage"));
    expect(String(error)).not.toContain("secret");
  });

  it("knows only the methods that `methods` names", async () => {
    const nextLogin = byPassword;
    expect(await failure(served({ methods: ALL }, { nextLogin, methods: ["publickey"] }))).toEqual(code("usage"));
    // `nacre/core` knows the names "publickey" and "none" unless the program names other values.
    for (const methods of [undefined, [clientPassword]]) {
      const { near, far } = wire();
      serve(far, { ...open, methods: ALL, authenticate: accepts });
      const options = { ...visitor, identities: [], algorithms, nextLogin, methods };
      const outcome = await failure(connectWith(webDuplex(near), options));
      if (methods === undefined) expect(outcome).toEqual(code("usage"));
      else await (outcome as Awaited<ReturnType<typeof connectWith>>).close();
    }
  });

  it("uses a value without messages that `methods` does not name", async () => {
    const hostbased: ClientLoginMethod = {
      method: {
        name: "hostbased",
        messages: [],
        start: (login) => ({
          begin() {
            login.request(new Uint8Array(0), { failed: () => "hostbased" });
            return true;
          },
        }),
      },
    };
    const { error } = await attempt([{ method: hostbased }]);
    expect(String(error)).toContain("the server refused hostbased");
  });
});
