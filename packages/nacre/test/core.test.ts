import { describedTrace } from "@nacre/protocol";
import { code, failure, text } from "@nacre/testing/nacre/outcomes";
import { open, served, wire as streamsOfBoth, visitor } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import { type Bytes, utf8Encode } from "@nacre/wire";
import {
  type Authenticate,
  type Channel,
  clientPassword,
  connect,
  type Duplex,
  dial,
  dialChannel,
  encodeTerminalModes,
  exec,
  listen,
  type Process,
  type ServeOptions,
  type Session,
  serve,
  serverPassword,
  shell,
  spawn,
  subsystem,
  type TraceRecord,
  webDuplex,
} from "nacre/core";
import { expect, it, onTestFinished } from "vitest";

const ignore = (): void => {};

/** Returns both ends of a connection, as `nacre/core` takes them. */
function wire(): { readonly near: Duplex; readonly far: Duplex } {
  const { near, far } = streamsOfBoth();
  return { near: webDuplex(near), far: webDuplex(far) };
}

const authenticate: Authenticate = (login) => login.method === "password" && login.password === "sesame";

/** Session handler that prints what runs, then its input. */
const echo = async ({ kind, command, subsystem, stdin, stdout }: Session): Promise<number> => {
  const writer = stdout.getWriter();
  await writer.write(`${kind} ${command ?? subsystem ?? ""}:`);
  writer.releaseLock();
  await stdin.pipeTo(stdout);
  return 3;
};

/** Returns the client's end of a connection to a server that echoes input and refuses forwarding. */
function toEcho(server: Pick<ServeOptions<Session>, "acceptPty"> = {}): Duplex {
  const { near, far } = wire();
  const connection = serve(far, { ...open, algorithms, session: echo, subsystems: { echo }, ...server });
  onTestFinished(() => connection.close());
  return near;
}

/** Ends the input of a process. Returns its output and exit status. */
async function finish({
  stdin,
  stdout,
  exit,
}: Process): Promise<readonly [output: string, status: number | undefined]> {
  const writer = stdin.getWriter();
  await writer.write(utf8Encode("in"));
  await writer.close();
  return [await text(stdout), (await exit).status];
}

it("returns a client without features, which a bundle carries only if the program imports them", async () => {
  const client = await connect(toEcho(), { ...visitor, algorithms });
  expect(["exec", "spawn", "dial", "listen"].filter((name) => name in client)).toEqual([]);
  await client.close();
});

it("runs a command with `exec`", async () => {
  const client = await connect(toEcho(), { ...visitor, algorithms });
  expect(await exec(client, "x", { input: "in" })).toMatchObject({ stdout: "exec x:in", status: 3 });
  expect(await exec(client, "x", { encoding: "bytes" })).toMatchObject({ stdout: utf8Encode("exec x:") });
  await client.close();
});

it("starts processes with `spawn`, `shell` and `subsystem`", async () => {
  const client = await connect(toEcho({ acceptPty: true }), { ...visitor, algorithms });
  expect(await finish(await spawn(client, "x"))).toEqual(["exec x:in", 3]);
  expect(await finish(await shell(client, { pty: false }))).toEqual(["shell :in", 3]);
  expect(await finish(await subsystem(client, "echo"))).toEqual(["subsystem echo:in", 3]);
  await client.close();
});

it("makes processes of another kind", async () => {
  const client = await connect(toEcho({ acceptPty: true }), { ...visitor, algorithms });
  const made: unknown[] = [];
  const makeProcess = (channel: Channel, hasTerminal: boolean): Channel => {
    made.push(hasTerminal);
    return channel;
  };
  expect(await spawn(client, "x", undefined, makeProcess)).toBeTypeOf("object");
  await shell(client, undefined, makeProcess);
  await subsystem(client, "echo", {}, makeProcess);
  expect(made).toEqual([false, true, false]);
  await client.close();
});

it("opens connections with `dial` and `dialChannel`", async () => {
  const { near, far } = wire();
  const permissions = { portForwarding: true };
  const target = { host: "example.org", port: 80 };
  serve(far, {
    ...open,
    algorithms,
    authenticate: () => ({ permissions }),
    forwarding: { connect: async () => webDuplex(new TransformStream<Bytes, Bytes>()) },
  });
  const client = await connect(near, { ...visitor, algorithms });
  const { readable, writable } = await dial(client, target);
  const writer = writable.getWriter();
  await writer.write(utf8Encode("there and back"));
  await writer.close();
  expect(await text(readable)).toBe("there and back");
  const channel = await dialChannel(client, target);
  expect(channel.closed).toBe(false);
  await client.close();
});

it("rejects forwards with the server's refusal", async () => {
  const client = await connect(toEcho(), { ...visitor, algorithms });
  const target = { host: "example.org", port: 80 };
  for (const refused of [dial(client, target), dialChannel(client, target), listen(client, { port: 0 })])
    expect(await failure(refused)).toEqual(code("forward-denied"));
  await client.close();
});

it("takes its functions with a client of `nacre`, too", async () => {
  const { client } = await served({ session: echo });
  expect(await exec(client, "x")).toMatchObject({ stdout: "exec x:" });
  await client.close();
});

it("rejects a value that is not a client", async () => {
  const other = { openChannel: () => undefined } as never;
  const target = { host: "example.org", port: 80 };
  for (const client of [other, undefined as never])
    for (const refused of [exec(client, "x"), shell(client), dial(client, target), listen(client, { port: 0 })])
      expect(await failure(refused)).toEqual(code("usage"));
});

it("connects and serves over byte connections", async () => {
  const { near, far } = wire();
  const server = serve(far, { ...open, algorithms });
  const client = await connect(near, { ...visitor, algorithms });
  expect(client.info.negotiated.kex).toBe(algorithms.kex[0]);
  await client.close();
  expect(await server.ended).toMatchObject({ code: "disconnected" });
});

it("traces both sides with `describedTrace`", async () => {
  const { near, far } = wire();
  const records: { readonly client: TraceRecord[]; readonly server: TraceRecord[] } = { client: [], server: [] };
  const server = serve(far, { ...open, algorithms, trace: describedTrace((record) => records.server.push(record)) });
  const trace = describedTrace((record) => records.client.push(record));
  const client = await connect(near, { ...visitor, algorithms, trace });
  await client.close();
  await server.close();
  for (const of of [records.client, records.server]) {
    expect(of).toContainEqual(expect.objectContaining({ type: "packet", message: "SSH_MSG_USERAUTH_REQUEST" }));
    expect(of).toContainEqual(expect.objectContaining({ type: "negotiated" }));
  }
});

it("rejects a function as `trace`, because no description comes with it", async () => {
  const { near, far } = wire();
  const trace = ignore;
  expect(await failure(connect(near, { ...visitor, algorithms, trace }))).toEqual(code("usage"));
  expect(() => serve(far, { ...open, algorithms, trace })).toThrow("describedTrace");
});

it("sends encoded terminal modes, and rejects modes by name", async () => {
  const { near, far } = wire();
  const modes: unknown[] = [];
  const session = ({ pty }: Session): number => modes.push(pty?.modes);
  const server = serve(far, { ...open, algorithms, acceptPty: true, session });
  const client = await connect(near, { ...visitor, algorithms });
  expect(await exec(client, "x", { pty: { modes: encodeTerminalModes({ ECHO: 0 }) } })).toMatchObject({ status: 1 });
  expect(await exec(client, "x", { pty: true })).toMatchObject({ status: 2 });
  expect(modes).toEqual([{ ECHO: 0 }, {}]);
  expect(await failure(exec(client, "x", { pty: { modes: { ECHO: 0 } } }))).toMatchObject({
    code: "usage",
    message: expect.stringContaining("encodeTerminalModes"),
  });
  await client.close();
  await server.close();
});

it("logs in with a password if the login methods are passed, and rejects one without them", async () => {
  const { near, far } = wire();
  const server = serve(far, { ...open, algorithms, methods: [serverPassword], authenticate });
  const options = { ...visitor, algorithms, password: "sesame" };
  expect(await failure(connect(wire().near, options))).toMatchObject({
    code: "usage",
    message: expect.stringContaining("clientPassword"),
  });
  const client = await connect(near, { ...options, methods: ["publickey", "none", clientPassword] });
  await client.close();
  await server.close();
});
