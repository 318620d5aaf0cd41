import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import {
  type Authenticate,
  clientPassword,
  connect,
  connectDuplex,
  describedTrace,
  encodeTerminalModes,
  forwardingClient,
  type Session,
  serve,
  serverPassword,
  type TraceRecord,
} from "nacre/core";
import { expect, it, onTestFinished } from "vitest";
import { webDuplex } from "../src/mux/duplex.ts";

const ignore = (): void => {};

const authenticate: Authenticate = (login) => login.method === "password" && login.password === "sesame";

/** Returns the client's end of a connection to a server that runs commands but refuses forwarding. */
function streams(): ReturnType<typeof wire>["near"] {
  const { near, far } = wire();
  const server = serve(far, { ...open, algorithms });
  onTestFinished(() => server.close());
  return near;
}

it("returns a client without forwarding by default, which a small bundle does not carry", async () => {
  const client = await connect(streams(), { ...visitor, algorithms });
  expect("dial" in client || "listen" in client).toBe(false);
  await client.close();
});

it("returns what `makeClient` makes: a client that forwards", async () => {
  const client = await connect(streams(), { ...visitor, algorithms }, forwardingClient);
  await expect(client.dial({ host: "example.org", port: 80 })).rejects.toMatchObject({ code: "forward-denied" });
  await client.close();
});

it("connects over any kind of byte connection", async () => {
  const client = await connectDuplex(webDuplex(streams()), { ...visitor, algorithms });
  expect(client.info.negotiated.kex).toBe(algorithms.kex[0]);
  await client.close();
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

it("rejects a function as `trace`, because no description comes with it, and leaves the streams untouched", async () => {
  const { near, far } = wire();
  const trace = ignore;
  expect(await failure(connect(near, { ...visitor, algorithms, trace }))).toEqual(code("usage"));
  expect(() => serve(far, { ...open, algorithms, trace })).toThrow("describedTrace");
  expect([near, far].some(({ readable, writable }) => readable.locked || writable.locked)).toBe(false);
});

it("sends encoded terminal modes, and rejects modes by name", async () => {
  const { near, far } = wire();
  const modes: unknown[] = [];
  const session = ({ pty }: Session): number => modes.push(pty?.modes);
  const server = serve(far, { ...open, algorithms, acceptPty: true, session });
  const client = await connect(near, { ...visitor, algorithms });
  expect(await client.exec("x", { pty: { modes: encodeTerminalModes({ ECHO: 0 }) } })).toMatchObject({ status: 1 });
  expect(await client.exec("x", { pty: true })).toMatchObject({ status: 2 });
  expect(modes).toEqual([{ ECHO: 0 }, {}]);
  expect(await failure(client.exec("x", { pty: { modes: { ECHO: 0 } } }))).toMatchObject({
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
  expect(await failure(connect(near, options))).toMatchObject({
    code: "usage",
    message: expect.stringContaining("clientPassword"),
  });
  expect(near.readable.locked || near.writable.locked).toBe(false);
  const client = await connect(near, { ...options, methods: [clientPassword] });
  await client.close();
  await server.close();
});
