import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEcdsa, generateEd25519 } from "@nacre/keys";
import { useFolder } from "@nacre/testing/interop/keys";
import { failure, fingerprintsOf, type Server, useServer, within } from "@nacre/testing/interop/server";
import { startSshd } from "@nacre/testing/openssh/sshd";
import type { HostKey, HostKeyVerifier, TraceRecord } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { describe, expect, test } from "vitest";
import { type ConnectOptions, connect, type HostKeyUpdate, SshError } from "../../src/index.ts";
import { leavesNothing } from "./support/resources.ts";

const folder = useFolder();
const server = useServer({ logLevel: "DEBUG1" });
const several = useServer({ hostKeys: ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384"] });

let files = 0;
async function knownHostsFile(...lines: string[]): Promise<string> {
  const path = join(folder.path, `known_hosts-${++files}`);
  if (lines.length > 0) await writeFile(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

/** Returns a server's host key of a format as `format base64`. */
function hostKeyOf({ sshd }: Server, format = "ssh-ed25519"): string {
  const line = sshd.hostPublicKeys.find((one) => one.startsWith(`${format} `));
  if (line === undefined) throw new Error(`the server has no ${format} host key`);
  return line.split(" ").slice(0, 2).join(" ");
}

const nameOf = ({ sshd }: Server): string => `[${sshd.host}]:${sshd.port}`;

function strangerLine(): string {
  const key = generateEd25519((length) => new Uint8Array(randomBytes(length)));
  return formatPublicKeyLine(key.publicKey);
}

describe("known_hosts", () => {
  test("refuses an unknown host and shows its fingerprint, without a login attempt", async () => {
    const knownHosts = await knownHostsFile();
    const [expected] = fingerprintsOf(server.sshd);
    const error = await failure(server.connect({ knownHosts }));
    expect(error).toMatchObject({ code: "host-key-unknown", culprit: "caller" });
    expect(error.message).toContain(`ssh-ed25519 ${expected}`);
    expect(error.message).toContain(knownHosts);
    await expect(stat(knownHosts)).rejects.toMatchObject({ code: "ENOENT" });

    await expect
      .poll(() => server.sshd.log(), { timeout: 20_000 })
      .toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:9: /);
    expect(await server.sshd.log()).not.toContain("userauth-request");
  });

  test("accept-new adds an unknown host, which is known afterwards", async () => {
    const knownHosts = await knownHostsFile();
    await (await server.connect({ knownHosts, hostKey: "accept-new" })).close();
    expect(await readFile(knownHosts, "utf8")).toBe(`${nameOf(server)} ${hostKeyOf(server)}\n`);
    expect((await stat(knownHosts)).mode & 0o777).toBe(0o600);

    await using client = await server.connect({ knownHosts });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
    await (await server.connect({ knownHosts, hostKey: "accept-new" })).close();
    expect(await readFile(knownHosts, "utf8")).toBe(`${nameOf(server)} ${hostKeyOf(server)}\n`);
  });

  test("ssh-keygen finds the added host, and its hashed file can be read", async () => {
    const knownHosts = await knownHostsFile();
    await (await server.connect({ knownHosts, hostKey: "accept-new" })).close();
    const keygen = promisify(execFile);
    const found = await keygen("ssh-keygen", ["-F", nameOf(server), "-f", knownHosts]);
    expect(found.stdout).toContain(hostKeyOf(server));

    await keygen("ssh-keygen", ["-H", "-f", knownHosts]);
    expect(await readFile(knownHosts, "utf8")).toMatch(/^\|1\|/);
    await using client = await server.connect({ knownHosts });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("ssh accepts the added host", async () => {
    const knownHosts = await knownHostsFile();
    await (await server.connect({ knownHosts, hostKey: "accept-new" })).close();
    const { host, port } = server.sshd;
    const options = [
      "-F",
      "none",
      "-o",
      "BatchMode=yes",
      "-o",
      `UserKnownHostsFile=${knownHosts}`,
      "-o",
      "GlobalKnownHostsFile=none",
      "-o",
      "IdentityAgent=none",
    ];
    // ssh has no key of alice's, so a failed login shows that it accepted the host key.
    const refused = promisify(execFile)("ssh", [...options, "-p", String(port), `alice@${host}`, "true"]);
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining("Permission denied") });
  });

  test("the application can decide about a new host", async () => {
    const knownHosts = await knownHostsFile();
    const asked: HostKey[] = [];
    const unknownHost = (answer: boolean) => (hostKey: HostKey) => {
      asked.push(hostKey);
      return answer;
    };
    const error = await failure(server.connect({ knownHosts, unknownHost: unknownHost(false) }));
    expect(error).toMatchObject({ code: "host-key-refused", culprit: "caller" });
    await (await server.connect({ knownHosts, unknownHost: unknownHost(true) })).close();
    await (await server.connect({ knownHosts, unknownHost: unknownHost(false) })).close();
    const [expected] = fingerprintsOf(server.sshd);
    expect(asked.map((one) => one.fingerprint)).toEqual([expected, expected]);
  });

  test("refuses a key that differs from the known one and shows both fingerprints, also with accept-new", async () => {
    const known = strangerLine();
    const knownHosts = await knownHostsFile("# a comment", `${nameOf(server)} ${known}`);
    const before = await readFile(knownHosts, "utf8");
    for (const changes of [{}, { hostKey: "accept-new" }] satisfies Partial<ConnectOptions>[]) {
      const error = await failure(server.connect({ knownHosts, ...changes }));
      expect(error).toMatchObject({ code: "host-key-changed", culprit: "peer" });
      expect(error.message).toContain(fingerprintsOf(server.sshd)[0]);
      expect(error.message).toContain(fingerprint(Buffer.from(known.split(" ")[1] ?? "", "base64"), "sha256"));
      expect(error.message).toContain(`${knownHosts}:2`);
      expect(error.message).toContain(`ssh-keygen -R '${nameOf(server)}'`);
    }
    expect(await readFile(knownHosts, "utf8")).toBe(before);
  });

  test("refuses a server that restarts with new keys on the same port", async () => {
    const knownHosts = await knownHostsFile();
    const first = await startSshd({ hostKeys: ["ed25519"] });
    const options = { ...server.options({ knownHosts }), port: first.port };
    await (await connect({ ...options, hostKey: "accept-new" })).close();
    await first.stop();
    const second = await startSshd({ hostKeys: ["ed25519"], port: first.port });
    try {
      const error = await failure(connect(options));
      expect(error).toMatchObject({ code: "host-key-changed", culprit: "peer" });
      expect(error.message).toContain(fingerprintsOf(first)[0]);
      expect(error.message).toContain(fingerprintsOf(second)[0]);
    } finally {
      await second.stop();
    }
  });

  test("refuses a revoked key, even if it is also listed as known", async () => {
    const knownHosts = await knownHostsFile(
      `${nameOf(server)} ${hostKeyOf(server)}`,
      `@revoked * ${hostKeyOf(server)}`,
    );
    for (const changes of [{}, { hostKey: "accept-new" }] satisfies Partial<ConnectOptions>[]) {
      const error = await failure(server.connect({ knownHosts, ...changes }));
      expect(error).toMatchObject({ code: "host-key-revoked", culprit: "peer" });
      expect(error.message).toContain(`${knownHosts}:2`);
      expect(error.message).toContain(fingerprintsOf(server.sshd)[0]);
    }
  });

  test("reads the second file too, and skips an unreadable line with a warning", async () => {
    const first = await knownHostsFile("no such line");
    const second = await knownHostsFile(`*.example,${nameOf(server)} ${hostKeyOf(server)}`);
    const warnings: string[] = [];
    await using client = await server.connect({
      knownHosts: [first, second],
      warn: (text) => warnings.push(text),
    });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
    expect(warnings).toEqual([expect.stringContaining(`${first}:1`)]);
  });
});

describe("the known keys of a host determine the offered algorithms", () => {
  test.for([
    ["ssh-rsa", "rsa-sha2-512", ["rsa-sha2-512", "rsa-sha2-256"]],
    ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", ["ecdsa-sha2-nistp256"]],
    ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", ["ecdsa-sha2-nistp384"]],
    ["ssh-ed25519", "ssh-ed25519", ["ssh-ed25519"]],
  ] as const)("a host known only by %s", async ([format, algorithm, first]) => {
    const knownHosts = await knownHostsFile(`${nameOf(several)} ${hostKeyOf(several, format)}`);
    const trace: TraceRecord[] = [];
    await using client = await several.connect({ knownHosts, trace: (record) => trace.push(record) });
    expect(client.info.negotiated.hostKey.name).toBe(algorithm);
    const [kexinit = ""] = trace.flatMap((record) =>
      record.type === "packet" && record.direction === "sent" && record.message === "SSH_MSG_KEXINIT"
        ? [record.summary]
        : [],
    );
    const offered = /hostkey=(\S+)/.exec(kexinit)?.[1]?.split(",") ?? [];
    expect(offered.slice(0, first.length)).toEqual(first);
    expect(offered.toSorted()).toEqual(defaultAlgorithms.hostKeys.map(({ name }) => name).toSorted());
  });

  test("a host known by RSA with another RSA key has changed, although its Ed25519 key is new", async () => {
    const other = await startSshd({ hostKeys: ["rsa-3072"] });
    try {
      const rsa = other.hostPublicKeys[0]?.split(" ").slice(0, 2).join(" ");
      const knownHosts = await knownHostsFile(`${nameOf(several)} ${rsa}`);
      const error = await failure(several.connect({ knownHosts }));
      expect(error).toMatchObject({ code: "host-key-changed", culprit: "peer" });
    } finally {
      await other.stop();
    }
  });
});

/** Returns lines of known_hosts with all keys of a server. */
const linesOf = ({ sshd }: Server, name: string): string[] =>
  sshd.hostPublicKeys.map((one) => `${name} ${one.split(" ").slice(0, 2).join(" ")}`);

describe("a server with several host keys", () => {
  test.for([
    ["plain names", nameOf, {}],
    ["an alias", () => "several", { hostKeyAlias: "several" }],
  ] as const)("proves those that known_hosts lacks, and they are added: %s", async ([, name, options]) => {
    // The server has no key of this curve any more.
    const old = generateEcdsa("nistp521", (length) => new Uint8Array(randomBytes(length)));
    const stale = `${name(several)} ${formatPublicKeyLine(old.publicKey)}`;
    const known = `${name(several)} ${hostKeyOf(several)}`;
    const knownHosts = await knownHostsFile("# a comment", known, stale);
    const updates: HostKeyUpdate[] = [];
    const warnings: string[] = [];
    await using client = await several.connect({
      ...options,
      knownHosts,
      updateHostKeys: (update) => {
        updates.push(update);
        return true;
      },
      warn: (text) => warnings.push(text),
    });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
    await expect
      .poll(async () => (await readFile(knownHosts, "utf8")).trimEnd().split("\n").toSorted(), { timeout: 10_000 })
      .toEqual(["# a comment", ...linesOf(several, name(several))].toSorted());
    expect(updates).toMatchObject([{ added: { length: 3 }, removed: { length: 1 } }]);
    expect(warnings).toEqual([]);
  });

  test("leaves known_hosts alone unless asked to, and if a person wrote the line", async () => {
    const files = [
      await knownHostsFile(`${nameOf(several)} ${hostKeyOf(several, "ssh-rsa")}`),
      await knownHostsFile(`${nameOf(several)},a.example,b.example ${hostKeyOf(several, "ssh-rsa")}`),
    ];
    const before = await Promise.all(files.map((file) => readFile(file, "utf8")));
    for (const [index, file] of files.entries()) {
      await using client = await several.connect({ knownHosts: file, updateHostKeys: index === 1 });
      expect((await client.exec("sleep 0.3; echo on")).stdout).toBe("on\n");
    }
    expect(await Promise.all(files.map((file) => readFile(file, "utf8")))).toEqual(before);
  });

  test("is refused if its key is in a list of revoked keys", async () => {
    const knownHosts = await knownHostsFile(`${nameOf(several)} ${hostKeyOf(several)}`);
    const revokedHostKeys = await knownHostsFile("# revoked", hostKeyOf(several));
    const error = await failure(several.connect({ knownHosts, revokedHostKeys }));
    expect(error).toMatchObject({ code: "host-key-revoked", culprit: "peer" });
    await using client = await several.connect({
      knownHosts: await knownHostsFile(`${nameOf(several)} ${hostKeyOf(several, "ssh-rsa")}`),
      revokedHostKeys,
    });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });
});

describe("a pinned key", () => {
  const wrong = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

  test("is accepted, alone and among others", async () => {
    const [right] = fingerprintsOf(server.sshd) as [`SHA256:${string}`];
    for (const hostKey of [right, [wrong, right]] as const) {
      await using client = await server.connect({ hostKey });
      expect(client.info.hostKey.fingerprint).toBe(right);
    }
  });

  test("that does not match is refused with both fingerprints", async () => {
    const error = await failure(server.connect({ hostKey: wrong }));
    expect(error).toMatchObject({ code: "host-key-refused", culprit: "caller" });
    expect(error.message).toContain(wrong);
    expect(error.message).toContain(fingerprintsOf(server.sshd)[0]);
  });

  test("that is not a fingerprint is rejected before anything is sent", async () => {
    const error = await failure(server.connect({ hostKey: "SHA256:short" }));
    expect(error).toMatchObject({ code: "usage", culprit: "caller" });
  });
});

describe("a host key decision of the application", () => {
  test("receives the key that signed the exchange hash", async () => {
    let given: HostKey | undefined;
    await using client = await server.connect({
      hostKey: (hostKey) => {
        given = hostKey;
        return true;
      },
    });
    expect(given).toMatchObject({ algorithm: "ssh-ed25519", fingerprint: fingerprintsOf(server.sshd)[0] });
    expect(Buffer.from(given?.blob ?? []).toString("base64")).toBe(hostKeyOf(server).split(" ")[1]);
    expect(given).toEqual({ ...client.info.hostKey, host: "127.0.0.1", port: server.sshd.port });
  });

  test.for<[string, () => unknown]>([
    ["returns false", () => false],
    ["returns false asynchronously", async () => false],
    // Untyped JavaScript may return any value.
    ["returns a string", () => "yes"],
    ["returns nothing", () => undefined],
    [
      "throws",
      () => {
        throw new Error("the database is unavailable");
      },
    ],
    ["rejects", () => Promise.reject(new Error("the database is unavailable"))],
  ])("that %s refuses the key", async ([, decide]) => {
    const hostKey = decide as HostKeyVerifier;
    await leavesNothing(async () => {
      const error = await failure(server.connect({ hostKey }));
      expect(error).toMatchObject({ code: "host-key-refused", culprit: "caller" });
      expect(error.message).toContain(fingerprintsOf(server.sshd)[0]);
    });
  });

  test("that throws passes on the error", async () => {
    const error = await failure(
      server.connect({ hostKey: () => Promise.reject(new Error("the database is unavailable")) }),
    );
    expect(error.message).toContain("the database is unavailable");
    const own = new SshError("host-key-revoked", "revoked in our own list");
    expect(await failure(server.connect({ hostKey: () => Promise.reject(own) }))).toBe(own);
  });

  test("that never completes blocks the login until an abort", async () => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const sent: string[] = [];
      const connecting = failure(
        server.connect({
          signal: controller.signal,
          hostKey: () => {
            setTimeout(() => controller.abort(), 300);
            return new Promise(() => {});
          },
          trace: (record) => {
            if (record.type === "packet" && record.direction === "sent") sent.push(record.message);
          },
        }),
      );
      expect(await within(20_000, connecting)).toMatchObject({ code: "aborted", culprit: "caller" });
      expect(sent).toEqual(["SSH_MSG_KEXINIT", expect.stringMatching(/_INIT$/), "SSH_MSG_DISCONNECT"]);
    });
  });
});
