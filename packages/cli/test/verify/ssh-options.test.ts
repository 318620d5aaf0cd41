import { readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { commandLine, ended, nacre, start } from "../interop/nacre.ts";
import { useLogin } from "../interop/sshd-login.ts";

const at = useLogin([]);

describe("in the place of ssh", () => {
  test.each<[string, (host: string) => string[], string]>([
    ["options after the host", (host) => [host, "-T", "-p", `${at.servers[0]!.port}`, "echo", "hi"], "hi\n"],
    [
      "`--` before the command, and one in it",
      (host) => [host, "-p", `${at.servers[0]!.port}`, "--", "echo", "a", "--"],
      "a --\n",
    ],
    [
      "what docker passes",
      (host) => ["-o ConnectTimeout=30", "-T", "-p", `${at.servers[0]!.port}`, "--", host, "echo hi"],
      "hi\n",
    ],
    [
      "what ansible passes",
      (host) =>
        `-C -o ControlMaster=auto -o ControlPersist=60s -o ControlPath="cp" -o KbdInteractiveAuthentication=no -o PreferredAuthentications=gssapi-with-mic,publickey -o PasswordAuthentication=no -o User="alice" -o ConnectTimeout=10 -o Port=${at.servers[0]!.port} ${host} echo hi`.split(
          " ",
        ),
      "hi\n",
    ],
  ])("takes %s", async (_, words, expected) => {
    const line = ["-i", at.keyFile, "--known-hosts", at.knownHosts, ...words("alice@127.0.0.1")];
    expect(await nacre(line)).toMatchObject({ status: 0, stderr: "", stdout: Buffer.from(expected) });
  });

  test("starts a subsystem named after the host, as restic and rclone do", async () => {
    const child = start(commandLine([...at.words(), "-s", "sftp"]));
    child.stdin.write(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
    // sftp-server answers nothing once it has read the end of its input.
    child.stdout.once("data", () => child.stdin.end());
    const { status, stdout, stderr } = await ended(child);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.subarray(4, 9)).toEqual(Buffer.of(2, 0, 0, 0, 3));
  });

  test("sends LANG and LC_*", async () => {
    const child = start(["env", "LC_NACRE=grüße", ...commandLine([...at.words("--trace"), "true"])]);
    child.stdin.end();
    expect((await ended(child)).stderr).toMatch(/CHANNEL_REQUEST 0 env LC_NACRE/);
  });

  test("leaves out a key file that is missing, with a warning", async () => {
    const missing = join(at.folder, "none");
    expect(await nacre([...at.words("-i", missing), "true"])).toMatchObject({
      status: 0,
      stderr: `Warning: Identity file ${missing} not accessible: No such file or directory.\n`,
    });
  });

  test("prints no message with -q, and those of ssh alone to the file of -E", async () => {
    expect(await nacre(["-q", "nosuch.invalid"])).toMatchObject({ status: 255, stderr: "" });
    const log = join(at.folder, "log");
    expect(await nacre(["-E", log, "nosuch.invalid"])).toMatchObject({ status: 255, stderr: "" });
    expect(readFileSync(log, "utf8")).toBe(
      "nacre: Could not resolve hostname nosuch.invalid: Name or service not known\n",
    );
  });

  test("prints with -v who was authenticated, and how", async () => {
    const { stderr } = await nacre([...at.words("-v"), "true"]);
    expect(stderr).toContain(`Authenticated to 127.0.0.1 ([127.0.0.1]:${at.servers[0]!.port}) using "publickey".\n`);
    expect(stderr).toContain("debug1: Entering interactive session.\n");
  });

  test("names the version of OpenSSH that it stands for", async () => {
    expect(await nacre(["-V"])).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("OpenSSH_10.5 compatible"),
    });
  });

  test("has no commands as a link named ssh", async () => {
    const link = join(at.folder, "ssh");
    symlinkSync(commandLine([])[1]!, link);
    const { status, stderr } = await ended(start([process.execPath, link, "-o", "ConnectTimeout=1", "keygen.invalid"]));
    expect(status).toBe(255);
    expect(stderr).toContain("Could not resolve hostname keygen.invalid");
    expect((await ended(start([process.execPath, link, "--version"]))).stderr).toContain("unknown option --version");
  });
});

/** Returns a pattern for a line of the packet list. */
function line(direction: string, rest: string): RegExp {
  return new RegExp(`^ +\\d+\\.\\d{6} ${direction} +\\d+ +(#\\d+)? ${rest}`, "m");
}

describe("tracing", () => {
  test("--trace prints packets, proposals and negotiated algorithms to standard error only", async () => {
    const { stdout, stderr, status } = await nacre([...at.words("--trace", "-c", "aes256-ctr"), "echo hello"]);
    expect(status).toBe(0);
    expect(stdout.toString()).toBe("hello\n");
    const inOrder = [
      line("→", "SSH-2\\.0-Nacre_"),
      line("→", "KEXINIT$"),
      /^ {35}cipher=aes256-ctr$/m,
      line("←", "KEXINIT$"),
      line("→", "KEX_ECDH_INIT"),
      line("←", "KEX_ECDH_REPLY"),
      line("→", "NEWKEYS"),
      /chosen\n +kex=mlkem768x25519-sha256\n +hostkey=ssh-ed25519\n +cipher=aes256-ctr\n +mac=\S+\n +strict$/m,
      line("→", "USERAUTH_REQUEST alice publickey ssh-ed25519 signed"),
      line("←", "USERAUTH_SUCCESS"),
      line("→", "CHANNEL_REQUEST 0 exec echo hello"),
      line("←", "CHANNEL_REQUEST 0 exit-status 0"),
      line("→", "DISCONNECT"),
    ].map((pattern) => stderr.search(pattern));
    expect(inOrder).not.toContain(-1);
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
  });

  test("--keylog writes one line per key exchange to a file that only its owner can read", async () => {
    const file = join(at.folder, "keylog");
    for (let run = 1; run <= 2; run++)
      expect(await nacre([...at.words("--keylog", file), "true"])).toMatchObject({ status: 0, stderr: "" });
    expect(readFileSync(file, "utf8")).toMatch(/^([0-9a-f]{32} SHARED_SECRET [0-9a-f]{2,66}\n){2}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

// It builds the packages first if their sources have changed.
test("npm start resolves file names from the folder where it was typed", { timeout: 300_000 }, async () => {
  const script = fileURLToPath(new URL("../../../../scripts/run.mjs", import.meta.url));
  const typed = ["keygen", "-t", "ed25519", "-f", "relative", "-N", ""];
  // npm changes to the root of the clone and passes the original folder in INIT_CWD.
  const child = start(["env", `INIT_CWD=${at.folder}`, process.execPath, script, "start", ...typed]);
  expect(await ended(child)).toMatchObject({ status: 0 });
  expect(statSync(join(at.folder, "relative")).isFile()).toBe(true);
});
