// Checks that results.json has Chromium and the pinned versions of the runtimes, and that the table of runtimes is generated from
// results.json.
import { fileURLToPath } from "node:url";
import { CHROMIUM } from "./runtimes/browsers/list.ts";
import { pinnedVersions } from "./runtimes/install.ts";
import { RUNTIMES } from "./runtimes/list.ts";
import { readRows, staleness } from "./runtimes/table.ts";
import { WORKERD } from "./runtimes/workerd/runtime.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const pins = await pinnedVersions();
const rows = readRows(root);
const faults = [...RUNTIMES, WORKERD].flatMap(({ name, title }) => {
  const seen = rows.find((row) => row.name === name)?.version;
  return seen === pins[name] ? [] : [`results.json has ${title} ${seen}, but versions/package.json pins ${pins[name]}`];
});
if (!rows.some(({ name }) => name === CHROMIUM.name)) faults.push(`results.json lacks ${CHROMIUM.title}`);
const stale = staleness(root);
if (stale !== undefined) faults.push(stale);
for (const fault of faults) console.error(`${fault}; run npm run runtimes -- --write`);
process.exitCode = faults.length === 0 ? 0 : 1;
