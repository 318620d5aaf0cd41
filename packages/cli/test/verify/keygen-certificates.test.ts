import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import signed from "../../../../test-vectors/signed-files.json" with { type: "json" };
import { contentOfList, type KeygenBench, type Outcome, startKeygenBench, wordsOf } from "./keygen-bench.ts";

// `nacre keygen -s` and `-L`, and `-Y`, `-k` and `-Q` with certificates, must do with a command line and files what ssh-keygen does.

const call = (program: string, words: readonly string[], env = process.env): string =>
  execFileSync(program, words, { encoding: "utf8", stdio: "pipe", env });

let bench: KeygenBench;
let agent: { readonly SSH_AUTH_SOCK: string; readonly pid: number };

beforeAll(() => {
  bench = startKeygenBench("keygen-certificates");
  const { made, sshKeygen, write, line } = bench;
  for (const [name, type, comment] of [
    ["ca", "ed25519", "authority"],
    ["ca-rsa", "rsa", ""],
    ["ca-ecdsa", "ecdsa", ""],
    ["alice", "ed25519", "alice's key"],
    ["bob", "ecdsa", ""],
    ["carol", "rsa", "carol"],
  ])
    sshKeygen("-q", "-t", type!, "-N", "", "-C", comment!, "-f", name!);
  sshKeygen("-q", "-t", "ed25519", "-N", "pass phrase", "-C", "", "-f", "locked");

  const certify = (name: string, key: string, line: string): void => {
    sshKeygen("-q", ...wordsOf(line), `${key}.pub`);
    cpSync(join(made, `${key}-cert.pub`), join(made, name));
  };
  certify("host-cert", "bob", "-s ca-rsa -h -I h -n h.example.org,*.example.org -V 20200101:20300101");
  certify("sha1-cert", "bob", "-s ca-rsa -t ssh-rsa -I old -n bob -V 0x10:0xffffffffff");
  certify(
    "options-cert",
    "carol",
    '-s ca-ecdsa -I an\u00a0"id"\u00a0\\\u00a0with\té -n carol -z 18446744073709551615 -V always:20300101Z ' +
      "-O force-command=echo\u00a0\\\u00a0ü -O source-address=10.0.0.0/8,::1 -O verify-required -O critical:x -O critical:y=data " +
      "-O extension:login@github.com=carol -O extension:z -O no-touch-required",
  );
  certify("unnumbered-cert", "bob", "-s ca -I no\u00a0number -n bob");
  certify("carol-cert", "carol", "-s ca -I carol's -n carol,c@x.org -z 70000");
  certify("late-cert", "alice", "-s ca -I late -n alice -V 20990101:forever");
  certify("alice-cert", "alice", "-s ca -I alice -n alice,a@x.org -z 7 -V 20200101:20990101");
  write("security.pub", signed.unitTests.signatures.find(({ key }) => key === "ed25519_sk")!.publicKey);
  certify("security-cert", "security", "-s ca -I token -n alice -V always:20300101 -O verify-required");
  const text = (name: string): string => readFileSync(join(made, name), "utf8").trim();
  write(
    "several",
    "# certificates",
    text("host-cert"),
    line("alice"),
    "",
    `  ${text("options-cert")}`,
    text("sha1-cert"),
  );
  write("spoilt", "ssh-ed25519-cert-v01@openssh.com AAAA", "x y z", text("alice-cert"));
  write("data", "signed data");
  write("authorities", `*@x.org,alice,bob cert-authority,namespaces="file" ${line("ca")}`);
  write("plain-signers", `alice ${line("alice")}`);
  for (const name of ["alice", "carol"]) {
    sshKeygen("-q", "-Y", "sign", "-n", "file", "-f", `${name}-cert.pub`, "data");
    renameSync(join(made, "data.sig"), join(made, `${name}.sig`));
  }
  write("by-key", `key: ${text("alice-cert")}`);
  write("by-hash", `sha1: ${text("alice-cert")}`, `sha256: ${text("carol-cert")}`);
  sshKeygen("-q", "-k", "-f", "list", "alice-cert", "unnumbered-cert");
  sshKeygen("-q", "-k", "-f", "list-of-authority", "ca.pub");

  const [, SSH_AUTH_SOCK = "", pid = ""] =
    /SSH_AUTH_SOCK=([^;]+);[^]*SSH_AGENT_PID=(\d+);/.exec(call("ssh-agent", ["-s"])) ?? [];
  agent = { SSH_AUTH_SOCK, pid: Number(pid) };
  for (const name of ["ca-rsa", "alice"]) call("ssh-add", ["-q", join(made, name)], { ...process.env, SSH_AUTH_SOCK });
});
afterAll(() => {
  process.kill(agent.pid);
  bench.remove();
});

/** Returns the lines of an outcome, without the warnings that only `nacre keygen` prints. */
const told = ({ status, stdout, stderr }: Outcome) => ({
  status,
  stdout,
  stderr: stderr.replaceAll(/^Warning: .*\n/gm, ""),
});

/** Returns what ssh-keygen finds in the certificates that a command line made, their comments and modes. */
function certificatesOf({ cwd, read }: Outcome) {
  return ["alice", "bob", "carol", "security"].map((name) => {
    const file = `${name}-cert.pub`;
    const { mode } = statSync(join(cwd, file));
    const shown = execFileSync("ssh-keygen", ["-L", "-f", file], { cwd, encoding: "utf8" });
    return { mode: mode & 0o777, comment: read(file)!.split(" ").slice(2).join(" "), shown };
  });
}

test.each([
  "-s ca -I id -n alice alice.pub bob.pub carol.pub",
  "-s ca -I id -n alice,bob -z +9 alice.pub bob.pub carol.pub",
  "-qs ca-rsa -hI id -n *.example.org -V always:20300101 alice",
  "-s ca-rsa -t rsa-sha2-256 -I id -n a -z 18446744073709551615 alice.pub",
  "-s ca-ecdsa -I  -n a -V 20200101:forever carol.pub",
  "-s ca -I id -n a -V 0x10:0x7fffffffff carol.pub",
  "-s ca -I id -n a -V 202001010203:20300102030405Z carol.pub",
  "-s ca -I id -n a -O clear -O permit-PTY -O no-touch-required -O extension:a=b -O extension:c alice.pub",
  "-s ca -I id -n a -O no-x11-forwarding -O no-user-rc -O verify-required -O critical:x=y alice.pub",
  "-s ca -I id -n a -O force-command=a\u00a0b -O source-address=10.0.0.0/8,::1 alice.pub",
  "-s ca -h -I id -n a -O critical:x -O permit-pty alice.pub",
  "-s ca -I id -n a -O no-touch-required security.pub",
  "-s locked -P pass\u00a0phrase -I id -n a alice.pub",
  "-s ca -I id alice.pub",
  "-qhs ca -I id alice.pub",
  "-s ca -n a alice.pub",
  "-s missing -I id -n a alice.pub",
  "-s ca -I id -n a missing",
  "-s ca -I id -n a,,b alice.pub",
  "-s ca -I id -n a -z x alice.pub",
  "-s ca -I id -n a -z 18446744073709551616 alice.pub",
  "-s ca -I id -n a -V +1x alice.pub",
  "-s ca -I id -n a -V forever alice.pub",
  "-s ca -I id -n a -V -x:forever alice.pub",
  "-s ca -I id -n a -V 0xg:forever alice.pub",
  "-s ca -I id -n a -V always:2020 alice.pub",
  "-s ca -I id -n a -V 2020:forever alice.pub",
  "-s ca -I id -n a -V 20300101:20200101 alice.pub",
  "-s ca -I id -n a -O unknown alice.pub",
  "-s ca -I id -n a -O force-command= alice.pub",
  "-s ca -I id -n a -O force-command=x -O force-command=y alice.pub",
  "-s ca -I id -n a -t rsa-sha2-256 alice.pub",
  "-Us ca-rsa.pub -I id -n a alice.pub",
  "-Us ca-rsa -t rsa-sha2-256 -I id -n a alice.pub",
  "-Us ca -I id -n a alice.pub",
])("keygen %s makes the certificates that ssh-keygen makes", async (line) => {
  const { theirs, ours } = await bench.both(wordsOf(line), {
    env: line.startsWith("-U") ? { SSH_AUTH_SOCK: agent.SSH_AUTH_SOCK } : {},
  });
  expect(told(ours)).toEqual(told(theirs));
  expect(certificatesOf(ours)).toEqual(certificatesOf(theirs));
});

test("keygen -s refuses what no server would accept", async () => {
  for (const [line, message] of [
    ["-s ca-rsa -t ssh-rsa -I id -n a alice.pub", /SHA-1/],
    ["-s ca -I id -n a alice-cert", /cannot be certified/],
    ["-s ca -I id -n a -O source-address=x alice.pub", /Invalid source-address list/],
    ["-s ca -I id -n a -O critical:x -O critical:x alice.pub", /x already specified/],
  ] as const) {
    const { ours } = await bench.both(wordsOf(line));
    expect(ours.status, line).toBe(255);
    expect(ours.stderr).toMatch(message);
  }
});

test.each([
  ["-Lf alice-cert"],
  ["-L -f host-cert"],
  ["-L -E md5 -f options-cert"],
  ["-L -f sha1-cert"],
  ["-L -f security-cert"],
  ["-L -f several"],
  ["-L -f -", "several"],
  ["-L -f spoilt"],
  ["-L -f alice.pub"],
  ["-L -f /dev/null"],
])("keygen %s prints what ssh-keygen prints", async (line, input = "") => {
  for (const TZ of ["UTC", "America/New_York"]) {
    const { theirs, ours } = await bench.both(wordsOf(line), { input, env: { TZ } });
    expect(told(ours)).toEqual(told(theirs));
  }
});

test.each([
  ["-Y verify -n file -f authorities -I alice -s alice.sig"],
  ["-Y verify -n file -f authorities -I a@x.org -s alice.sig -O print-pubkey"],
  ["-Y verify -n file -f authorities -I c@x.org -s carol.sig"],
  ["-Y verify -n file -f authorities -I bob -s alice.sig"],
  ["-Y verify -n file -f authorities -I alice -s alice.sig -O verify-time=20990101"],
  ["-Y verify -n file -f authorities -I alice -s alice.sig -r list"],
  ["-Y verify -n file -f authorities -I c@x.org -s carol.sig -r list-of-authority"],
  ["-Y verify -n file -f plain-signers -I alice -s alice.sig"],
  ["-Y check-novalidate -n file -s alice.sig"],
  ["-Y find-principals -f authorities -s alice.sig"],
  ["-Y find-principals -f authorities -s carol.sig"],
  ["-Y find-principals -f plain-signers -s alice.sig"],
  ["-Qlf list alice-cert unnumbered-cert carol-cert alice.pub bob.pub"],
  ["-Qf list-of-authority alice-cert ca.pub host-cert"],
])("keygen %s judges certificates as ssh-keygen does", async (line) => {
  const { theirs, ours } = await bench.both(wordsOf(line), { input: "data" });
  expect([ours.status, ours.stdout]).toEqual([theirs.status, theirs.stdout]);
});

test("keygen -Y verify refuses a certificate whose authority signed with SHA-1, which ssh-keygen accepts", async () => {
  const { made, sshKeygen, write, line } = bench;
  cpSync(join(made, "sha1-cert"), join(made, "bob-cert.pub"));
  sshKeygen("-q", "-Y", "sign", "-n", "file", "-f", "bob-cert.pub", "data");
  renameSync(join(made, "data.sig"), join(made, "bob.sig"));
  write("old-authority", `bob cert-authority ${line("ca-rsa")}`);
  const words = wordsOf("-Y verify -n file -f old-authority -I bob -s bob.sig");
  const { theirs, ours } = await bench.both(words, { input: "data" });
  expect([theirs.status, ours.status]).toEqual([0, 255]);
  expect(ours.stderr).toContain("signed with ssh-rsa");
});

test.each([
  ["-Y sign -n file -f alice-cert.pub data", "file"],
  ["-Y sign -n file -O hashalg=sha256 -f carol-cert.pub data", "file"],
  ["-Y sign -n file -f alice-cert.pub data", "agent"],
])("keygen %s signs with a key in a %s and its certificate", async (line, place) => {
  const { theirs, ours } = await bench.both(wordsOf(line), {
    env: place === "agent" ? { SSH_AUTH_SOCK: agent.SSH_AUTH_SOCK } : {},
  });
  expect(ours.status).toBe(0);
  expect(ours.stderr).toBe(theirs.stderr);
  const words = ["-Y", "check-novalidate", "-n", "file", "-s", "data.sig"];
  const input = readFileSync(join(bench.made, "data"));
  expect(execFileSync("ssh-keygen", words, { cwd: ours.cwd, input, encoding: "utf8" })).toMatch(/with \w+-CERT key/);
  if (theirs.status === 0) expect(ours.read("data.sig")).toBe(theirs.read("data.sig"));
});

test.each(["alice-cert unnumbered-cert", "carol-cert late-cert alice.pub", "by-key by-hash"])(
  "keygen -k revokes the certificates in %s as ssh-keygen does",
  async (files) => {
    const { theirs, ours } = await bench.both(["-kf", "new", ...files.split(" ")]);
    expect(told(ours)).toEqual(told(theirs));
    expect(contentOfList(ours, "new")).toBe(contentOfList(theirs, "new"));
  },
);
