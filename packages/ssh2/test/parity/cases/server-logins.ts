import type { AuthContext, AuthHandlerMiddleware, ConnectConfig, Connection, ParsedKey } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { ended, journal, keys, type Served, served, watch } from "../serving.ts";

type Decide = (context: AuthContext, count: number) => void;

/** Returns a case that logs in, and records the contexts, the methods that the client may try next, and the outcome. */
function login(
  name: string,
  config: ConnectConfig,
  decide: Decide,
  more: (connection: Connection, note: Recorder) => void = () => {},
): Case {
  return {
    name,
    section: "server",
    async run(ssh2: Ssh2, record: Recorder, peers: Peers) {
      const server = journal();
      let count = 0;
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          server.note("authentication", fieldsOf(context));
          try {
            decide(context, count++);
          } catch (error) {
            server.note("thrown", error);
          }
        });
        connection.on("ready", () => server.note("ready", authenticatedOf(connection)));
        more(connection, server.note);
      });
      const client = one.connecting(config);
      const side = journal();
      watch(client, ["banner", "ready", "error"], side.note);
      await new Promise<void>((resolve) => client.once("ready", resolve).once("error", () => resolve()));
      const closed = ended(client, "close");
      client.end();
      await closed;
      record("server", server.events);
      record("client", side.events);
    },
  };
}

function authenticatedOf(connection: Connection): unknown {
  return (connection as unknown as { readonly authenticated: unknown }).authenticated;
}

/** Returns the fields of a context that do not change from one run to the other. */
function fieldsOf(context: AuthContext): object {
  const { method, username, service } = context;
  const fields = { method, username, user: (context as unknown as { readonly user: string }).user, service };
  if (context.method === "password") return { ...fields, password: context.password };
  if (context.method === "keyboard-interactive") return { ...fields, submethods: context.submethods };
  if (context.method !== "publickey" && context.method !== "hostbased") return fields;
  const { key, hashAlgo, signature, blob } = context as typeof context & { readonly hashAlgo?: string };
  const shown = { ...fields, key, hashAlgo, signed: signature !== undefined, covers: blob !== undefined };
  if (context.method === "publickey") return shown;
  const { localHostname, localUsername } = context;
  return { ...shown, localHostname, localUsername };
}

/** Returns what the key says about the context's signature, as applications check it. */
function checked(key: ParsedKey, context: AuthContext): unknown {
  if (context.method !== "publickey" && context.method !== "hostbased") return undefined;
  const { signature, blob, hashAlgo } = context as typeof context & { readonly hashAlgo?: string };
  if (signature === undefined || blob === undefined) return "query";
  return (key.verify as (...args: unknown[]) => unknown)(blob, signature, hashAlgo);
}

/** Returns a case with a key of a type: a query first, then a signature that the application verifies. */
function withKey(type: "ed25519" | "ecdsa" | "rsa"): Case {
  return {
    name: `shows the query and the signature of a key: ${type}`,
    section: "server",
    async run(ssh2, record, peers) {
      const allowed = peers.ssh2.utils.parseKey(keys[type].public) as ParsedKey;
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          if (context.method !== "publickey") return context.reject(["publickey"]);
          const isKey = context.key.data.equals(allowed.getPublicSSH());
          server.note(context.method, fieldsOf(context), isKey, checked(allowed, context));
          context.accept();
        });
      });
      const client = await one.client({ privateKey: keys[type].private });
      record("server", server.events);
      client.end();
      await ended(client, "close");
    },
  };
}

const PASSWORD = { password: "secret" } as const;

export const cases: readonly Case[] = [
  login("accepts a login without proof", {}, (context) => context.accept()),
  login("accepts a password after the refusal of none", PASSWORD, (context) =>
    context.method === "password" ? context.accept() : context.reject(["password"]),
  ),
  login("takes names of users in any script", { ...PASSWORD, username: "Zoë 漢字" }, (context) =>
    context.method === "password" ? context.accept() : context.reject(["password"]),
  ),
  login("refuses all", PASSWORD, (context) => context.reject()),
  login("refuses with a text in place of a list", PASSWORD, (context) => context.reject("no entry" as never)),
  login("still decides a method that no refusal listed", PASSWORD, (context) =>
    context.method === "password" ? context.accept() : context.reject(),
  ),
  login("takes the first decision alone", PASSWORD, (context) => {
    context.reject(["password"]);
    context.accept();
  }),
  {
    name: "refuses every login without a listener",
    section: "server",
    async run(ssh2, record, peers) {
      const one = await served(ssh2, peers, () => {});
      const [error] = await ended(one.connecting(PASSWORD), "error");
      record("error", error);
    },
  },
  {
    name: "tells the client the methods that are left, in their order, and a partial success",
    section: "server",
    async run(ssh2, record, peers) {
      const states: unknown[] = [];
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          if (context.method === "none") context.reject(["password", "publickey", "none"]);
          else if (context.method === "password") context.reject(["keyboard-interactive", "publickey"], true);
          else context.accept();
        });
      });
      const steps = [
        { type: "none", username: "alice" },
        { type: "password", username: "alice", password: "secret" },
        { type: "keyboard-interactive", username: "alice", prompt: () => {} },
      ];
      const authHandler: AuthHandlerMiddleware = (methodsLeft, partialSuccess, next) => {
        states.push([methodsLeft, partialSuccess]);
        next((steps[states.length - 1] ?? false) as never);
      };
      await one.client({ authHandler });
      record("states", states);
    },
  },
  {
    name: "changes a password",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          if (context.method !== "password") return context.reject(["password"]);
          server.note("password", context.password);
          for (const args of [[1], ["New?", 1]]) {
            try {
              (context.requestChange as (...given: unknown[]) => void)(...args);
            } catch (error) {
              server.note("thrown", error);
            }
          }
          context.requestChange("New password, please", (newPassword: unknown) => {
            server.note("changed", newPassword);
            context.accept();
          });
          try {
            context.requestChange("Again", () => {});
          } catch (error) {
            server.note("thrown", error);
          }
        });
        connection.on("ready", () => server.note("ready"));
      });
      const client = one.connecting(PASSWORD);
      const side = journal();
      client.on("change password", (message: string, done: (password: string) => void) => {
        side.note("change password", message);
        done("better");
      });
      await ended(client, "ready");
      record("server", server.events);
      record("client", side.events);
    },
  },
  withKey("ed25519"),
  withKey("ecdsa"),
  withKey("rsa"),
  {
    name: "refuses a query, and the client tries another method",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          server.note("authentication", fieldsOf(context));
          if (context.method === "keyboard-interactive") context.accept();
          else context.reject(["publickey", "keyboard-interactive"]);
        });
      });
      await one.client({ privateKey: keys.ed25519.private, tryKeyboard: true });
      record("server", server.events);
    },
  },
  {
    name: "asks for responses in rounds",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
          server.note("authentication", fieldsOf(context));
          const asked = context as unknown as { prompt(...args: unknown[]): void };
          asked.prompt("Name?", (first: unknown) => {
            server.note("first", first);
            asked.prompt([{ prompt: "Code", echo: false }, "Other"], "Title", "Instructions", (second: unknown) => {
              server.note("second", second);
              asked.prompt([], "Only a title", (third: unknown) => {
                server.note("third", third);
                context.accept();
              });
            });
          });
        });
      });
      const client = one.connecting({ tryKeyboard: true });
      const side = journal();
      client.on("keyboard-interactive", (name, instructions, _lang, prompts, finish) => {
        side.note("prompts", name, instructions, prompts);
        finish(prompts.map((_, i) => `answer ${i}`));
      });
      await ended(client, "ready");
      record("server", server.events);
      record("client", side.events);
    },
  },
  {
    name: "refuses after prompts",
    section: "server",
    async run(ssh2, record, peers) {
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
          context.prompt([{ prompt: "Code", echo: false }], () => context.reject(["password"]));
        });
      });
      const client = one.connecting({ tryKeyboard: true });
      client.on("keyboard-interactive", (_name, _instructions, _lang, _prompts, finish) => finish(["wrong"]));
      record("error", ...(await ended(client, "error")));
    },
  },
  {
    name: "shows the host and the user of a host-based login",
    section: "server",
    async run(ssh2, record, peers) {
      const allowed = peers.ssh2.utils.parseKey(keys.ed25519.public) as ParsedKey;
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          if (context.method !== "hostbased") return context.reject(["hostbased"]);
          server.note("hostbased", fieldsOf(context), checked(allowed, context));
          context.accept();
        });
      });
      await one.client({
        privateKey: keys.ed25519.private,
        localHostname: "host.example.org",
        localUsername: "bob",
        authHandler: ["none", "hostbased"],
      });
      record(
        "server",
        server.events.map((event) => withoutKeys(event)),
      );
    },
  },
  {
    name: "disconnects a client that changes its user name between two logins",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        watch(connection, ["ready", "error", "end", "close"], server.note);
        connection.on("authentication", (context) => {
          server.note(context.method, context.username);
          if (context.method === "none") context.reject(["password"], true);
          else context.accept();
        });
      });
      const steps = [
        { type: "none", username: "alice" },
        { type: "password", username: "root", password: "any" },
      ];
      const client = one.connecting({ authHandler: steps as never });
      const [error] = await ended(client, "error");
      await closedAt(one);
      record("client", (error as { readonly code?: number }).code);
      record("server", server.events);
    },
  },
  {
    name: "disconnects a client that sends a new password for another user",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        watch(connection, ["ready", "error", "end", "close"], server.note);
        connection.on("authentication", (context) => {
          if (context.method !== "password") return context.reject(["password"]);
          server.note(context.method, context.username);
          context.requestChange("expired", (password) => {
            server.note("changed", password);
            context.accept();
          });
        });
      });
      const client = one.connecting({ password: "old", authHandler: ["password"] });
      client.on("change password", () => {
        const { _protocol } = client as unknown as { readonly _protocol: { authPassword(...values: string[]): void } };
        _protocol.authPassword("root", "old", "new");
      });
      const [error] = await ended(client, "error");
      await closedAt(one);
      record("client", (error as { readonly code?: number }).code);
      record("server", server.events);
    },
  },
  {
    name: "never sees a login with a wrong signature",
    section: "server",
    async run(ssh2, record, peers) {
      const server = journal();
      const one = await served(ssh2, peers, (connection) => {
        connection.on("authentication", (context) => {
          server.note(context.method, "signature" in context && context.signature !== undefined);
          context.accept();
        });
        connection.on("ready", () => server.note("ready"));
      });
      const key = peers.ssh2.utils.parseKey(keys.ed25519.private) as ParsedKey;
      key.sign = () => Buffer.alloc(64);
      const step = { type: "hostbased", username: "alice", key, localHostname: "h", localUsername: "u" };
      const client = one.connecting({ authHandler: [step] as never });
      const side = journal();
      watch(client, ["ready", "error"], side.note);
      await new Promise<void>((resolve) => client.once("ready", resolve).once("close", () => resolve()));
      record("server", server.events);
      record("client", side.events);
    },
    differs: "signatures",
    expected: {
      ssh2: [
        ["server", [["hostbased", true], ["ready"]]],
        ["client", [["ready"]]],
      ],
      nacre: [
        ["server", []],
        [
          "client",
          [["error", { error: "All configured authentication methods failed", level: "client-authentication" }]],
        ],
      ],
    },
  },
];

/** Resolves when the server has closed all connections. */
function closedAt({ server }: Served): Promise<void> {
  return new Promise((resolve) => void server.close(() => setImmediate(resolve)));
}

/** The key is made anew for each process: only its type is recorded. */
function withoutKeys(event: unknown): unknown {
  const [name, fields, ...others] = event as [string, { readonly key: { readonly algo: string } }, ...unknown[]];
  return [name, { ...fields, key: fields.key.algo }, ...others];
}
