// README's table of runtimes must be that of the matrix's last green run, and that run one of the versions that are pinned.
import { fileURLToPath } from "node:url";
import { pinnedVersions } from "./runtimes/install.ts";
import { RUNTIMES } from "./runtimes/list.ts";
import { readRows, staleness } from "./runtimes/table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const pins = await pinnedVersions();
const rows = readRows(root);
const faults = RUNTIMES.flatMap(({ name, title }) => {
  const seen = rows.find((row) => row.name === name)?.version;
  return seen === pins[name] ? [] : [`results.json has ${title} ${seen}, and versions/package.json ${pins[name]}`];
});
const stale = staleness(root);
if (stale !== undefined) faults.push(stale);
for (const fault of faults) console.error(`${fault}: npm run runtimes -- --write`);
process.exitCode = faults.length === 0 ? 0 : 1;
