import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// Runs in its own process: noble looks up the platform's random source when it is imported.
const PROGRAM = `
  const { getRandomValues } = globalThis.crypto;
  const random = (length) => getRandomValues.call(platform, new Uint8Array(length));
  const platform = globalThis.crypto;
  delete globalThis.crypto;
  const { connect, serve } = await import("nacre");
  const { ed25519PrivateKey } = await import("@nacre/keys");
  const key = ed25519PrivateKey(random(32));
  const up = new TransformStream();
  const down = new TransformStream();
  serve(
    { readable: up.readable, writable: down.writable },
    { hostKeys: [key], authenticate: () => true, session: () => 7, random },
  );
  const client = await connect(
    { readable: down.readable, writable: up.writable },
    { user: "alice", hostKey: () => true, identities: [key], random },
  );
  const { status } = await client.exec("anything");
  console.log(typeof globalThis.crypto, client.info.negotiated.kex.name, status);
  await client.close();
`;

test("both sides work with the option `random` on a platform without crypto", { timeout: 120_000 }, () => {
  const options = ["--conditions=@nacre/source", "--import", "tsx", "--input-type=module", "-e", PROGRAM];
  const cwd = fileURLToPath(new URL("../", import.meta.url));
  const printed = execFileSync(process.execPath, options, { cwd, encoding: "utf8" });
  expect(printed).toBe("undefined mlkem768x25519-sha256 7\n");
});
