// Checks that results.json has Chromium and the pinned versions of the runtimes, that the table of runtimes is generated from
// results.json, and that the tests for Windows run with the workspace's versions of packages.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CHROMIUM } from "./runtimes/browsers/list.ts";
import { pinnedVersions } from "./runtimes/install.ts";
import { RUNTIMES, WINDOWS } from "./runtimes/list.ts";
import { readRows, staleness } from "./runtimes/table.ts";
import { WORKERD } from "./runtimes/workerd/runtime.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const pins = await pinnedVersions();
const rows = readRows(root);
const faults = [...RUNTIMES, WORKERD, WINDOWS].flatMap(({ name, title }) => {
  const seen = rows.find((row) => row.name === name)?.version;
  return seen === pins[name] ? [] : [`results.json has ${title} ${seen}, but versions/package.json pins ${pins[name]}`];
});
if (!rows.some(({ name }) => name === CHROMIUM.name)) faults.push(`results.json lacks ${CHROMIUM.title}`);
const stale = staleness(root);
if (stale !== undefined) faults.push(stale);
for (const fault of faults) console.error(`${fault}; run npm run runtimes -- --write`);

const lock = readFileSync(`${root}pnpm-lock.yaml`, "utf8");
const manifest = "scripts/runtimes/versions/windows/package.json";
const { dependencies } = JSON.parse(readFileSync(`${root}${manifest}`, "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
const unlike = Object.entries(dependencies).filter(
  ([name, version]) => !new RegExp(`^  '?${name}@${version}'?:$`, "m").test(lock),
);
for (const [name, version] of unlike) console.error(`${manifest} pins ${name} ${version}, which pnpm-lock.yaml lacks`);
process.exitCode = faults.length + unlike.length === 0 ? 0 : 1;
