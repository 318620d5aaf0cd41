import { sftp } from "@nacre/files";
import { macrotask } from "@nacre/testing/macrotask";
import { connected, type StreamServer } from "@nacre/testing/nacre/host";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { requestsOf } from "@nacre/testing/protocol/requests";
import { type AskToken, utf8DecodeLossy } from "@nacre/wire";
import type { Client } from "nacre";
import { describe, expect, it, vi } from "vitest";

// ProFTPD's mod_sftp refuses commands, and ends the connection when input follows.

const onExec = (): void => {};

/** Connects to a server that leaves its answers to the test. */
function connectedTo(softwareVersion: string): Promise<{ client: Client; host: StreamServer }> {
  return connected({ softwareVersion, answersExec: false, onExec });
}

/** Resolves with the token of a request once the server has it, and everything sent with it. */
async function asked({ server }: StreamServer, type: "exec" | "subsystem"): Promise<AskToken> {
  const request = await vi.waitUntil(() => requestsOf(server.events, type)[0], { timeout: 10_000 });
  await macrotask();
  return (request as { token: AskToken }).token;
}

async function answer(host: StreamServer, token: AskToken, granted: boolean): Promise<void> {
  host.server.connection.answerRequest(token, granted);
  await host.flush();
  await macrotask();
}

/** Input that the server has received, with "EOF" behind it. */
const input = ({ server }: StreamServer): string =>
  server.events
    .map((event) => (event.type === "data" ? utf8DecodeLossy(event.data) : event.type === "eof" ? "EOF" : ""))
    .join("");

describe("at a server that was not tested with early input", () => {
  it.each([
    ["some", "someEOF"],
    ["", "EOF"],
  ])("the input %j of exec follows the answer", async (given, expected) => {
    const { client, host } = await connectedTo("mod_sftp");
    const running = failure(client.exec("cat", { input: given }));
    const token = await asked(host, "exec");
    expect(input(host)).toBe("");
    await answer(host, token, true);
    await vi.waitUntil(() => input(host) !== "", { timeout: 10_000 });
    expect(input(host)).toBe(expected);
    await client.close();
    expect(await running).toEqual(code("closed"));
  });

  it("no input follows a refusal, and the connection lasts", async () => {
    const { client, host } = await connectedTo("mod_sftp");
    const running = failure(client.exec("cat", { input: "some" }));
    await answer(host, await asked(host, "exec"), false);
    expect(await running).toEqual(code("channel-request-failed"));
    host.server.events.length = 0;
    const next = failure(client.exec("cat", { input: "more" }));
    await asked(host, "exec");
    expect(input(host)).toBe("");
    await client.close();
    await next;
  });

  it("SFTP begins after the answer", async () => {
    const { client, host } = await connectedTo("mod_sftp");
    const opening = failure(sftp(client));
    const token = await asked(host, "subsystem");
    expect(input(host)).toBe("");
    await answer(host, token, true);
    await vi.waitUntil(() => input(host) !== "", { timeout: 10_000 });
    await client.close();
    expect(await opening).toEqual(code("closed"));
  });
});

it.each(["OpenSSH_10.0", "Nacre_0.1"])("at %s, input is sent with the request", async (softwareVersion) => {
  const { client, host } = await connectedTo(softwareVersion);
  const running = failure(client.exec("cat", { input: "some" }));
  await asked(host, "exec");
  expect(input(host)).toBe("someEOF");
  await client.close();
  await running;
});
