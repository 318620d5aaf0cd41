import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useOurSsh } from "../programs/our-ssh.ts";
import { COMMON_ROWS } from "../programs/table.ts";
import { useServeFolder } from "./serve-support.ts";

// Programs that call `ssh`, with our command in its place, at `nacre serve`. `test/verify` has the other programs, at OpenSSH's server.

const folder = useServeFolder({ terminals: false });
const ssh = useOurSsh();

test.each(COMMON_ROWS)("$package $does", async (row) => {
  const { port } = await folder.serve({ authorizedKeys: ssh.keyLine });
  const hostKey = readFileSync(join(folder.path, "host_key.pub"), "utf8").trimEnd();
  expect(await ssh.run(row, { port, hostKey })).toBe(row.prints);
});
