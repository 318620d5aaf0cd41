import { afterAll, beforeAll, expect, test } from "vitest";
import { startLocalSshd } from "../programs/local-sshd.ts";
import { useOurSsh } from "../programs/our-ssh.ts";
import { COMMON_ROWS, OTHER_ROWS } from "../programs/table.ts";

// Programs that call `ssh`, with our command in its place, at OpenSSH's sshd on this machine.

const ssh = useOurSsh();
let sshd: Awaited<ReturnType<typeof startLocalSshd>>;

beforeAll(async () => {
  sshd = await startLocalSshd(ssh.path, ssh.keyLine);
});
afterAll(() => sshd?.[Symbol.asyncDispose]());

test.each([...COMMON_ROWS, ...OTHER_ROWS])("$package $does", async (row) => {
  expect(await ssh.run(row, sshd)).toBe(row.prints);
});
