import { generateEd25519 } from "@nacre/keys";
import { hostKey, userKey } from "@nacre/testing/nacre/host";
import { code } from "@nacre/testing/nacre/outcomes";
import { open, served, USER_FINGERPRINT, visitor, wire } from "@nacre/testing/nacre/wire";
import { seededRandom } from "@nacre/testing/random";
import {
  type ConnectOptions,
  connect,
  type KeyboardInteractiveLogin,
  type Login,
  type LoginDecision,
  type ServeOptions,
  type ServerEvent,
  type Session,
  SshError,
  serve,
} from "nacre";
import { describe, expect, it, onTestFinished, vi } from "vitest";

/** Session handler that prints the user and the methods of the login. */
const whoami = async (session: Session): Promise<void> => {
  const writer = session.stdout.getWriter();
  await writer.write(`${session.user} by ${session.factors.map(({ method }) => method).join("+")}`);
};

/** Logs in. Returns the output of `whoami`, or the code of the error. */
async function login(
  server: Partial<ServeOptions<Session>>,
  client: Partial<ConnectOptions> = {},
): Promise<string | undefined> {
  try {
    const { client: ssh } = await served({ session: whoami, ...server }, client);
    const { stdout } = await ssh.exec("whoami");
    await ssh.close();
    return stdout;
  } catch (error) {
    return error instanceof SshError ? error.code : String(error);
  }
}

describe("a login", () => {
  it("with a key is decided after the signature is verified", async () => {
    const logins: Login[] = [];
    const authenticate = (one: Login): boolean => {
      logins.push(one);
      return one.method === "publickey";
    };
    expect(await login({ authenticate, remoteAddress: "192.0.2.7" })).toBe("alice by publickey");
    expect(logins).toEqual([
      {
        method: "publickey",
        user: "alice",
        factors: [],
        remoteAddress: "192.0.2.7",
        algorithm: "ssh-ed25519",
        publicKey: userKey.publicKey.blob,
        fingerprint: USER_FINGERPRINT,
        signed: true,
        signature: expect.any(Uint8Array),
        signedData: expect.any(Uint8Array),
      },
    ]);
  });

  it("with several keys is first asked about unsigned, and accepting such a query does not log in", async () => {
    const asked: string[] = [];
    const other = generateEd25519(seededRandom(71));
    const authenticate = (one: Login): boolean => {
      if (one.method !== "publickey") return false;
      const known = one.fingerprint === USER_FINGERPRINT;
      asked.push(`${known ? "ours" : "other"} ${one.signed ? "signed" : "offered"}`);
      return known;
    };
    expect(await login({ authenticate }, { identities: [other, userKey] })).toBe("alice by publickey");
    expect(asked).toEqual(["other offered", "ours offered", "ours signed"]);
    // A server that accepts each query and refuses each login.
    const identities = [other, userKey];
    expect(await login({ authenticate: (one) => one.method === "publickey" && !one.signed }, { identities })).toBe(
      "auth-failed",
    );
  });

  it("with a password succeeds after wrong ones", async () => {
    const client: Partial<ConnectOptions> = {
      identities: [],
      password: (attempt) => ["one", "two", "three"][attempt - 1],
    };
    const server: Partial<ServeOptions<Session>> = {
      methods: ["password"],
      authenticate: (one) => one.method === "password" && one.password === "three",
    };
    expect(await login(server, client)).toBe("alice by password");
  });

  it("with a password can require a new one", async () => {
    const seen: Login[] = [];
    const authenticate = (one: Login): LoginDecision => {
      seen.push(one);
      return one.method === "password" ? { changePassword: "It is too old" } : one.method === "change-password";
    };
    const client: Partial<ConnectOptions> = {
      identities: [],
      password: "old",
      changePassword: (prompt) => ({ oldPassword: "old", newPassword: `new for ${prompt}` }),
    };
    expect(await login({ methods: ["password"], authenticate }, client)).toBe("alice by password");
    expect(seen).toMatchObject([
      { method: "password", password: "old" },
      { method: "change-password", oldPassword: "old", newPassword: "new for It is too old" },
    ]);
  });

  it("with keyboard-interactive takes any number of rounds", async () => {
    const server: Partial<ServeOptions<Session>> = {
      methods: ["keyboard-interactive"],
      authenticate: async (one) => {
        if (one.method !== "keyboard-interactive") return false;
        const [first] = await one.ask(["Code"]);
        const [second, third] = await one.ask([{ prompt: "Name", echo: true }, "PIN"], { instruction: "Nearly there" });
        await one.ask([], { name: "Welcome" });
        return `${first} ${second} ${third}` === "-Code +Name -PIN";
      },
    };
    const answering = (prompts: NonNullable<ConnectOptions["prompts"]>): Promise<string | undefined> =>
      login(server, { identities: [], prompts });
    const right = await answering(({ prompts }) => prompts.map(({ prompt, echo }) => `${echo ? "+" : "-"}${prompt}`));
    expect(right).toBe("alice by keyboard-interactive");
    expect(await answering(({ prompts }) => prompts.map(() => "wrong"))).toBe("auth-failed");
  });

  it("with keyboard-interactive takes the password of a function", async () => {
    const rounds: Partial<ServeOptions<Session>> = {
      methods: ["keyboard-interactive"],
      authenticate: async (one) => {
        if (one.method !== "keyboard-interactive") return false;
        await one.ask([], { instruction: "Hello" });
        const [password] = await one.ask(["Password: "]);
        return password === "three";
      },
    };
    const attempts: number[] = [];
    const password = async (attempt: number): Promise<string | undefined> => {
      attempts.push(attempt);
      return ["one", "two", "three"][attempt - 1];
    };
    expect(await login(rounds, { identities: [], password })).toBe("alice by keyboard-interactive");
    expect(attempts).toEqual([1, 2, 3]);
    // `undefined` gives up.
    const none = await login(rounds, { identities: [], password: (attempt) => (attempt === 1 ? "wrong" : undefined) });
    expect(none).toBe("auth-failed");
  });

  it.each([
    ["a function", () => "sesame"],
    ["a string", "sesame"],
  ])(
    "with keyboard-interactive sends the password of %s to no second prompt, no visible one, and not to several",
    async (_, password) => {
      const answers: (readonly string[])[] = [];
      for (const asks of [
        [["Password: "], ["Code: "]],
        [["Password: ", "Code: "]],
        [[{ prompt: "Name: ", echo: true }]],
      ])
        await login(
          {
            methods: ["keyboard-interactive"],
            authenticate: async (one) => {
              if (one.method === "keyboard-interactive")
                for (const prompts of asks) answers.push(await one.ask(prompts));
              return false;
            },
          },
          { identities: [], password, limits: { keyboardInteractiveAttempts: 1 } },
        );
      expect(answers).toEqual([["sesame"], [""], ["", ""], [""]]);
    },
  );

  it("with two factors passes the first factor to the second decision", async () => {
    const server: Partial<ServeOptions<Session>> = {
      authenticate: (one) => {
        if (one.method === "publickey") return { next: ["password"] };
        return one.method === "password" && one.factors.some(({ method }) => method === "publickey");
      },
    };
    expect(await login(server, { password: "sesame" })).toBe("alice by publickey+password");
    const withoutKey = { identities: [], password: "sesame" };
    expect(await login({ ...server, methods: ["password"] }, withoutKey)).toBe("auth-failed");
  });

  it("holds early messages of the client until a late decision", async () => {
    let decide!: (decision: boolean) => void;
    const decision = new Promise<boolean>((resolve) => {
      decide = resolve;
    });
    const { near, far } = wire();
    serve(far, { ...open, session: whoami, authenticate: () => decision });
    const connecting = connect(near, visitor);
    const early = connecting.then((client) => client.exec("whoami"));
    setTimeout(() => decide(true), 20);
    expect((await early).stdout).toBe("alice by publickey");
    await (await connecting).close();
  });
});

describe("a login is refused by", () => {
  const boom = new Error("the database is down");
  it.each<[string, () => unknown]>([
    ["false", () => false],
    ["undefined", () => undefined],
    ["a truthy value other than true", () => 1],
    ["a string", () => "success"],
    ["an empty object", () => ({})],
    ["an empty list of next methods", () => ({ next: [] })],
    ["an unknown next method", () => ({ next: ["hostbased"] })],
    ["permissions that are not an object", () => ({ permissions: 7 })],
    ["permitOpen that is not a list", () => ({ permissions: { portForwarding: true, permitOpen: "a:22" } })],
    ["a command that is not text", () => ({ permissions: { command: null } })],
    ["changePassword in a key login", () => ({ changePassword: "x" })],
    [
      "an exception",
      () => {
        throw boom;
      },
    ],
    ["a rejection", () => Promise.reject(boom)],
  ])("%s", async (_, decide) => {
    const events: ServerEvent[] = [];
    const log = (event: ServerEvent): number => events.push(event);
    expect(await login({ authenticate: decide as () => boolean, log })).toBe("auth-failed");
    expect(events.some(({ type }) => type === "login")).toBe(false);
    expect(events.filter(({ type }) => type === "login-refused")).toMatchObject([
      { user: "alice", method: "publickey", signed: true, fingerprint: USER_FINGERPRINT },
    ]);
  });

  it("an exception, which is logged but not sent to the client", async () => {
    const events: ServerEvent[] = [];
    const authenticate = (): never => {
      throw boom;
    };
    await login({ authenticate, log: (event) => events.push(event) });
    expect(events.find(({ type }) => type === "login-refused")).toMatchObject({ error: boom });
  });

  it("the client's own disconnect, even if a decision follows", async () => {
    const { near, far } = wire();
    const abort = new AbortController();
    const events: ServerEvent[] = [];
    let decide!: (decision: boolean) => void;
    const connection = serve(far, {
      ...open,
      log: (event) => events.push(event),
      authenticate: () => {
        abort.abort();
        return new Promise<boolean>((resolve) => {
          decide = resolve;
        });
      },
    });
    await expect(connect(near, { ...visitor, signal: abort.signal })).rejects.toEqual(code("aborted"));
    await connection.ended;
    decide(true);
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(connection.user).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(["identified", "closed"]);
  });
});

describe("a keyboard-interactive login", () => {
  it("ends when the client disconnects, and a pending ask rejects", async () => {
    const { near, far } = wire();
    const abort = new AbortController();
    let failed!: (error: unknown) => void;
    const failure = new Promise<unknown>((resolve) => {
      failed = resolve;
    });
    const connection = serve(far, {
      ...open,
      methods: ["keyboard-interactive"],
      authenticate: async (one) => {
        await (one as KeyboardInteractiveLogin).ask(["Code"]).catch(failed);
        return true;
      },
    });
    const prompts = (): Promise<never> => {
      abort.abort();
      return new Promise(() => {});
    };
    const connecting = connect(near, { ...visitor, identities: [], prompts, signal: abort.signal });
    await expect(connecting).rejects.toEqual(code("aborted"));
    expect(await failure).toEqual(code("aborted"));
    await connection.ended;
    expect(connection.user).toBeUndefined();
  });

  it("is refused if it is decided without waiting for the responses", async () => {
    const server: Partial<ServeOptions<Session>> = {
      methods: ["keyboard-interactive"],
      authenticate: (one) => {
        if (one.method === "keyboard-interactive") void one.ask(["Code"]);
        return true;
      },
    };
    expect(await login(server, { identities: [], prompts: () => ["1"] })).toBe("auth-failed");
  });

  it("allows one ask at a time", async () => {
    const errors: unknown[] = [];
    const authenticate = async (one: Login): Promise<boolean> => {
      if (one.method !== "keyboard-interactive") return false;
      const first = one.ask(["Code"]);
      await one.ask(["Code"]).catch((error: unknown) => errors.push(error));
      return (await first)[0] === "1";
    };
    const options = { methods: ["keyboard-interactive"], authenticate } as const;
    expect(await login(options, { identities: [], prompts: () => ["1"] })).toBe("alice by keyboard-interactive");
    expect(errors).toEqual([code("usage")]);
  });
});

/** Session handler that prints the request it received. */
async function askedFor(session: Session): Promise<void> {
  const writer = session.stdout.getWriter();
  await writer.write(JSON.stringify([session.kind, session.command, session.env, session.pty?.term]));
}

/** Returns a function that runs a command, or a subsystem, with these permissions. The function returns the printed request. */
async function permitted(
  authenticate: ServeOptions<Session>["authenticate"],
  client: Partial<ConnectOptions> = {},
): Promise<(command?: string) => Promise<unknown>> {
  const server = {
    authenticate,
    session: askedFor,
    acceptPty: true,
    acceptEnv: () => true,
    subsystems: { sftp: askedFor },
  };
  const { client: ssh } = await served(server, client);
  return async (command) => {
    const options = { env: { LANG: "C", WHO: "client" }, pty: { term: "vt100" } };
    if (command !== undefined) return JSON.parse((await ssh.exec(command, options)).stdout) as unknown;
    const process = await ssh.subsystem("sftp");
    return (await new Response(process.stdout).json()) as unknown;
  };
}

function backupThenOther({ method }: Login): LoginDecision {
  return method === "publickey"
    ? { next: ["password"], permissions: { command: "backup" } }
    : { permissions: { command: "other" } };
}

describe("permissions", () => {
  it("force a command, which receives the original command", async () => {
    const run = await permitted(() => ({ permissions: { command: "backup", environment: { WHO: "server" } } }));
    expect(await run("rm -rf /")).toEqual([
      "exec",
      "backup",
      { LANG: "C", WHO: "server", SSH_ORIGINAL_COMMAND: "rm -rf /" },
      "vt100",
    ]);
    expect(await run()).toEqual(["exec", "backup", { WHO: "server", SSH_ORIGINAL_COMMAND: "sftp" }, null]);
  });

  it("refuse a terminal", async () => {
    const run = await permitted(() => ({ permissions: { pty: false } }));
    await expect(run("ls")).rejects.toEqual(code("channel-request-failed"));
  });

  it("of several factors are combined", async () => {
    const run = await permitted(
      ({ method }) =>
        method === "publickey"
          ? { next: ["password"], permissions: { command: "backup", environment: { A: "1", B: "1" } } }
          : { permissions: { command: "backup", environment: { B: "2", C: "2" } } },
      { password: "sesame" },
    );
    expect(await run("ls")).toMatchObject([
      "exec",
      "backup",
      { A: "1", B: "1", C: "2", SSH_ORIGINAL_COMMAND: "ls" },
      "vt100",
    ]);
  });

  it("that force different commands in two factors refuse the login", async () => {
    const events: ServerEvent[] = [];
    const log = (event: ServerEvent): number => events.push(event);
    expect(await login({ authenticate: backupThenOther, log }, { password: "sesame" })).toBe("auth-failed");
    expect(events).toContainEqual(
      expect.objectContaining({ type: "login-refused", method: "password", error: code("usage") }),
    );
  });

  it("restrict nothing if missing", async () => {
    const run = await permitted(() => true);
    expect(await run("ls")).toEqual(["exec", "ls", { LANG: "C", WHO: "client" }, "vt100"]);
  });
});

describe("a server", () => {
  it("accepts a remote host key", async () => {
    const remote = {
      publicKey: hostKey.publicKey,
      sign: (algorithm: string, data: Uint8Array) => Promise.resolve(hostKey.sign(algorithm, data, seededRandom(3))),
    };
    expect(await login({ hostKeys: [remote] })).toBe("alice by publickey");
  });

  it("ends the connection if a remote host key fails to sign", async () => {
    const remote = { publicKey: hostKey.publicKey, sign: () => Promise.reject(new Error("no module")) };
    const { near, far } = wire();
    const connection = serve(far, { ...open, hostKeys: [remote] });
    await expect(connect(near, visitor)).rejects.toEqual(code("disconnected"));
    expect(await connection.ended).toMatchObject({ code: "internal", message: expect.stringContaining("no module") });
  });

  it("shows a banner before login", async () => {
    const banners: string[] = [];
    await login({ banner: "Authorized use only" }, { banner: (text) => banners.push(text) });
    expect(banners).toEqual(["Authorized use only"]);
  });

  it.each<[string, Partial<ServeOptions<Session>>]>([
    ["no host key", { hostKeys: [] }],
    ["no host key for its algorithms", { algorithms: { kex: [], hostKeys: [], ciphers: [], macs: [] } }],
    ["no authenticate", { authenticate: undefined as never }],
  ])("is rejected with %s", (_, options) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, ...options })).toThrow(expect.objectContaining({ code: "usage" }));
    expect(far.readable.locked).toBe(false);
  });

  it("disconnects a client that does not log in in time, even while authenticate is pending", async () => {
    const { near, far } = wire();
    const connection = serve(far, { ...open, loginGraceTime: 30, authenticate: () => new Promise(() => {}) });
    await expect(connect(near, visitor)).rejects.toEqual(code("disconnected"));
    expect(await connection.ended).toEqual(code("auth-timeout"));
  });

  it("keeps the connection after a login in time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { client, connection } = await served({ loginGraceTime: 60_000, session: whoami });
    vi.advanceTimersByTime(120_000);
    vi.useRealTimers();
    expect(connection.user).toBe("alice");
    expect(connection.clientVersion).toMatch(/^SSH-2.0-Nacre/);
    expect(connection.negotiated?.kex.name).toContain("25519");
    connection.rekey();
    expect((await client.exec("whoami")).status).toBe(0);
    await client.close();
  });
});
