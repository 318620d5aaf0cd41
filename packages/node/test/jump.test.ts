import { generateEd25519 } from "@nacre/keys";
import type { Duplex, DuplexHandler, ServeOptions, Session } from "nacre/extend";
import { serveDuplex, serverMethods } from "nacre/internal-on-demand";
import { expect, test } from "vitest";
import { throughHop } from "../src/connect/jump.ts";
import { prepare } from "../src/connect/prepare.ts";
import { nodeServerAlgorithms } from "../src/crypto/algorithms.ts";
import { nodeRandom } from "../src/crypto/bytes.ts";
import { fingerprint } from "../src/crypto/fingerprint.ts";
import { counting } from "./support.ts";

const key = generateEd25519(counting);

/** One end of an in-memory byte stream; written data waits until the test delivers it. */
class WireEnd implements Duplex {
  readonly written: Uint8Array[] = [];
  handler: DuplexHandler | undefined;

  open(handler: DuplexHandler): void {
    this.handler = handler;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    this.written.push(...pieces);
    return true;
  }

  pause(): void {}
  resume(): void {}
  async end(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Waits for all promises that depend only on other promises. No timer and no other event loop phase runs meanwhile. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

test("sends the next connection's first bytes as soon as CHANNEL_OPEN_CONFIRMATION arrives, one flight after the login", async () => {
  const [near, far] = [new WireEnd(), new WireEnd()];
  let received = "";
  const permissions = { channels: ["direct-tcpip"] };
  const server: ServeOptions<Session> = {
    hostKeys: [key],
    authenticate: () => ({ permissions }),
    channels: {
      "direct-tcpip": (open) => {
        open.accept()!.handler = {
          data: (_, bytes) => {
            received += Buffer.from(bytes).toString();
          },
          writable() {},
          eof() {},
          request() {},
          closed() {},
        };
      },
    },
  };
  const means = { algorithms: nodeServerAlgorithms, fingerprint, random: nodeRandom, loginMethods: serverMethods };
  serveDuplex(far, { ...server, ...means }, () => undefined as never);

  const { signal } = new AbortController();
  const common = { user: "alice", identities: [key], agent: false, hostKey: () => true };
  const hop = await prepare({ ...common, host: "bastion" }, signal);
  const next = await prepare({ ...common, host: "db" }, signal);
  await hop.loading;
  void throughHop({ duplex: near, since: 0 }, hop, next).then(({ duplex }) => {
    duplex.open({ data() {}, drained() {}, ended() {}, failed() {} });
    duplex.write([Buffer.from("first bytes")]);
  });

  let flights = 0;
  for (;;) {
    await settle();
    const flight = near.written.splice(0);
    if (flight.length === 0) break;
    flights++;
    for (const chunk of flight) far.handler!.data(chunk);
    await settle();
    for (const chunk of far.written.splice(0)) near.handler!.data(chunk);
  }
  expect(received).toBe("first bytes");
  // The flights are: identification and KEXINIT; key exchange; NEWKEYS, login and channel open; then these bytes.
  expect(flights).toBe(4);
});
