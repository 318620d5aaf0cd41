import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { freePort } from "@nacre/testing/free-port";
import { type Ran, runPeer, useOurServer } from "@nacre/testing/interop/our-server";
import { describe, expect, test } from "vitest";
import { connect, type SshError } from "../../../src/index.ts";

/** ssh-audit's report on algorithms, from its JSON output. */
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

/** Returns the algorithms with failures or warnings, and ssh-audit's messages about them. */
function findings({ kex, key, enc, mac }: Audit): Record<string, readonly string[]> {
  const found = [kex, key, enc, mac].flat().map(({ algorithm, notes: { fail = [], warn = [] } }) => {
    const words = [...fail.map((text) => `fail: ${text}`), ...warn.map((text) => `warn: ${text}`)];
    return [algorithm, words] as const;
  });
  return Object.fromEntries(found.filter(([, words]) => words.length > 0));
}

describe("ssh-audit", () => {
  const server = useOurServer({ hostKeyTypes: ["ed25519", "rsa-3072"] });

  test("reports no failures and warnings for our server's default algorithms", async () => {
    const audit = ["ssh-audit", "--skip-rate-test", "-t", "30", "-p", `${server.port}`];
    const text = await runPeer([...audit, "-n", "127.0.0.1"]);
    expect(text.stdout.toString()).not.toMatch(/\[(fail|warn)\]|\(rec\)/);
    expect(text.stdout.toString()).toContain("(enc) chacha20-poly1305@openssh.com");
    // ssh-audit exits with 3 for failures and 2 for warnings.
    expect(text.status).toBe(0);
    const result = JSON.parse((await runPeer([...audit, "-j", "127.0.0.1"])).stdout.toString()) as Audit;
    expect(findings(result)).toEqual({});
    expect(result.cves).toEqual([]);
    expect(result.key.map(({ algorithm }) => algorithm)).toEqual(["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]);
    expect(result.kex.map(({ algorithm }) => algorithm)).toContain("kex-strict-s-v00@openssh.com");
  });

  test("reports for our client exactly the algorithms and reasons listed in SECURITY.md", async () => {
    const { stdout } = await auditClient();
    const found: Record<string, string[]> = {};
    let algorithm = "";
    for (const line of stdout.toString().split("\n")) {
      algorithm = /^\((?:kex|key|enc|mac)\) (\S+)/.exec(line)?.[1] ?? algorithm;
      const [, level, words] = /\[(fail|warn)\] (.*)$/.exec(line) ?? [];
      if (level !== undefined) (found[algorithm] ??= []).push(`${level}: ${words}`);
    }
    expect(Object.keys(found).length).toBeGreaterThan(0);
    expect(await listedFindings()).toEqual(found);
  });
});

/** SECURITY.md's table of ssh-audit's findings about our client: names, messages, and reasons to offer them anyway. */
async function listedFindings(): Promise<Record<string, string[]>> {
  const text = await readFile(new URL("../../../../../SECURITY.md", import.meta.url), "utf8");
  const [, section = ""] = /^## What ssh-audit says of our client\n(.*?)^#/ms.exec(text) ?? [];
  const found: Record<string, string[]> = {};
  for (const line of section.split("\n").filter((text) => text.startsWith("| `"))) {
    const [, names = "", words = "", why = ""] = line.split("|").map((cell) => cell.trim());
    expect(why.split(" ").length, `why ${names} is offered`).toBeGreaterThan(5);
    for (const [, name = ""] of names.matchAll(/`(.*?)`/g)) found[name] = words.split("; ");
  }
  return found;
}

/** Starts ssh-audit as a server and connects our client to it. */
async function auditClient(): Promise<Pick<Ran, "status" | "stdout">> {
  const port = await freePort();
  const child = spawn("ssh-audit", ["-n", "-v", "-c", "-p", `${port}`, "-t", "20"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const stdout: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  const ended = once(child, "close") as Promise<[number | null]>;
  try {
    // ssh-audit prints this slightly before it listens.
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
        () => new Error("ssh-audit accepted the login"),
        (cause: unknown) => cause,
      )) as SshError;
    } while (error.code === "connection-failed" && child.exitCode === null);
    // ssh-audit reads our KEXINIT and disconnects.
    expect(error.code).toBe("connection-lost");
    const [status] = await ended;
    return { status, stdout: Buffer.concat(stdout) };
  } finally {
    child.kill("SIGKILL");
  }
}
