import * as kex from "@nacre/kex";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, runPeer, ssh, useOurServer } from "@nacre/testing/interop/our-server";
import { useServer } from "@nacre/testing/interop/server";
import { defaultAlgorithms, defaultServerAlgorithms } from "nacre/defaults";
import { beforeAll, describe, expect, test } from "vitest";

// Tests each key exchange method on noble against OpenSSH, which supports them all. OpenSSH's log shows the negotiated method.

const methods = Object.values(kex);

describe("to sshd", () => {
  const server = useServer({
    logLevel: "DEBUG1",
    // OpenSSH supports these three but does not offer them by default.
    config: [
      "KexAlgorithms +diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
    ],
  });

  test.for(methods)("$name", async (method) => {
    await using client = await server.connect({ algorithms: { ...defaultAlgorithms, kex: [method] } });
    expect(client.info.negotiated.kex.name).toBe(method.name);
    expect(await client.exec("echo $((6 * 7)); exit 3")).toMatchObject({ stdout: "42\n", status: 3 });
  });

  test("the server's log names each method once", async () => {
    const log = await server.sshd.log();
    const named = [...log.matchAll(/kex: algorithm: (\S+)/g)].map(([, name]) => name);
    expect(named).toHaveLength(methods.length);
    expect(new Set(named)).toEqual(new Set(methods.map(({ name }) => name)));
  });
});

describe("by name", () => {
  const server = useServer({ config: ["Ciphers aes128-ctr,aes256-ctr", "MACs hmac-sha2-256,hmac-sha2-512"] });

  test("`^` prefers an algorithm, and `-` leaves one out", async () => {
    await using client = await server.connect({ algorithms: { ciphers: "^aes256-ctr", macs: "-hmac-sha2-256*" } });
    const { cipher, mac } = client.info.negotiated.clientToServer;
    expect([cipher.name, mac?.name]).toEqual(["aes256-ctr", "hmac-sha2-512"]);
    expect(await client.exec("echo $((6 * 7))")).toMatchObject({ stdout: "42\n" });
  });
});

describe("from ssh", () => {
  const folder = useFolder();
  let key: KeyFile;
  beforeAll(async () => {
    key = await makeKey(folder, "ed25519", "ed25519");
  });
  const server = useOurServer({
    authenticate: keysOf(() => key),
    algorithms: { ...defaultServerAlgorithms, kex: methods },
  });

  test.for(methods)("$name, twice", async ({ name }) => {
    // Enough data to trigger a second key exchange.
    const words = ["-v", "-o", `KexAlgorithms=${name}`, "-o", "RekeyLimit=64K"];
    const ran = await runPeer([...ssh(server, { key, words }), "cat; exit 3"], { input: "x".repeat(200_000) });
    expect(ran.stdout.toString()).toBe("x".repeat(200_000));
    expect(ran.status).toBe(3);
    const named = [...ran.stderr.matchAll(/kex: algorithm: (\S+)/g)].map(([, algorithm]) => algorithm);
    expect(named.length).toBeGreaterThanOrEqual(2);
    expect(new Set(named)).toEqual(new Set([name]));
  });
});
