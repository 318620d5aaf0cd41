import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { firstLine } from "@nacre/testing/first-line";
import { securityKeyProvider } from "@nacre/testing/interop/security-key";
import { must } from "@nacre/testing/openssh/run";
import { beforeAll, describe, expect, test } from "vitest";
import { commandLine, type Ended, start } from "../interop/nacre.ts";
import { quiet, run, type Served, untilDead, useServeFolder } from "../interop/serve-support.ts";
import { quoted } from "../interop/sshd-login.ts";

const { username: USER } = userInfo();
const MIB = 2 ** 20;

const folder = useServeFolder({ terminals: true });

/** Runs OpenSSH's sftp with a batch of commands. */
async function sftp(served: Served, batch: string): Promise<Ended> {
  const [, ...words] = folder.ssh(served);
  return run(["sftp", "-q", "-b", "-", ...words.map((word) => (word === "-p" ? "-P" : word))], batch);
}

/** Runs git over ssh, ignoring this machine's configuration. */
async function git(served: Served, cwd: string, ...words: string[]): Promise<Ended> {
  const [, ...ssh] = folder.ssh(served).slice(0, -1);
  const environment = [
    `GIT_SSH_COMMAND=ssh ${quoted(ssh)}`,
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_CONFIG_SYSTEM=/dev/null",
    ...["AUTHOR", "COMMITTER"].flatMap((who) => [`GIT_${who}_NAME=Alice`, `GIT_${who}_EMAIL=alice@example.org`]),
  ];
  return run(["env", ...environment, "git", "-C", cwd, ...words]);
}

describe("subsystems", () => {
  test("serve sftp below --sftp-root, even with --no-exec", async () => {
    const bytes = randomBytes(2 * MIB);
    writeFileSync(join(folder.path, "up"), bytes);
    const there = join(folder.path, "there");
    const served = await folder.serve({ words: ["--no-exec", "--sftp-root", "/"] });
    const { status, stderr } = await sftp(served, `put ${folder.path}/up ${there}\nget ${there} ${folder.path}/down\n`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(readFileSync(join(folder.path, "down")).equals(bytes)).toBe(true);
    const command = await run([...folder.ssh(served), "true"]);
    expect(command.stderr).toBe("this server runs no commands; use SFTP or scp\n");
    expect(command.status).toBe(1);
  });

  test("run the commands given with --subsystem, and refuse others", async () => {
    const served = await folder.serve({ words: ["--subsystem", "digest=sha256sum", "--subsystem", "sftp="] });
    expect(await quiet([...folder.ssh(served, ["-s"]), "digest"], "abc")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n",
    );
    const { status, stderr } = await sftp(served, "pwd\n");
    expect(stderr).toMatch(/Connection closed/);
    expect(status).not.toBe(0);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "subsystem sftp" });
  });
});

describe("forwarding", () => {
  test("is refused unless the server is started with --allow-forwarding", async () => {
    const served = await folder.serve();
    const { status, stderr } = await run(folder.ssh(served, ["-W", `127.0.0.1:${served.port}`]));
    expect(status).toBe(255);
    expect(stderr).toMatch(/administratively prohibited/);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "direct-tcpip" });
  });

  test("reaches this machine by -L without more options", async () => {
    const served = await folder.serve({ words: ["--allow-forwarding"] });
    // The target is the server itself, so its identification string comes back.
    for (const host of ["127.0.0.1", "localhost"]) {
      const onward = await run(folder.ssh(served, ["-W", `${host}:${served.port}`]));
      expect(onward.stdout.toString()).toMatch(/^SSH-2\.0-/);
    }
    const link = await run(folder.ssh(served, ["-W", "169.254.169.254:80"]));
    expect(link.stderr).toMatch(/administratively prohibited/);
  });

  test.each([
    ["--no-exec", undefined],
    ["a forced command", 'command="true" '],
  ])("reaches named destinations, but not this machine by a * host with %s", async (_, forced = "") => {
    const words = ["--allow-forwarding", "--permit-open", "localhost:*", "--permit-open", "*:*"];
    const served = await folder.serve({
      words: forced === "" ? ["--no-exec", ...words] : words,
      authorizedKeys: `${forced}${folder.keyLine}`,
    });
    // The target is the server itself, so its identification string comes back.
    const onward = await run(folder.ssh(served, ["-W", `localhost:${served.port}`]));
    expect(onward.stdout.toString()).toMatch(/^SSH-2\.0-/);
    const refused = await run(folder.ssh(served, ["-W", `127.0.0.1:${served.port}`]));
    expect(refused.stderr).toMatch(/administratively prohibited/);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({
      request: `direct-tcpip 127.0.0.1:${served.port}`,
      error: { code: "forward-denied" },
    });
  });

  test("is refused at the start for an invalid --permit-open", async () => {
    const { status, stderr } = await run(commandLine(["serve", "--allow-forwarding", "--permit-open", "localhost"]));
    expect(status).toBe(255);
    expect(stderr).toMatch(/invalid place localhost in `permitOpen`/);
  });
});

test("certificates log in by the files of authorities and principals; the host has one, too, and the log names the user's", async () => {
  const at = (name: string): string => join(folder.path, name);
  for (const name of ["authority", "certified"])
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", at(name)]);
  // Makes the host key.
  await folder.serve();
  const sign = ["ssh-keygen", "-q", "-s", at("authority"), "-I"];
  await must([...sign, "a host", "-h", "-n", "127.0.0.1", at("host_key.pub")]);
  await must([...sign, "a user", "-z", "7", "-n", "ops", at("certified.pub")]);
  writeFileSync(at(`principals-${USER}`), "ops\n", { mode: 0o600 });
  writeFileSync(at("revoked"), "", { mode: 0o600 });
  const served = await folder.serve({
    authorizedKeys: "",
    words: [
      "--host-certificate",
      at("host_key-cert.pub"),
      "--trusted-user-ca-keys",
      at("authority.pub"),
      "--authorized-principals-file",
      at("principals-%u"),
      "--revoked-keys",
      at("revoked"),
    ],
  });
  writeFileSync(at("known_hosts"), `@cert-authority * ${readFileSync(at("authority.pub"), "utf8")}`);
  expect(await quiet([...folder.ssh(served, [], at("certified")), "echo in"])).toBe("in\n");
  const login = await served.until(({ event }) => event === "login");
  expect(login).toMatchObject({
    factors: [{ method: "certificate", certificate: { keyId: "a user", serial: "7", principals: ["ops"] } }],
  });
  writeFileSync(at("revoked"), readFileSync(at("authority.pub")), { mode: 0o600 });
  const refused = await run([...folder.ssh(served, [], at("certified")), "echo in"]);
  expect(refused.stderr).toMatch(/Permission denied \(publickey\)/);
});

test("with --verify-required a security key logs in only if it verified its user; other keys as without", async () => {
  const provider = await securityKeyProvider(folder);
  const touched = await provider.makeKey("touched", "ed25519-sk");
  const verified = await provider.makeKey("verified", "ed25519-sk", ["verify-required"]);
  const authorizedKeys = [folder.keyLine, touched.publicKeyLine, verified.publicKeyLine].join("\n");
  const statuses = async (words: readonly string[]): Promise<(number | null)[]> => {
    const served = await folder.serve({ authorizedKeys, words });
    const provided = ["-o", `SecurityKeyProvider=${provider.path}`];
    const ran = [];
    for (const key of [folder.key, touched.path, verified.path])
      ran.push((await run([...folder.ssh(served, provided, key), "true"])).status);
    return ran;
  };
  expect(await statuses([])).toEqual([0, 0, 0]);
  expect(await statuses(["--verify-required"])).toEqual([0, 255, 0]);
});

test("nacre prints the banner escaped", async () => {
  const served = await folder.serve({ words: ["--banner", "Wel\x1b[2Jcome\u202e\nto this"] });
  const known = ["--known-hosts", join(folder.path, "known_hosts"), "-i", folder.key];
  const { status, stdout, stderr } = await run(
    commandLine(["-p", `${served.port}`, ...known, `${USER}@127.0.0.1`, "echo in"]),
  );
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({
    status: 0,
    stdout: "in\n",
    stderr: "Wel\\x1b[2Jcome\\u{202e}\nto this\n",
  });
});

describe("git", () => {
  let repository = "";
  beforeAll(async () => {
    repository = join(folder.path, "repository.git");
    await must(["git", "init", "-q", "--bare", "-b", "main", repository]);
  });

  test("clones and pushes; a key limited to git-upload-pack clones but cannot push", async () => {
    const served = await folder.serve();
    const url = `ssh://${USER}@127.0.0.1:${served.port}${repository}`;
    const work = join(folder.path, "work");
    expect((await git(served, folder.path, "clone", "-q", url, work)).status).toBe(0);
    await mkdir(join(work, "files"));
    for (let i = 0; i < 50; i++) writeFileSync(join(work, "files", `${i}`), randomBytes(50_000));
    for (const words of [
      ["checkout", "-q", "-b", "main"],
      ["add", "."],
      ["commit", "-q", "-m", "fifty files"],
    ])
      expect((await git(served, work, ...words)).status).toBe(0);
    const push = await git(served, work, "push", "-q", "origin", "main");
    expect({ status: push.status, stderr: push.stderr }).toEqual({ status: 0, stderr: "" });
    expect(served.told.filter(({ event }) => event === "session-started").map(({ command }) => command)).toEqual([
      `git-upload-pack '${repository}'`,
      `git-receive-pack '${repository}'`,
    ]);

    const reader = await folder.serve({
      authorizedKeys: `restrict,command="git-upload-pack '${repository}'" ${folder.keyLine}`,
    });
    const readerUrl = `ssh://${USER}@127.0.0.1:${reader.port}/whatever`;
    const copy = join(folder.path, "copy");
    expect((await git(reader, folder.path, "clone", "-q", readerUrl, copy)).status).toBe(0);
    const heads = await Promise.all([work, copy].map((cwd) => git(reader, cwd, "rev-parse", "HEAD^{tree}")));
    expect(heads[1]!.stdout.toString()).toBe(heads[0]!.stdout.toString());
    expect((await git(reader, copy, "fsck", "--strict")).status).toBe(0);
    expect((await git(reader, copy, "commit", "-q", "--allow-empty", "-m", "one more")).status).toBe(0);
    expect((await git(reader, copy, "push", "-q", "origin", "HEAD:main")).status).not.toBe(0);
    expect((await must(["git", "-C", repository, "log", "--format=%s", "main"])).trimEnd()).toBe("fifty files");
  });
});

describe("--user", () => {
  test("lets a name without an account log in; commands run as the user who started the server", async () => {
    const served = await folder.serve({ words: ["--user", "deploy-somewhere"] });
    const words = folder.ssh(served).slice(0, -1);
    expect(await quiet([...words, "deploy-somewhere@127.0.0.1", "id -un"])).toBe(`${USER}\n`);
    const ran = await run([...folder.ssh(served), "true"]);
    expect(ran.stderr).toBe(`${USER}@127.0.0.1: Permission denied (publickey).\r\n`);
  });

  test("refuses another account of this machine at the start", async () => {
    const other = USER === "nobody" ? "root" : "nobody";
    const { status, stderr } = await run(commandLine(["serve", "--port", "0", "--user", other]));
    expect(stderr).toMatch(
      new RegExp(`^nacre: every command runs as ${USER}, so the account "${other}" cannot log in[^\n]+\\[usage\\]\n$`),
    );
    expect(status).toBe(255);
  });
});

describe("starting and stopping", () => {
  test("the first start creates a host key that only its owner can read, and logs its fingerprint as text", async () => {
    const config = join(folder.path, "config");
    const serve = commandLine(["serve", "--port", "0", "--banner", "Welcome."]);
    const words = ["env", `XDG_CONFIG_HOME=${config}`, ...serve, "--authorized-keys", join(folder.path, "key.pub")];
    const seen: string[] = [];
    for (let time = 1; time <= 2; time++) {
      const child = start(words);
      const line = await firstLine(child.stderr);
      expect(line).toMatch(
        new RegExp(
          `^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z listening on 127\\.0\\.0\\.1 port \\d+ for "${USER}"; host key ssh-ed25519 SHA256:\\S+$`,
        ),
      );
      seen.push(line.slice(line.indexOf("SHA256:")));
      const port = Number(/port (\d+)/.exec(line)![1]);
      const known = ["-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"];
      const login = ["-F", "/dev/null", ...known, "-i", folder.key, "-o", "IdentitiesOnly=yes", "-p", `${port}`];
      const ran = await run(["ssh", ...login, `${USER}@127.0.0.1`, "echo in"]);
      expect(ran.stdout.toString()).toBe("in\n");
      expect(ran.stderr).toContain("Welcome.\n");
      child.kill("SIGINT");
      const [status] = (await once(child, "close")) as [number | null];
      expect(status).toBe(0);
    }
    const file = join(config, "nacre", "ssh_host_ed25519_key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const listed = await must(["ssh-keygen", "-l", "-f", file]);
    expect(seen).toEqual([listed.split(" ")[1], listed.split(" ")[1]]);
  });

  test("offers only the named algorithms", async () => {
    const [cipher, mac, kex] = ["aes256-ctr", "hmac-sha2-512", "diffie-hellman-group14-sha256"];
    const served = await folder.serve({ words: ["-c", cipher, "-m", mac, "--kex", kex] });
    const { status, stderr } = await run([...folder.ssh(served, ["-v"]), "true"]);
    expect(status).toBe(0);
    expect(stderr).toContain(`kex: algorithm: ${kex}\r\n`);
    expect(stderr).toContain(`kex: server->client cipher: ${cipher} MAC: ${mac} `);
    const refused = await run([...folder.ssh(served, ["-c", "aes128-ctr"]), "true"]);
    expect(refused.stderr).toMatch(/no matching cipher found\. Their offer: aes256-ctr\r?\n/);
    const unknown = await run(commandLine(["serve", "--kex", "none-such"]));
    expect(unknown.stderr).toMatch(
      /^nacre: unknown key exchange method "none-such"; expected one of [^\n]* \[usage\]\n$/,
    );
  });

  test("offers several host keys of different types", async () => {
    const other = join(folder.path, "host_rsa");
    await must(["ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", other]);
    const served = await folder.serve({ words: ["--host-key", other] });
    const scanned = await run([
      "ssh-keyscan",
      "-q",
      "-T",
      "10",
      "-t",
      "rsa,ed25519",
      "-p",
      `${served.port}`,
      "127.0.0.1",
    ]);
    const files = await Promise.all(
      [other, join(folder.path, "host_key")].map((file) => readFile(`${file}.pub`, "utf8")),
    );
    for (const line of files) expect(scanned.stdout.toString()).toContain(line.split(" ").slice(0, 2).join(" "));
  });

  test("reports a port in use in one line", async () => {
    const served = await folder.serve();
    const words = ["serve", "--port", `${served.port}`, "--host-key", join(folder.path, "host_key")];
    const { status, stderr } = await run(commandLine(words));
    expect(stderr).toMatch(
      /^nacre: cannot listen on 127\.0\.0\.1 port \d+: the port is in use[^\n]*\[listen-failed\]\n$/,
    );
    expect(status).toBe(255);
  });

  test("logs twenty silent connections a minute, then counts them", async () => {
    // The per-source limits would refuse some of the connections.
    const served = await folder.serve({ words: ["--no-per-source"] });
    for (let i = 0; i < 25; i++) {
      const socket = connectSocket(served.port, "127.0.0.1");
      await once(socket, "data");
      socket.destroy();
    }
    served.kill("SIGTERM");
    expect(await served.until(({ event }) => event === "repeated")).toMatchObject({
      count: 5,
      text: "127.0.0.1 connected",
    });
    expect(await served.closed).toBe(0);
    expect(served.told.filter(({ event }) => event === "connected")).toHaveLength(20);
    expect(served.told.at(-1)).toMatchObject({ event: "stopped" });
  });

  test("reports an unknown host name to listen on in one line", async () => {
    const words = ["serve", "--listen", "nosuch.invalid", "--host-key", join(folder.path, "host_key")];
    const { status, stderr } = await run(commandLine(words));
    // The second message appears on machines without a DNS server.
    expect(stderr).toMatch(
      /^nacre: cannot listen on nosuch\.invalid port 2222: (host name not found; check its spelling|host name lookup failed; check the network connection) \[listen-failed\]\n$/,
    );
    expect(status).toBe(255);
  });

  test("notes a missing authorized_keys file at the start, and uses it once it exists", async () => {
    const file = join(folder.path, "keys created later");
    const served = await folder.serve({ words: ["--authorized-keys", file] });
    expect(await served.until(({ event }) => event === "note")).toMatchObject({
      text: `${file} does not exist; create it to let clients log in`,
    });
    writeFileSync(file, `${folder.keyLine}\n`, { mode: 0o600 });
    expect(await quiet([...folder.ssh(served), "echo in"])).toBe("in\n");
    expect((await folder.serve()).told.filter(({ event }) => event === "note")).toEqual([]);
  });

  test("the first SIGTERM lets sessions end and refuses new connections", async () => {
    const served = await folder.serve();
    const child = start([...folder.ssh(served), "echo begun; read line; echo $line; exit 8"]);
    await firstLine(child.stdout);
    served.kill("SIGTERM");
    expect(await served.until(({ event }) => event === "stopping")).toMatchObject({ signal: "SIGTERM", sessions: 1 });
    const socket = connectSocket(served.port, "127.0.0.1");
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    // ECONNRESET if the connection was accepted just before the listener closed.
    expect(["ECONNREFUSED", "ECONNRESET"]).toContain(error.code);
    const ended = once(child, "close") as Promise<[number | null]>;
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    child.stdin.end("the end\n");
    expect((await ended)[0]).toBe(8);
    expect(shown).toBe("the end\n");
    expect(await served.closed).toBe(0);
    expect(served.told.at(-1)).toMatchObject({ event: "stopped" });
  });

  test("the second SIGTERM ends the server and its sessions immediately", async () => {
    const served = await folder.serve();
    const child = start([...folder.ssh(served), `trap '' HUP TERM INT; echo $$; ${folder.loop}`]);
    const pid = Number(await firstLine(child.stdout));
    served.kill("SIGTERM");
    await served.until(({ event }) => event === "stopping");
    served.kill("SIGTERM");
    expect(await served.closed).toBe(0);
    await untilDead(pid);
  });
});

describe("without node-pty", () => {
  const without = useServeFolder({ terminals: false });

  test("terminal requests are refused, the log states why, and commands run without a terminal", async () => {
    const served = await without.serve();
    expect(served.told[0]).toMatchObject({
      event: "note",
      text: expect.stringMatching(
        /^terminal requests are refused because @lydell\/node-pty cannot be loaded: .*node-pty/,
      ) as string,
    });
    const { stderr } = await run([...without.ssh(served, ["-tt"]), "true"]);
    expect(stderr).toMatch(/PTY allocation request failed on channel 0/);
    expect(await served.until(({ event }) => event === "request-refused")).toMatchObject({ request: "pty-req" });
    expect(await quiet([...without.ssh(served), "echo in"])).toBe("in\n");
  });
});
