import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashName, hostName } from "@nacre/keyfiles/internal";
import { fingerprint, nodeAlgorithms } from "@nacre/node";
import type { HostKey } from "nacre/extend";
import ssh2 from "ssh2";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { hostKeyMode } from "../../src/client/host-key-mode.ts";
import { type HostKeyOptions, hostKeyCheck } from "../../src/client/host-keys.ts";
import { knownHostsFiles } from "../../src/client/known-hosts.ts";
import { ed25519Pair } from "../parity/made-keys.ts";
import { errorsOf, newClient, nextTurn, serve, warnings } from "./support.ts";

const ED25519 = keyOf(ed25519Pair().public);
const OTHER = keyOf(ed25519Pair().public);
const ECDSA = keyOf(ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 }).public);
const SHORT_RSA = {
  ...keyOf(ssh2.utils.generateKeyPairSync("rsa", { bits: 1024 } as never).public),
  algorithm: "rsa-sha2-512",
};

interface TestKey extends HostKey {
  /** Type and base64 of the key, as in known_hosts. */
  readonly line: string;
}

function keyOf(publicKey: string): TestKey {
  const [type = "", base64 = ""] = publicKey.split(" ");
  const blob = Buffer.from(base64, "base64");
  return { algorithm: type, blob, fingerprint: fingerprint(blob), line: `${type} ${base64}` };
}

function hmac(key: Uint8Array, text: Uint8Array): Uint8Array {
  return createHmac("sha1", key).update(text).digest();
}

const later = (value: boolean): Promise<boolean> => new Promise((resolve) => void setImmediate(() => resolve(value)));

const acceptAll = (): boolean => true;

const refuseFirst: HostKeyOptions["hostVerifier"] = (_key, verify) => {
  verify(false);
  verify(true);
};

let hosts = 0;

/** Returns options for a host that no other test has, and writes its lines of known_hosts. `HOST` in them is its name. */
async function optionsFor(lines: readonly string[], more: Partial<HostKeyOptions> = {}): Promise<HostKeyOptions> {
  const host = more.host ?? `host-${++hosts}.example.org`;
  const folder = await mkdtemp(join(tmpdir(), "nacre-ssh2-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "known_hosts");
  await writeFile(file, lines.map((line) => `${line.replace("HOST", host)}\n`).join(""));
  return {
    host,
    port: 22,
    isStream: false,
    mode: "known",
    hostVerifier: undefined,
    hostHash: undefined,
    offered: nodeAlgorithms.hostKeys.filter(({ name }) => !name.includes("-cert-")),
    certificates: nodeAlgorithms.hostKeys.filter(({ name }) => name.includes("-cert-")),
    files: [file],
    ...more,
  };
}

/** Returns what is decided about a key, and the warnings. */
async function decide(
  options: HostKeyOptions,
  key: HostKey = ED25519,
): Promise<{ readonly verdict: unknown; readonly texts: readonly string[] }> {
  const list = warnings();
  const { verify } = await hostKeyCheck(options);
  const verdict = await Promise.resolve(verify(key)).catch((error: Error & { code?: string }) => error.code);
  await nextTurn();
  return { verdict, texts: list.map(({ text }) => text) };
}

describe("mode known", () => {
  test("accepts the key of a known host without a warning", async () => {
    expect(await decide(await optionsFor([`HOST ${ED25519.line}`]))).toEqual({ verdict: true, texts: [] });
  });

  test("finds a host by its port, by a hash and by a pattern", async () => {
    expect(await decide(await optionsFor([`[HOST]:2222 ${ED25519.line}`], { port: 2222 }))).toEqual({
      verdict: true,
      texts: [],
    });
    const hashed = hashName(hostName("hashed.example.org", 22), (length) => new Uint8Array(length).fill(7), hmac);
    const options = await optionsFor([`${hashed} ${ED25519.line}`], { host: "hashed.example.org" });
    expect(await decide(options)).toEqual({ verdict: true, texts: [] });
    expect(await decide(options, OTHER)).toMatchObject({ verdict: "host-key-changed" });
    expect(await decide(await optionsFor([`*.example.org ${ED25519.line}`]))).toEqual({ verdict: true, texts: [] });
  });

  test("refuses another key of a known host, of the same or another type", async () => {
    const options = await optionsFor([`HOST ${ED25519.line}`]);
    expect(await decide(options, OTHER)).toEqual({ verdict: "host-key-changed", texts: [] });
    expect(await decide(options, ECDSA)).toEqual({ verdict: "host-key-changed", texts: [] });
  });

  test.each([
    ["CR LF", "HOST KEY\r"],
    ["CR only", "HOST KEY comment\r# more\r"],
    ["CR CR LF", "HOST KEY\r\r"],
    ["NUL after the key", "HOST KEY\0"],
    ["a byte order mark", "\ufeff# hosts\nHOST KEY"],
    ["10 MiB before it", `# ${"x".repeat(10 * 2 ** 20)}\nHOST KEY`],
    ["10 MiB of a comment", `HOST KEY ${"x".repeat(10 * 2 ** 20)}`],
  ])("refuses another key of a host that a file has with %s", async (_, line) => {
    const options = await optionsFor([line.replace("KEY", OTHER.line)]);
    expect(await decide(options)).toEqual({ verdict: "host-key-changed", texts: [] });
    expect(await decide(options, OTHER)).toEqual({ verdict: true, texts: [] });
  });

  test("says in the error what to do about a changed key", async () => {
    const options = await optionsFor([`[HOST]:2222 ${ED25519.line}`], { port: 2222 });
    const { verify } = await hostKeyCheck(options);
    await expect(verify(OTHER)).rejects.toThrow(`got ssh-ed25519 ${OTHER.fingerprint}, but known_hosts has`);
    await expect(verify(OTHER)).rejects.toThrow(`remove the old key with \`ssh-keygen -R '[${options.host}]:2222'\``);
  });

  test("refuses a revoked key, also of an unknown host", async () => {
    const options = await optionsFor([`@revoked * ${ED25519.line}`]);
    expect(await decide(options)).toEqual({ verdict: "host-key-revoked", texts: [] });
    expect(await decide(options, OTHER)).toMatchObject({ verdict: true });
  });

  test("accepts an unknown host, and warns once for each host and port", async () => {
    const options = await optionsFor([`other.example.org ${ED25519.line}`]);
    expect(await decide(options)).toEqual({
      verdict: true,
      texts: [
        `the host key of ${options.host}:22 was not verified: ${ED25519.fingerprint}; add it to ~/.ssh/known_hosts, or pass "hostVerifier" (README of @nacre/ssh2, "Host keys")`,
      ],
    });
    expect(await decide(options, OTHER)).toEqual({ verdict: true, texts: [] });
    expect((await decide({ ...options, port: 2222 })).texts).toHaveLength(1);
  });

  test("prefers the types of known keys", async () => {
    const { algorithms } = await hostKeyCheck(await optionsFor([`HOST ${ECDSA.line}`]));
    expect(algorithms[0]?.keyFormat).toBe("ecdsa-sha2-nistp256");
  });

  test("offers certificates of a host with an authority", async () => {
    const options = await optionsFor([`@cert-authority HOST ${ECDSA.line}`]);
    const { algorithms } = await hostKeyCheck(options);
    expect(algorithms[0]?.name).toContain("-cert-");
    expect(algorithms.length).toBe(options.offered.length + options.certificates.length);
    const { algorithms: others } = await hostKeyCheck({ ...options, host: "other.example.org" });
    expect(others.filter(({ name }) => name.includes("-cert-"))).toEqual([]);
    // The plain key of such a host is unknown.
    expect(await decide({ ...options, mode: "strict" })).toMatchObject({ verdict: "host-key-unknown" });
  });

  test("a host known only by types that are not offered counts as unknown", async () => {
    const options = await optionsFor([`HOST ${ECDSA.line}`]);
    const offered = options.offered.filter(({ keyFormat }) => keyFormat === "ssh-ed25519");
    const { verdict, texts } = await decide({ ...options, offered });
    expect(verdict).toBe(true);
    expect(texts).toHaveLength(1);
  });

  test("does not look up loopback addresses and streams, and warns once for each kind", async () => {
    const known = `localhost,127.0.0.1,::1,stream.example.org ${ED25519.line}`;
    const texts: string[] = [];
    for (const host of ["localhost", "127.0.0.1", "::1", "LOCALHOST"]) {
      const decision = await decide(await optionsFor([known], { host }), OTHER);
      expect(decision.verdict).toBe(true);
      texts.push(...decision.texts);
    }
    expect(texts).toEqual([expect.stringContaining("the host key of localhost:22 was not verified: SHA256:")]);
    const overStream = await optionsFor([known], { host: "stream.example.org", isStream: true });
    expect(await decide(overStream, OTHER)).toEqual({
      verdict: true,
      texts: [expect.stringContaining("(over a stream)")],
    });
    expect(await decide(await optionsFor([], { isStream: true }), OTHER)).toEqual({ verdict: true, texts: [] });
  });

  test("refuses another key of a known host if the port is text", async () => {
    for (const [line, port] of [
      ["HOST", "22"],
      ["HOST", "022"],
      ["[HOST]:2222", "2222"],
    ] as const) {
      const options = await optionsFor([`${line} ${ED25519.line}`], { port });
      expect(await decide(options, OTHER)).toEqual({ verdict: "host-key-changed", texts: [] });
      expect(await decide(options)).toEqual({ verdict: true, texts: [] });
    }
  });

  test("refuses every key if the port is invalid", async () => {
    for (const port of [70_000, Number.NaN, "ssh"])
      expect(await decide(await optionsFor([`HOST ${ED25519.line}`], { port }))).toEqual({
        verdict: "usage",
        texts: [],
      });
  });

  test("finds a host under other spellings of its name", async () => {
    for (const [host, name] of [
      ["EXAMPLE.org.", "example.org"],
      ["example\u3002org", "example.org"],
      ["203.0.113.05", "203.0.113.5"],
      ["2001:DB8:0::1", "2001:db8::1"],
      ["[2001:db8::1]", "2001:db8::1"],
      ["::ffff:203.0.113.5", "203.0.113.5"],
      ["::ffff:cb00:7105", "::ffff:203.0.113.5"],
    ] as const) {
      const options = await optionsFor([`${name} ${ED25519.line}`], { host });
      expect(await decide(options)).toEqual({ verdict: true, texts: [] });
      expect(await decide(options, OTHER)).toEqual({ verdict: "host-key-changed", texts: [] });
      const revoked = await optionsFor([`@revoked ${name} ${ED25519.line}`], { host });
      expect(await decide(revoked)).toEqual({ verdict: "host-key-revoked", texts: [] });
    }
  });

  test("refuses a key that is another under one of the spellings", async () => {
    const lines = [`example.org. ${ED25519.line}`, `example.org ${ECDSA.line}`];
    const options = await optionsFor(lines, { host: "example.org." });
    expect(await decide(options)).toEqual({ verdict: "host-key-changed", texts: [] });
    expect(await decide(options, ECDSA)).toEqual({ verdict: "host-key-changed", texts: [] });
  });

  test("an unreadable file warns and counts as empty, a missing one counts as empty", async () => {
    const options = await optionsFor([`HOST ${ED25519.line}`]);
    const [file = ""] = options.files ?? [];
    const folder = join(file, "..");
    const { verdict, texts } = await decide({ ...options, files: [folder, join(folder, "missing"), file] });
    expect(verdict).toBe(true);
    expect(texts).toEqual([`cannot read ${folder} (EISDIR), so its hosts count as unknown; make the file readable`]);
  });

  test("a name that known_hosts cannot hold is accepted with a warning, escaped", async () => {
    const { verdict, texts } = await decide(await optionsFor([], { host: "bad\u001bname" }));
    expect(verdict).toBe(true);
    expect(texts.join()).toContain("the host key of bad\\x1bname:22 was not verified");
  });
});

test("reads the files of the account and of the system", () => {
  expect(knownHostsFiles("/home/alice")[0]).toBe(join("/home/alice", ".ssh", "known_hosts"));
  expect(knownHostsFiles("/home/alice")).toHaveLength(2);
});

describe("other modes", () => {
  test("strict refuses unknown hosts, loopback addresses and streams that are not known", async () => {
    const mode = "strict";
    expect(await decide(await optionsFor([`HOST ${ED25519.line}`], { mode }))).toEqual({ verdict: true, texts: [] });
    expect(await decide(await optionsFor([], { mode }))).toEqual({ verdict: "host-key-unknown", texts: [] });
    const local = { mode, host: "127.0.0.1" } as const;
    expect(await decide(await optionsFor([], local))).toEqual({ verdict: "host-key-unknown", texts: [] });
    expect(await decide(await optionsFor([`127.0.0.1 ${ED25519.line}`], local))).toEqual({ verdict: true, texts: [] });
    expect(await decide(await optionsFor([], { mode, isStream: true }))).toEqual({
      verdict: "host-key-unknown",
      texts: [],
    });
    expect(await decide(await optionsFor([], { mode, host: "bad name" }))).toEqual({ verdict: "usage", texts: [] });
  });

  test("warn accepts every key, with a warning for each host", async () => {
    const options = await optionsFor([`HOST ${ED25519.line}`], { mode: "warn" });
    const { verdict, texts } = await decide(options, OTHER);
    expect(verdict).toBe(true);
    expect(texts).toEqual([
      expect.stringContaining(`the host key of ${options.host}:22 was not verified: ${OTHER.fingerprint}`),
    ]);
    expect((await decide(options, OTHER)).texts).toEqual([]);
  });

  test("off accepts every key in silence", async () => {
    const options = await optionsFor([`HOST ${ED25519.line}`, `@revoked * ${OTHER.line}`], { mode: "off" });
    expect(await decide(options, OTHER)).toEqual({ verdict: true, texts: [] });
    expect(await decide(options, SHORT_RSA)).toEqual({ verdict: true, texts: [] });
  });

  test("come from the option, then from the environment, and must be spelt right", () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv("NACRE_SSH2_HOST_KEYS", "");
    expect(hostKeyMode(undefined)).toBe("known");
    vi.stubEnv("NACRE_SSH2_HOST_KEYS", "strict");
    expect(hostKeyMode(undefined)).toBe("strict");
    expect(hostKeyMode("off")).toBe("off");
    expect(() => hostKeyMode("Strict")).toThrow("Invalid `hostKeys`: Strict; expected strict, known, warn, off");
    vi.stubEnv("NACRE_SSH2_HOST_KEYS", "stirct");
    expect(() => hostKeyMode(undefined)).toThrow("Invalid NACRE_SSH2_HOST_KEYS: stirct");
  });
});

describe("hostVerifier", () => {
  test("decides in place of known_hosts, with no warning", async () => {
    expect(await decide(await optionsFor([`HOST ${ED25519.line}`], { hostVerifier: acceptAll }), OTHER)).toEqual({
      verdict: true,
      texts: [],
    });
  });

  test("may return a promise, which ssh2 takes for an acceptance", async () => {
    expect(await decide(await optionsFor([], { hostVerifier: async () => false }))).toMatchObject({ verdict: false });
    expect(await decide(await optionsFor([], { hostVerifier: async () => true }))).toMatchObject({ verdict: true });
    const failing = await optionsFor([], {
      hostVerifier: async () => Promise.reject(Object.assign(new Error("no"), { code: "x" })),
    });
    expect(await decide(failing)).toMatchObject({ verdict: "x" });
  });

  test("may be an async function that answers later by its callback", async () => {
    const accepting = await optionsFor([], {
      hostVerifier: async (_key, verify) => void setImmediate(() => verify(true)),
    });
    expect(await decide(accepting)).toMatchObject({ verdict: true });
    const silent = await optionsFor([], { hostVerifier: (_key, verify) => verify(undefined) });
    expect(await decide(silent)).toMatchObject({ verdict: false });
  });

  test("refuses by each answer that is not true, which ssh2 takes for an acceptance unless it is false", async () => {
    for (const answer of [null, 0, ""])
      expect(await decide(await optionsFor([], { hostVerifier: () => answer }))).toMatchObject({ verdict: false });
  });

  test("counts its first answer, even if a later one is there sooner", async () => {
    const byCallback = await optionsFor([], {
      hostVerifier: (_key, verify) => {
        verify(later(false));
        verify(true);
      },
    });
    expect(await decide(byCallback)).toMatchObject({ verdict: false });
    const byPromise = await optionsFor([], {
      hostVerifier: (_key, verify) => {
        queueMicrotask(() => verify(true));
        return later(false);
      },
    });
    expect(await decide(byPromise)).toMatchObject({ verdict: false });
  });

  test("counts its first answer", async () => {
    expect(await decide(await optionsFor([], { hostVerifier: refuseFirst }))).toMatchObject({ verdict: false });
  });

  test("warns about a short RSA key", async () => {
    const options = await optionsFor([], { hostVerifier: () => true });
    expect((await decide(options, SHORT_RSA)).texts).toEqual([
      expect.stringContaining(`the host key of ${options.host}:22 is an RSA key of 1024 bits`),
    ]);
  });
});

describe("a connection", () => {
  test("is refused in mode strict, before anything is sent to log in", async () => {
    let logins = 0;
    const { host, port, username } = await serve(
      {},
      (connection) => void connection.on("authentication", () => logins++),
    );
    const { client, events } = newClient();
    const errors = errorsOf(client);
    client.connect({ host, port, username, hostKeys: "strict" });
    expect(await errors).toMatchObject([{ message: "Host denied (verification failed)", level: "handshake" }]);
    expect(events.map(([event]) => event)).toEqual(["connect", "error", "end", "close"]);
    expect(logins).toBe(0);
  });

  test("through a stream is accepted in mode known, and refused in mode strict", async () => {
    const { host, port, username } = await serve();
    const list = warnings();
    for (const hostKeys of ["known", "off", "strict"]) {
      const { client, events } = newClient();
      client.on("ready", () => void client.end());
      const over = errorsOf(client);
      client.connect({ sock: connect(port, host), host: "inner.example.org", username, hostKeys });
      await over;
      expect(events.some(([event]) => event === "ready")).toBe(hostKeys !== "strict");
    }
    expect(list.length).toBeLessThanOrEqual(1);
  });

  test("with a host key of 1,024 bits is refused if NACRE_SSH2_MIN_RSA says so", async () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    const { private: key } = ssh2.utils.generateKeyPairSync("rsa", { bits: 1024 } as never);
    const target = await serve({ hostKeys: [key] });
    for (const bits of ["", "2048"]) {
      vi.stubEnv("NACRE_SSH2_MIN_RSA", bits);
      const { client, events } = newClient();
      client.on("ready", () => void client.end());
      const over = errorsOf(client);
      client.connect(target);
      const errors = await over;
      expect(events.some(([event]) => event === "ready")).toBe(bits === "");
      expect(errors.map(({ level }) => level)).toEqual(bits === "" ? [] : ["handshake"]);
    }
  });
});
