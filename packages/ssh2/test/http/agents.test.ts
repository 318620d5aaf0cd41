import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { httpAgents, type TunnelClient } from "../../src/http/agents.ts";

/** A client that does what the test says. */
class FakeClient extends EventEmitter implements TunnelClient {
  readonly calls: unknown[] = [];
  opened: ((error: Error | undefined, stream: PassThrough) => void) | undefined;

  connect(config: object): void {
    this.calls.push(["connect", config]);
  }

  forwardOut(...args: [string, number, string, number, (error: Error | undefined, stream: PassThrough) => void]): void {
    this.opened = args[4];
    this.calls.push(["forwardOut", ...args.slice(0, 4)]);
  }

  end(): void {
    this.calls.push(["end"]);
  }
}

/** Asks an agent for a connection. */
function ask(
  agentOptions?: object,
  options: object = {},
): { readonly client: FakeClient; readonly answers: unknown[][] } {
  let client: FakeClient | undefined;
  const { HTTPAgent } = httpAgents(() => (client = new FakeClient()));
  const answers: unknown[][] = [];
  const agent = new HTTPAgent({ host: "jump" }, agentOptions);
  agent.createConnection({ host: "web", port: 80, ...options }, (error, stream) => answers.push([error, stream]));
  return { client: client!, answers };
}

test("connects a client, opens a connection through it, and ends it with that", () => {
  const { client, answers } = ask();
  expect(client.calls).toEqual([["connect", { host: "jump" }]]);
  client.emit("ready");
  expect(client.calls[1]).toEqual(["forwardOut", "localhost", 0, "web", 80]);
  const stream = new PassThrough();
  client.opened!(undefined, stream);
  expect(answers).toEqual([[null, stream]]);
  stream.emit("close");
  client.emit("close");
  client.emit("error", new Error("late"));
  expect([client.calls.at(-1), answers.length]).toEqual([["end"], 1]);
});

test.each([
  [{ srcIP: "192.0.2.1" }, {}, ["192.0.2.1", 0]],
  [{ srcIP: "192.0.2.1" }, { localAddress: "192.0.2.2", localPort: 7 }, ["192.0.2.2", 7]],
])("tells the server an address of %o and %o", (agentOptions, options, expected) => {
  const { client } = ask(agentOptions, options);
  client.emit("ready");
  expect((client.calls[1] as unknown[]).slice(1, 3)).toEqual(expected);
});

test("fails once: by an error, a refusal, or an end before the connection", () => {
  const failed = ask();
  failed.client.emit("error", new Error("lost"));
  failed.client.emit("close");
  expect(failed.answers).toEqual([[new Error("lost"), undefined]]);

  const refused = ask();
  refused.client.emit("ready");
  refused.client.opened!(new Error("refused"), undefined as never);
  expect([refused.answers, refused.client.calls.at(-1)]).toEqual([[[new Error("refused"), undefined]], ["end"]]);

  for (const events of [["close"], ["ready", "close"]]) {
    const ended = ask();
    for (const event of events) ended.client.emit(event);
    expect(ended.answers).toEqual([[new Error("Unexpected connection close"), undefined]]);
  }
});
