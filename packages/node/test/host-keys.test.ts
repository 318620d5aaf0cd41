import { chmod, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fingerprint, generateEcdsa, generateEd25519, type PrivateKey } from "@nacre/keys";
import { base64Encode } from "@nacre/wire";
import type { HostKey, LoginDecision } from "nacre";
import type { AnnouncedHostKeys } from "nacre/extend";
import { forwardedAgent } from "nacre/extend";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../src/connect/connect.ts";
import type { ConnectOptions } from "../src/connect/options.ts";
import { type HostOptions, knownHost } from "../src/keys/known-hosts.ts";
import { type HostKeyUpdate, hostKeyUpdater } from "../src/keys/known-hosts-update.ts";
import { withoutRevoked } from "../src/keys/revoked-keys.ts";
import { listen } from "../src/listen/listen.ts";
import type { SshServer } from "../src/listen/ssh-server.ts";
import { tcpForwarding } from "../src/listen/tcp-forwarding.ts";
import { codeOf, hostOptions, temporaryFolder } from "./support.ts";

const keyOf = (seed: number): PrivateKey =>
  generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + seed));
const [first, second, third, userKey] = [1, 2, 3, 4].map(keyOf) as [PrivateKey, PrivateKey, PrivateKey, PrivateKey];
const ecdsa = generateEcdsa("nistp256", (length) => Uint8Array.from({ length }, (_, i) => i + 1));

const shown = ({ publicKey: { format, blob } }: PrivateKey): HostKey => ({
  algorithm: format,
  blob,
  fingerprint: fingerprint(blob, "sha256"),
});
const line = (names: string, { publicKey: { format, blob } }: PrivateKey): string =>
  `${names} ${format} ${base64Encode(blob)}\n`;

/** Returns options of `knownHost` with a file of this text, and the warnings. */
async function fileOf(text: string, changes: Partial<HostOptions> = {}) {
  const file = join(await temporaryFolder(), "known_hosts");
  await writeFile(file, text);
  return { file, ...hostOptions(file, changes) };
}

/** Returns the verdict about a key: the code of the error, or what the verifier returned. */
async function verdict(text: string, key: PrivateKey, changes: Partial<HostOptions> = {}) {
  const { options } = await fileOf(text, changes);
  const { verify } = await knownHost(options);
  try {
    return await verify(shown(key));
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Writes an executable script. */
async function script(...lines: string[]): Promise<string> {
  const path = join(await temporaryFolder(), "command");
  await writeFile(path, ["#!/bin/sh", ...lines, ""].join("\n"));
  await chmod(path, 0o700);
  return path;
}

describe("the name in known_hosts", () => {
  test("is `hostKeyAlias`, in lower case and without a port", async () => {
    const { file, options } = await fileOf("", { port: 2222, alias: "DB", unknownHost: () => true });
    expect(await (await knownHost(options)).verify(shown(first))).toBe(true);
    expect(await readFile(file, "utf8")).toBe(line("db", first));
    expect(await verdict(line("db", first), first, { port: 2222, alias: "db" })).toBe(true);
    expect(await verdict(line("example.org", first), first, { alias: "db" })).toBe("host-key-unknown");
    expect(await verdict(line("db", second), first, { alias: "db" })).toBe("host-key-changed");
  });

  test("is a `hostKeyAlias` with a port, as known_hosts has it", async () => {
    for (const alias of ["[db]:2022", "[2001:db8::1]:2022"]) {
      expect(await verdict(line(alias, first), first, { alias })).toBe(true);
      expect(await verdict(line(alias, second), first, { alias })).toBe("host-key-changed");
    }
  });

  test("is stored as a hash with `hash`", async () => {
    const { file, options } = await fileOf("", { hash: true, port: 2222, unknownHost: () => true });
    expect(await (await knownHost(options)).verify(shown(first))).toBe(true);
    const text = await readFile(file, "utf8");
    expect(text).toMatch(/^\|1\|[^|]{28}\|[^|]{28} ssh-ed25519 \S+\n$/);
    expect(await verdict(text, first, { port: 2222 })).toBe(true);
  });
});

describe("known_hosts files", () => {
  test("of all users are read, and never written", async () => {
    const { file } = await fileOf(line("example.org", first));
    expect(await verdict("", first, { globalFiles: file })).toBe(true);
    expect(await verdict(line("example.org", second), second, { globalFiles: [file] })).toBe(true);
    expect(await verdict("", second, { files: [], globalFiles: file, unknownHost: () => true })).toBe(
      "host-key-changed",
    );
    expect(await verdict("", first, { files: [], globalFiles: [], unknownHost: () => true })).toBe(true);
    expect(await readFile(file, "utf8")).toBe(line("example.org", first));
  });

  test("tell whether the user's own had the key", async () => {
    const { file: others } = await fileOf(line("example.org", first));
    const isTrusted = async (text: string, changes: Partial<HostOptions> = {}): Promise<boolean> => {
      const { options } = await fileOf(text, { globalFiles: others, ...changes });
      const known = await knownHost(options);
      await Promise.resolve(known.verify(shown(first))).catch(() => {});
      return known.isTrusted();
    };
    expect(await isTrusted(line("example.org", first))).toBe(true);
    expect(await isTrusted("")).toBe(false);
    expect(await isTrusted("", { globalFiles: [], unknownHost: () => true })).toBe(false);
    expect(await isTrusted(line("example.org", second), { globalFiles: [], restrictChanged: true })).toBe(false);
  });
});

describe("a command for known hosts", () => {
  test("adds its lines, and gets what is looked up", async () => {
    const path = await script(`printf '%s' '${line("[example.org]:2222", first)}'`);
    const lookups: unknown[] = [];
    const command: HostOptions["command"] = (lookup) => {
      lookups.push(lookup);
      return [path];
    };
    expect(await verdict("", first, { command, port: 2222 })).toBe(true);
    expect(await verdict("", second, { command, port: 2222 })).toBe("host-key-changed");
    expect(lookups.slice(0, 2)).toEqual([
      { reason: "order", name: "[example.org]:2222", hostKey: undefined },
      {
        reason: "host",
        name: "[example.org]:2222",
        hostKey: { blob: shown(first).blob, fingerprint: shown(first).fingerprint },
      },
    ]);
  });

  test("without an absolute path is refused", async () => {
    for (const command of [[], ["true"], ["/bin/true", 1]] as (readonly string[])[])
      expect(await codeOf(fileOf("", { command: () => command }).then(({ options }) => knownHost(options)))).toBe(
        "usage",
      );
  });

  test("and what it started end with it, and with the attempt", async () => {
    const folder = await temporaryFolder();
    const path = await script(`(sleep 3; touch ${folder}/alive) &`, "echo");
    await fileOf("", { command: () => [path] }).then(({ options }) => knownHost(options));
    const hangs = await script(`sleep 2; touch ${folder}/alive`);
    const signal = AbortSignal.timeout(100);
    const { options } = await fileOf("", { command: () => [hangs], signal });
    expect(await codeOf(knownHost(options))).toBe("aborted");
    const slow = await fileOf("", { command: () => [hangs], commandTimeout: 100 });
    await expect(knownHost(slow.options)).rejects.toThrow("has not ended within 100 ms");
    await sleep(2500);
    expect(await readdir(folder)).toEqual([]);
  });
});

/** Returns the code of the error of a command with these lines. */
async function commandOutcome(...lines: string[]): Promise<string> {
  const path = await script(...lines);
  const { options } = await fileOf("", { command: () => [path] });
  return codeOf(knownHost(options));
}

test("known hosts: the command · client", async () => {
  expect(await commandOutcome(`printf '%s' '${line("example.org", first)}'`)).toBe("no error");
  expect(await commandOutcome(`printf '%s' '${line("example.org", first)}'`, "exit 3")).toBe("host-key-refused");
  expect(await commandOutcome("yes")).toBe("host-key-refused");
  expect(await commandOutcome("head -c 2000000 /dev/zero")).toBe("host-key-refused");
  expect(await commandOutcome("kill -9 $$")).toBe("host-key-refused");
});

test("known hosts: the address · client", async () => {
  const at = { checkAddress: true, address: () => "192.0.2.7" };
  const both = line("example.org", first) + line("192.0.2.7", first);
  expect(await verdict(both, first, at)).toBe(true);
  expect(await verdict(line("example.org", first), first, at)).toBe(true);
  const other = line("example.org", first) + line("192.0.2.7", second);
  expect(await verdict(other, first, at)).toBe("host-key-changed");
  expect(await verdict(other, first, { ...at, checkAddress: false })).toBe(true);
  expect(await verdict(other, first, { ...at, alias: "example.org" })).toBe(true);
  expect(await verdict(line("192.0.2.7", second), first, { ...at, unknownHost: () => true })).toBe("host-key-changed");
  // An address of this machine, or none, as through a jump host.
  expect(
    await verdict(line("127.0.0.1", second) + line("example.org", first), first, { ...at, address: () => "127.0.0.1" }),
  ).toBe(true);
  expect(await verdict(other, first, { checkAddress: true })).toBe(true);

  const { file, options } = await fileOf("", { ...at, port: 2222, unknownHost: () => true });
  await (await knownHost(options)).verify(shown(first));
  expect(await readFile(file, "utf8")).toBe(line("[example.org]:2222,[192.0.2.7]:2222", first));
});

test("an added host key is reported with its name in known_hosts", async () => {
  const names: string[] = [];
  const added = (name: string, { blob }: HostKey): void => {
    names.push(`${name} ${fingerprint(blob, "sha256") === shown(first).fingerprint}`);
  };
  const all = { port: 2222, unknownHost: () => true, added };
  expect(await verdict("", first, all)).toBe(true);
  expect(await verdict("", first, { ...all, hash: true, checkAddress: true, address: () => "192.0.2.7" })).toBe(true);
  expect(await verdict("", first, { ...all, alias: "DB" })).toBe(true);
  expect(await verdict("", first, { ...all, files: "/dev/null" })).toBe(true);
  const host = "[example.org]:2222 true";
  expect(names).toEqual([host, "[example.org]:2222,[192.0.2.7]:2222 true", "db true", host]);
  // Known, refused, or nowhere to be added to.
  expect(await verdict(line("[example.org]:2222", first), first, all)).toBe(true);
  expect(await verdict("", first, { ...all, unknownHost: () => false })).toBe("host-key-refused");
  expect(await verdict("", first, { ...all, files: [] })).toBe(true);
  expect(names).toHaveLength(4);
});

test("messages about host keys have the fingerprint of `fingerprintHash`", async () => {
  const md5 = fingerprint(first.publicKey.blob, "md5");
  const { options } = await fileOf(line("example.org", second), { fingerprintHash: "md5" });
  await expect((await knownHost(options)).verify(shown(first))).rejects.toThrow(`got ssh-ed25519 ${md5}, but`);
  const list = join(await temporaryFolder(), "revoked");
  await writeFile(list, line("", first).trimStart());
  const verify = await withoutRevoked([list], undefined, () => true, "md5");
  expect(() => verify(shown(first))).toThrow(`the host key ssh-ed25519 ${md5} is revoked`);
});

const at = (address: string | undefined) => ({ trustLoopback: true, address: () => address });

test("`trustLoopback` accepts every key at an address of this machine", async () => {
  const text = line("example.org", second);
  expect(await verdict(text, first, at("127.0.0.1"))).toBe(true);
  expect(await verdict(text, first, at("::1"))).toBe(true);
  expect(await verdict(text, first, at("192.0.2.7"))).toBe("host-key-changed");
  expect(await verdict(text, first, at(undefined))).toBe("host-key-changed");
  expect(await verdict(text, first, { ...at("::1"), alias: "example.org" })).toBe("host-key-changed");
});

test("known hosts: revoked keys · client", async () => {
  const refused = async (text: string | Buffer, key = first): Promise<string> => {
    const list = join(await temporaryFolder(), "revoked");
    await writeFile(list, text);
    return codeOf(withoutRevoked([list], undefined, () => true).then((verify) => verify(shown(key))));
  };
  const listed = line("", first).trimStart();
  expect(await refused(`# revoked\n\n${listed}`)).toBe("host-key-revoked");
  expect(await refused(listed.replace("\n", " a comment\r\n"))).toBe("host-key-revoked");
  expect(await refused(listed, second)).toBe("no error");
  expect(await refused("")).toBe("no error");
  // Not understood: refuses every key.
  for (const text of ["ssh-ed25519 !!!\n", "SSHKRL\n\0\0\0\0\x01", `no-pty ${listed}`, "ssh-ed25519\n", "\0"])
    expect(await refused(text, second)).toBe("file-malformed");
  expect(await codeOf(withoutRevoked(["/nonexistent/list"], undefined, () => true))).toBe("file-unreadable");
});

/** How an update goes: the server's proof, the user's file and answer, and what happens to the file before the proof. */
interface Update extends Partial<HostOptions> {
  readonly proves?: boolean;
  readonly isTrusted?: boolean;
  readonly answer?: unknown;
  readonly meanwhile?: (file: string) => Promise<void>;
}

/** Updates a file whose host has `first`. Returns its text, and the updates that were asked about. */
async function update(
  text: string,
  keys: readonly PrivateKey[],
  { proves = true, isTrusted = true, answer = true, meanwhile = async () => {}, ...changes }: Update = {},
) {
  const { file, options, warnings } = await fileOf(text, changes);
  const asked: HostKeyUpdate[] = [];
  const proved: (readonly Uint8Array[])[] = [];
  const all = keys.map(({ publicKey }) => publicKey.blob);
  const announced: AnnouncedHostKeys = {
    all,
    verifiable: all.filter((blob) => blob !== ecdsa.publicKey.blob),
    prove: async (some) => {
      proved.push(some);
      await meanwhile(file);
      if (!proves) throw new Error("no proof");
    },
  };
  const ask = (change: HostKeyUpdate): boolean => {
    asked.push(change);
    return answer as boolean;
  };
  await hostKeyUpdater(options, { isTrusted: () => isTrusted }, ask)(announced);
  return { text: await readFile(file, "utf8"), asked, proved, warnings, file };
}

describe("host keys that a server replaces", () => {
  test("are added and removed after a proof and a yes", async () => {
    const text = `# a comment\n${line("example.org", first)}${line("example.org", third)}${line("elsewhere.org", userKey)}`;
    const { text: now, asked, proved } = await update(text, [first, second]);
    expect(now).toBe(
      `# a comment\n${line("example.org", first)}${line("elsewhere.org", userKey)}${line("example.org", second)}`,
    );
    expect(proved).toEqual([[second.publicKey.blob]]);
    expect(asked).toEqual([
      {
        host: "example.org",
        port: 22,
        added: [{ format: "ssh-ed25519", fingerprint: shown(second).fingerprint }],
        removed: [{ format: "ssh-ed25519", fingerprint: shown(third).fingerprint }],
      },
    ]);
  });

  test("are removed without a proof, and leave the file alone if nothing changes", async () => {
    const { text, proved } = await update(line("example.org", first) + line("example.org", second), [first]);
    expect([text, proved]).toEqual([line("example.org", first), []]);
    const { asked } = await update(line("example.org", first), [first]);
    expect(asked).toEqual([]);
  });

  test("are stored as hashes, and under an alias", async () => {
    const { text } = await update(line("db", first), [first, second], { hash: true, alias: "db", port: 2222 });
    expect(text.split("\n")[1]).toMatch(/^\|1\|/);
    expect(await verdict(text, second, { alias: "db" })).toBe(true);
  });

  test("of formats that are not offered are kept, but not added", async () => {
    const kept = line("example.org", first) + line("example.org", ecdsa);
    expect((await update(kept, [first, ecdsa])).text).toBe(kept);
    expect((await update(line("example.org", first), [first, ecdsa])).text).toBe(line("example.org", first));
  });

  test("keep the file's mode and symbolic link, and leave no other file", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "real"), line("example.org", first), { mode: 0o640 });
    await symlink("real", join(folder, "link"));
    const { warnings } = await update("", [first, second], { files: [join(folder, "link")] });
    expect(warnings).toEqual([]);
    expect(await readFile(join(folder, "real"), "utf8")).toBe(line("example.org", first) + line("example.org", second));
    expect((await stat(join(folder, "real"))).mode & 0o777).toBe(0o640);
    expect((await readdir(folder)).toSorted()).toEqual(["link", "real"]);
  });

  test("that another process has changed meanwhile are compared again", async () => {
    const { text } = await update(line("example.org", first), [first, second], {
      meanwhile: (file) => writeFile(file, line("example.org", first) + line("example.org,other.org,third.org", first)),
    });
    expect(text).not.toContain(line("", second).trim());
  });

  test("new host keys: files · client", async () => {
    const text = line("example.org", first);
    const isChanged = async (before: string, options: Update = {}): Promise<boolean> =>
      (await update(before, [first, second], options)).text !== before;
    expect(await isChanged(text)).toBe(true);
    // Not verified by the user's files, without a proof, without a yes.
    expect(await isChanged(text, { isTrusted: false })).toBe(false);
    expect(await isChanged(text, { proves: false })).toBe(false);
    for (const answer of [false, "yes", null, 1]) expect(await isChanged(text, { answer })).toBe(false);
    // Lines that a person wrote.
    for (const more of ["*.org", "example.org,a.org,b.org", "@cert-authority example.org", "@revoked *"])
      expect(await isChanged(text + line(more, third))).toBe(false);
    // A key under another name: the announced one, the known one, one that goes.
    expect(await isChanged(text + line("other.org", second))).toBe(false);
    expect(await isChanged(text + line("other.org", first))).toBe(false);
    expect(await isChanged(text + line("example.org", third) + line("other.org", third))).toBe(false);
  });

  test("of a failed update make a warning", async () => {
    const { warnings } = await update(line("example.org", first), [first, second], { proves: false });
    expect(warnings).toEqual([expect.stringMatching(/^the host keys of example.org .* no proof$/)]);
  });
});

const GRANTED = {
  portForwarding: true,
  agentForwarding: true,
};

/** A server with two host keys, and what it was asked to decide. */
async function server(hostKeys: readonly PrivateKey[]) {
  const methods: string[] = [];
  const running: SshServer = await listen({
    port: 0,
    hostKeys: [...hostKeys],
    authenticate: (login): LoginDecision => {
      methods.push(login.method);
      return login.method === "publickey" ? { permissions: GRANTED } : false;
    },
    methods: ["publickey", "password", "keyboard-interactive"],
    acceptAgent: true,
    forwarding: tcpForwarding(),
    session: async (session) => {
      await forwardedAgent(session)?.().catch(() => {});
      session.stdout.write(session.command ?? "");
      return 0;
    },
  });
  onTestFinished(() => running.close());
  return { port: running.address.port, methods };
}

const base = (port: number, changes: Partial<ConnectOptions>): ConnectOptions => ({
  host: "127.0.0.1",
  port,
  user: "alice",
  identities: [userKey],
  agent: false,
  ...changes,
});

describe("connect", () => {
  test("learns the second host key of a server", async () => {
    const { port } = await server([first, ecdsa]);
    const name = `[127.0.0.1]:${port}`;
    const { file } = await fileOf(line(name, first));
    const updates: HostKeyUpdate[] = [];
    const client = await connect(
      base(port, {
        knownHosts: file,
        updateHostKeys: (change) => {
          updates.push(change);
          return true;
        },
      }),
    );
    await expect.poll(() => readFile(file, "utf8"), { timeout: 10_000 }).toBe(line(name, first) + line(name, ecdsa));
    const added = [{ format: "ecdsa-sha2-nistp256", fingerprint: shown(ecdsa).fingerprint }];
    expect(updates).toEqual([{ host: "127.0.0.1", port, added, removed: [] }]);
    await client.close();
  });

  test("refuses revoked keys, also a pinned one", async () => {
    const { port } = await server([first]);
    const list = join(await temporaryFolder(), "revoked");
    await writeFile(list, line("", first).trimStart());
    const options = base(port, { hostKey: shown(first).fingerprint, revokedHostKeys: list });
    expect(await codeOf(connect(options))).toBe("host-key-revoked");
  });

  test("calls `hostKeyAccepted` with a key that is accepted, and with no other", async () => {
    const { port } = await server([first]);
    const keys: string[] = [];
    const hostKeyAccepted = async ({ fingerprint }: { readonly fingerprint: string }): Promise<void> => {
      keys.push(fingerprint);
    };
    const refusing = base(port, { hostKey: shown(second).fingerprint, hostKeyAccepted });
    expect(await codeOf(connect(refusing))).toBe("host-key-refused");
    expect(keys).toEqual([]);
    await (await connect(base(port, { hostKey: shown(first).fingerprint, hostKeyAccepted }))).close();
    expect(keys).toEqual([shown(first).fingerprint]);
  });

  test("accepts every key of this machine with `trustLoopback`", async () => {
    const { port } = await server([first]);
    const { file } = await fileOf(line(`[127.0.0.1]:${port}`, second));
    const client = await connect(base(port, { knownHosts: { files: file, trustLoopback: true } }));
    await client.close();
  });
});

test("changed host key: restricted · client", async () => {
  const { port, methods } = await server([first]);
  const { file } = await fileOf(line(`[127.0.0.1]:${port}`, second));
  const warnings: string[] = [];
  const options = base(port, {
    knownHosts: file,
    password: "secret",
    prompts: ({ prompts }) => prompts.map(() => "secret"),
    warn: (text) => warnings.push(text),
  });
  expect(await codeOf(connect(options))).toBe("host-key-changed");
  expect(await codeOf(connect({ ...options, hostKey: "accept-new" }))).toBe("host-key-changed");
  expect(methods).toEqual([]);

  // No secret leaves for a server that may be false.
  const restricted = { ...options, hostKey: "restrict-changed" } as const;
  expect(await codeOf(connect({ ...restricted, identities: [] }))).toBe("auth-failed");
  expect(methods).toEqual([]);

  const agents: string[] = [];
  const client = await connect({
    ...restricted,
    forwardAgent: () => Promise.reject(new Error(`asked ${agents.push("asked")} times`)),
  });
  expect(warnings.at(-1)).toContain("going on without passwords");
  expect((await client.exec("hello")).stdout).toBe("hello");
  expect(await codeOf(client.dial({ host: "127.0.0.1", port: 1 }))).toBe("host-key-changed");
  expect(await codeOf(client.listen({ host: "127.0.0.1", port: 0 }))).toBe("host-key-changed");
  const changed = expect.objectContaining({ code: "host-key-changed" });
  expect(() => client.globalRequest("a@example.org", new Uint8Array(0))).toThrow(changed);
  expect(() => client.accept("a@example.org", (open) => open.accept())).toThrow(changed);
  expect(() => client.onGlobalRequest("a@example.org", (request) => request.reply(true))).toThrow(changed);
  expect(agents).toEqual([]);
  expect(await readFile(file, "utf8")).toBe(line(`[127.0.0.1]:${port}`, second));
  await client.close();

  const known = await fileOf(line(`[127.0.0.1]:${port}`, first));
  expect(await codeOf(connect({ ...restricted, knownHosts: known.file, identities: [] }))).toBe("auth-failed");
  expect(methods).toContain("password");
});
