import { sftp } from "@nacre/files";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { type Accepted, BOOLEAN, CONNECT, SERVE, STRING, wrongOutcomes } from "@nacre/testing/option-values";
import { algorithms } from "@nacre/testing/protocol/pair";
import { type ByteStreams, connect, serve } from "nacre";
import { connect as connectWith, serve as serveWith, webDuplex } from "nacre/core";
import { describe, expect, it } from "vitest";
import { CONNECT_OPTIONS } from "../src/login/client/options.ts";
import { SERVE_OPTIONS } from "../src/login/server/options.ts";
import { EXEC_OPTIONS, SPAWN_OPTIONS } from "../src/users/session/options.ts";

/** Returns streams whose other end has closed, so that a connection over them ends at once. */
function endedStreams(): ByteStreams {
  const { near, far } = wire();
  void far.writable.close();
  void far.readable.cancel();
  return near;
}

/** With valid options, rejects with `connection-lost`. */
function connected(options: object): Promise<unknown> {
  return connect(endedStreams(), { ...visitor, ...options });
}

function connectedWith(options: object): Promise<unknown> {
  return connectWith(webDuplex(endedStreams()), { ...visitor, algorithms, ...options });
}

async function closed(options: object): Promise<void> {
  await serve(endedStreams(), { ...open, ...options }).close();
}

async function closedWith(options: object): Promise<void> {
  await serveWith(webDuplex(endedStreams()), { ...open, algorithms, ...options }).close();
}

describe("a wrong value of an option is `usage`", () => {
  it("in `connect`", async () => {
    expect(Object.keys(CONNECT).sort()).toEqual(Object.keys(CONNECT_OPTIONS).sort());
    expect(await wrongOutcomes(CONNECT, connected)).toEqual([]);
    const { password: _, prompts: __, trace: ___, ...ofCore } = CONNECT;
    expect(await wrongOutcomes({ ...ofCore, algorithms: [], trace: [] }, connectedWith)).toEqual([]);
  });

  it("in `serve`", async () => {
    expect(Object.keys(SERVE).sort()).toEqual(Object.keys(SERVE_OPTIONS).sort());
    expect(await wrongOutcomes(SERVE, closed)).toEqual([]);
    expect(await wrongOutcomes({ ...SERVE, algorithms: [], trace: [] }, closedWith)).toEqual([]);
  });

  it("in the options and arguments of a client's methods", async () => {
    const { client } = await served({ session: () => 0, subsystems: { sftp: sftpServer(memoryFileSystem()) } });
    const spawn: Accepted = {
      env: ["object"],
      envMode: [],
      pty: ["object", ...BOOLEAN],
      requests: ["array"],
      killSignal: [],
      signal: [],
      queue: BOOLEAN,
    };
    const exec = { ...spawn, input: [...STRING, "bytes"], maxOutput: ["number"], retry: ["false boolean"] };
    expect(Object.keys(spawn).sort()).toEqual(Object.keys(SPAWN_OPTIONS).sort());
    expect([...Object.keys(exec), "encoding"].sort()).toEqual(Object.keys(EXEC_OPTIONS).sort());
    const pty: Accepted = { term: STRING, columns: ["number"], rows: ["number"], modes: ["object", "bytes"] };
    const command = { command: STRING };
    const target = { host: "127.0.0.1", port: 1 };
    const at = { options: ["object"] };
    const wrong = [
      ...(await wrongOutcomes(exec, (options) => client.exec("x", options))),
      ...(await wrongOutcomes(spawn, async (options) => (await client.spawn("x", options)).close())),
      ...(await wrongOutcomes(spawn, async (options) => (await client.shell(options)).close())),
      ...(await wrongOutcomes(spawn, async (options) => (await client.subsystem("sftp", options)).close())),
      ...(await wrongOutcomes(pty, (options) => client.exec("x", { pty: options }))),
      ...(await wrongOutcomes({ type: ["string"], data: ["bytes"], wantReply: BOOLEAN }, (options) =>
        client.exec("x", { requests: [{ type: "x", ...options }] }),
      )),
      ...(await wrongOutcomes(command, ({ command: text }) => client.exec(text as never))),
      ...(await wrongOutcomes(command, async ({ command: text }) => (await client.spawn(text as never)).close())),
      ...(await wrongOutcomes({ name: STRING }, ({ name }) => client.subsystem(name as never))),
      ...(await wrongOutcomes({ type: ["string"] }, ({ type }) => client.openChannel(type as never))),
      ...(await wrongOutcomes({ data: ["bytes"] }, ({ data }) => client.openChannel("x", data as never))),
      ...(await wrongOutcomes({ signal: [], queue: BOOLEAN }, async (options) =>
        (await client.openChannel("session", undefined, options)).close(),
      )),
      ...(await wrongOutcomes({ signal: [], originator: [] }, (options) => client.dial(target, options))),
      ...(await wrongOutcomes({ target: [] }, ({ target: wrongTarget }) => client.dial(wrongTarget as never))),
      ...(await wrongOutcomes({ address: [] }, ({ address }) => client.listen(address as never))),
      ...(await wrongOutcomes({ signal: [], queue: BOOLEAN }, async (options) =>
        (await sftp(client, options)).close(),
      )),
      ...(await wrongOutcomes(at, ({ options }) => client.exec("x", options as never))),
      ...(await wrongOutcomes(at, async ({ options }) => (await client.shell(options as never)).close())),
    ];
    expect(wrong).toEqual([]);
    await client.close();
  });
});
