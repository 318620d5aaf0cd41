// Draws pictures with ECharts, which writes SVG on Node without a DOM.
import { BarChart, type BarSeriesOption, GraphChart, type GraphSeriesOption } from "echarts/charts";
import {
  GridComponent,
  type GridComponentOption,
  LegendComponent,
  type LegendComponentOption,
  TitleComponent,
  type TitleComponentOption,
} from "echarts/components";
import { type ComposeOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, GraphChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

type Option = ComposeOption<
  BarSeriesOption | GraphSeriesOption | GridComponentOption | LegendComponentOption | TitleComponentOption
>;

/** Colours of all pictures on a light page. `DARK` has the counterpart of each for a dark page. */
export const LIGHT = {
  page: "#fdfdfe",
  text: "#1f2329",
  faint: "#5a626d",
  line: "#b4bac2",
  box: "#eef0f3",
  nacre: "#0a7d6c",
  series: ["#8b95a3", "#5f82b8", "#3a5a92", "#b98a3e", "#7a5c9e"],
} as const;

const DARK: typeof LIGHT | { readonly [K in keyof typeof LIGHT]: unknown } = {
  page: "#14181d",
  text: "#e8ebef",
  faint: "#a2abb6",
  line: "#55606d",
  box: "#262c34",
  nacre: "#35c3a9",
  series: ["#788391", "#7da2dc", "#a4c1f0", "#dbae63", "#b394da"],
};

export const FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/** Draws an SVG of the given size in pixels. Its colours follow the reader's `prefers-color-scheme`. `alternative` is its title. */
export function draw(
  option: Option,
  { width, height }: { width: number; height: number },
  alternative: string,
): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: LIGHT.page, textStyle: { fontFamily: FONT }, ...option });
  // Removes the styles for hovering, which an image does not need.
  const svg = chart
    .renderToSVGString()
    .replaceAll(/<style ><!\[CDATA\[.*?\]\]>\s*<\/style>\n?/gs, "")
    .replaceAll(/ (?:class|pointer-events)="[^"]*"/g, "");
  chart.dispose();
  const head = `<title>${escapeXml(alternative)}</title>\n${style()}`;
  return `${svg.replace(/^(<svg )([^>]*>)/, `$1role="img" $2\n${head}`).trimEnd()}\n`;
}

/** Returns CSS that replaces each light colour by its dark counterpart. CSS overrides the attribute. */
function style(): string {
  const pairs = Object.entries(LIGHT).flatMap(([name, light]) => {
    const dark = DARK[name as keyof typeof LIGHT];
    return typeof light === "string"
      ? [[light, dark as string]]
      : light.map((one, at) => [one, (dark as string[])[at]!]);
  });
  const styles = pairs.flatMap(([light, dark]) =>
    ["fill", "stroke"].map((attribute) => `[${attribute}="${light}"]{${attribute}:${dark}}`),
  );
  return `<style>@media (prefers-color-scheme: dark) {\n${styles.join("\n")}\n}</style>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
