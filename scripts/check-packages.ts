// The packages as they would be published: publint on each. Fails when it found no package.
import { existsSync, readdirSync } from "node:fs";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const folders = readdirSync("packages").filter((name) => existsSync(`packages/${name}/package.json`));
let errors = 0;
for (const folder of folders) {
  const { messages, pkg } = await publint({ pkgDir: `packages/${folder}`, pack: false, strict: true });
  for (const message of messages) {
    console.error(`packages/${folder}: ${formatMessage(message, pkg)}`);
    errors++;
  }
}
console.error(`${folders.length} packages`);
process.exitCode = errors > 0 || folders.length === 0 ? 1 : 0;
