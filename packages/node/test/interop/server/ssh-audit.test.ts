import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { connect, type SshError } from "../../../src/index.ts";
import { type Ran, runPeer, useOurServer } from "./support.ts";

/** What ssh-audit says of algorithms, as JSON. */
interface Audit {
  readonly banner: { readonly raw: string };
  readonly kex: readonly Finding[];
  readonly key: readonly Finding[];
  readonly enc: readonly Finding[];
  readonly mac: readonly Finding[];
  readonly cves: readonly unknown[];
}
interface Finding {
  readonly algorithm: string;
  readonly notes: { readonly fail?: readonly string[]; readonly warn?: readonly string[] };
}

/** The algorithms that it fails or warns about, with its words. */
function findings({ kex, key, enc, mac }: Audit): Record<string, readonly string[]> {
  const found = [kex, key, enc, mac].flat().map(({ algorithm, notes: { fail = [], warn = [] } }) => {
    const words = [...fail.map((text) => `fail: ${text}`), ...warn.map((text) => `warn: ${text}`)];
    return [algorithm, words] as const;
  });
  return Object.fromEntries(found.filter(([, words]) => words.length > 0));
}

describe("ssh-audit", () => {
  const server = useOurServer({ hostKeyTypes: ["ed25519", "rsa-3072"] });

  test("finds nothing to fail or warn about in what our server offers by default", async () => {
    const audit = ["ssh-audit", "--skip-rate-test", "-p", `${server.port}`];
    const text = await runPeer([...audit, "-n", "127.0.0.1"]);
    expect(text.stdout.toString()).not.toMatch(/\[(fail|warn)\]|\(rec\)/);
    expect(text.stdout.toString()).toContain("(enc) chacha20-poly1305@openssh.com");
    // Failures are 3, warnings 2.
    expect(text.status).toBe(0);
    const result = JSON.parse((await runPeer([...audit, "-j", "127.0.0.1"])).stdout.toString()) as Audit;
    expect(findings(result)).toEqual({});
    expect(result.cves).toEqual([]);
    expect(result.key.map(({ algorithm }) => algorithm)).toEqual(["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]);
    expect(result.kex.map(({ algorithm }) => algorithm)).toContain("kex-strict-s-v00@openssh.com");
  });

  test("of our client dislikes what is there for old servers alone: NIST's curves, a group of 2048 bits, and MACs of the plaintext", async () => {
    const nist =
      "fail: using elliptic curves that are suspected as being backdoored by the U.S. National Security Agency";
    const weakRandom = "warn: using weak random number generator could reveal the key";
    const plaintextMac = "warn: using encrypt-and-MAC mode";
    const { stdout } = await auditClient();
    const from = stdout.toString().indexOf("# general");
    // Each finding is explained in the README.
    console.log(stdout.toString().slice(from));
    const lines = stdout.toString().split("\n");
    const found: Record<string, string[]> = {};
    let algorithm = "";
    for (const line of lines) {
      algorithm = /^\((?:kex|key|enc|mac)\) (\S+)/.exec(line)?.[1] ?? algorithm;
      const [, level, words] = /\[(fail|warn)\] (.*)$/.exec(line) ?? [];
      if (level !== undefined) (found[algorithm] ??= []).push(`${level}: ${words}`);
    }
    expect(found).toEqual({
      "ecdh-sha2-nistp256": [nist],
      "ecdh-sha2-nistp384": [nist],
      "ecdh-sha2-nistp521": [nist],
      "diffie-hellman-group14-sha256": ["warn: 2048-bit modulus only provides 112-bits of symmetric strength"],
      "ecdsa-sha2-nistp256": [nist, weakRandom],
      "ecdsa-sha2-nistp384": [nist, weakRandom],
      "ecdsa-sha2-nistp521": [nist, weakRandom],
      "hmac-sha2-256": [plaintextMac],
      "hmac-sha2-512": [plaintextMac],
    });
  });
});

/** Lets ssh-audit listen, and our client come. */
async function auditClient(): Promise<Pick<Ran, "status" | "stdout">> {
  const port = await freePort();
  const child = spawn("ssh-audit", ["-n", "-v", "-c", "-p", `${port}`, "-t", "20"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const stdout: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  const ended = once(child, "close") as Promise<[number | null]>;
  try {
    // It says that it listens a moment before it does.
    await once(child.stdout, "data");
    let error: SshError;
    do {
      const attempt = connect({
        host: "127.0.0.1",
        port,
        user: "alice",
        identities: [],
        agent: false,
        hostKey: () => false,
      });
      error = (await attempt.then(
        () => new Error("it let us in"),
        (cause: unknown) => cause,
      )) as SshError;
    } while (error.code === "connection-failed" && child.exitCode === null);
    // It reads our proposal, and goes.
    expect(error.code).toBe("connection-lost");
    const [status] = await ended;
    return { status, stdout: Buffer.concat(stdout) };
  } finally {
    child.kill("SIGKILL");
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, "close");
  return port;
}
