import { connect as dial, type Socket } from "node:net";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { onTestFinished, vi } from "vitest";
import { type Client, type ConnectOptions, connect, type ListenOptions, listen } from "../src/index.ts";
import { serve, type TestServer } from "./support.ts";

const keyOf = (first: number) => generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + first));
export const userKey = keyOf(1);
export const hostKey = keyOf(2);
export const otherKey = keyOf(3);

/** A proxy before a server, which can be cut. */
export class Cable {
  readonly port: number;
  /** Port of the server. */
  to: number;
  /** Whether new connections are reset. */
  isCut = false;
  readonly #proxy: TestServer;

  constructor(proxy: TestServer, to: number) {
    this.#proxy = proxy;
    this.port = proxy.port;
    this.to = to;
  }

  static async plug(to: number): Promise<Cable> {
    const proxy = await serve((socket) => cable.#carry(socket));
    const cable: Cable = new Cable(proxy, to);
    return cable;
  }

  /** Number of connections so far. */
  get connections(): number {
    return this.#proxy.sockets.length;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.#proxy.sockets) socket.resetAndDestroy();
  }

  /** Breaks all connections, and lets new ones through. Resolves when the client has noticed. */
  async flicker(): Promise<void> {
    const { length } = this.#proxy.sockets;
    this.cut();
    this.isCut = false;
    await vi.waitFor(
      () => {
        if (this.#proxy.sockets.length === length) throw new Error("the client does not connect again");
      },
      { timeout: 20_000 },
    );
  }

  #carry(socket: Socket): void {
    if (this.isCut) return void socket.resetAndDestroy();
    const onward = dial({ port: this.to, host: "127.0.0.1", allowHalfOpen: true });
    onward.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    onward.on("close", () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  }
}

export async function started(options: Partial<ListenOptions> = {}): Promise<{ readonly port: number }> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    ...options,
  });
  onTestFinished(() => server.close());
  return server.address;
}

/** Connects with `reconnect` through a cable. */
export async function connectedBy(cable: Cable, options: Partial<ConnectOptions> = {}): Promise<Client> {
  const ssh = await connect({
    host: "127.0.0.1",
    port: cable.port,
    user: "alice",
    identities: [userKey],
    agent: false,
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
    reconnect: true,
    ...options,
  });
  onTestFinished(() => ssh.close());
  return ssh;
}

/** Replaces timers by virtual ones for this test. Sockets stay real. */
export function virtualTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"] });
  onTestFinished(() => void vi.useRealTimers());
}

const { setTimeout: setRealTimeout } = globalThis;

/** Lets seconds pass, in steps. After each, real time passes, in which sockets and files catch up. */
export async function pass(seconds: number): Promise<void> {
  await settle();
  for (let i = 0; i < seconds * 2; i++) {
    await vi.advanceTimersByTimeAsync(500);
    await settle();
  }
  await settle();
}

async function settle(): Promise<void> {
  for (let i = 0; i < 3 || (isWaiting() && i < 500); i++) await new Promise((resolve) => setRealTimeout(resolve, 1));
}

/** Whether a file is being read or a connection made, which takes long on a busy machine. */
function isWaiting(): boolean {
  return process.getActiveResourcesInfo().some((name) => /^(?:FSReq|CloseReq|TCPConnect)/.test(name));
}
