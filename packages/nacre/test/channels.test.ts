import { code, failure, uncaught } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { utf8Encode } from "@nacre/wire";
import {
  type Channel,
  type ChannelHandler,
  type Client,
  connect,
  type Login,
  type LoginDecision,
  type PeerGlobalRequest,
  type PeerOpen,
  type Permissions,
  type ServeOptions,
  type ServerConnection,
  type Session,
  serve,
} from "nacre";
import { afterEach, describe, expect, it } from "vitest";
import { clientMux, deaf, unopened } from "./support/muxes.ts";

// Channels of types other than "session", and global requests, in the public API of both sides.

const ECHO = "echo@example.org";
const connections: ServerConnection[] = [];
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});

async function connectedTo(
  permissions: Permissions | true,
  server: Partial<ServeOptions<Session>> = {},
): Promise<{ readonly client: Client; readonly connection: ServerConnection }> {
  const { near, far } = wire();
  const authenticate = (): LoginDecision => permissions === true || { permissions };
  const connection = serve(far, { ...open, authenticate, channels: { [ECHO]: echo }, ...server });
  connections.push(connection);
  return { client: await connect(near, visitor), connection };
}

/** Accepts the channel, sends its open data, then echoes everything it receives. */
function echo(one: PeerOpen): void {
  const channel = one.accept();
  if (channel === undefined) return;
  channel.write(one.data);
  channel.handler = {
    ...deaf,
    data(_, bytes) {
      channel.consumed(channel.write(bytes));
    },
    eof: () => channel.end(),
    request: (request) => channel.reply(request, request.type === "channel-request" && request.data.length === 1),
    closed() {},
  };
}

/** Returns everything a channel receives until EOF, as text. */
function received(channel: Channel): Promise<string> {
  let all = "";
  return new Promise((resolve, reject) => {
    const handler: ChannelHandler = {
      ...deaf,
      data(_, bytes) {
        all += new TextDecoder().decode(bytes);
        channel.consumed(bytes.length);
      },
      eof: () => resolve(all),
      closed: ({ error }) => reject(error ?? new Error("closed without an EOF")),
    };
    channel.handler = handler;
  });
}

const refusal = async (client: Client, channelType: string): Promise<unknown> =>
  failure(client.openChannel(channelType));

describe("a channel of another type than session", () => {
  it("carries bytes and requests in both directions", async () => {
    const { client } = await connectedTo({ channels: [ECHO] });
    const channel = await client.openChannel(ECHO, utf8Encode("first "));
    const all = received(channel);
    channel.write(utf8Encode("and the rest"));
    await channel.request("known@example.org", Uint8Array.of(1));
    expect(await failure(channel.request("other@example.org", new Uint8Array()))).toEqual(
      code("channel-request-failed"),
    );
    channel.end();
    expect(await all).toBe("first and the rest");
    channel.close();
    expect(await channel.ended).toEqual({ error: undefined, broken: false });
    await client.close();
  });

  it("is refused unless the login's permissions include its type", async () => {
    for (const permissions of [true, {}, { command: "only this" }, { channels: ["other@example.org"] }] as const) {
      const { client } = await connectedTo(permissions);
      expect(await refusal(client, ECHO)).toEqual(code("channel-open-failed"));
      await client.close();
    }
  });

  it("is refused unless the permissions of every factor include its type", async () => {
    const authenticate = ({ method }: Login): LoginDecision =>
      method === "publickey"
        ? { next: ["password"], permissions: { channels: [ECHO, "one@example.org"] } }
        : { permissions: { channels: ["one@example.org"] } };
    const { near, far } = wire();
    const channels = { [ECHO]: echo, "one@example.org": echo };
    const methods = ["publickey", "password"] as const;
    const connection = serve(far, { ...open, authenticate, methods, channels });
    connections.push(connection);
    const client = await connect(near, { ...visitor, password: "secret" });
    expect(await refusal(client, ECHO)).toEqual(code("channel-open-failed"));
    await client.openChannel("one@example.org");
    await client.close();
  });

  it("is opened if the permissions name its type twice", async () => {
    const { client } = await connectedTo({ channels: [ECHO, ECHO] });
    expect((await client.openChannel(ECHO)).closed).toBe(false);
    await client.close();
  });

  it("is refused if its type is granted but has no handler", async () => {
    const { client } = await connectedTo({ channels: ["none@example.org", "constructor"] });
    expect(await refusal(client, "none@example.org")).toEqual(code("channel-open-failed"));
    expect(await refusal(client, "constructor")).toEqual(code("channel-open-failed"));
    await client.close();
  });

  it("can be decided later by a handler that receives the connection", async () => {
    const users: (string | undefined)[] = [];
    const { client } = await connectedTo(
      { channels: [ECHO] },
      {
        channels: {
          [ECHO]: (one, connection) => {
            users.push(connection.user);
            setTimeout(() => one.reject(2, "no listener"));
          },
        },
      },
    );
    const error = (await refusal(client, ECHO)) as Error;
    expect(error).toEqual(code("channel-open-failed"));
    expect(error.message).toContain("CONNECT_FAILED): no listener");
    expect(users).toEqual(["alice"]);
    await client.close();
  });

  it("is refused if the handler throws, and the connection continues", async () => {
    const heard = uncaught();
    const { client } = await connectedTo(
      { channels: [ECHO, "broken@example.org"] },
      {
        channels: {
          [ECHO]: echo,
          "broken@example.org": () => {
            throw new Error("application");
          },
        },
      },
    );
    expect(await refusal(client, "broken@example.org")).toEqual(code("channel-open-failed"));
    expect(heard.map(String)).toEqual(["Error: application"]);
    await client.openChannel(ECHO);
    await client.close();
  });

  it("fails with the error that ends the connection", async () => {
    const { client } = await connectedTo({ channels: [ECHO] });
    const channel = await client.openChannel(ECHO);
    const all = failure(received(channel));
    await client.close();
    expect(await all).toEqual(code("closed"));
    expect(await refusal(client, ECHO)).toEqual(code("closed"));
  });

  it.each([
    ["empty", ""],
    ["not ASCII", "é"],
    ["with a space", "a b"],
    ["too long", "x".repeat(65)],
  ])("is rejected with usage if its type is %s", async (_, channelType) => {
    const { client } = await connectedTo(true);
    expect(await refusal(client, channelType)).toEqual(code("usage"));
    expect(await failure(client.openChannel("any", "text" as never))).toEqual(code("usage"));
    await client.close();
  });
});

/** Sends global requests to a server that grants all names except `denied@example.org`, and has handlers for all except the last. */
async function replies(names: readonly string[]): Promise<{ answers: unknown[]; handled: string[] }> {
  const { near, far } = wire();
  const handled: string[] = [];
  const handle = (request: PeerGlobalRequest, { user }: ServerConnection): void => {
    handled.push(`${user}: ${request.name} ${request.wantReply}`);
    request.reply(true, request.data);
  };
  const connection = serve(far, {
    ...open,
    authenticate: () => ({
      permissions: { globalRequests: ["hello@example.org", "broken@example.org", "none@example.org"] },
    }),
    globalRequests: {
      "hello@example.org": handle,
      "denied@example.org": handle,
      "broken@example.org": () => {
        throw new Error("application");
      },
    },
  });
  const mux = clientMux(near);
  const answers: unknown[] = [];
  await new Promise<void>((resolve) => {
    mux.open("session", undefined, {
      ...unopened,
      opened() {
        mux.globalRequest("hello@example.org", utf8Encode("silent"));
        for (const [index, name] of names.entries())
          mux.globalRequest(name, utf8Encode("hi"), (reply) => {
            answers.push(reply);
            if (index === names.length - 1) resolve();
          });
      },
    });
    mux.engine.start();
    mux.engine.turn();
  });
  await connection.close();
  await mux.engine.closed;
  return { answers, handled };
}

describe("a global request", () => {
  it("is answered by its handler if the login's permissions include it, and refused otherwise", async () => {
    const thrown = uncaught();
    const names = ["hello@example.org", "denied@example.org", "broken@example.org", "none@example.org"];
    const { answers, handled } = await replies(names);
    const refused = { success: false, error: undefined };
    expect(answers).toEqual([{ success: true, data: utf8Encode("hi") }, refused, refused, refused]);
    expect(handled).toEqual(["alice: hello@example.org false", "alice: hello@example.org true"]);
    expect(thrown.map(String)).toEqual(["Error: application"]);
  });
});

describe("handlers of a server", () => {
  it.each([
    ["a number instead of an object", { channels: 7 }],
    ["a session request handler that is not a function", { sessionRequests: { "x@example.org": 1 } }],
    ["a channel handler that is not a function", { channels: { [ECHO]: true } }],
    ["a handler for sessions", { channels: { session: echo } }],
    ["a handler for a global request of sessions", { globalRequests: { "no-more-sessions@openssh.com": () => {} } }],
  ])("are rejected with usage: %s", (_, handlers) => {
    const { far } = wire();
    expect(() => serve(far, { ...open, ...(handlers as object) })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("handlers of a client", () => {
  it.each([
    ["a number instead of an object", 7],
    ["a handler that is not a function", { [ECHO]: true }],
    ["a handler for sessions", { session: echo }],
    ["a handler for connections to listeners", { "forwarded-tcpip": echo }],
  ])("are rejected with usage: %s", async (_, channels) => {
    expect(await failure(connect(wire().near, { ...visitor, channels: channels as never }))).toEqual(code("usage"));
  });

  it("refuse an open by throwing, and the connection continues", async () => {
    const heard = uncaught();
    const channels = {
      "broken@example.org"(): never {
        throw new Error("application");
      },
      [ECHO]: echo,
    };
    const { client, connection } = await served({}, { channels });
    connections.push(connection);
    expect(await failure(connection.openChannel("broken@example.org"))).toEqual(code("channel-open-failed"));
    expect(heard.map(String)).toEqual(["Error: application"]);
    const channel = await connection.openChannel(ECHO, utf8Encode("hello"));
    channel.end();
    expect(await received(channel)).toBe("hello");
    await client.close();
  });

  it("receive no open before login: openChannel of the server rejects", async () => {
    const { near, far } = wire();
    const connection = serve(far, open);
    connections.push(connection);
    expect(await failure(connection.openChannel(ECHO))).toEqual(code("usage"));
    const client = await connect(near, visitor);
    await client.close();
  });
});

describe("an application-defined session request", () => {
  it.each([
    ["an empty name", { type: "" }],
    ["a string as data", { type: "x@example.org", data: "text" as never }],
  ])("is rejected with usage for %s", async (_, request) => {
    const { client } = await connectedTo(true);
    expect(await failure(client.exec("true", { requests: [request] }))).toEqual(code("usage"));
    await client.close();
  });
});
