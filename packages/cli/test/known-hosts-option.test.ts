import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { generateEd25519 } from "@nacre/keys";
import { listen, resolveConfig } from "@nacre/node";
import { inSlices } from "nacre/extend";
import { expect, onTestFinished, test } from "vitest";
import { logIn } from "../src/ssh/connection.ts";
import { temporaryFolder } from "./support.ts";

const hostKeys = [1, 2].map((seed) => generateEd25519((length) => new Uint8Array(length).fill(seed)));
const random = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(3);

test("host keys in the file of --known-hosts are updated only if UpdateHostKeys is set", async () => {
  const server = await listen({ port: 0, hostKeys, authenticate: () => true, session: () => 0 });
  onTestFinished(() => server.close());
  const { port } = server.address;
  const line = `[127.0.0.1]:${port} ${formatPublicKeyLine(hostKeys[0]!.publicKey)}\n`;
  const folder = await temporaryFolder();
  const key = join(folder, "key");
  const keyText = await inSlices(formatPrivateKey(generateEd25519(random), { format: "openssh", random }));
  await writeFile(key, keyText, { mode: 0o600 });
  const connectWith = async (name: string, ...lines: readonly string[]): Promise<string> => {
    const knownHosts = join(folder, name);
    await writeFile(knownHosts, line);
    const commandLine = [`Port ${port}`, `IdentityFile "${key}"`, "IdentityAgent none", ...lines].map((text) => ({
      text,
    }));
    const config = await resolveConfig("127.0.0.1", { config: false, commandLine });
    const words = {
      settings: [],
      configFile: undefined,
      knownHosts,
      hostKeys: [],
      trace: false,
      keyLogFile: undefined,
    };
    const setup = { asker: undefined, keyLog: undefined, earlyChannel: false };
    const { client } = await logIn(config, { ...words, acceptNew: false }, setup);
    onTestFinished(() => client.close());
    await client.exec("true");
    return knownHosts;
  };
  const kept = await connectWith("kept");
  const updated = await connectWith("updated", "UpdateHostKeys yes");
  await expect.poll(() => readFile(updated, "utf8"), { timeout: 10_000 }).not.toBe(line);
  expect(await readFile(kept, "utf8")).toBe(line);
});
