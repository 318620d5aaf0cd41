import { mkdtemp, readFile, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import { type Bench, type Case, type Sample, transferTimeout } from "../bench.ts";
import type { Direction } from "../bulk/case-bulk.ts";
import { payloadDigest } from "../bulk/payload.ts";
import { Child, PAGE_SCRIPT, profileFolder } from "../children.ts";
import { cpuSecondsOf } from "../measure/process-cpu.ts";
import { median, spread, type Table } from "../measure/table.ts";
import { fingerprint } from "../setup.ts";
import type { Target } from "../tasks.ts";
import type { Address } from "../tunnel/tunnel-tasks.ts";
import { WebBrowser } from "./web-browser.ts";
import type { RelayedResult, WebTransferResult, WebTransferTask } from "./web-tasks.ts";

const HOST = "127.0.0.1";
const TIMEOUT = 60_000;
/** Number of WebSockets that are lost in one transfer. */
const LOSSES = 10;
/** Largest message of a bare WebSocket in bytes: the limit of the gateway. */
const LARGEST_MESSAGE = 64 * 1024;
/** Goal for the speed in Chromium, relative to a bare WebSocket in the same pair. */
const GOAL = 0.75;

type Peer = WebTransferTask["peer"];
/** Program that runs the transfers. */
type Place = "Chromium" | "Node";

interface Lane {
  readonly place: Place;
  readonly peer: Peer;
}

/** The bare WebSocket and Nacre alternate in each program. */
const allLanes: readonly Lane[] = (["Chromium", "Node"] as const).flatMap((place) => [
  { place, peer: "raw" },
  { place, peer: "nacre" },
]);
/** Name of the table of lost WebSockets for the option `--clients`. */
const LOSS_NAME = "losses";

/** Measures the portable client in a page of Chromium, through the gateway, beside a bare WebSocket. */
export const webCase: Case = {
  name: "web",
  what: "one large file in a page of Chromium through the gateway, beside a bare WebSocket and the same program in Node; and lost WebSockets",
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
      const { port } = await gateway.perform({ kind: "gateway", ssh, plain, script: PAGE_SCRIPT }, TIMEOUT);
      const measuring = new Measuring({ bench, target, sshServer, plainServer, browser, gateway, port });
      const tables = await measuring.speeds();
      if (takesPart(bench, LOSS_NAME)) tables.push(await measuring.losses());
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

/** Result of a transfer, with the costs of the program that ran it. */
interface Measured extends WebTransferResult, Partial<RelayedResult> {
  readonly cpuSeconds: number;
  /** CPU time of the browser's other processes; `undefined` in Node. */
  readonly otherCpuSeconds?: number;
  readonly gatewayCpuSeconds?: number;
  /** CPU time of the SSH server, or of the plain TCP server. */
  readonly serverCpuSeconds?: number;
  readonly peakMiB?: number;
  readonly peakHeapMiB?: number | undefined;
}

interface Transfer extends Lane {
  readonly direction: Direction;
  readonly observe: boolean;
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

  /** Runs one transfer. Throws if the received bytes are not the payload, or if a byte reached the SSH client twice or not at all. */
  async #transfer(transfer: Transfer): Promise<Measured> {
    const { place, peer, direction, observe, messageLength = LARGEST_MESSAGE, losses = 0 } = transfer;
    const { bytes } = this.#bench;
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
    const measured = await this.#perform(place, task);
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
      ...measured.counts,
    });
    return { ...measured, ...relayed, gatewayCpuSeconds, serverCpuSeconds };
  }

  async #perform(place: Place, task: WebTransferTask): Promise<Measured> {
    const timeout = transferTimeout(task.bytes);
    if (place === "Chromium") return this.#setup.browser.perform(task, timeout);
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

/** An observed transfer, which hashes and counts. */
interface Observed {
  readonly lane: Lane;
  readonly direction: Direction;
  readonly measured: Measured;
}

type Results = ReadonlyMap<Lane, Readonly<Record<Direction, readonly Measured[]>>>;

function takesPart(bench: Bench, name: string): boolean {
  return bench.takesPart({ name, program: undefined, otherLibrary: false });
}

function nameOf({ place, peer }: Lane): string {
  return `${peer === "raw" ? "bare WebSocket" : "nacre"} in ${place}`;
}

function speedTable(bytes: number, results: Results): Table {
  const perGiB = 2 ** 30 / bytes;
  const cells = (lane: Lane, direction: Direction): string[] => {
    const all = results.get(lane)?.[direction] ?? [];
    return [
      spread(
        all.map(({ seconds }) => bytes / seconds / 1e6),
        0,
      ),
      lane.peer === "raw" ? "1" : spread(ratiosToRaw(results, lane, direction), 2),
      spread(
        all.map(({ cpuSeconds }) => cpuSeconds * perGiB),
        2,
      ),
    ];
  };
  return {
    title: `${bytes / 2 ** 20} MiB through the gateway with chacha20-poly1305`,
    head: ["client", "down MB/s", "vs. bare WebSocket", "CPU s/GiB", "up MB/s", "vs. bare WebSocket", "CPU s/GiB"],
    rows: [...results.keys()].map((lane) => [nameOf(lane), ...cells(lane, "download"), ...cells(lane, "upload")]),
    notes: [
      `vs. bare WebSocket: in the same pair, in the same program, through the same gateway to a plain TCP server. Goal in Chromium: at least ${GOAL}.`,
      "CPU time is that of the page's process or of Node. The browser's network service, the gateway and the servers share the machine.",
    ],
  };
}

/** Returns the speed of a lane relative to the bare WebSocket of the same pair. */
function ratiosToRaw(results: Results, lane: Lane, direction: Direction): number[] {
  const bare = [...results.keys()].find(({ place, peer }) => place === lane.place && peer === "raw");
  const others = (bare && results.get(bare)?.[direction]) ?? [];
  return (results.get(lane)?.[direction] ?? []).map(
    ({ seconds }, round) => (others[round]?.seconds ?? Number.NaN) / seconds,
  );
}

/** CPU time of each process, for the transfers of the speed table. */
function costTable(bytes: number, results: Results): Table {
  const perGiB = 2 ** 30 / bytes;
  const directions = ["download", "upload"] as const;
  const rows = [...results].flatMap(([lane, measured]) =>
    directions.map((direction) => {
      const cell = (of: (one: Measured) => number | undefined): string => {
        const values = measured[direction].flatMap((one) => of(one) ?? []);
        return values.length === 0 ? "–" : (median(values) * perGiB).toFixed(2);
      };
      return [
        nameOf(lane),
        direction,
        cell(({ cpuSeconds }) => cpuSeconds),
        cell(({ otherCpuSeconds }) => otherCpuSeconds),
        cell(({ gatewayCpuSeconds }) => gatewayCpuSeconds),
        cell(({ serverCpuSeconds }) => serverCpuSeconds),
      ];
    }),
  );
  return {
    title: "CPU seconds per GiB of each process, medians",
    head: ["client", "direction", "page or Node", "rest of the browser", "gateway", "server"],
    rows,
    notes: ["Those of the gateway and the server include the login."],
  };
}

const mib = (value: number | undefined): string => value?.toFixed(0) ?? "–";

/** Returns the mean size of the messages in one direction; "–" if they only carry control messages. */
function kibPerMessage(bytes: number, messages: number): string {
  const mean = bytes / Math.max(1, messages) / 1024;
  return mean < 1 ? "–" : mean.toFixed(1);
}

function observedTable(all: readonly Observed[]): Table {
  return {
    title: "Messages and memory, in a transfer of each kind whose digest was compared",
    head: ["client", "direction", "KiB per message in", "KiB per message out", "peak heap MiB", "peak resident MiB"],
    rows: all.map(({ lane, direction, measured: { counts, peakHeapMiB, peakMiB } }) => [
      nameOf(lane),
      direction,
      kibPerMessage(counts.bytesIn, counts.messagesIn),
      kibPerMessage(counts.bytesOut, counts.messagesOut),
      mib(peakHeapMiB),
      mib(peakMiB),
    ]),
    notes: [
      "Peak heap: JavaScript heap and all ArrayBuffers of the page, read every 25 ms. Peak resident: the page's whole process.",
    ],
  };
}

function lossTable(
  bytes: number,
  without: readonly Measured[],
  withLosses: readonly Measured[],
  observed: Measured,
): Table {
  const speeds = (all: readonly Measured[]): string =>
    spread(
      all.map(({ seconds }) => bytes / seconds / 1e6),
      0,
    );
  const ratios = withLosses.map(({ seconds }, round) => (without[round]?.seconds ?? Number.NaN) / seconds);
  const each = withLosses.map(({ seconds }, round) => ((seconds - (without[round]?.seconds ?? 0)) / LOSSES) * 1000);
  const away = withLosses.map(({ secondsLost }) => (secondsLost / LOSSES) * 1000);
  const { counts } = observed;
  const again = counts.bytesIn - counts.messagesIn - counts.sshBytesIn;
  return {
    title: `${LOSSES} lost WebSockets while a page downloads ${bytes / 2 ** 20} MiB`,
    head: ["", "down MB/s", "vs. none", "ms per loss", "of them without a WebSocket"],
    rows: [
      ["no loss", speeds(without), "1", "–", "–"],
      [`${LOSSES} losses`, speeds(withLosses), spread(ratios, 2), spread(each, 0), spread(away, 0)],
    ],
    notes: [
      "The gateway destroys the TCP connection of the WebSocket, in equal distances. Every transfer resumed as often.",
      `One more transfer compared the digest: the SSH client got ${counts.sshBytesIn} bytes and wrote ${counts.sshBytesOut}, exactly those that the gateway moved. ${again} bytes of messages were neither data nor message numbers.`,
    ],
  };
}
