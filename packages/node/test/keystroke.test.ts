import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import type { TraceRecord } from "nacre";
import { expect, test } from "vitest";
import { connect } from "../src/connect/connect.ts";
import { listen } from "../src/listen/listen.ts";
import { counting, serve } from "./support.ts";

const hostKey = generateEd25519(counting);

test("a keystroke takes one packet and one write in each direction, and those of one turn take one together", async () => {
  const server = await listen({
    hostKeys: [hostKey],
    port: 0,
    methods: ["password"],
    authenticate: () => true,
    acceptPty: true,
    // Echoes its input, like a terminal.
    session: async ({ stdin, stdout }) => {
      stdin.on("data", (key: Uint8Array) => stdout.write(key));
      await once(stdin, "end");
      return 0;
    },
  });
  // The proxy maps each chunk to one write, because the next key is typed only after the answer arrives.
  const writes = { client: 0, server: 0 };
  const between = await serve((near) => {
    const far = connectSocket({ host: server.address.host, port: server.address.port, noDelay: true });
    near.setNoDelay();
    near.on("data", (chunk) => {
      writes.client++;
      far.write(chunk);
    });
    far.on("data", (chunk) => {
      writes.server++;
      near.write(chunk);
    });
    far.on("error", () => {});
    near.on("close", () => far.destroy());
  });
  const packets: string[] = [];
  const client = await connect({
    host: "127.0.0.1",
    port: between.port,
    user: "alice",
    identities: [],
    agent: false,
    password: () => "secret",
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
    trace: (record: TraceRecord) => {
      if (record.type === "packet") packets.push(`${record.direction} ${record.message}`);
    },
  });
  const shell = await client.shell();
  const echo = async (key: string): Promise<string> => {
    const echoed = once(shell.stdout, "data");
    shell.stdin.write(key);
    return String((await echoed)[0]);
  };
  expect(await echo("$")).toBe("$");

  const keys = "uptime".split("");
  packets.length = 0;
  Object.assign(writes, { client: 0, server: 0 });
  for (const key of keys) expect(await echo(key)).toBe(key);
  expect(packets).toEqual(keys.flatMap(() => ["sent SSH_MSG_CHANNEL_DATA", "received SSH_MSG_CHANNEL_DATA"]));
  expect(writes).toEqual({ client: keys.length, server: keys.length });

  packets.length = 0;
  Object.assign(writes, { client: 0, server: 0 });
  for (const key of keys.slice(1)) shell.stdin.write(key);
  expect(await echo(keys[0]!)).toBe("ptimeu");
  expect(packets).toEqual(["sent SSH_MSG_CHANNEL_DATA", "received SSH_MSG_CHANNEL_DATA"]);
  expect(writes).toEqual({ client: 1, server: 1 });
  shell.stdin.end();
  await shell.exit;
  await client.close();
  await server.close();
});
