import { mkdtemp, readFile, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import { type Bench, type Case, type Sample, transferTimeout } from "../bench.ts";
import type { Direction } from "../bulk/case-bulk.ts";
import { payloadDigest } from "../bulk/payload.ts";
import { Child, pageScript, profileFolder } from "../children.ts";
import { cpuSecondsOf } from "../measure/process-cpu.ts";
import type { Table } from "../measure/table.ts";
import { fingerprint } from "../setup.ts";
import type { Target } from "../tasks.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { WebBrowser } from "./web-browser.ts";
import {
  costTable,
  type Lane,
  LOSSES,
  lossTable,
  type Measured,
  nameOf,
  type Observed,
  observedTable,
  type Place,
  speedTable,
  tasksTable,
} from "./web-tables.ts";
import type { WebTransferTask } from "./web-tasks.ts";

const HOST = "127.0.0.1";
const TIMEOUT = 60_000;
/** Largest message of a bare WebSocket in bytes: the limit of the gateway. */
const LARGEST_MESSAGE = 64 * 1024;

/** The bare WebSocket and Nacre alternate in each program. */
const allLanes: readonly Lane[] = (["Chromium", "Node"] as const).flatMap((place) => [
  { place, peer: "raw" },
  { place, peer: "nacre" },
]);
/** Names of two tables for the option `--clients`: that of lost WebSockets, and that of the page's main thread. */
const LOSS_NAME = "losses";
const TASKS_NAME = "main thread";

/** Measures the portable client in a page of Chromium, through the gateway, beside a bare WebSocket. */
export const webCase: Case = {
  name: "web",
  what: "one large file in a page of Chromium through the gateway, beside a bare WebSocket and the same program in Node; lost WebSockets; and the page's longest task",
  async run(bench) {
    const folder = await mkdtemp(join(tmpdir(), "nacre-bench-web-"));
    const plainServer = new Child({ file: "child-target" });
    const sshServer = new Child({ file: "child-server-nacre", args: ["node"] });
    const gateway = new Child({ file: "child-gateway" });
    const browser = await WebBrowser.start(profileFolder());
    try {
      const plain = await plainServer.perform({ kind: "serve-plain", host: HOST }, TIMEOUT);
      const target = await listenAt(sshServer, bench.target, folder);
      const ssh: Address = { host: target.host, port: target.port };
      const { port } = await gateway.perform({ kind: "gateway", ssh, plain, script: pageScript() }, TIMEOUT);
      const measuring = new Measuring({ bench, target, sshServer, plainServer, browser, gateway, port });
      const tables = await measuring.speeds();
      if (takesPart(bench, LOSS_NAME)) tables.push(await measuring.losses());
      if (takesPart(bench, TASKS_NAME)) tables.push(await measuring.tasks());
      return { tables, samples: measuring.samples };
    } finally {
      await browser.close();
      await gateway.end();
      await sshServer.end();
      await plainServer.end();
      await rm(folder, { recursive: true });
    }
  },
};

/** Starts Nacre's server on node:crypto, with a new host key. Its commands make the payload in memory. */
async function listenAt(server: Child, target: Target, folder: string): Promise<Target> {
  const hostKeyFile = join(folder, "host_key");
  await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", hostKeyFile]);
  const hostKey = await readFile(`${hostKeyFile}.pub`, "utf8");
  const userKey = (await readFile(`${target.keyFile}.pub`, "utf8")).trim();
  const { port } = await server.perform({ kind: "listen", hostKeyFile, userKey }, TIMEOUT);
  return { ...target, host: HOST, port, hostKeyFingerprint: fingerprint(hostKey) };
}

interface Transfer extends Lane {
  readonly direction: Direction;
  readonly observe: boolean;
  /** Whether to watch the tasks of the page's main thread. */
  readonly watch?: boolean;
  /** Size in bytes of the transfer; default that of a bulk transfer. */
  readonly bytes?: number;
  /** Size in bytes of the messages that a bare WebSocket sends. */
  readonly messageLength?: number | undefined;
  /** Number of WebSockets to lose. */
  readonly losses?: number;
}

interface Setup {
  readonly bench: Bench;
  /** The SSH server behind the gateway. */
  readonly target: Target;
  readonly sshServer: Child;
  readonly plainServer: Child;
  readonly browser: WebBrowser;
  readonly gateway: Child;
  /** Port of the gateway. */
  readonly port: number;
}

class Measuring {
  readonly samples: Sample[] = [];
  readonly #bench: Bench;
  readonly #setup: Setup;

  constructor(setup: Setup) {
    this.#bench = setup.bench;
    this.#setup = setup;
  }

  async speeds(): Promise<Table[]> {
    const { rounds } = this.#bench;
    const lanes = allLanes.filter((lane) => takesPart(this.#bench, nameOf(lane)));
    if (lanes.length === 0) return [];
    const results = new Map<Lane, Record<Direction, Measured[]>>(
      lanes.map((lane) => [lane, { download: [], upload: [] }]),
    );
    const observed: Observed[] = [];
    for (const direction of ["download", "upload"] as const) {
      // A bare WebSocket sends messages of the mean size that Nacre sent in the same program.
      const messageLengths = new Map<Place, number>();
      for (const lane of lanes.toSorted((a, b) => a.peer.localeCompare(b.peer))) {
        this.#progress(`${direction}, ${nameOf(lane)}: digest`);
        const messageLength = messageLengths.get(lane.place);
        const measured = await this.#transfer({ ...lane, direction, observe: true, messageLength });
        observed.push({ lane, direction, measured });
        const { messagesOut, bytesOut } = measured.counts;
        if (lane.peer === "nacre" && direction === "upload")
          messageLengths.set(lane.place, Math.round(bytesOut / messagesOut));
      }
      for (let round = 1; round <= rounds; round++) {
        for (const lane of lanes) {
          this.#progress(`${direction}, ${nameOf(lane)}: round ${round} of ${rounds}`);
          const messageLength = messageLengths.get(lane.place);
          const measured = await this.#transfer({ ...lane, direction, observe: false, messageLength });
          results.get(lane)?.[direction].push(measured);
        }
      }
    }
    return [speedTable(this.#bench.bytes, results), costTable(this.#bench.bytes, results), observedTable(observed)];
  }

  async losses(): Promise<Table> {
    const { rounds } = this.#bench;
    const lane = { place: "Chromium", peer: "nacre", direction: "download" } as const;
    this.#progress(`${LOSSES} losses: digest`);
    const observed = await this.#transfer({ ...lane, observe: true, losses: LOSSES });
    const without: Measured[] = [];
    const withLosses: Measured[] = [];
    for (let round = 1; round <= rounds; round++) {
      this.#progress(`losses: round ${round} of ${rounds}`);
      without.push(await this.#transfer({ ...lane, observe: false }));
      withLosses.push(await this.#transfer({ ...lane, observe: false, losses: LOSSES }));
    }
    return lossTable(this.#bench.bytes, without, withLosses, observed);
  }

  /** Measures the longest task of a page's main thread in a long transfer. */
  async tasks(): Promise<Table> {
    const { rounds, pageBytes: bytes } = this.#bench;
    const lanes = allLanes.filter(({ place }) => place === "Chromium");
    const results = new Map<Lane, Record<Direction, Measured[]>>(
      lanes.map((lane) => [lane, { download: [], upload: [] }]),
    );
    for (let round = 1; round <= rounds; round++) {
      for (const direction of ["download", "upload"] as const) {
        for (const lane of lanes) {
          this.#progress(`main thread, ${direction}, ${nameOf(lane)}: round ${round} of ${rounds}`);
          const measured = await this.#transfer({ ...lane, direction, observe: false, watch: true, bytes });
          results.get(lane)?.[direction].push(measured);
        }
      }
    }
    return tasksTable(bytes, results);
  }

  /** Runs one transfer. Throws if the received bytes are not the payload, or if a byte reached the SSH client twice or not at all. */
  async #transfer(transfer: Transfer): Promise<Measured> {
    const { place, peer, direction, observe, messageLength = LARGEST_MESSAGE, losses = 0 } = transfer;
    const { bytes = this.#bench.bytes } = transfer;
    const { target, gateway, sshServer, plainServer } = this.#setup;
    const cuts = Array.from({ length: losses }, (_, index) => (bytes * (index + 1)) / (losses + 1));
    const { ticket } = await gateway.perform({ kind: "admit", cuts }, TIMEOUT);
    const { host, port, user, privateKey, hostKeyFingerprint } = target;
    const address = `${HOST}:${this.#setup.port}`;
    const task: WebTransferTask = {
      kind: "web-transfer",
      peer,
      direction,
      bytes,
      observe,
      messageLength,
      url: `ws://${address}/ssh`,
      origin: `http://${address}`,
      ticket,
      ssh: { host, port },
      user,
      privateKey,
      hostKeyFingerprint,
    };
    const server = peer === "raw" ? plainServer : sshServer;
    const began = [await cpuSecondsOf(gateway.pid), await cpuSecondsOf(server.pid)] as const;
    const measured = await this.#perform(place, task, transfer.watch === true);
    const gatewayCpuSeconds = (await cpuSecondsOf(gateway.pid)) - began[0];
    const serverCpuSeconds = (await cpuSecondsOf(server.pid)) - began[1];
    const relayed = await gateway.perform({ kind: "relayed" }, TIMEOUT);
    const what = `${direction} with ${nameOf(transfer)}`;
    const [got, expected] = observe ? [measured.sha256, payloadDigest(bytes)] : [measured.bytes, bytes];
    if (got !== expected) throw new Error(`${what}: expected ${expected}, got ${got}`);
    if (measured.restored !== losses || relayed.resumed !== (peer === "nacre" ? losses : 0))
      throw new Error(`${what}: ${losses} losses, but ${measured.restored} restored and ${relayed.resumed} resumed`);
    const { sshBytesIn, sshBytesOut } = measured.counts;
    // Both ends count each byte once: between them, the tunnel may send it several times.
    if (observe && peer === "nacre" && (sshBytesIn !== relayed.bytesDown || sshBytesOut !== relayed.bytesUp))
      throw new Error(
        `${what}: SSH got ${sshBytesIn} and wrote ${sshBytesOut} bytes, but the gateway moved ${relayed.bytesDown} and ${relayed.bytesUp}`,
      );
    this.samples.push({
      ...transfer,
      bytes,
      seconds: measured.seconds,
      cpuSeconds: measured.cpuSeconds,
      otherCpuSeconds: measured.otherCpuSeconds,
      gatewayCpuSeconds,
      serverCpuSeconds,
      peakMiB: measured.peakMiB,
      peakHeapMiB: measured.peakHeapMiB,
      load: loadavg()[0],
      longestGapMs: measured.tasks?.longestGapMs,
      longestTaskMs: measured.tasks?.longestTaskMs,
      ...measured.counts,
    });
    return { ...measured, ...relayed, gatewayCpuSeconds, serverCpuSeconds };
  }

  async #perform(place: Place, task: WebTransferTask, watch: boolean): Promise<Measured> {
    const timeout = transferTimeout(task.bytes);
    if (place === "Chromium") return this.#setup.browser.perform(task, timeout, watch);
    const child = new Child({ file: "child-web" });
    try {
      const result = await child.perform(task, timeout);
      return { ...result, cpuSeconds: result.cpuSeconds ?? Number.NaN };
    } finally {
      await child.end();
    }
  }

  #progress(line: string): void {
    this.#bench.progress(`web: ${line}`);
  }
}

function takesPart(bench: Bench, name: string): boolean {
  return bench.takesPart({ name, program: undefined, otherLibrary: false });
}
