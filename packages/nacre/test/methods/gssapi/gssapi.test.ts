import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor } from "@nacre/testing/nacre/wire";
import type { ConnectOptions, Login, ServeOptions, ServerEvent, Session, TraceRecord } from "nacre";
import { describe, expect, it } from "vitest";
import { LOGIN_METHODS } from "../list.ts";
import { connectBy } from "../login-method.ts";
import { Gssapi } from "./gssapi.ts";
import { Realm } from "./realm.ts";

const realm = new Realm({ alice: "sesame" });
const gssapi = new Gssapi(realm, "sesame");

const withPassword = (one: Login): boolean => one.method === "password" && one.password === "right";

/** Logs in, and returns the logins that `authenticate` saw and the events of the server. */
async function login(
  method: Gssapi,
  server: Partial<ServeOptions<Session>> = {},
  client: Partial<ConnectOptions> = {},
): Promise<{ readonly error: unknown; readonly logins: Login[]; readonly events: ServerEvent[] }> {
  const logins: Login[] = [];
  const events: ServerEvent[] = [];
  const { authenticate = () => true } = server;
  const connecting = connectBy(
    [method],
    {
      ...open,
      ...server,
      authenticate: (one) => {
        logins.push(one);
        return authenticate(one);
      },
      log: (event) => events.push(event),
    },
    { ...visitor, identities: [], ...client },
  );
  const connected = await failure(connecting);
  if (connected instanceof Error) return { error: connected, logins, events };
  const pair = connected as Awaited<typeof connecting>;
  expect(pair.connection.user).toBe("alice");
  await pair.client.close();
  return { error: undefined, logins, events };
}

describe("a login method of an application", () => {
  it("is in the list of methods", () => {
    expect(LOGIN_METHODS.map(({ name }) => name)).toContain("gssapi-with-mic");
  });

  it("logs in with messages of its own, and the application decides", async () => {
    const { error, logins, events } = await login(gssapi);
    expect(error).toBeUndefined();
    expect(logins).toEqual([
      {
        method: "other",
        name: "gssapi-with-mic",
        details: "alice@EXAMPLE.ORG",
        user: "alice",
        factors: [],
        remoteAddress: undefined,
      },
    ]);
    const factors = [{ method: "other", name: "gssapi-with-mic", details: "alice" }];
    expect(events).toContainEqual({ type: "login", user: "alice", factors });
  });

  it("is refused by the application", async () => {
    const { error, events } = await login(gssapi, { authenticate: () => false });
    expect(error).toMatchObject({ code: "auth-failed", message: expect.stringContaining("refused gssapi-with-mic") });
    expect(events).toContainEqual({ type: "login-refused", user: "alice", method: "gssapi-with-mic" });
  });

  it("is refused by its own proof before the application is asked", async () => {
    const { error, logins } = await login(new Gssapi(realm, "wrong"));
    expect(error).toEqual(code("auth-failed"));
    expect(logins).toEqual([]);
  });

  it("stands beside methods by name, on both sides", async () => {
    const options = { methods: [gssapi.server, "password"] } as const;
    const { error, logins } = await login(
      new Gssapi(realm, ""),
      { ...options, authenticate: withPassword },
      { methods: ["none", new Gssapi(realm, "").client, "password"], password: "right" },
    );
    expect(error).toBeUndefined();
    expect(logins.map(({ method }) => method)).toEqual(["password"]);
  });

  it("is one of two factors, before a method by name and after it", async () => {
    const client = { methods: [gssapi.client, "password"], password: "right" } as const;
    const first = await login(
      gssapi,
      { authenticate: ({ method }) => (method === "other" ? { next: ["password"] } : true) },
      client,
    );
    expect(first.error).toBeUndefined();
    expect(first.logins.map(({ method }) => method)).toEqual(["other", "password"]);
    const second = await login(
      gssapi,
      {
        methods: ["password", gssapi.server],
        authenticate: ({ method }) => (method === "password" ? { next: [gssapi.server] } : true),
      },
      { methods: ["password", gssapi.client], password: "right" },
    );
    expect(second.error).toBeUndefined();
    expect(second.logins.map(({ method }) => method)).toEqual(["password", "other"]);
  });

  it("ends the login with an exception of the application, on both sides", async () => {
    const failing = new Realm({ alice: "sesame" });
    failing.sign = () => Promise.reject(new Error("no ticket"));
    expect((await login(new Gssapi(failing, "sesame"))).error).toMatchObject({
      code: "auth-cancelled",
      message: expect.stringContaining("no ticket"),
    });
    failing.sign = (secret, data) => realm.sign(secret, data);
    failing.verify = () => Promise.reject(new Error("secret words"));
    const { error, events } = await login(new Gssapi(failing, "sesame"));
    expect(error).toMatchObject({ code: "disconnected", message: expect.not.stringContaining("secret words") });
    expect(events.at(-1)).toEqual({ type: "closed", error: code("internal") });
  });

  it("names its messages in the trace, and shows only what the method describes", async () => {
    const trace: TraceRecord[] = [];
    await login(gssapi, {}, { trace: (record) => trace.push(record) });
    const lines = trace.flatMap((record) =>
      record.type === "packet" && /USERAUTH_(GSS|REQ)/.test(record.message)
        ? [`${record.direction} ${record.message} ${record.summary}`.trim()]
        : [],
    );
    expect(lines).toEqual([
      "sent SSH_MSG_USERAUTH_REQUEST alice gssapi-with-mic",
      "received SSH_MSG_USERAUTH_GSSAPI_RESPONSE mechanism of 3 bytes",
      "sent SSH_MSG_USERAUTH_GSSAPI_TOKEN",
      "received SSH_MSG_USERAUTH_GSSAPI_TOKEN",
      "sent SSH_MSG_USERAUTH_GSSAPI_MIC",
    ]);
  });

  it.each([
    ["an unknown name", ["gssapi"]],
    ["a name twice", ["password", "password"]],
    ["a value twice", [gssapi.client, gssapi.client]],
    ["the protocol alone", [gssapi.client.method]],
    ["null", [null]],
  ])("is `usage` on both sides as %s", async (_, methods) => {
    const given = methods as never;
    expect((await login(gssapi, {}, { methods: given })).error).toEqual(code("usage"));
    expect((await login(gssapi, { methods: given })).error).toEqual(code("usage"));
  });
});
