import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "@nacre/node";
import type { Bench, Case, Sample } from "../bench.ts";
import { spread } from "../measure/table.ts";

/** How long the network is away, in milliseconds. */
const AWAY = [0, 300, 600, 900];

/** Measures how soon a client with `reconnect` answers again after its network returned. */
export const reconnectCase: Case = {
  name: "reconnect",
  what: "a client with `reconnect` whose network is away for less than a second: time from its return until a new `echo ok` has answered",
  async run(bench) {
    const samples: Sample[] = [];
    const times = new Map<number, number[]>(AWAY.map((away) => [away, []]));
    const connects: number[] = [];
    for (let round = 1; round <= bench.rounds; round++)
      for (const away of AWAY) {
        bench.progress(`reconnect: away for ${away} ms: round ${round} of ${bench.rounds}`);
        const cable = await Cable.plug(bench.target);
        try {
          const began = performance.now();
          // Each loss has a client of its own: the delays of one that was lost before are longer.
          const client = await connectBy(cable, bench);
          await client.exec("echo ok");
          const returned = await cutFor(away, cable);
          connects.push(returned.since - began);
          // The client may not have noticed the loss yet.
          await client.exec("echo ok", { retry: true });
          const milliseconds = performance.now() - returned.at;
          times.get(away)!.push(milliseconds);
          samples.push({ client: "nacre", away, milliseconds });
          await client.close();
        } finally {
          cable.unplug();
        }
      }
    const table = {
      title: "From the network's return to the output of `echo ok`, through a TCP proxy on the same machine",
      head: ["network", "ms"],
      rows: [
        ["never away: connect and `echo ok`", spread(connects, 0)],
        ...AWAY.map((away) => [`away for ${away} ms`, spread(times.get(away)!, 0)]),
      ],
      notes: [
        "The first attempt begins at once, the second after 0.8 to 1.2 s. One that comes too early is followed by a third after 1.6 to 2.4 s.",
      ],
    };
    return { tables: [table], samples };
  },
};

/** Cuts the cable for some milliseconds. Resolves with the times of the cut and of the return. */
async function cutFor(away: number, cable: Cable): Promise<{ readonly since: number; readonly at: number }> {
  const since = performance.now();
  cable.cut();
  await delay(away);
  cable.isCut = false;
  return { since, at: performance.now() };
}

function connectBy(cable: Cable, { target }: Bench) {
  return connect({
    host: "127.0.0.1",
    port: cable.port,
    user: target.user,
    identities: [target.keyFile],
    agent: false,
    hostKey: target.hostKeyFingerprint,
    reconnect: true,
  });
}

/** A proxy before the server, which can be cut. */
class Cable {
  isCut = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async plug({ host, port }: Bench["target"]): Promise<Cable> {
    const cable = new Cable(host, port);
    await new Promise<void>((resolve) => cable.#server.listen(0, "127.0.0.1", resolve));
    return cable;
  }

  private constructor(host: string, port: number) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      if (this.isCut) return void socket.resetAndDestroy();
      this.#sockets.add(socket);
      const onward = dial({ host, port, noDelay: true });
      onward.on("error", () => {}).on("close", () => socket.destroy());
      socket
        .on("error", () => {})
        .on("close", () => {
          this.#sockets.delete(socket);
          onward.destroy();
        });
      socket.pipe(onward).pipe(socket);
    });
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  unplug(): void {
    this.cut();
    this.#server.close();
  }
}
