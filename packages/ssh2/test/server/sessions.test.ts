import { once } from "node:events";
import { utf8Encode } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import type { Channel } from "../../src/channel/channel.ts";
import type { IncomingClient } from "../../src/server/connection.ts";
import type { Session } from "../../src/server/session.ts";
import { nacreClient, serving } from "./serving.ts";

type Accept<T = void> = () => T;
type Reject = () => void;

/** Accepts each session and passes it on. */
const sessions =
  (use: (session: Session, connection: IncomingClient) => void) =>
  (connection: IncomingClient): void => {
    connection.on("session", (accept: Accept<Session>) => use(accept(), connection));
  };

const finish = (channel: Channel, status: number): void => {
  channel.exit(status);
  channel.end();
};

describe("a session", () => {
  it("answers requests in the order of arrival, also if they are decided in another", async () => {
    let decidePty: (() => void) | undefined;
    const one = await serving(
      undefined,
      undefined,
      sessions((session) => {
        session.on("pty", (_accept: Accept, reject: Reject) => {
          decidePty = reject;
        });
        session.on("exec", (accept: Accept<Channel>) => {
          accept();
          setImmediate(() => decidePty?.());
        });
      }),
    );
    const client = await nacreClient(one.port);
    const channel = await client.openChannel("session");
    const replies: [string, boolean][] = [];
    const last = new Promise<void>((resolve) => {
      channel.request("pty-req", ptyData(), (success) => replies.push(["pty", success]));
      channel.request("exec", text("ls"), (success) => {
        replies.push(["exec", success]);
        resolve();
      });
    });
    await last;
    expect(replies).toEqual([
      ["pty", false],
      ["exec", true],
    ]);
    channel.close();
  });

  it("passes on input and its end that arrived before the program was accepted", async () => {
    const events: string[] = [];
    let input = "";
    const one = await serving(
      undefined,
      undefined,
      sessions((session) => {
        session.on("exec", (accept: Accept<Channel>) => {
          session.on("eof", () => {
            events.push("eof");
            const channel = accept();
            channel.on("data", (chunk: Buffer) => (input += String(chunk)));
            channel.on("end", () => finish(channel, 0));
          });
        });
      }),
    );
    const client = await nacreClient(one.port);
    const channel = await client.openChannel("session");
    const closed = channel.ended;
    channel.request("exec", text("cat"), () => {});
    channel.write(utf8Encode("early"));
    channel.end();
    await closed;
    expect([events, input]).toEqual([["eof"], "early"]);
  });

  it("runs one program, and refuses a second", async () => {
    const one = await serving(
      undefined,
      undefined,
      sessions((session) => {
        session.on("exec", (accept: Accept<Channel | undefined>, reject: Reject) => {
          if (accept() === undefined) reject();
        });
      }),
    );
    const client = await nacreClient(one.port);
    const channel = await client.openChannel("session");
    await channel.request("exec", text("a"));
    await expect(channel.request("exec", text("b"))).rejects.toMatchObject({ code: "channel-request-failed" });
    channel.close();
  });

  it("answers window changes and signals that want a reply while a program runs", async () => {
    const one = await serving(
      undefined,
      undefined,
      sessions((session) => {
        session.on("shell", (accept: Accept<Channel>) => accept());
        session.on("signal", (accept: Accept) => accept());
      }),
    );
    const client = await nacreClient(one.port);
    const channel = await client.openChannel("session");
    await channel.request("shell", new Uint8Array(0));
    await channel.request("signal", text("TERM"));
    await expect(channel.request("window-change", new Uint8Array(16))).rejects.toThrow(/refused/);
    channel.close();
  });

  it("counts against the limits of Nacre, which the option `limits` changes", async () => {
    const onSession = sessions((session) => session.on("exec", () => {}));
    const one = await serving(undefined, undefined, onSession, { limits: { maxSessions: 1 } });
    const client = await one.loggedIn();
    client.exec("waits", () => {});
    const error = await new Promise((resolve) => client.exec("is one too many", resolve));
    expect(error).toMatchObject({ reason: 4 });
  });
});

describe("malformed messages", () => {
  const malformed: readonly (readonly [string, (client: Awaited<ReturnType<typeof nacreClient>>) => unknown])[] = [
    [
      "a request of a session",
      async (client) => (await client.openChannel("session")).notify("pty-req", text("xterm")),
    ],
    ["an open of a forward", (client) => client.openChannel("direct-tcpip", Uint8Array.of(1))],
    ["an open of a socket path", (client) => client.openChannel("direct-streamlocal@openssh.com", Uint8Array.of(1))],
    ["a global request", (client) => client.globalRequest("tcpip-forward", Uint8Array.of(1), () => {})],
    [
      "a global request for a path",
      (client) => client.globalRequest("streamlocal-forward@openssh.com", Uint8Array.of(1)),
    ],
  ];

  it.each(malformed)("%s ends the connection with one error", async (_, send) => {
    const events: unknown[] = [];
    const one = await serving(undefined, undefined, (connection) => {
      sessions((session) => session.on("pty", () => events.push("pty")))(connection);
      for (const name of ["tcpip", "openssh.streamlocal", "request"]) connection.on(name, () => events.push(name));
      connection.on("error", (error: Error & { level: string }) => events.push(["error", error.level]));
      for (const name of ["end", "close"]) connection.on(name, () => events.push(name));
    });
    const client = await nacreClient(one.port);
    const closed = once(one.connections[0]!, "close").catch(() => once(one.connections[0]!, "close"));
    await Promise.resolve(send(client)).catch(() => {});
    await closed;
    expect(events).toEqual([["error", "protocol"], "end", "close"]);
  });
});

function text(value: string): Uint8Array {
  const bytes = utf8Encode(value);
  return Uint8Array.of(0, 0, 0, bytes.length, ...bytes);
}

function ptyData(): Uint8Array {
  return Uint8Array.of(...text("vt100"), ...new Uint8Array(16), ...text(""));
}
