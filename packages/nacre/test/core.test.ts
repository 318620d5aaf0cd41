import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/session/pair";
import { connect, connectDuplex, forwardingClient, serve } from "nacre/core";
import { expect, it, onTestFinished } from "vitest";
import { webDuplex } from "../src/mux/duplex.ts";

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
