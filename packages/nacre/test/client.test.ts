import type { Connection } from "@nacre/connection";
import { openSftp } from "@nacre/files";
import { fingerprint } from "@nacre/keys";
import { connected, hostKey, StreamServer, userKey, welcome } from "@nacre/testing/nacre/host";
import { code, failure, text, uncaught } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { nameOf, requestsOf } from "@nacre/testing/protocol/requests";
import { exitSignal, ptyRequest, utf8DecodeLossy, utf8Encode } from "@nacre/wire";
import { type Client, type ConnectOptions, connect, type Duplex, type Login, SshError, serve } from "nacre";
import { webStreams } from "nacre/extend";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { decodeTerminalModes } from "../src/users/session/terminal-modes.ts";

const inCommand = { envMode: "command" } as const;

function finish(connection: Connection, channel: number, status = 0): void {
  connection.request(channel, "exit-status", Uint8Array.of(0, 0, 0, status), { wantReply: false });
  connection.sendEof(channel);
  connection.close(channel);
}

function failing(): never {
  throw new Error("no such thing");
}

async function byKey(one: Login): Promise<boolean> {
  if (one.method === "keyboard-interactive") await one.ask(["Password: "]);
  return one.method === "publickey";
}

describe("connect", () => {
  it("verifies the host key, logs in, and reports the connection's facts", async () => {
    const { client } = await connected({}, { hostKey: fingerprint(hostKey.publicKey.blob, "sha256") });
    expect(client.info.peerVersion).toBe("SSH-2.0-TestServer");
    expect(client.info.hostKey.blob).toEqual(hostKey.publicKey.blob);
    expect(client.info.negotiated.kex.name).toBe("curve25519-sha256");
    await client.close();
    expect(await client.ended).toMatchObject({ code: "closed", culprit: "caller" });
  });

  it("releases the streams on close", async () => {
    const { client, host } = await connected();
    await client.close();
    expect(host.streams.readable.locked).toBe(false);
    expect(host.streams.writable.locked).toBe(false);
    await host.done;
  });

  it.each([
    ["false", () => false, "host-key-refused"],
    ["a rejection", () => Promise.reject(new Error("disk on fire")), "host-key-refused"],
    [
      "a throw",
      () => {
        throw new RangeError("out of memory");
      },
      "host-key-refused",
    ],
    ["an SshError", () => Promise.reject(new SshError("host-key-unknown", "never seen")), "host-key-unknown"],
    ["a truthy value other than true", () => 1 as unknown as boolean, "host-key-refused"],
    ["a different pinned fingerprint", `SHA256:${"A".repeat(43)}`, "host-key-refused"],
  ])("refuses the host key if the decision is %s", async (_, decide, expected) => {
    const host = new StreamServer();
    await expect(connect(host.streams, { ...welcome, hostKey: decide })).rejects.toEqual(code(expected));
    await host.done;
    // No login was sent before the decision.
    expect(host.server.events.some(({ type }) => type === "message")).toBe(false);
    expect(host.server.events.at(-1)).toMatchObject({ type: "closed" });
  });

  it.each<[string, Partial<ConnectOptions>]>([
    ["password", { identities: [], password: () => 7 as never }],
    ["password", { identities: [], password: async () => null as never }],
    ["prompts", { identities: [], prompts: () => "secret" as never }],
    ["prompts", { identities: [], prompts: () => [7] as never }],
    ["sign", { identities: [{ publicKey: userKey.publicKey, sign: async () => "secret" as never }] }],
  ])("rejects with `usage` if `%s` returns another type", async (option, options) => {
    const { near, far } = wire();
    serve(far, {
      ...open,
      methods: option === "prompts" ? ["keyboard-interactive"] : ["publickey", "password"],
      authenticate: byKey,
    });
    const error = await failure(connect(near, { ...visitor, ...options }));
    expect(error).toMatchObject({ code: "usage", message: `\`${option}\` returned an invalid value` });
  });

  it("can be aborted while the host-key decision is pending", async () => {
    const host = new StreamServer();
    const abort = new AbortController();
    const connecting = connect(host.streams, {
      ...welcome,
      signal: abort.signal,
      hostKey: () => {
        abort.abort(new Error("enough"));
        return new Promise(() => {});
      },
    });
    await expect(connecting).rejects.toMatchObject({ code: "aborted", cause: { message: "enough" } });
    expect(host.streams.readable.locked).toBe(false);
  });

  it("rejects with an already aborted signal", async () => {
    const host = new StreamServer();
    const connecting = connect(host.streams, { ...welcome, signal: AbortSignal.abort() });
    await expect(connecting).rejects.toEqual(code("aborted"));
  });

  it.each([
    ["closes the connection", async (host: StreamServer) => host.cut(), "connection-lost"],
    ["breaks", async (host: StreamServer) => host.cut(new Error("cable")), "connection-lost"],
  ])("rejects with connection-lost if the server %s", async (_, act, expected) => {
    const host = new StreamServer();
    const connecting = connect(host.streams, {
      ...welcome,
      hostKey: () => act(host).then(() => new Promise(() => {})),
    });
    await expect(connecting).rejects.toEqual(code(expected));
  });

  it("rejects with not-ssh if the peer is not an SSH server", async () => {
    const down = new TransformStream<Uint8Array, Uint8Array>();
    const writer = down.writable.getWriter();
    const sink = new WritableStream<Uint8Array>();
    const connecting = connect({ readable: down.readable, writable: sink }, welcome);
    writer.write(utf8Encode("HTTP/1.1 400 Bad Request\r\n\r\n")).catch(() => {});
    writer.close().catch(() => {});
    await expect(connecting).rejects.toEqual(code("not-ssh"));
  });

  it("rejects if the byte connection fails to open", async () => {
    let isClosed = false;
    const duplex: Duplex = {
      open: () => {
        throw new Error("no such port");
      },
      write: () => true,
      pause: () => {},
      resume: () => {},
      end: async () => {},
      close: async () => {
        isClosed = true;
      },
    };
    const options = { user: "alice", hostKey: () => true };
    const connecting = connect(duplex, options);
    await expect(connecting).rejects.toMatchObject({ code: "internal", cause: { message: "no such port" } });
    expect(isClosed).toBe(true);
  });

  it("continues if the banner callback throws", async () => {
    const heard = uncaught();
    const { near, far } = wire();
    const connection = serve(far, { ...open, banner: "Authorized use only" });
    const client = await connect(near, { ...visitor, banner: failing });
    expect(heard.map(String)).toEqual(["Error: no such thing"]);
    await client.close();
    await connection.ended;
  });

  it("ends both sides if the signing callback of a key throws", async () => {
    const heard = uncaught();
    const { near, far } = wire();
    const connection = serve(far, open);
    const identity = { publicKey: userKey.publicKey, fields: userKey.fields, sign: failing };
    await expect(connect(near, { ...visitor, identities: [identity] })).rejects.toMatchObject({
      code: "internal",
      cause: { message: "no such thing" },
    });
    expect(await connection.ended).toEqual(code("disconnected"));
    expect(heard).toEqual([]);
  });

  it("rejects with auth-failed if the server refuses the login", async () => {
    const host = new StreamServer({ refusals: 1 });
    await expect(connect(host.streams, welcome)).rejects.toEqual(code("auth-failed"));
  });

  it("asks for passwords until one is accepted", async () => {
    const attempts: number[] = [];
    const { client } = await connected(
      { password: "three" },
      {
        identities: [],
        password: (attempt) => {
          attempts.push(attempt);
          return Promise.resolve(["one", "two", "three"][attempt - 1]);
        },
      },
    );
    expect(attempts).toEqual([1, 2, 3]);
    await client.close();
  });

  it("tries a fixed password once and reports the refusal", async () => {
    const host = new StreamServer({ password: "right" });
    const options = { ...welcome, identities: [], password: "wrong" };
    await expect(connect(host.streams, options)).rejects.toMatchObject({
      code: "auth-failed",
      message: "alice: the server refused password; it accepts: publickey, password",
    });
    const { client } = await connected({ password: "right" }, { identities: [], password: "right" });
    await client.close();
  });

  it("sends a fixed password with the method password, or to a prompt only if the server offers no other method", async () => {
    for (const methods of [["keyboard-interactive", "password"], ["keyboard-interactive"]] as const) {
      const tried: string[] = [];
      const wrong = await failure(
        served(
          {
            methods,
            authenticate: async (login) => {
              tried.push(login.method);
              if (login.method === "keyboard-interactive") tried.push(...(await login.ask(["Password: "])));
              return false;
            },
          },
          { identities: [], password: "wrong" },
        ),
      );
      expect(wrong).toMatchObject({
        code: "auth-failed",
        message: expect.stringContaining(`refused ${methods.at(-1)};`),
      });
      expect(tried).toEqual(methods.length === 2 ? ["password"] : ["keyboard-interactive", "wrong"]);
    }
  });

  it.each<[string, () => Promise<string>]>([
    ["rejects", () => Promise.reject(new Error("no terminal"))],
    [
      "throws",
      () => {
        throw new Error("no terminal");
      },
    ],
  ])("fails with the reason if the password function %s", async (_, password) => {
    const host = new StreamServer();
    const options = { ...welcome, identities: [], password };
    await expect(connect(host.streams, options)).rejects.toMatchObject({
      code: "auth-cancelled",
      message: expect.stringContaining("no terminal"),
    });
  });
});

describe("exec", () => {
  it("returns the output and the exit status", async () => {
    const { client } = await connected({
      onExec(connection, channel) {
        connection.write(channel, utf8Encode("out ☃"));
        connection.write(channel, utf8Encode("err"), 1);
        finish(connection, channel, 3);
      },
    });
    const result = await client.exec("anything");
    expect(result).toEqual({ stdout: "out ☃", stderr: "err", status: 3, signal: undefined, coreDumped: false });
    const { stdout } = await client.exec("anything", { encoding: "bytes" });
    expect(stdout).toEqual(utf8Encode("out ☃"));
    await client.close();
  });

  it.each(["buffer", null, "nonsense", "utf-8", 1])("rejects with usage for the encoding %j", async (encoding) => {
    const { client, host } = await connected({});
    const sent = host.server.events.length;
    expect(await failure(client.exec("anything", { encoding: encoding as "utf8" }))).toEqual(code("usage"));
    expect(host.server.events).toHaveLength(sent);
    await client.close();
  });

  it("returns the signal that killed the command", async () => {
    const { client } = await connected({
      onExec(connection, channel) {
        const data = exitSignal.encode({ signalName: "KILL", coreDumped: true, errorMessage: "", languageTag: "" });
        connection.request(channel, "exit-signal", data, { wantReply: false });
        connection.close(channel);
      },
    });
    expect(await client.exec("anything")).toMatchObject({ status: undefined, signal: "KILL", coreDumped: true });
    await client.close();
  });

  it("returns no status if the server sends EOF without an exit report", async () => {
    const { client } = await connected({
      onExec(connection, channel) {
        connection.write(channel, utf8Encode("all of it"));
        connection.sendEof(channel);
        connection.close(channel);
      },
    });
    expect(await client.exec("anything")).toMatchObject({ stdout: "all of it", status: undefined, signal: undefined });
    await client.close();
  });

  it("rejects if the channel closes without EOF or exit report", async () => {
    const { client } = await connected({
      onExec(connection, channel) {
        connection.write(channel, utf8Encode("half of"));
        connection.close(channel);
      },
    });
    await expect(client.exec("anything")).rejects.toEqual(code("channel-closed"));
    await client.close();
  });

  it("sends the input to the command", async () => {
    const { client, host } = await connected({ onExec: () => {} });
    const input = "x".repeat(5_000_000);
    let got = 0;
    const seen = host.server.turn.bind(host.server);
    host.server.turn = () => {
      const before = host.server.events.length;
      seen();
      for (const event of host.server.events.splice(before)) {
        if (event.type === "data") {
          got += event.data.length;
          host.server.connection.consumed(event.channel, event.data.length);
        } else if (event.type === "eof") {
          host.server.connection.write(event.channel, utf8Encode(`${got}`));
          finish(host.server.connection, event.channel);
        }
      }
    };
    expect((await client.exec("wc -c", { input })).stdout).toBe("5000000");
    await client.close();
  });

  it.each([
    ["without a terminal", {}, true],
    ["without a terminal and with empty input", { pty: false, input: "" }, true],
    ["with a terminal", { pty: true }, false],
    ["with a terminal and empty input", { pty: true, input: "" }, true],
    ["with a terminal and input", { pty: { columns: 100 }, input: "x" }, true],
  ])("%s, options %o: sends EOF %s", async (_, options, ends) => {
    const { client, host } = await connected({
      // Like dropbear: output before the terminal's hangup is lost.
      onExec: (connection, channel) => {
        connection.write(channel, utf8Encode("output"));
        setTimeout(() => {
          finish(connection, channel);
          void host.flush();
        }, 20);
      },
    });
    expect((await client.exec("true", options)).stdout).toBe("output");
    expect(host.server.events.some(({ type }) => type === "eof")).toBe(ends);
    await client.close();
  });

  it("rejects with output-limit if the command prints too much", async () => {
    const { client } = await connected({
      onExec(connection, channel) {
        connection.write(channel, new Uint8Array(1000));
        finish(connection, channel);
      },
    });
    await expect(client.exec("anything", { maxOutput: 999 })).rejects.toEqual(code("output-limit"));
    expect((await client.exec("anything", { maxOutput: 1000 })).stdout).toHaveLength(1000);
    expect((await client.exec("anything", { maxOutput: Number.POSITIVE_INFINITY })).stdout).toHaveLength(1000);
    await client.close();
  });

  it.each([Number.NaN, -1, 0.5, 2 ** 53, "1G", null])("rejects with usage for a maxOutput of %s", async (maxOutput) => {
    const { client, host } = await connected({});
    const sent = host.server.events.length;
    await expect(client.exec("anything", { maxOutput: maxOutput as number })).rejects.toEqual(code("usage"));
    expect(host.server.events).toHaveLength(sent);
    await client.close();
  });

  it("can be aborted without ending the connection", async () => {
    const { client, host } = await connected({
      onExec(connection, channel, command) {
        if (command === "quick") finish(connection, channel);
      },
    });
    const abort = new AbortController();
    const slow = client.exec("slow", { signal: abort.signal });
    await vi.waitUntil(() => requestsOf(host.server.events, "exec").length > 0, { timeout: 10_000 });
    abort.abort();
    await expect(slow).rejects.toEqual(code("aborted"));
    await expect(client.exec("x", { signal: AbortSignal.abort() })).rejects.toEqual(code("aborted"));
    expect((await client.exec("quick")).status).toBe(0);
    await client.close();
    expect(host.server.events.filter(({ type }) => type === "channel-closed")).toHaveLength(2);
  });

  it("accepts one signal for twenty commands without a leak warning", async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    onTestFinished(() => void process.off("warning", onWarning));
    const { client } = await connected({ onExec: () => {} });
    const abort = new AbortController();
    const all = Array.from({ length: 20 }, () => failure(client.exec("x", { signal: abort.signal })));
    const running = await Promise.all(Array.from({ length: 20 }, () => client.spawn("x", { signal: abort.signal })));
    abort.abort();
    for (const error of await Promise.all(all)) expect(error).toEqual(code("aborted"));
    for (const { exit } of running) expect(await failure(exit)).toEqual(code("aborted"));
    await client.close();
    expect(warnings).toEqual([]);
  });

  it("runs many commands concurrently over one connection", async () => {
    const { client } = await connected();
    const commands = Array.from({ length: 50 }, (_, i) => `command ${i}`);
    const results = await Promise.all(commands.map((command) => client.exec(command)));
    expect(results.map(({ stdout }) => stdout)).toEqual(commands.map((command) => `ran ${command}\n`));
    await client.close();
  });

  it("rejects when the connection ends", async () => {
    const { client, host } = await connected({ onExec: () => {} });
    const running = client.exec("forever");
    const other = client.exec("forever too");
    await vi.waitUntil(() => requestsOf(host.server.events, "exec").length === 2, { timeout: 10_000 });
    await host.cut();
    await expect(running).rejects.toEqual(code("connection-lost"));
    await expect(other).rejects.toEqual(code("connection-lost"));
    expect((await client.ended).code).toBe("connection-lost");
    await client.close();
  });

  it.each([
    ["a lost connection", (host: StreamServer) => host.cut(), "connection-lost", "peer"],
    ["a broken connection", (host: StreamServer) => host.cut(new Error("ECONNRESET")), "connection-lost", "peer"],
    ["`close`", (_: StreamServer, client: Client) => client.close(), "closed", "caller"],
  ])("rejects each call after %s with the code of the end", async (_, end, expected, culprit) => {
    const { client, host } = await connected();
    const early = await client.openChannel("session");
    await end(host, client);
    const first = await client.ended;
    expect(first).toMatchObject({ code: expected, culprit });
    const calls: Record<string, () => Promise<unknown>> = {
      exec: () => client.exec("late"),
      spawn: () => client.spawn("late"),
      shell: () => client.shell(),
      subsystem: () => client.subsystem("sftp"),
      openChannel: () => client.openChannel("late@example.org"),
      dial: () => client.dial({ host: "localhost", port: 80 }),
      dialChannel: () => client.dialChannel({ host: "localhost", port: 80 }),
      listen: () => client.listen({ port: 0 }),
      sftp: () => openSftp(client, webStreams),
      request: () => early.request("late@example.org", new Uint8Array()),
      write: async () => early.write(new Uint8Array(1)),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = (await failure(call())) as SshError;
      expect([name, error.code, error.culprit, error.message]).toEqual([
        name,
        expected,
        culprit,
        `the connection has ended: ${first.message}`,
      ]);
      expect(error).not.toBe(first);
      expect(error.cause).toBe(first);
    }
  });

  it("rejects with the end of the connection if the login's session was cut off before its first use", async () => {
    const { client, host } = await connected();
    await host.cut();
    await client.ended;
    await expect(client.exec("first")).rejects.toEqual(code("connection-lost"));
  });
});

describe("spawn", () => {
  it("returns streams for input, output and error output", async () => {
    const { client, host } = await connected({
      onExec(connection, channel) {
        connection.write(channel, utf8Encode("out"));
        connection.write(channel, utf8Encode("err"), 1);
      },
    });
    const process = await client.spawn("anything");
    const writer = process.stdin.getWriter();
    await writer.write(utf8Encode("hello"));
    await writer.close();
    await vi.waitUntil(() => host.server.events.some(({ type }) => type === "eof"), { timeout: 10_000 });
    const input = host.server.events.filter((event) => event.type === "data");
    expect(input.map(({ data }) => utf8DecodeLossy(data)).join("")).toBe("hello");
    finish(host.server.connection, 0, 5);
    await host.flush();
    expect(await text(process.stdout)).toBe("out");
    expect(await text(process.stderr)).toBe("err");
    expect((await process.exit).status).toBe(5);
    await client.close();
  });

  it("unread output stalls the command at the window", async () => {
    let taken = 0;
    const { client, host } = await connected(
      {
        onExec(connection, channel) {
          taken = connection.write(channel, new Uint8Array(200_000));
        },
      },
      { limits: { initialWindow: 65_536 } },
    );
    const process = await client.spawn("yes");
    await host.flush();
    expect(taken).toBe(65_536);
    const reader = process.stdout.getReader();
    const { value } = await reader.read();
    expect(value!.length).toBeGreaterThan(0);
    await client.close();
  });

  it("unread error output neither stalls the command nor grows", async () => {
    const megabyte = new Uint8Array(1_000_000).fill(46);
    let rest = megabyte;
    const { client, host } = await connected(
      {
        onExec(connection, channel) {
          const push = (): void => {
            rest = rest.subarray(connection.write(channel, rest, 1));
          };
          push();
          const turn = host.server.turn.bind(host.server);
          host.server.turn = () => {
            turn();
            if (rest.length > 0) push();
            turn();
          };
        },
      },
      { limits: { initialWindow: 65_536 } },
    );
    const process = await client.spawn("noisy");
    await vi.waitUntil(() => rest.length === 0, { timeout: 20_000, interval: 1 });
    finish(host.server.connection, 0);
    await host.flush();
    expect(await text(process.stdout)).toBe("");
    expect(await text(process.stderr)).toHaveLength(256 * 1024);
    await client.close();
  });

  it("supports cancelled output, aborted input and close", async () => {
    const { client, host } = await connected({ onExec: () => {} });
    await using process = await client.spawn("anything");
    await process.stdout.cancel();
    await process.stdin.abort("no more").catch(() => {});
    await process.close();
    expect(host.server.connection.channelCount).toBe(0);
    await client.close();
  });

  it("output of an aborted command fails", async () => {
    const { client } = await connected({ onExec: () => {} });
    const abort = new AbortController();
    const process = await client.spawn("anything", { signal: abort.signal });
    const reading = text(process.stdout);
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toEqual(code("aborted"));
    await expect(text(process.stderr)).rejects.toEqual(code("aborted"));
    await client.close();
  });

  it("writing to a command that has ended fails", async () => {
    const { client } = await connected({ onExec: (connection, channel) => finish(connection, channel) });
    const process = await client.spawn("true");
    await process.exit;
    const writer = process.stdin.getWriter();
    writer.closed.catch(() => {});
    await expect(writer.write(Uint8Array.of(1))).rejects.toEqual(code("channel-closed"));
    await client.close();
  });

  it("requests a terminal and environment, and sends signals and sizes", async () => {
    const { client, host } = await connected({ onExec: () => {} });
    const seen = (): string[] =>
      host.server.events.map(nameOf).filter((name) => /pty|env|exec|signal|window/.test(name));
    const process = await client.spawn("top", {
      pty: { columns: 132, rows: 43, modes: { ECHO: 0 } },
      env: { LANG: "C" },
    });
    process.resize(80, 24);
    process.kill("INT");
    await vi.waitUntil(() => seen().includes("signal"), { timeout: 10_000 });
    expect(seen()).toEqual(["env", "pty-req", "exec", "window-change", "signal"]);
    const [pty] = requestsOf(host.server.events, "pty-req");
    const { modes, ...size } = ptyRequest.decode(pty!.data);
    expect(size).toMatchObject({ columns: 132, rows: 43 });
    expect(decodeTerminalModes(modes)).toEqual({ ECHO: 0 });
    await client.close();
  });

  it.each<[string, (client: Client) => unknown]>([
    ["a missing command", (client) => client.exec(undefined as never)],
    ["null as command", (client) => client.spawn(null as never)],
    ["a number as command", (client) => client.exec(5 as never)],
    ["a command with a NUL", (client) => client.exec("a\0b")],
    ["command bytes with a NUL", (client) => client.spawn(Uint8Array.of(97, 0, 98))],
    ["a subsystem without a name", (client) => client.subsystem(undefined as never)],
    ["a subsystem with a NUL", (client) => client.subsystem("sftp\0")],
    ["a variable without a value", (client) => client.exec("x", { env: { CI: undefined as never } })],
    ["a variable with a NUL", (client) => client.exec("x", { env: { CI: "\0" } })],
    ["a variable whose name is no shell variable", (client) => client.exec("x", { env: { "A;id": "" }, ...inCommand })],
    ["a variable whose name begins with a digit", (client) => client.spawn("x", { env: { "1A": "" }, ...inCommand })],
    ["a variable with a line feed in its name", (client) => client.exec("x", { env: { "A\n": "" }, ...inCommand })],
    ["a variable with a NUL in a command", (client) => client.exec("x", { env: { A: "\0" }, ...inCommand })],
    ["a variable without a value in a command", (client) => client.exec("x", { env: { A: 7 as never }, ...inCommand })],
    ["variables in the command of a shell", (client) => client.shell(inCommand)],
    ["variables in the command of a subsystem", (client) => client.subsystem("sftp", inCommand)],
    ["another way to set variables", (client) => client.exec("x", { envMode: "shell" as never })],
    ["a negative terminal width", (client) => client.shell({ pty: { columns: -1 } })],
    ["a fractional terminal height", (client) => client.exec("x", { pty: { rows: 0.5 } })],
    ["a terminal name that is not a string", (client) => client.exec("x", { pty: { term: 7 as never } })],
    ["an AbortController as signal", (client) => client.exec("x", { signal: new AbortController() as never })],
    ["input that is neither text nor bytes", (client) => client.exec("x", { input: 7 as never })],
  ])("rejects %s and opens no channel", async (_, run) => {
    const { client, connection } = await served({ session: () => 3 }, { earlyChannel: false });
    expect(await failure(Promise.resolve(run(client)))).toEqual(code("usage"));
    expect(connection.sessionCount).toBe(0);
    expect(await client.exec("x")).toMatchObject({ status: 3 });
    await client.close();
  });

  it("sets variables in the command with `envMode`, and requests none", async () => {
    const { client } = await served({
      acceptEnv: () => true,
      session: ({ command, env, stdout }) =>
        void stdout.getWriter().write(utf8Encode(`${Object.keys(env).length} ${command}`)),
    });
    const env = { A: "it's", _b2: '$(id) `id` \\ \n"', C: "" };
    const expected = "export A='it'\\''s'; export _b2='$(id) `id` \\ \n\"'; export C=''; make";
    for (const command of ["make", utf8Encode("make")])
      expect((await client.exec(command, { env, envMode: "command" })).stdout).toBe(`0 ${expected}`);
    expect((await client.exec("make", { envMode: "command" })).stdout).toBe("0 make");
    expect((await client.exec("make", { env, envMode: "request" })).stdout).toBe("3 make");
    await client.close();
  });

  it("rejects a command that exceeds the packet size, and the connection continues", async () => {
    const { client } = await served({ session: ({ command }) => (command ?? "").length });
    const most = 256 * 1024 - 256 - "\x62\0\0\0\0\0\0\0\x04exec\x01\0\0\0\0".length;
    for (const run of [() => client.exec("x".repeat(most + 1)), () => client.spawn("x".repeat(300_000))])
      expect(await failure(run())).toMatchObject({
        code: "usage",
        message: expect.stringContaining("the command is too long"),
      });
    expect(await failure(client.exec("x", { env: { A: "x".repeat(300_000) } }))).toEqual(code("usage"));
    expect(await client.exec("x".repeat(most))).toMatchObject({ status: most });
    await client.close();
  });

  it.each([
    ["TERM", "TERM"],
    ["SIGTERM", "TERM"],
    ["SIGUSR1", "USR1"],
    ["SIG", "SIG"],
    ["INFO@openssh.com", "INFO@openssh.com"],
    ["SIGINFO@openssh.com", "SIGINFO@openssh.com"],
  ])("sends the signal %s as %s", async (given, sent) => {
    const { client } = await served({
      session: (session) =>
        new Promise((resolve) => {
          session.onSignal = (name) => resolve(name === sent ? 7 : 8);
        }),
    });
    const process = await client.spawn("x");
    process.kill(given);
    expect(await process.exit).toMatchObject({ status: 7 });
    await client.close();
  });

  it("throws usage for invalid signals, sizes and breaks", async () => {
    const { client } = await served({
      session: (session) =>
        new Promise((resolve) => {
          session.onSignal = () => resolve(0);
        }),
    });
    const process = await client.spawn("x");
    for (const name of ["", "15", "term", "TERM!", "TERM,INT", "A@B@C", "@", "A@", "TÉRM", 15 as never, null as never])
      expect(() => process.kill(name)).toThrow(code("usage"));
    expect(() => process.resize(-1, 24)).toThrow(code("usage"));
    expect(() => process.resize(80, undefined as never)).toThrow(code("usage"));
    expect(await failure(process.sendBreak(-1))).toEqual(code("usage"));
    process.kill();
    expect(await process.exit).toMatchObject({ status: 0 });
    await client.close();
  });

  it("closes the channel if the server refuses the request", async () => {
    const { client, host } = await connected({ onExec: () => {} });
    const starting = client.subsystem("nonsense");
    const refuse = setInterval(() => {
      const [event] = requestsOf(host.server.events, "subsystem");
      if (event?.token === undefined) return;
      clearInterval(refuse);
      host.server.connection.answerRequest(event.token, false);
      void host.flush();
    }, 1);
    onTestFinished(() => clearInterval(refuse));
    await expect(starting).rejects.toEqual(code("channel-request-failed"));
    await client.close();
  });

  it("succeeds if the exit status arrives, even if the channel closes before the reply", async () => {
    const { client } = await connected({ answersExec: false });
    expect(await client.exec("one")).toMatchObject({ status: 0, stdout: "ran one\n" });
    const process = await client.spawn("two");
    expect(await text(process.stdout)).toBe("ran two\n");
    expect(await process.exit).toMatchObject({ status: 0 });
    expect(process.exited).toBe(true);
    await client.close();
  });

  it("fails if the channel closes without a reply or exit status", async () => {
    const { client } = await connected({
      answersExec: false,
      onExec: (connection, channel) => connection.close(channel),
    });
    expect(await failure(client.exec("one"))).toEqual(code("channel-closed"));
    expect(await failure(client.spawn("two"))).toEqual(code("channel-request-failed"));
    await client.close();
  });
});

describe("close", () => {
  it("ends running commands and may be called twice", async () => {
    const { client } = await connected({ onExec: () => {} });
    const running = client.exec("forever");
    const process = await client.spawn("forever");
    const reading = text(process.stdout);
    await Promise.all([client.close(), client.close()]);
    await expect(running).rejects.toEqual(code("closed"));
    await expect(process.exit).rejects.toEqual(code("closed"));
    await expect(reading).rejects.toEqual(code("closed"));
  });

  it("is called by `await using`", async () => {
    const { client } = await connected();
    {
      await using ssh = client;
      expect((await ssh.exec("x")).status).toBe(0);
    }
    expect((await client.ended).code).toBe("closed");
  });
});

describe("the option `hostKey`", () => {
  it.each(["", "SHA256:short", "MD5:00:11", "sha256:0000000000000000000000000000000000000000000"])(
    "refuses %o",
    async (pin) => {
      const { near } = wire();
      await expect(connect(near, { ...welcome, hostKey: pin })).rejects.toEqual(code("usage"));
    },
  );

  it("does not show a text that may be a key", async () => {
    const text = `-----BEGIN PRIVATE KEY-----${"c2VjcmV0".repeat(20)}`;
    const { message } = (await failure(connect(wire().near, { ...welcome, hostKey: text }))) as Error;
    expect(message).toMatch(/^`hostKey` must be one or several fingerprints \(SHA256:/);
    expect(message).not.toContain("c2VjcmV0");
  });

  it("names its forms when it refuses a misspelt text", async () => {
    const { message } = (await failure(connect(wire().near, { ...welcome, hostKey: "accept_new" }))) as Error;
    for (const form of ["fingerprints", "a function", '"accept-new"']) expect(message).toContain(form);
  });
});
