import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type KeyFile, type KeyType, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { expectQuiet, keysOf, runPeer, ssh, useOurServer } from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, test } from "vitest";

const TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"];

const folder = useFolder();
const keys = new Map<string, KeyFile>();
const key = (name: KeyType | "stranger" = "ed25519"): KeyFile => keys.get(name)!;
beforeAll(async () => {
  for (const type of TYPES) keys.set(type, await makeKey(folder, type, type));
  keys.set("stranger", await makeKey(folder, "stranger", "ed25519"));
});

describe("OpenSSH's ssh runs commands on our server", () => {
  const server = useOurServer({ authenticate: keysOf(...TYPES.map((type) => () => key(type))) });

  test("with output, standard error and an exit status", async () => {
    const ran = await runPeer([...ssh(server, { key: key() }), "echo out; echo err >&2; exit 3"]);
    expect(ran.stdout.toString()).toBe("out\n");
    expect(ran.stderr).toBe("err\n");
    expect(ran.status).toBe(3);
  });

  test.each([0, 1, 127, 254, 255])("that exit with %d", async (status) => {
    expect(await runPeer([...ssh(server, { key: key() }), `exit ${status}`])).toMatchObject({ status, stderr: "" });
  });

  test("that end by a signal: ssh exits with 255 and logs exit-signal", async () => {
    const ran = await runPeer([...ssh(server, { key: key(), words: ["-v"] }), "kill -TERM $$"]);
    expect(ran.status).toBe(255);
    expect(ran.stderr).toMatch(/client_input_channel_req: channel 0 rtype exit-signal reply 0/);
  });

  test("a shell that reads piped input", async () => {
    const ran = await runPeer(ssh(server, { key: key(), words: ["-T"] }), { input: "echo from $((40 + 2)); exit 7\n" });
    expect(ran.stdout.toString()).toBe("from 42\n");
    expect(ran.status).toBe(7);
  });

  test("with 64 MiB of input and of output, unchanged", async () => {
    const bytes = randomData(64 * MIB);
    const up = await runPeer([...ssh(server, { key: key() }), "sha256sum"], { input: bytes, timeout: 80_000 });
    expectQuiet(up);
    expect(up.stdout.toString()).toBe(`${sha256(bytes)}  -\n`);
    const both = await runPeer([...ssh(server, { key: key() }), "cat"], { input: bytes, timeout: 80_000 });
    expectQuiet(both);
    expect(both.stdout.length).toBe(64 * MIB);
    expect(sha256(both.stdout)).toBe(sha256(bytes));
  });

  test("while both sides rekey", async () => {
    const bytes = randomData(16 * MIB);
    const words = ["-v", "-o", "RekeyLimit=1M"];
    const ran = await runPeer([...ssh(server, { key: key(), words }), "cat"], { input: bytes });
    expect(ran.status).toBe(0);
    expect(sha256(ran.stdout)).toBe(sha256(bytes));
    expect(ran.stderr.match(/SSH2_MSG_NEWKEYS received/g)?.length).toBeGreaterThan(8);
  });

  test.each(["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"])(
    "with %s",
    async (cipher) => {
      const bytes = randomData(MIB);
      const ran = await runPeer([...ssh(server, { key: key(), words: ["-c", cipher] }), "cat"], { input: bytes });
      expectQuiet(ran);
      expect(sha256(ran.stdout)).toBe(sha256(bytes));
    },
  );

  test.each(
    ["aes128-ctr", "aes192-ctr", "aes256-ctr"].flatMap((cipher) =>
      ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"].map((mac) => [cipher, mac] as const),
    ),
  )("with %s and %s", async (cipher, mac) => {
    const bytes = randomData(MIB);
    const words = ["-c", cipher, "-m", mac];
    const ran = await runPeer([...ssh(server, { key: key(), words }), "cat"], { input: bytes });
    expectQuiet(ran);
    expect(sha256(ran.stdout)).toBe(sha256(bytes));
  });

  test.each(["mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"])(
    "with two key exchanges by %s",
    async (method) => {
      const words = ["-v", "-o", `KexAlgorithms=${method}`, "-o", "RekeyLimit=1M"];
      const bytes = randomData(2 * MIB);
      const ran = await runPeer([...ssh(server, { key: key(), words }), "cat"], { input: bytes });
      expect(ran.status).toBe(0);
      expect(sha256(ran.stdout)).toBe(sha256(bytes));
      expect(ran.stderr).toContain(`kex: algorithm: ${method}\n`.replace("\n", ""));
      expect(ran.stderr.match(/SSH2_MSG_NEWKEYS received/g)?.length).toBeGreaterThan(1);
    },
  );

  test.each(TYPES)("for a key of type %s", async (type) => {
    server.events.length = 0;
    const ran = await runPeer([...ssh(server, { key: key(type) }), "echo in"]);
    expectQuiet(ran);
    expect(ran.stdout.toString()).toBe("in\n");
    const [login] = server.told("login");
    const [factor] = login!.factors;
    expect(factor).toMatchObject({ method: "publickey" });
    expect(factor).toHaveProperty(
      "publicKey",
      new Uint8Array(Buffer.from(key(type).publicKeyLine.split(" ")[1]!, "base64")),
    );
  });

  test("with RSA keys that sign with SHA-2 only", async () => {
    const words = ["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"];
    const ran = await runPeer([...ssh(server, { key: key("rsa-3072"), words }), "true"]);
    expect(ran.status).toBe(255);
    expect(ran.stderr).toMatch(/Permission denied \(publickey\)/);
  });
});

describe("our server refuses", () => {
  const server = useOurServer({ authenticate: keysOf(key), loginGraceTime: 20_000 });

  test("an unknown key, and lists the accepted methods", async () => {
    server.events.length = 0;
    const ran = await runPeer([...ssh(server, { key: key("stranger") }), "true"]);
    expect(ran).toMatchObject({ status: 255, stderr: "alice@127.0.0.1: Permission denied (publickey).\r\n" });
    expect(server.told("login-refused")).toMatchObject([{ user: "alice", method: "publickey", signed: false }]);
    expect(server.told("login")).toEqual([]);
  });

  test("an unknown user with the same message", async () => {
    const words = [...ssh(server, { key: key() }).slice(0, -1), "nobody@127.0.0.1", "true"];
    expect(await runPeer(words)).toMatchObject({
      status: 255,
      stderr: "nobody@127.0.0.1: Permission denied (publickey).\r\n",
    });
  });

  test("an unsupported terminal, forwarding and subsystem", async () => {
    server.events.length = 0;
    const pty = await runPeer([...ssh(server, { key: key(), words: ["-tt"] }), "true"]);
    expect(pty.stderr).toMatch(/PTY allocation request failed on channel 0/);
    expect(server.told("request-refused")).toMatchObject([{ session: 0, request: "pty-req" }]);
    const forward = await runPeer([...ssh(server, { key: key(), words: ["-W", "127.0.0.1:1"] })]);
    expect(forward.status).toBe(255);
    expect(forward.stderr).toMatch(/open failed: administratively prohibited/);
    const remote = ["-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"];
    const back = await runPeer([...ssh(server, { key: key(), words: remote }), "true"]);
    expect(back.status).toBe(255);
    expect(back.stderr).toMatch(/remote port forwarding failed for listen port 0/);
    const subsystem = await runPeer([...ssh(server, { key: key(), words: ["-s"] }), "sftp"]);
    expect(subsystem.status).toBe(255);
    expect(subsystem.stderr).toMatch(/subsystem request failed on channel 0/);
  });

  test("a connection without a common algorithm, for each kind of algorithm", async () => {
    for (const [words, kind] of [
      [["-o", "KexAlgorithms=ecdh-sha2-nistp256"], "key exchange method"],
      [["-o", "HostKeyAlgorithms=rsa-sha2-512"], "host key type"],
      [["-c", "aes256-ctr", "-m", "hmac-sha2-256"], "MAC"],
    ] as const) {
      const ran = await runPeer([...ssh(server, { key: key(), words }), "true"]);
      expect(ran.status).toBe(255);
      expect(ran.stderr).toMatch(new RegExp(`no matching ${kind} found\\. Their offer: `));
    }
  });

  test("an unexpected host key (on the client's side)", async () => {
    const known = join(folder.path, "known_other");
    await writeFile(known, `[127.0.0.1]:${server.port} ${key("stranger").publicKeyLine}\n`);
    const words = ["-o", `UserKnownHostsFile=${known}`];
    const first = ssh(server, { key: key() });
    const ran = await runPeer([first[0]!, ...words, ...first.slice(1), "true"]);
    expect(ran.status).toBe(255);
    expect(ran.stderr).toMatch(/REMOTE HOST IDENTIFICATION HAS CHANGED/);
  });
});

describe("a password and prompts", () => {
  let asked: string[] = [];
  const server = useOurServer({
    methods: ["password", "keyboard-interactive"],
    banner: "a banner\nof two lines\n",
    authenticate: async (login) => {
      switch (login.method) {
        case "password":
          return login.user === "alice" && login.password === "the password";
        case "keyboard-interactive": {
          const [first, second] = await login.ask(["First: ", { prompt: "Second: ", echo: true }], {
            name: "Two questions",
            instruction: "Answer both.",
          });
          const [third] = await login.ask(["Third: "]);
          asked = [first!, second!, third!];
          return asked.join() === "one,two,three";
        }
        default:
          return false;
      }
    },
  });

  /** Runs ssh with a program that answers its prompts. */
  async function answering(method: string, script: string): Promise<Awaited<ReturnType<typeof runPeer>>> {
    const program = join(folder.path, "askpass");
    await writeFile(program, `#!/bin/sh\n${script}\n`);
    await chmod(program, 0o755);
    const words = ["-o", `PreferredAuthentications=${method}`, "-o", "NumberOfPasswordPrompts=2"];
    const command = ssh(server, { words }).map((word) => word.replace("BatchMode=yes", "BatchMode=no"));
    return runPeer([...command, "echo in"], {
      env: { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" },
    });
  }

  test("the correct password from SSH_ASKPASS logs in", async () => {
    const ran = await answering("password", "echo the password");
    expect(ran.stderr).toBe("a banner\nof two lines\n");
    expect(ran.stdout.toString()).toBe("in\n");
    expect(ran.status).toBe(0);
  });

  test("a wrong password is refused twice", async () => {
    server.events.length = 0;
    const ran = await answering("password", "echo wrong");
    expect(ran.status).toBe(255);
    expect(ran.stderr).toContain("Permission denied (password,keyboard-interactive).");
    expect(server.told("login-refused")).toHaveLength(2);
  });

  test("two rounds of prompts are answered", async () => {
    const script = `case "$1" in *First*) echo one;; *Second*) echo two;; *Third*) echo three;; esac`;
    const ran = await answering("keyboard-interactive", script);
    expect(ran.stdout.toString()).toBe("in\n");
    expect(ran.status).toBe(0);
    expect(asked).toEqual(["one", "two", "three"]);
  });

  test("wrong answers are refused", async () => {
    expect((await answering("keyboard-interactive", "echo no")).status).toBe(255);
    expect(asked).toEqual(["no", "no", "no"]);
  });
});

describe("two factors", () => {
  const server = useOurServer({
    methods: ["publickey", "password"],
    authenticate: (login) => {
      if (login.method === "publickey")
        return keysOf(key)(login) === true && (login.factors.length > 0 || { next: ["password"] });
      if (login.method !== "password") return false;
      return login.factors.length === 1 && login.password === "the second";
    },
  });

  test("a key and then a password log in", async () => {
    const program = join(folder.path, "askpass-second");
    await writeFile(program, "#!/bin/sh\necho the second\n");
    await chmod(program, 0o755);
    const command = ssh(server, { key: key(), words: ["-v"] }).map((word) =>
      word.replace("BatchMode=yes", "BatchMode=no"),
    );
    const env = { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" };
    const ran = await runPeer([...command, "echo in"], { env });
    expect(ran.stdout.toString()).toBe("in\n");
    expect(ran.stderr).toMatch(/Authenticated using "publickey" with partial success\./);
    expect(ran.stderr).toMatch(/Authenticated to 127\.0\.0\.1 \(\[127\.0\.0\.1\]:\d+\) using "password"\./);
    expect(server.told("login")[0]?.factors).toMatchObject([{ method: "publickey" }, { method: "password" }]);
  });

  test("a password alone is not enough", async () => {
    const ran = await runPeer([...ssh(server), "true"]);
    expect(ran.status).toBe(255);
  });
});

describe("host keys", () => {
  const server = useOurServer({ hostKeyTypes: TYPES, authenticate: keysOf(key) });

  test.each([
    "ssh-ed25519",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
  ])("%s authenticates us in the first and the second key exchange", async (algorithm) => {
    const words = ["-v", "-o", `HostKeyAlgorithms=${algorithm}`, "-o", "RekeyLimit=1M"];
    const bytes = randomData(2 * MIB);
    const ran = await runPeer([...ssh(server, { key: key(), words }), "cat"], { input: bytes });
    expect(ran.status).toBe(0);
    expect(sha256(ran.stdout)).toBe(sha256(bytes));
    expect(ran.stderr).toContain(`kex: host key algorithm: ${algorithm}`);
  });

  test("all are announced to a client that knows one; it requests proofs and saves them", async () => {
    const known = join(folder.path, "known_one");
    await writeFile(known, `[127.0.0.1]:${server.port} ${server.hostKeyLines[0]!}\n`);
    const words = ["-o", `UserKnownHostsFile=${known}`, "-o", "UpdateHostKeys=yes", "-v"];
    const [program = "", ...rest] = ssh(server, { key: key() });
    // ssh saves the keys while the command runs, and may end before.
    const saved = `until test "$(wc -l < ${known})" -ge ${server.hostKeyLines.length}; do sleep 0.05; done`;
    const ran = await runPeer([program, ...words, ...rest, saved]);
    expect(ran.status).toBe(0);
    const remembered = await runPeer(["cat", known]);
    for (const line of server.hostKeyLines) expect(remembered.stdout.toString()).toContain(line);
  });

  test("ssh-keyscan collects all of them", async () => {
    const types = "ed25519,rsa,ecdsa";
    const ran = await runPeer(["ssh-keyscan", "-T", "10", "-q", "-t", types, "-p", `${server.port}`, "127.0.0.1"]);
    expect(ran.status).toBe(0);
    const lines = ran.stdout.toString().trimEnd().split("\n");
    // ssh-keyscan collects only one ECDSA key, on the first common curve.
    const expected = server.hostKeyLines.filter((line) => !/nistp(384|521)/.test(line));
    expect(lines.toSorted()).toEqual(expected.map((line) => `[127.0.0.1]:${server.port} ${line}`).toSorted());
  });
});
