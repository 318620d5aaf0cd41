import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, issueCertificate, parsePublicKey } from "@nacre/keys";
import { describe, expect, test } from "vitest";
import { configuredRoute } from "../../src/connect/configured-route.ts";
import {
  type Client,
  type ConnectOptions,
  connect,
  type JumpHost,
  loadConfig,
  resolveConfig,
} from "../../src/index.ts";
import { codeOf, counting } from "../support.ts";
import { configFile, folder, started, useFolder, userFingerprint, userKey } from "./servers.ts";

useFolder();

const output = async (ssh: Client): Promise<string> => (await ssh.exec("hi")).stdout;

describe("connect by name", () => {
  test("takes host, port, user, key and known hosts from the configuration", async () => {
    const { block } = await started();
    const config = await configFile(`Host db\n${block}User alice\nSetEnv A=1 B=2\nSendEnv NACRE_TEST_*\n`);
    process.env.NACRE_TEST_SENT = "sent";
    try {
      await using ssh = await connect("db", { config });
      expect(await output(ssh)).toBe('alice hi {"NACRE_TEST_SENT":"sent","A":"1","B":"2"}');
    } finally {
      delete process.env.NACRE_TEST_SENT;
    }
    await using other = await connect("bob@db", { config: await loadConfig(config), env: { B: "3" } });
    expect(await output(other)).toBe('bob hi {"A":"1","B":"3"}');
  });

  test("options in code precede", async () => {
    const { port, block } = await started();
    const config = await configFile(`Host db\n${block.replace(String(port), "1")}User alice\n`);
    await using ssh = await connect("db", { config, port, user: "carol" });
    expect(await output(ssh)).toBe("carol hi {}");
  });

  test("the object form reads a configuration only if asked to", async () => {
    const { block } = await started();
    const config = await configFile(`Host db\n${block}User alice\n`);
    await using ssh = await connect({ host: "db", config });
    expect(await output(ssh)).toBe("alice hi {}");
    const resolved = await resolveConfig("db", { config, commandLine: [{ text: "User dora" }] });
    await using again = await connect({ host: "db", config: resolved });
    expect(await output(again)).toBe("dora hi {}");
    await expect(connect({ host: "other", config: resolved })).rejects.toMatchObject({ code: "usage" });
    await expect(connect({ host: "db.invalid", port: 1 })).rejects.toMatchObject({ code: "connection-failed" });
  });

  test.each<[string, () => Promise<unknown>]>([
    ["a user twice", () => connect("a@db", { user: "b" })],
    ["a port twice", () => connect("db:1", { port: 2 })],
    ["a text that is no host", () => connect("a/b")],
    ["an unknown option", () => connect("db", { prot: 1 } as object)],
    ["characters of a shell", () => connect("a;b", { config: "/dev/null" })],
    ["them in a user, with the default `config`", () => connect("a|b@127.0.0.1:1", { config: undefined })],
  ])("refuses %s with `usage`", async (_, call) => {
    expect(await codeOf(call())).toBe("usage");
  });

  test("a configuration that is wrong opens no connection", async () => {
    const { users, block } = await started();
    const bad = await configFile(`Host db\n${block}Foo 1\n`);
    expect(await codeOf(connect("db", { config: bad }))).toBe("file-malformed");
    const none = await configFile(`Host db\n${block}Ciphers 3des-cbc\n`);
    await expect(connect("db", { config: none })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringMatching(/^Ciphers 3des-cbc leaves no algorithm/),
    });
    expect(users).toEqual([]);
  });
});

/** Connects to a host that no file knows. Returns the code of the error. */
async function withMode(mode: string, options: Partial<ConnectOptions> = {}): Promise<string> {
  const { block } = await started();
  const lines = block.replace("known_hosts", "empty");
  const config = await configFile(`Host db\n${lines}StrictHostKeyChecking ${mode}\n`);
  return codeOf(connect("db", { config, ...options }).then((ssh) => ssh.close()));
}

describe("known hosts", () => {
  test("an unknown host is asked about, accepted, or refused as the file says", async () => {
    const asked: string[] = [];
    const unknownHost = ({ host }: { host: string }): boolean => Boolean(asked.push(host));
    expect(await withMode("ask")).toBe("host-key-unknown");
    expect(await withMode("ask", { unknownHost })).toBe("no error");
    expect(asked).toEqual(["127.0.0.1"]);
    expect(await withMode("accept-new")).toBe("no error");
  });

  test("StrictHostKeyChecking yes asks nobody", async () => {
    expect(await withMode("yes", { unknownHost: () => true })).toBe("host-key-unknown");
  });

  test("UserKnownHostsFile none adds a host to no file", async () => {
    const { block } = await started();
    const lines = block.replace(`${folder}/known_hosts`, "none");
    const config = await configFile(
      `Host db\n${lines}GlobalKnownHostsFile ${folder}/global\nStrictHostKeyChecking accept-new\n`,
    );
    await (await connect("db", { config })).close();
    expect(await codeOf(connect("db", { config, hostKey: userFingerprint }))).toBe("host-key-refused");
    await expect(readFile(`${folder}/global`)).rejects.toMatchObject({
      code: "ENOENT",
    });
  });
});

/** Connects with these lines of a Host block. Returns the code of the error. */
async function codeWith(lines: string, options: object = {}): Promise<string> {
  const config = await configFile(`Host db\n${lines}\n`);
  return codeOf(connect("db", { config, ...options }).then((ssh) => ssh.close()));
}

test("UpdateHostKeys is on by default for the usual known_hosts alone", async () => {
  const config = await configFile("Host asked\nUpdateHostKeys yes\nHost other\nUserKnownHostsFile /x\n");
  const updates = async (host: string, options: Partial<ConnectOptions> = {}): Promise<unknown> => {
    const destination = { host, config, ...options };
    return (await configuredRoute({ start: undefined, hops: [], destination })).destination.updateHostKeys;
  };
  expect(await updates("db")).toBe(true);
  expect(await updates("other")).toBe(false);
  expect(await updates("db", { knownHosts: "/x" })).toBe(false);
  expect(await updates("asked", { knownHosts: "/x" })).toBe(true);
});

test("HostKeyAlias, RevokedHostKeys and KnownHostsCommand count", async () => {
  const { block, port } = await started();
  const [, type, key] = (await readFile(join(folder, "known_hosts"), "utf8")).trim().split(" ");
  await writeFile(join(folder, "aliases"), `alias ${type} ${key}\n`);
  await writeFile(join(folder, "revoked"), `${type} ${key}\n`);
  const aliased = block.replace("known_hosts", "aliases");
  expect(await codeWith(aliased)).toBe("host-key-unknown");
  expect(await codeWith(`${aliased}HostKeyAlias alias`)).toBe("no error");
  expect(await codeWith(`${block}RevokedHostKeys ${folder}/revoked`)).toBe("host-key-revoked");

  const command = `${aliased}KnownHostsCommand /bin/echo %H ${type} ${key} %I-%t`;
  expect(await codeWith(command)).toBe("usage");
  expect(await codeWith(command, { commands: true })).toBe("no error");
  expect(
    await codeWith(`${aliased}KnownHostsCommand /bin/echo [127.0.0.1]:${port} ${type} %K`, { commands: true }),
  ).toBe("no error");
});

test("ProxyCommand is the way to the host, also to a jump host", async () => {
  const [jump, target] = [await started(), await started()];
  const relay = join(folder, "relay.mjs");
  await writeFile(
    relay,
    `import { connect } from "node:net";
const socket = connect(Number(process.argv[3]), process.argv[2]);
process.stdin.pipe(socket).pipe(process.stdout);
`,
  );
  const way = `ProxyCommand ${process.execPath} ${relay} %h %p`;
  const config = await configFile(`Host jump\n${jump.block}${way}\nHost db\n${target.block}ProxyJump jump\n`);
  await using ssh = await connect("alice@db", { config, commands: true });
  expect(await output(ssh)).toBe("alice hi {}");
  await using direct = await connect("bob@jump", { config, commands: true });
  expect(await output(direct)).toBe("bob hi {}");
  await expect(connect("alice@db", { config })).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("ProxyCommand is not run"),
  });
});

test("an identity file of a configuration that is missing or wrong is left out", async () => {
  const { block } = await started();
  await writeFile(join(folder, "bad"), "no key\n", { mode: 0o600 });
  const files = ["none", "bad", ""].map((name) => `IdentityFile ${folder}/${name}\n`).join("");
  const config = await configFile(`Host db\n${files}${block}IdentityAgent ${folder}/no-agent\n`);
  const warnings: string[] = [];
  await using ssh = await connect("alice@db", { config, warn: (text) => warnings.push(text) });
  expect(await output(ssh)).toBe("alice hi {}");
  expect(warnings).toEqual([
    expect.stringContaining("no-agent"),
    expect.stringContaining(`${folder}/bad: `),
    expect.stringContaining(`cannot read ${folder}/: `),
  ]);
  await using other = await connect("alice@db", { config, agent: false, warn: (text) => warnings.push(text) });
  expect(await output(other)).toBe("alice hi {}");
  expect(warnings.filter((text) => text.includes("no-agent"))).toHaveLength(1);
});

test("a certificate of a configuration is tried before its key, which logs in where it is refused", async () => {
  const { block } = await started();
  const names = { type: "user", keyId: "mine", principals: ["alice"], validBefore: 1n } as const;
  const blob = issueCertificate(userKey, { publicKey: userKey.publicKey, ...names, random: counting });
  await writeFile(join(folder, "mine.pub"), formatPublicKeyLine(parsePublicKey(blob)));
  const config = await configFile(
    `Host db\n${block}CertificateFile ${folder}/%r.pub\nCertificateFile ${folder}/none\n`,
  );
  const warnings: string[] = [];
  const sent: string[] = [];
  await using ssh = await connect("mine@db", {
    config,
    warn: (text) => warnings.push(text),
    trace: (record) => void (record.type === "packet" && sent.push(record.summary)),
  });
  expect(await output(ssh)).toBe("mine hi {}");
  expect(warnings).toEqual([expect.stringMatching(/mine\.pub: the certificate "mine" .* has expired$/)]);
  const logins = sent.flatMap((text) => /publickey (ssh-ed25519\S* signed)/.exec(text)?.[1] ?? []);
  expect(logins).toEqual(["ssh-ed25519-cert-v01@openssh.com signed", "ssh-ed25519 signed"]);
});

describe("jump hosts", () => {
  test("of a file are connected with their own blocks", async () => {
    const [outer, inner, target] = [await started(), await started(), await started()];
    const config = await configFile(
      [
        `Host db\n${target.block}User alice\nProxyJump inner`,
        `Host inner\n${inner.block}User mid\nProxyJump first@outer`,
        `Host outer\n${outer.block}`,
      ].join("\n"),
    );
    const hops: JumpHost[] = [];
    await using ssh = await connect("db", { config, jumpOptions: (hop) => void hops.push(hop) });
    expect(await output(ssh)).toBe("alice hi {}");
    expect([outer.users, inner.users]).toEqual([["first"], ["mid"]]);
    expect([outer.jumps, inner.jumps]).toEqual([[inner.port], [target.port]]);
    expect(hops).toMatchObject([
      { name: "inner", host: "127.0.0.1", port: inner.port, user: "mid" },
      { name: "outer", host: "127.0.0.1", port: outer.port, user: "first" },
    ]);
  });

  test("of a list are connected in order, and only the first follows its own ProxyJump", async () => {
    const [outer, inner, target] = [await started(), await started(), await started()];
    const config = await configFile(
      [
        `Host db\n${target.block}ProxyJump a@outer,b@inner`,
        `Host inner\n${inner.block}ProxyJump nowhere.invalid`,
        `Host outer\n${outer.block}`,
      ].join("\n"),
    );
    await using ssh = await connect("alice@db", { config });
    expect(await output(ssh)).toBe("alice hi {}");
    expect([outer.jumps, inner.jumps]).toEqual([[inner.port], [target.port]]);
  });

  test("may have tokens of the host that they lead to", async () => {
    const [outer, inner, target] = [await started(), await started(), await started()];
    const config = await configFile(
      [
        `Host db\n${target.block}User alice\nProxyJump %r@outer-%n,inner-%h`,
        `Host inner-127.0.0.1\n${inner.block}User mid`,
        `Host outer-db\n${outer.block}`,
        "Host wrong\nProxyJump outer-%T",
        "Host wide*\nProxyJump %n%n",
      ].join("\n"),
    );
    await using ssh = await connect("db", { config });
    expect(await output(ssh)).toBe("alice hi {}");
    expect([outer.users, inner.users]).toEqual([["alice"], ["mid"]]);
    const message = "ProxyJump: unknown key %T";
    await expect(connect("wrong", { config })).rejects.toMatchObject({ code: "file-malformed", message });
    await expect(connect("wide", { config })).rejects.toThrow("names a host by more than 1024 characters");
  });

  test("that `via` names by a text have the configuration of the destination", async () => {
    const [outer, inner, target] = [await started(), await started(), await started()];
    const config = await configFile(
      [
        `Host db\n${target.block}ProxyJump nowhere.invalid`,
        `Host inner\n${inner.block}User mid\nProxyJump outer`,
        `Host outer\n${outer.block}User out`,
      ].join("\n"),
    );
    await using ssh = await connect("alice@db", { config, via: "inner" });
    expect(await output(ssh)).toBe("alice hi {}");
    expect([outer.users, inner.users]).toEqual([["out"], ["mid"]]);
    const resolved = await resolveConfig("alice@db", { config });
    await using again = await connect({ host: "db", config: resolved, via: ["inner"] });
    expect(await output(again)).toBe("alice hi {}");
    await using direct = await connect("alice@db", { config, via: [] });
    expect(await output(direct)).toBe("alice hi {}");
    expect(inner.users).toEqual(["mid", "mid"]);
  });

  test("`via` beside an object reads no file, unless the hop names one", async () => {
    const [inner, target] = [await started(), await started()];
    const config = await configFile(`Host inner\n${inner.block}User mid\n`);
    const to: ConnectOptions = {
      host: "127.0.0.1",
      port: target.port,
      user: "alice",
      identities: [userKey],
      knownHosts: join(folder, "known_hosts"),
    };
    await expect(connect({ ...to, via: "inner.invalid" })).rejects.toMatchObject({
      code: "connection-failed",
      message: expect.stringContaining("jump host inner.invalid"),
    });
    await using ssh = await connect({ ...to, via: { host: "inner", config } });
    expect(await output(ssh)).toBe("alice hi {}");
    expect(inner.users).toEqual(["mid"]);
  });

  test.each<[string, string]>([
    ["to itself", "Host a\nProxyJump b\nHost b\nProxyJump b\n"],
    ["over two hosts", "Host a\nProxyJump b\nHost b\nProxyJump a\n"],
    ["through ever new hosts", Array.from({ length: 20 }, (_, i) => `Host h${i}\nProxyJump h${i + 1}\n`).join("")],
  ])("that lead %s are a loop", async (_, text) => {
    const config = await configFile(text);
    await expect(connect(text.slice(5, 7).trim(), { config })).rejects.toMatchObject({
      code: "file-malformed",
      message: expect.stringContaining("jumphost loop via"),
    });
  });

  test("an error in the configuration of a jump host names it", async () => {
    const config = await configFile("Host a\nProxyJump b:7\nHost b\nTunnel yes\n");
    await expect(connect("a", { config })).rejects.toMatchObject({
      code: "not-supported-here",
      message: `jump host b port 7: ${join(folder, "config")} line 4: Tunnel is not supported: tunnel devices are not supported`,
    });
  });
});

describe("keywords that Nacre lacks", () => {
  test.each<[string, string]>([
    ["ProxyUseFdpass yes\nProxyCommand nc %h %p", "ProxyUseFdpass is not supported"],
    ["Tunnel ethernet", "Tunnel is not supported"],
    ["RequiredRSASize 4096", "RequiredRSASize is not supported"],
  ])("%j fails", async (lines, message) => {
    const { users, block } = await started();
    const config = await configFile(`Host db\n${block}${lines}\n`);
    await expect(connect("db", { config, commands: true })).rejects.toMatchObject({
      code: "not-supported-here",
      message: expect.stringContaining(message),
    });
    expect(users).toEqual([]);
  });

  test("that do not matter here warn once, or not at all", async () => {
    const { block } = await started();
    const config = await configFile(
      `Host db\n${block}ProxyUseFdpass yes\nTunnel no\nCompression yes\nForwardX11 yes\nBindInterface lo\nPKCS11Provider /x\nVerifyHostKeyDNS ask\n`,
    );
    const warnings: string[] = [];
    await using ssh = await connect("db", { config, warn: (text) => warnings.push(text) });
    await output(ssh);
    expect(warnings.map((text) => text.replace(/^.* line \d+: /, ""))).toEqual([
      "PKCS11Provider has no effect: use an agent that holds the key",
      "VerifyHostKeyDNS has no effect: host keys are not looked up in the DNS",
      "BindInterface has no effect: Node cannot choose the interface",
    ]);
  });
});

test("FingerprintHash is that of errors, and callbacks have SHA-256", async () => {
  const { block } = await started({ authenticate: () => false });
  const unknown = block.replace("known_hosts", "empty");
  const config = await configFile(`Host db\n${block}FingerprintHash md5\nHost new\n${unknown}FingerprintHash md5\n`);
  const refused = connect("db", { config });
  await expect(refused).rejects.toThrow(`publickey (${fingerprint(userKey.publicKey.blob, "md5")}, ssh-ed25519)`);
  const seen: string[] = [];
  const unknownHost = (key: { readonly fingerprint: string }): boolean => seen.push(key.fingerprint) < 0;
  await expect(connect("new", { config, unknownHost })).rejects.toThrow(
    /the host key .* MD5:[\da-f:]{47}, was refused/,
  );
  expect(seen).toEqual([expect.stringMatching(/^SHA256:/)]);
});

test("PubkeyAcceptedAlgorithms leaves out keys", async () => {
  const { block } = await started();
  expect(await codeWith(`${block}PubkeyAcceptedAlgorithms rsa-sha2-512`)).toBe("auth-failed");
  expect(await codeWith(`${block}PubkeyAcceptedAlgorithms +ssh-rsa`)).toBe("no error");
  expect(await codeWith(`${block}PubkeyAcceptedAlgorithms ssh-rsa`)).toBe("usage");
});

test("BindAddress may be a name", async () => {
  const { block } = await started();
  expect(await codeWith(`${block}BindAddress localhost`)).toBe("no error");
  expect(await codeWith(`${block}BindAddress name.invalid`)).toBe("connection-failed");
});

test("the server gets KbdInteractiveDevices as a hint", async () => {
  const hints: string[] = [];
  const { block } = await started({
    methods: ["keyboard-interactive"],
    authenticate: async (login) => {
      if (login.method !== "keyboard-interactive") return false;
      hints.push(login.submethods);
      return (await login.ask(["Code: "]))[0] === "1";
    },
  });
  for (const line of ["", "KbdInteractiveDevices pam,otp\n"]) {
    const config = await configFile(`Host db\n${block}${line}`);
    await using ssh = await connect("db", { config, prompts: () => ["1"] });
    expect(await output(ssh)).toContain("hi");
  }
  expect(hints).toEqual(["", "pam,otp"]);
});

test("NumberOfPasswordPrompts bounds how often a password is asked for", async () => {
  const { block } = await started({ methods: ["password"], authenticate: () => false });
  for (const count of [0, 1, 2]) {
    const config = await configFile(`Host db\n${block}NumberOfPasswordPrompts ${count}\n`);
    let asked = 0;
    const password = (): string => `wrong ${++asked}`;
    expect(await codeOf(connect("db", { config, password }))).toBe("auth-failed");
    expect(asked).toBe(count);
  }
});

test("login methods are those that the file leaves", async () => {
  const { block } = await started({
    methods: ["password"],
    authenticate: (login) => login.method === "password",
  });
  const config = await configFile(`Host db\n${block}PasswordAuthentication no\n`);
  expect(await codeOf(connect("db", { config, password: "x", prompts: () => [] }))).toBe("auth-failed");
  const both = await configFile(`Host db\n${block}PreferredAuthentications password\n`);
  await using ssh = await connect("db", { config: both, password: "x" });
  expect(await output(ssh)).toContain("hi");
});

describe("ChannelTimeout", () => {
  const hanging = { session: () => new Promise<never>(() => {}) };

  test("closes an idle command, by the file or by the option in code", async () => {
    const { block } = await started(hanging);
    const config = await configFile(`Host db\n${block}ChannelTimeout none\n`);
    await using ssh = await connect("db", { config, channelTimeouts: { "session:command": 20 } });
    await expect(ssh.exec("hangs")).rejects.toMatchObject({ code: "channel-idle" });
    // The connection stays.
    await expect(ssh.exec("hangs")).rejects.toMatchObject({ code: "channel-idle" });
    const timed = await configFile(`Host db\n${block}ChannelTimeout session=1h session:command=1\n`);
    await using other = await connect("db", { config: timed });
    await expect(other.exec("hangs")).rejects.toMatchObject({
      message: expect.stringContaining("on a channel of type session:command (`channelTimeouts`)"),
    });
  });

  test("closes no channel of a jump host", async () => {
    const jump = await started();
    const { block } = await started(hanging);
    const config = await configFile(
      `Host jump\n${jump.block}ChannelTimeout *=1\nHost db\n${block}ProxyJump jump\nChannelTimeout session:command=2\n`,
    );
    await using ssh = await connect("db", { config });
    await expect(ssh.exec("hangs")).rejects.toMatchObject({ code: "channel-idle" });
  });
});
