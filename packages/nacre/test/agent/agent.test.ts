import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { failure } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import { type Bytes, utf8Encode } from "@nacre/wire";
import {
  type ConnectOptions,
  connect,
  type Duplex,
  forwardedAgent,
  type ServeOptions,
  type Session,
  type WebPair,
} from "nacre";
import { connect as connectWith, webDuplex } from "nacre/core";
import { describe, expect, it } from "vitest";

const permitted: Partial<ServeOptions<Session>> = {
  acceptAgent: true,
  authenticate: () => ({ permissions: { agentForwarding: true } }),
};

/** An agent that answers each message with the same bytes. */
class EchoAgent extends FakeDuplex {
  override write(pieces: readonly Bytes[]): boolean {
    for (const piece of pieces) queueMicrotask(() => this.handler.data(piece.slice()));
    return super.write(pieces);
  }
}

/** Connects to a new agent. */
const echo = (): Duplex => new EchoAgent();

/** Runs a command whose handler sends "hello" to the forwarded agent. Returns what it got. */
async function ask(server: Partial<ServeOptions<Session>>, client: Partial<ConnectOptions>): Promise<string> {
  let outcome: string | undefined;
  const { client: ssh } = await served(
    {
      ...server,
      session: async (session) => {
        const openAgent = forwardedAgent(session);
        outcome = openAgent === undefined ? "not forwarded" : await hello(openAgent);
      },
    },
    client,
  );
  expect(await ssh.exec("anything")).toMatchObject({ status: 0 });
  await ssh.close();
  return outcome!;
}

async function hello(openAgent: () => Promise<WebPair>): Promise<string> {
  const { readable, writable } = await openAgent();
  const writer = writable.getWriter();
  await writer.write(utf8Encode("hello"));
  const { value } = await readable.getReader().read();
  await writer.close();
  return new TextDecoder().decode(value);
}

describe("a forwarded agent", () => {
  it("answers the handler of a session", async () => {
    const agents: EchoAgent[] = [];
    const forwardAgent = (): Duplex => {
      agents.push(new EchoAgent());
      return agents.at(-1)!;
    };
    expect(await ask(permitted, { forwardAgent })).toBe("hello");
    expect(agents.map(({ written }) => written)).toEqual(["hello"]);
    expect(await ask(permitted, { forwardAgent: async () => forwardAgent() })).toBe("hello");
  });

  it("is connected to once for each channel, and left when the connection ends", async () => {
    const agents: FakeDuplex[] = [];
    const { client, connection } = await served(
      {
        ...permitted,
        session: async (session) => {
          for (let i = 0; i < 3; i++) await forwardedAgent(session)!();
        },
      },
      {
        forwardAgent: () => {
          agents.push(new FakeDuplex());
          return agents.at(-1)!;
        },
      },
    );
    await client.exec("anything");
    await client.close();
    await connection.ended;
    await new Promise((resolve) => setTimeout(resolve));
    expect(agents.map(({ calls }) => calls.includes("close"))).toEqual([true, true, true]);
  });

  it("that cannot be reached fails the channel without a reason from this machine", async () => {
    const { client } = await served(
      {
        ...permitted,
        session: async (session) => {
          const error = (await failure(forwardedAgent(session)!())) as Error;
          await new Response(error.message).body!.pipeTo(session.stdout);
        },
      },
      {
        forwardAgent: () => {
          throw new Error("/home/alice/secret.sock");
        },
      },
    );
    const { stdout } = await client.exec("anything");
    expect(stdout).toContain("cannot connect to the agent");
    expect(stdout).not.toContain("secret");
    await client.close();
  });

  it("leaves `channels` the type only while it is off", async () => {
    const channels = { "auth-agent@openssh.com": () => {} };
    expect(await failure(connect(wire().near, { ...visitor, channels, forwardAgent: echo }))).toMatchObject({
      code: "usage",
      message: expect.stringContaining('"auth-agent@openssh.com" is handled by Nacre itself'),
    });
    const { client } = await served({}, { channels });
    await client.close();
  });

  it("has a limit of its own among those of `connect`", async () => {
    const limits = { maxAgentChannels: -1 };
    expect(await failure(connect(wire().near, { ...visitor, limits }))).toMatchObject({ code: "usage" });
  });

  it("is no option of `nacre/core`, which does not carry its code", async () => {
    const options = { ...visitor, algorithms, forwardAgent: () => new FakeDuplex() };
    expect(await failure(connectWith(webDuplex(wire().near), options))).toMatchObject({ code: "usage" });
  });
});

it("is not forwarded unless the client, the server and the login want it", async () => {
  const forwardAgent = echo;
  expect(await ask(permitted, {})).toBe("not forwarded");
  expect(await ask({ ...permitted, acceptAgent: false }, { forwardAgent })).toBe("not forwarded");
  for (const authenticate of [
    () => true,
    () => ({ permissions: {} }),
    () => ({ permissions: { agentForwarding: false } }),
    () => ({ permissions: { agentForwarding: "yes" as never } }),
  ])
    expect(await ask({ ...open, acceptAgent: true, authenticate }, { forwardAgent })).toBe("not forwarded");
});

/** Opens agent channels to a client, from the server's side of the connection. Returns how many it accepted. */
async function accepted(count: number, isOffered: boolean, limits?: ConnectOptions["limits"]): Promise<number> {
  const { client, connection } = await served(
    { ...permitted, session: () => {} },
    { forwardAgent: () => new FakeDuplex(), limits },
  );
  if (isOffered) await client.exec("anything");
  const opens = Array.from({ length: count }, () => connection.openChannel("auth-agent@openssh.com"));
  const outcomes = await Promise.allSettled(opens);
  await client.close();
  return outcomes.filter(({ status }) => status === "fulfilled").length;
}

it("agent forwarding: unasked · client", async () => {
  expect(await accepted(1, false)).toBe(0);
  expect(await accepted(1, true)).toBe(1);
});

it("agent forwarding: channels · client", async () => {
  expect(await accepted(40, true)).toBe(16);
  expect(await accepted(5, true, { maxAgentChannels: 3 })).toBe(3);
  expect(await accepted(1, true, { maxAgentChannels: 0 })).toBe(0);
});
