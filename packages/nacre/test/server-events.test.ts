import { uncaught } from "@nacre/testing/nacre/outcomes";
import { served } from "@nacre/testing/nacre/wire";
import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import type { ServerConnectionEvent } from "nacre";
import { serverMux } from "nacre/internal-on-demand";
import { describe, expect, it } from "vitest";

const NONE = new Uint8Array(0);

describe("the events of a server's connection", () => {
  it("are its key exchanges and the client's disconnect", async () => {
    const events: ServerConnectionEvent[] = [];
    const { client, connection } = await served({ events: (event) => events.push(event) });
    connection.rekey();
    await expect.poll(() => events.length).toBe(2);
    await client.close();
    await connection.ended;
    expect(events).toMatchObject([
      { type: "kex", initial: true, negotiated: { kex: { name: connection.negotiated!.kex.name } } },
      { type: "kex", initial: false },
      { type: "disconnect", reasonCode: 11 },
    ]);
  });

  it("rethrow an exception of the callback as an uncaught one", async () => {
    const thrown = new Error("from the callback");
    const seen = uncaught();
    const { client } = await served({
      events: () => {
        throw thrown;
      },
    });
    await expect.poll(() => seen).toContain(thrown);
    await client.close();
  });
});

describe("serverMux", () => {
  it("opens channels and sends requests with callbacks", async () => {
    const { client, connection } = await served();
    const mux = serverMux(connection);
    const outcomes: unknown[] = [];
    const refused = new Promise<void>((resolve) => {
      mux.open("own@example.org", NONE, {
        opened: () => resolve(),
        refused: (reason) => {
          outcomes.push(reason);
          resolve();
        },
        lost: () => resolve(),
      });
    });
    await refused;
    expect(outcomes).toEqual([CHANNEL_OPEN_FAILURE_REASON.UNKNOWN_CHANNEL_TYPE]);
    await client.close();
  });

  it("takes no other object", () => {
    expect(() => serverMux({} as never)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});
