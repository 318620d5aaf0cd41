import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { generateEd25519 } from "@nacre/keys";
import { expect, test, vi } from "vitest";
import { knownHost } from "../src/keys/known-hosts.ts";
import { counting, temporaryFolder } from "./support.ts";

/** On a full disk, files can be created, but no byte can be written. */
vi.mock(import("node:fs/promises"), async (original) => {
  const fs = await original();
  const error = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const full = (): Promise<never> => Promise.reject(error);
  const open: typeof fs.open = async (...args) => Object.assign(await fs.open(...args), { writeFile: full });
  return { ...fs, open, appendFile: full };
});

test("a new host key on a full disk leaves no lock behind, and the warning names the reason", async () => {
  const folder = join(await temporaryFolder(), "ssh");
  await mkdir(folder);
  const warnings: string[] = [];
  const { verify } = await knownHost({
    host: "example.org",
    port: 22,
    files: [join(folder, "known_hosts")],
    home: undefined,
    unknownHost: () => true,
    warn: (text) => warnings.push(text),
  });
  const { blob } = generateEd25519(counting).publicKey;
  expect(await verify({ algorithm: "ssh-ed25519", blob, fingerprint: "SHA256:x" })).toBe(true);
  expect(warnings).toEqual([expect.stringMatching(/^the host key of example\.org .* cannot be saved: .*ENOSPC/)]);
  expect(await readdir(folder)).toEqual([]);
});
