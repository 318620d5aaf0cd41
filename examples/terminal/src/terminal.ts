// Assembles the example: the page, the gateway on the same HTTP server, and the embedded SSH server.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayEvent } from "@nacre/gateway";
import type { Destination } from "./destination.ts";
import { bundlePage } from "./page-bundle.ts";
import { openTerminalServer } from "./page-server.ts";
import { DEMO_USER, type EmbeddedServer, openSshServer } from "./ssh-server.ts";

/** Options of `openTerminal`. */
export interface TerminalOptions {
  /** Port of the page and the gateway on loopback; 0 selects a free one. */
  readonly webPort: number;
  /** Port of the embedded SSH server on loopback; 0 selects a free one. */
  readonly sshPort: number;
  /** Folder with the host key and the home folder of the embedded server. */
  readonly folder: string;
  /** Whether the page's policy permits WebAssembly. */
  readonly wasm: boolean;
  /** Destinations in addition to the embedded server, the preferred one first. */
  readonly destinations: readonly Destination[];
  /** Receives the gateway's events. */
  readonly log?: ((event: GatewayEvent) => void) | undefined;
  /** Receives one line about each ignored line of authorized_keys. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** Running example. */
export interface Terminal {
  /** URL of the page. */
  readonly url: string;
  /** HTTP server of the page and the gateway. */
  readonly server: Server;
  readonly ssh: EmbeddedServer;
  /** Ends all connections and stops the servers. */
  close(): Promise<void>;
}

/** Time in milliseconds for open connections to end when the example closes. */
const GRACE = 1000;

/** Starts the servers. If one of them fails, closes the others and rejects. */
export async function openTerminal(options: TerminalOptions): Promise<Terminal> {
  const { webPort, sshPort, folder, wasm, log, warn = () => {} } = options;
  const files = await bundlePage();
  const ssh = await openSshServer({ port: sshPort, folder, warn });
  let server: Server | undefined;
  try {
    const own: Destination = { host: "127.0.0.1", port: ssh.port, user: DEMO_USER, allow: `127.0.0.1:${ssh.port}` };
    const destinations = [...options.destinations, own];
    server = await openTerminalServer(webPort, files, {
      destinations: destinations.map((one) => {
        const { host, port, user } = one;
        return { host, port, user, verifiesPasskeys: one !== own };
      }),
      wasm,
    });
    const { port } = server.address() as AddressInfo;
    const gateway = createGateway({
      origins: ["localhost", "127.0.0.1"].map((name) => `http://${name}:${port}`),
      allow: destinations.map(({ allow }) => allow),
      // Only programs of this machine reach the page. An application that others can reach decides here who is logged in.
      authorize: () => true,
      log,
    });
    gateway.attach(server);
    return { url: `http://localhost:${port}/`, server, ssh, close: () => close(gateway, server, ssh) };
  } catch (error) {
    await close(undefined, server, ssh);
    throw error;
  }
}

async function close(gateway: Gateway | undefined, server: Server | undefined, ssh: EmbeddedServer): Promise<void> {
  await gateway?.close({ grace: GRACE });
  const closed = server && new Promise((resolve) => server.close(resolve));
  server?.closeAllConnections();
  await Promise.all([closed, ssh.close()]);
}
