import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandLine } from "../interop/nacre.ts";
import { contentOfList, type KeygenBench, type Outcome, startKeygenBench, wordsOf } from "./keygen-bench.ts";

// `nacre keygen -Y`, `-k` and `-Q` must do with a command line and files what ssh-keygen does.

let bench: KeygenBench;

beforeAll(() => {
  bench = startKeygenBench("keygen-lists");
  const { made, sshKeygen, write, line } = bench;
  for (const [name, type] of [
    ["alice", "ed25519"],
    ["bob", "ecdsa"],
    ["carol", "rsa"],
    ["ca", "ed25519"],
  ])
    sshKeygen("-q", "-t", type!, "-N", "", "-C", name!, "-f", name!);
  sshKeygen("-q", "-t", "ed25519", "-N", "pass phrase", "-C", "", "-f", "locked");
  write("data", "signed data");
  write("other", "other data");
  for (const name of ["alice", "bob", "carol"]) {
    sshKeygen("-q", "-Y", "sign", "-n", "file", "-f", name, "data");
    cpSync(join(made, "data.sig"), join(made, `${name}.sig`));
    rmSync(join(made, "data.sig"));
  }
  write(
    "signers",
    "# who may sign",
    "",
    `alice@example.org,*@a.org,!eve@a.org ${line("alice")}`,
    `"bob b" namespaces="file,git" ${line("bob")}`,
    `late valid-after="20990101" ${line("carol")}`,
    `early valid-before="20200101Z" ${line("carol")}`,
    `git namespaces="git" ${line("carol")}`,
    `ca cert-authority ${line("alice")}`,
  );
  write("half-spoilt", `alice ${line("alice")}`, `al* octopus ${line("alice")}`, `bob ${line("bob")}`, "eve");
  write("spoilt", `alice octopus ${line("alice")}`, `alice namespaces="git",,restrict ${line("alice")}`);
  write("serials", "serial: 1-4", "serial: 10 # ten", "  serial: 0x20", "serial:010", "serial: 700-800", "", "# end");
  write("ids", "id: an id  # x", "id: b", "ID:a");
  write("keys", `key: ${line("alice")}`, `sha1: ${line("bob")}`, `SHA256: ${line("carol")}`, line("ca"));
  write("hashes", `hash: ${sshKeygen("-l", "-f", "alice.pub").split(" ")[1]}`);
  for (const [name, text] of [
    ["no-serial", "serial: x"],
    ["reversed", "serial: 9-5"],
    ["no-key", "bla"],
    ["no-hash", "hash: MD5:xx"],
  ])
    write(name!, text!);
  sshKeygen("-q", "-k", "-f", "list", "-z", "4", "-C", "a comment", "-s", "ca", "keys", "serials", "ids");
  sshKeygen("-q", "-k", "-f", "every", "-s", "none", "serials", "ids");
  write("not-a-list", "x");
});
afterAll(() => bench.remove());

/** A command line, its input or the file that has it, and whether standard error must be the same too. */
type Line = readonly [words: string, input?: string, stderr?: "same"];

const SIGN: readonly Line[] = [
  ["-Y sign -n file -f alice", "data", "same"],
  ["-Y sign -n file -f alice -", "data", "same"],
  ["-Y sign -n file -f alice data", "", "same"],
  ["-Ysign -qn git -f alice.pub data", "", "same"],
  ["-vY sign -n file -f carol -Ohashalg=sha256 data", ""],
  ["-Y sign -n file -f carol -vvv -O hashalg=sha512 data other", ""],
  ["-Y sign -n file -f locked -P pass\u00a0phrase data", "", "same"],
  ["-Y sign -n file -f locked -P wrong data", "", "same"],
  ["-Y sign -n file -f alice -O hashalg=sha1 data"],
  ["-Y sign -n file -f alice -O hash=sha512 data", "", "same"],
  ["-Y sign -n file -f missing data", "", "same"],
  ["-Y sign -n file -f alice missing", "", "same"],
  ["-Y sign -n file data", "", "same"],
  ["-Y sign -f alice data", "", "same"],
  ["-Y sign -n  -f alice data"],
  ["-Y scribble -n file -f alice data"],
];

const VERIFY: readonly Line[] = [
  ["-Y verify -n file -f signers -I alice@example.org -s alice.sig", "data", "same"],
  ["-Y verify -qn file -f signers -I x@a.org -s alice.sig", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -E md5", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -O print-pubkey -Overify-time=20300101", "data", "same"],
  ["-Y verify -n file -f signers -I eve@a.org -s alice.sig", "data"],
  ["-Y verify -n file -f signers -I ca -s alice.sig", "data"],
  ["-Y verify -n file -f signers -I bob\u00a0b -s bob.sig", "data", "same"],
  ["-Y verify -n git -f signers -I bob\u00a0b -s bob.sig", "data"],
  ["-Y verify -n file -f signers -I late -s carol.sig", "data"],
  ["-Y verify -n file -f signers -I late -s carol.sig -O verify-time=20990101000000", "data", "same"],
  ["-Y verify -n file -f signers -I early -s carol.sig", "data"],
  ["-Y verify -n file -f signers -I early -s carol.sig -O verify-time=20200101Z", "data", "same"],
  ["-Y verify -n file -f signers -I early -s carol.sig -O verify-time=20200101000001Z", "data"],
  ["-Y verify -n file -f signers -I git -s carol.sig", "data"],
  ["-Y verify -n file -f spoilt -I alice -s alice.sig", "data"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig", "other"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -r list", "data"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -r bob.pub", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -r alice.pub", "data"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -r missing", "data"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -O hashalg=sha512", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org -s alice.sig -O verify-time=soon", "data", "same"],
  ["-Y verify -n file -f missing -I x@a.org -s alice.sig", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org -s missing", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org -s data", "data"],
  ["-Y verify -n file -f signers -s alice.sig", "data", "same"],
  ["-Y verify -n file -f signers -I x@a.org", "data", "same"],
  ["-Y verify -n file -I x@a.org -s alice.sig", "data", "same"],
  ["-Y check-novalidate -n file -s alice.sig", "data", "same"],
  ["-Y check-novalidate -n file -s alice.sig -Oprint-pubkey", "data", "same"],
  ["-Y check-novalidate -n git -s alice.sig", "data"],
  ["-Y check-novalidate -n file -s bob.sig", "other"],
  ["-Y check-novalidate -s alice.sig", "data", "same"],
  ["-Y check-novalidate -n file", "data", "same"],
  ["-Y find-principals -f signers -s alice.sig", "", "same"],
  ["-Y find-principals -qf signers -s bob.sig", "", "same"],
  ["-Y find-principals -f signers -s carol.sig -Overify-time=20100101", ""],
  ["-Y find-principals -f spoilt -s alice.sig", ""],
  ["-Y find-principals -f signers -s data", ""],
  ["-Y find-principals -f signers", "", "same"],
  ["-Y find-principals -s alice.sig", "", "same"],
  ["-Y match-principals -f signers -I x@a.org", "", "same"],
  ["-Y match-principals -f signers -I alice@example.org", "", "same"],
  ["-Y match-principals -f signers -I eve@a.org", "", "same"],
  ["-Y match-principals -f spoilt -I alice"],
  ["-Y match-principals -f spoilt -I bob"],
  ["-Y match-principals -f half-spoilt -I bob"],
  ["-Y match-principals -f half-spoilt -I alice"],
  ["-Y match-principals -f half-spoilt -I eve"],
  ["-Y match-principals -f signers", "", "same"],
  ["-Y match-principals -I x", "", "same"],
  ["-Y match-principals -f missing -I x", "", "same"],
];

const LISTS: readonly Line[] = [
  ["-Qlf list alice.pub bob.pub carol.pub ca.pub locked.pub", "", "same"],
  ["-Q -l -f every", "", "same"],
  ["-Qqf list locked.pub", "", "same"],
  ["-Qf list alice", "", "same"],
  ["-Qf list missing", "", "same"],
  ["-Qf missing alice.pub", "", "same"],
  ["-Qf not-a-list alice.pub", ""],
  ["-Q alice.pub", "", "same"],
  ["-k alice.pub", "", "same"],
  ["-kf new missing", "", "same"],
  ["-kf new serials", "", "same"],
  ["-kf new ids", "", "same"],
  ["-kf new -s ca no-serial", "", "same"],
  ["-kf new -s ca reversed", "", "same"],
  ["-kf new no-key", "", "same"],
  ["-kf new no-hash", "", "same"],
  ["-kf new -s missing serials", "", "same"],
  ["-kf new -z x", "", "same"],
  ["-kuf missing alice.pub", "", "same"],
];

const signed = ({ status, stdout, read }: Outcome) => ({ status, stdout, signature: read("data.sig") });

test.each([...SIGN, ...VERIFY, ...LISTS].map(([line, input = "", stderr = ""]) => ({ line, input, stderr })))(
  "keygen $line does what ssh-keygen does",
  async ({ line, input, stderr }) => {
    const { theirs, ours } = await bench.both(wordsOf(line), { input });
    expect(signed(ours)).toEqual(signed(theirs));
    if (stderr === "same") expect(ours.stderr).toBe(theirs.stderr);
  },
);

test("an existing signature is overwritten after a yes", async () => {
  for (const answer of ["y\n", "n\n", ""]) {
    writeFileSync(join(bench.made, "data.sig"), "old");
    const words = ["-Y", "sign", "-n", "file", "-f", "alice", "data", "other"];
    const { theirs, ours } = await bench.both(words, { input: answer });
    expect([signed(ours), ours.stderr]).toEqual([signed(theirs), theirs.stderr]);
  }
  rmSync(join(bench.made, "data.sig"));
});

test.each([
  ["-kf new -z 3 -C text -s ca keys serials ids", "keys"],
  ["-kf new -s none serials ids", ""],
  ["-kf new hashes -", "bob.pub"],
  ["-kuf list -z 9 -s ca.pub hashes serials", ""],
  ["-kuf every -s alice ids serials", ""],
  ["-qkf new", ""],
] as const)("keygen %s writes a list that ssh-keygen reads like its own", async (line, input) => {
  const { theirs, ours } = await bench.both(line.split(" "), { input });
  expect([ours.status, ours.stdout, ours.stderr]).toEqual([theirs.status, theirs.stdout, theirs.stderr]);
  const list = /f (\S+)/.exec(line)![1]!;
  expect(contentOfList(ours, list)).toBe(contentOfList(theirs, list));
});

test("git signs with `nacre keygen` and verifies with ssh-keygen, and the reverse", () => {
  const { folder, made } = bench;
  const repository = join(folder, "repository");
  const program = join(folder, "nacre-keygen");
  const quoted = commandLine(["keygen"]).map((word) => `'${word}'`);
  writeFileSync(program, `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`, { mode: 0o755 });
  const signers = join(folder, "git-signers");
  writeFileSync(signers, `*@example.org namespaces="git" ${readFileSync(join(made, "alice.pub"), "utf8")}`);
  const git = (by: string, ...words: readonly string[]): string => {
    const settings = {
      "gpg.format": "ssh",
      "gpg.ssh.program": by,
      "gpg.ssh.allowedSignersFile": signers,
      "user.signingKey": join(made, "alice"),
      "user.name": "Alice",
      "user.email": "alice@example.org",
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", SSH_AUTH_SOCK: "" };
    return execFileSync("git", [...options, ...words], { encoding: "utf8", stdio: "pipe", env });
  };
  git(program, "init", "-q", repository);
  const programs = [program, "ssh-keygen"];
  for (const by of programs) git(by, "-C", repository, "commit", "-q", "-S", "--allow-empty", "-m", `signed by ${by}`);
  for (const by of programs) {
    const log = git(by, "-C", repository, "log", "--format=%G? %GS");
    expect(log).toBe("G *@example.org\nG *@example.org\n");
  }
  writeFileSync(signers, `*@example.org ${readFileSync(join(made, "bob.pub"), "utf8")}`);
  for (const by of programs) expect(git(by, "-C", repository, "log", "--format=%G?")).toBe("U\nU\n");
});
