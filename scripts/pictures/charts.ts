// Draws the charts of BENCHMARKS.md and README from the tables of BENCHMARKS.md.
import { draw, LIGHT } from "./chart.ts";
import { type PageTable, tablesOf } from "./tables.ts";

/** A bar chart with groups of bars. Each group has one bar for each client. */
interface Chart {
  /** File name without `.svg`. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** Clients to show, in this order. The tables have rows for more clients. */
  readonly clients: readonly string[];
  /** Name of each group, beginning of its table's title, and column. The chart is placed above the first of these tables. */
  readonly groups: readonly { readonly label: string; readonly table: string; readonly column: string }[];
}

const CLIENTS = [
  "nacre",
  "ssh2 as installed",
  "ssh2, no-delay",
  "ssh2, addon, no-delay",
  "dev-tunnels, no-delay",
  "ssh",
];
const without = (...left: readonly string[]): string[] => CLIENTS.filter((name) => !left.includes(name));
const CIPHERS = ["aes128-ctr + hmac-sha2-256", "aes256-gcm", "chacha20-poly1305"];

const CHARTS: readonly Chart[] = [
  {
    name: "connect",
    title: "Time to a command's first output byte, on loopback",
    unit: "ms",
    better: "less",
    clients: without("ssh2, addon, no-delay"),
    groups: [{ label: "", table: "Time to the first output byte of `echo ok`, Ed25519", column: "ms" }],
  },
  {
    name: "round-trips",
    title: "Round trips after the TCP handshake, until a command's first output byte",
    unit: "round trips",
    better: "less",
    clients: without("ssh2, addon, no-delay"),
    groups: [{ label: "", table: "Round trips after the TCP handshake", column: "counted" }],
  },
  ...(["down", "up"] as const).map(
    (way): Chart => ({
      name: `bulk-${way}`,
      title: `${way === "down" ? "Download" : "Upload"} of 256 MiB on loopback`,
      unit: "MB/s",
      better: "more",
      clients: CLIENTS,
      groups: CIPHERS.map((cipher) => ({ label: cipher, table: `${cipher}, 256 MiB`, column: `${way} MB/s` })),
    }),
  ),
  {
    name: "path",
    title: "Transfer of 256 MiB over a path of 40 ms and 500 Mbit/s",
    unit: "MB/s",
    better: "more",
    clients: ["plain TCP", ...without("ssh2 as installed", "ssh2, addon, no-delay")],
    groups: ["down", "up"].map((way) => ({
      label: way,
      table: "256 MiB at 40 ms and 500 Mbit/s, aes256-gcm",
      column: `${way} MB/s`,
    })),
  },
  {
    name: "path-connect",
    title: "Time to a command's first output byte, over a path of 40 ms",
    unit: "ms",
    better: "less",
    clients: without("ssh2 as installed", "ssh2, addon, no-delay"),
    groups: [{ label: "", table: "Time to the first output byte of `echo ok` at 40 ms", column: "ms" }],
  },
  {
    name: "server",
    title: "Servers: 512 MiB to and from the ssh command on loopback",
    unit: "MB/s",
    better: "more",
    clients: ["nacre", "ssh2, no-delay"],
    groups: CIPHERS.flatMap((cipher) =>
      ["out", "in"].map((way) => ({
        label: `${cipher}, ${way}`,
        table: `${cipher}, 512 MiB to and from ssh`,
        column: `${way} MB/s`,
      })),
    ),
  },
];

const FOLDER = "scripts/pictures";

/** Returns the SVG of each chart, by file. */
export function chartFiles(page: string): Map<string, string> {
  return new Map(readCharts(page).map((chart) => [`${FOLDER}/${chart.name}.svg`, drawChart(chart)]));
}

/** Returns the page with each chart above its first table. Replaces the charts that are already there. */
export function withCharts(page: string): string {
  const bare = page.replaceAll(/^!\[[^\]]*\]\(scripts\/pictures\/[\w-]+\.svg\)\n\n/gm, "");
  // Starts with the last chart, so that several charts above one table keep their order.
  return readCharts(bare).reduceRight(
    (text, chart) => text.replace(`### ${chart.tableTitle}\n\n`, (heading) => `${heading}${imageOf(chart)}\n\n`),
    bare,
  );
}

/** Returns the document with new alternative texts for the charts that it shows. */
export function withAlternatives(document: string, page: string): string {
  return readCharts(page).reduce(
    (text, chart) =>
      text.replaceAll(new RegExp(`!\\[[^\\]]*\\]\\(${FOLDER}/${chart.name}\\.svg\\)`, "g"), imageOf(chart)),
    document,
  );
}

interface Bar {
  readonly client: string;
  /** Text of the table's cell: median and range. */
  readonly cell: string;
  /** Median; `undefined` if the client does not support the algorithm. */
  readonly value: number | undefined;
}

interface ReadChart extends Chart {
  /** Title of the first table. */
  readonly tableTitle: string;
  readonly read: readonly { readonly label: string; readonly bars: readonly Bar[] }[];
}

function readCharts(page: string): ReadChart[] {
  const tables = tablesOf(page);
  return CHARTS.map((chart) => ({
    ...chart,
    tableTitle: find(tables, chart.groups[0]!.table).title,
    read: chart.groups.map(({ label, table, column }) => ({
      label,
      bars: chart.clients.map((client) => barOf(find(tables, table), client, column)),
    })),
  }));
}

function find(tables: readonly PageTable[], begin: string): PageTable {
  const found = tables.filter(({ title }) => title.startsWith(begin));
  if (found.length !== 1)
    throw new Error(
      `expected one table in BENCHMARKS.md with a title that begins with "${begin}", got ${found.length}`,
    );
  return found[0]!;
}

function barOf({ title, head, rows }: PageTable, client: string, column: string): Bar {
  const at = head.indexOf(column);
  const cell = rows.find(([name]) => name === client)?.[at];
  if (at < 0 || cell === undefined) throw new Error(`table "${title}" lacks column ${column} for client ${client}`);
  const value = Number.parseFloat(cell);
  return { client, cell, value: Number.isNaN(value) ? undefined : value };
}

function imageOf(chart: ReadChart): string {
  return `![${alternativeOf(chart)}](${FOLDER}/${chart.name}.svg)`;
}

/** Describes the chart in words. */
function alternativeOf({ title, unit, better, read }: ReadChart): string {
  const groups = read.map(({ label, bars }) => {
    const values = bars.map(({ client, value }) => `${client.replaceAll(",", "")} ${value ?? "does not offer it"}`);
    return `${label === "" ? "" : `${label}: `}${values.join(", ")}`;
  });
  return `Bar chart. ${title}, ${unit}, ${better} is better. ${groups.join(". ")}.`;
}

const WIDTH = 860;
/** Colour of each client, the same in all charts. */
const COLOURS: Readonly<Record<string, string>> = {
  nacre: LIGHT.nacre,
  "ssh2 as installed": LIGHT.series[0],
  "ssh2, no-delay": LIGHT.series[1],
  "ssh2, addon, no-delay": LIGHT.series[2],
  "dev-tunnels, no-delay": LIGHT.series[3],
  ssh: LIGHT.series[4],
  "plain TCP": LIGHT.line,
};
const BAR = 19;

function drawChart(chart: ReadChart): string {
  const { title, unit, better, clients, read } = chart;
  const alone = read.length === 1;
  const [above, group] = [alone ? 62 : 92, alone ? clients.length * 30 : clients.length * BAR + 22];
  return draw(
    {
      title: {
        text: title,
        subtext: `${unit}, ${better} is better; median (minimum–maximum)`,
        left: 16,
        top: 12,
        itemGap: 5,
        textStyle: { color: LIGHT.text, fontSize: 16, fontWeight: 600 },
        subtextStyle: { color: LIGHT.faint, fontSize: 12 },
      },
      legend: {
        show: !alone,
        left: 14,
        top: 58,
        itemWidth: 12,
        itemHeight: 12,
        itemGap: 30,
        textStyle: { color: LIGHT.text, fontSize: 12 },
      },
      grid: {
        left: alone ? 165 : Math.max(...read.map(({ label }) => label.length)) * 7.4 + 24,
        right: 130,
        top: above,
        bottom: 8,
      },
      xAxis: { type: "value", show: false, min: 0 },
      yAxis: {
        type: "category",
        inverse: true,
        data: alone ? [...clients] : read.map(({ label }) => label),
        axisLine: { lineStyle: { color: LIGHT.line } },
        axisTick: { show: false },
        axisLabel: { color: LIGHT.text, fontSize: 13 },
      },
      series: (alone ? [0] : clients.map((_, at) => at)).map((at) => ({
        type: "bar" as const,
        name: clients[at]!,
        barGap: "12%",
        barCategoryGap: alone ? "30%" : "18%",
        color: COLOURS[clients[at]!]!,
        silent: true,
        emphasis: { disabled: true },
        label: {
          show: true,
          position: "right" as const,
          color: LIGHT.text,
          fontSize: 12,
          rich: { faint: { color: LIGHT.faint, fontSize: 11 } },
        },
        data: alone
          ? read[0]!.bars.map((bar, index) => ({
              ...labelled(bar),
              itemStyle: { color: index === 0 ? LIGHT.nacre : LIGHT.series[0] },
            }))
          : read.map(({ bars }) => labelled(bars[at]!)),
      })),
    },
    { width: WIDTH, height: above + 8 + group * (alone ? 1 : read.length) },
    alternativeOf(chart),
  );
}

/** Returns a bar with the text of its cell as the label. */
function labelled(bar: Bar): { readonly value: number; readonly label: { readonly formatter: string } } {
  return {
    value: bar.value ?? 0,
    label: { formatter: bar.value === undefined ? bar.cell : bar.cell.replace(" (", " {faint| (").replace(")", ")}") },
  };
}
