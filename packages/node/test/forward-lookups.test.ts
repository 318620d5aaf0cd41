import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { expect, it, onTestFinished, vi } from "vitest";
import type { Client } from "../src/connect/client.ts";
import { connect } from "../src/connect/connect.ts";
import { listen } from "../src/listen/listen.ts";
import { tcpForwarding } from "../src/listen/tcp-forwarding.ts";
import { counting } from "./support.ts";

const asked: string[] = [];

// The system's resolver: `fast.example` is this machine, and other names are never found.
vi.mock("node:dns/promises", () => ({
  lookup(host: string) {
    asked.push(host);
    return host === "fast.example" ? Promise.resolve([{ address: "127.0.0.1" }]) : new Promise(() => {});
  },
}));

const hostKey = generateEd25519(counting);

/** Starts a server that forwards to all hosts, and a target that says hello. Returns a function that logs a user in. */
async function start() {
  const target = createServer((socket) => socket.on("error", () => {}).end("hello"));
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void target.close());
  const { port } = target.address() as { readonly port: number };
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding({ permitOpen: ["*:*", `127.0.0.1:${port}`] }),
  });
  onTestFinished(() => server.close());
  const login = (user: string, seed: number): Promise<Client> =>
    connect({
      host: "127.0.0.1",
      port: server.address.port,
      user,
      identities: [generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + seed))],
      agent: false,
      hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
    });
  return { port, login };
}

it("one login's names that are never found hold up no other login, and leave the queue with their connection", async () => {
  const { port, login } = await start();
  const mallory = await login("alice", 2);
  const slow = Array.from({ length: 50 }, (_, i) =>
    mallory.dial({ host: `slow${i}.example`, port }).catch(() => "failed"),
  );
  await expect.poll(() => asked, { timeout: 10_000 }).toEqual(["slow0.example"]);
  // The same user name with another key is another login.
  const alice = await login("alice", 3);
  const dialled = alice.socket({ host: "fast.example", port }).connect();
  expect(await text(dialled)).toBe("hello");
  await mallory.close();
  expect(new Set(await Promise.all(slow))).toEqual(new Set(["failed"]));
  const again = alice.socket({ host: "fast.example", port }).connect();
  expect(await text(again)).toBe("hello");
  expect(asked).toEqual(["slow0.example", "fast.example", "fast.example"]);
  await alice.close();
});
