import type { Direction } from "../bulk/case-bulk.ts";
import { median, spread, type Table } from "../measure/table.ts";
import type { PageTasks } from "./web-browser.ts";
import type { RelayedResult, WebTransferResult, WebTransferTask } from "./web-tasks.ts";

/** Number of WebSockets that are lost in one transfer. */
export const LOSSES = 10;
/** Goal for the speed in Chromium, relative to a bare WebSocket in the same pair. */
const GOAL = 0.75;
/** Goal for the longest task of a page's main thread, in milliseconds. Chromium reports tasks that take longer. */
const LONGEST_TASK = 50;

type Peer = WebTransferTask["peer"];
/** Program that runs the transfers. */
export type Place = "Chromium" | "Node";

export interface Lane {
  readonly place: Place;
  readonly peer: Peer;
}

/** Result of a transfer, with the costs of the program that ran it. */
export interface Measured extends WebTransferResult, Partial<RelayedResult> {
  readonly cpuSeconds: number;
  /** CPU time of the browser's other processes; `undefined` in Node. */
  readonly otherCpuSeconds?: number;
  readonly gatewayCpuSeconds?: number;
  /** CPU time of the SSH server, or of the plain TCP server. */
  readonly serverCpuSeconds?: number;
  readonly peakMiB?: number;
  readonly peakHeapMiB?: number | undefined;
  readonly tasks?: PageTasks | undefined;
}

/** An observed transfer, which hashes and counts. */
export interface Observed {
  readonly lane: Lane;
  readonly direction: Direction;
  readonly measured: Measured;
}

export type Results = ReadonlyMap<Lane, Readonly<Record<Direction, readonly Measured[]>>>;

export function nameOf({ place, peer }: Lane): string {
  return `${peer === "raw" ? "bare WebSocket" : "nacre"} in ${place}`;
}

export function speedTable(bytes: number, results: Results): Table {
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
export function costTable(bytes: number, results: Results): Table {
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

export function observedTable(all: readonly Observed[]): Table {
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

export function lossTable(
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

export function tasksTable(bytes: number, results: Results): Table {
  const cells = (lane: Lane, direction: Direction): string[] => {
    const all = (results.get(lane)?.[direction] ?? []).flatMap(({ tasks }) => tasks ?? []);
    const longest = Math.max(...all.map(({ longestTaskMs }) => longestTaskMs));
    return [
      spread(
        all.map(({ longestGapMs }) => longestGapMs),
        0,
      ),
      longest > LONGEST_TASK ? longest.toFixed(0) : `≤ ${LONGEST_TASK}`,
      String(all.reduce((sum, { longTasks }) => sum + longTasks, 0)),
    ];
  };
  return {
    title: `The main thread of a page that transfers ${bytes / 2 ** 20} MiB through the gateway`,
    head: [
      "client",
      ...["down", "up"].flatMap((way) => [`${way}: longest gap ms`, "longest task ms", "tasks over 50 ms"]),
    ],
    rows: [...results.keys()].map((lane) => [nameOf(lane), ...cells(lane, "download"), ...cells(lane, "upload")]),
    notes: [
      `Goal for the longest task: at most ${LONGEST_TASK} ms. Longest task, and number of tasks over ${LONGEST_TASK} ms in all rounds: reported by Chromium's PerformanceObserver ("longtask"), which is silent about shorter tasks.`,
      "Longest gap: between two ticks of a timer of 5 ms in the page. It is the longest time for which a click would wait, and so no shorter than the longest task.",
    ],
  };
}
