// Draws ARCHITECTURE's picture of the floors: the packages of `FLOORS` with their dependencies.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FLOORS } from "../floors.ts";
import { draw, LIGHT } from "./chart.ts";

const FILE = "scripts/pictures/floors.svg";
const [WIDTH, ROW, BOX, TALL] = [860, 66, 112, 32];
/** Left edge of the boxes, right of the names of the floors. */
const LEFT = 100;
const packages = Object.keys(FLOORS);
const floors = [...new Set(Object.values(FLOORS))].sort((a, b) => b - a);
const onFloor = (floor: number): string[] => packages.filter((name) => FLOORS[name] === floor);

/** Returns the SVG, by file. */
export function floorsFile(root: string): Map<string, string> {
  return new Map([[FILE, drawFloors(root)]]);
}

/** Returns the document with a new alternative text for the picture. */
export function withFloors(document: string): string {
  return document.replace(/!\[[^\]]*\]\(scripts\/pictures\/floors\.svg\)/, `![${alternative()}](${FILE})`);
}

function alternative(): string {
  const rows = floors.map((floor) => `Floor ${floor}: ${onFloor(floor).join(", ")}`);
  return `The packages by floor. Arrows lead from each package to its dependencies, which are always on lower floors. ${rows.join(". ")}.`;
}

function drawFloors(root: string): string {
  const direct = new Map(packages.map((name) => [name, dependenciesOf(root, name)]));
  const nodes = packages.map((name) => {
    const floor = FLOORS[name]!;
    const beside = onFloor(floor);
    // Boxes are closer together if the floor above has as many boxes, so that arrows from there pass beside them.
    const spread = beside.length === onFloor(floor + 1).length ? 0.5 : 1;
    const step = ((WIDTH - LEFT - 10) / beside.length) * spread;
    const middle = LEFT + (WIDTH - LEFT - 10) / 2;
    return {
      name,
      x: middle + step * (beside.indexOf(name) - (beside.length - 1) / 2),
      y: 30 + floors.indexOf(floor) * ROW,
    };
  });
  // An arrow leads from the lower edge of one box to the upper edge of another.
  const edges = nodes.flatMap(({ name, x, y }) => [
    { name: `${name}, above`, x, y: y - TALL / 2 },
    { name: `${name}, below`, x, y: y + TALL / 2 },
  ]);
  const links = [...direct].flatMap(([source, targets]) =>
    targets
      .filter((target) => !isImplied(direct, source, target))
      .map((target) => ({ source: `${source}, below`, target: `${target}, above` })),
  );
  return draw(
    {
      title: floors.map((floor, row) => ({
        text: `floor ${floor}`,
        left: 16,
        top: row * ROW + 20,
        textStyle: { color: LIGHT.faint, fontSize: 12, fontWeight: 400 },
      })),
      series: [
        {
          type: "graph",
          layout: "none",
          // Keeps the coordinates in pixels: ECharts scales the graph to this box, which has the size of the graph.
          left: Math.min(...nodes.map(({ x }) => x)),
          right: WIDTH - Math.max(...nodes.map(({ x }) => x)),
          top: 30 - TALL / 2,
          bottom: 30 - TALL / 2,
          preserveAspect: false,
          silent: true,
          symbol: "rect",
          symbolSize: [BOX, TALL],
          edgeSymbol: ["none", "arrow"],
          edgeSymbolSize: 7,
          lineStyle: { color: LIGHT.line, width: 1, opacity: 1 },
          itemStyle: { color: LIGHT.box },
          label: { show: true, position: "inside", color: LIGHT.text, fontSize: 13 },
          data: [...edges.map((edge) => ({ ...edge, symbolSize: 0, label: { show: false } })), ...nodes],
          links,
        },
      ],
    },
    { width: WIDTH, height: (floors.length - 1) * ROW + 60 },
    alternative(),
  );
}

function dependenciesOf(root: string, name: string): string[] {
  const text = readFileSync(join(root, "packages", name, "package.json"), "utf8");
  const manifest = JSON.parse(text) as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
  // A bundle has its packages among those that only a clone needs.
  return Object.keys(manifest["dependencies"] ?? manifest["devDependencies"] ?? {})
    .map((dependency) => dependency.replace("@nacre/", ""))
    .filter((dependency) => dependency in FLOORS);
}

/** Returns whether `source` also depends on `target` through another package, so that a direct arrow is not needed. */
function isImplied(direct: ReadonlyMap<string, readonly string[]>, source: string, target: string): boolean {
  const leads = (from: string): boolean => from === target || (direct.get(from) ?? []).some(leads);
  return direct.get(source)!.some((other) => other !== target && leads(other));
}
