import { describe, expect, test } from "vitest";
import { parseForward } from "../src/ssh/forward-arguments.ts";
import { parseSshArguments, type SshArguments } from "../src/ssh/ssh-arguments.ts";

const DEFAULTS: SshArguments = {
  host: "host",
  port: undefined,
  user: undefined,
  command: undefined,
  identityFiles: [],
  knownHosts: undefined,
  acceptNew: false,
  hostKeys: [],
  ciphers: undefined,
  macs: undefined,
  kex: undefined,
  trace: false,
  keyLogFile: undefined,
  isSubsystem: false,
  requestTty: "auto",
  hasInput: true,
  escapeChar: "~",
  sendEnv: [],
  setEnv: [],
  jumpHosts: [],
  forwards: [],
  stdioTarget: undefined,
  hasSession: true,
  inBackground: false,
  exitOnForwardFailure: false,
  batchMode: false,
  control: undefined,
  controlPath: undefined,
  controlMaster: "no",
  quiet: false,
  verbose: false,
  logFile: undefined,
  notes: [],
};

const jump = (host: string, port?: number, user?: string): SshArguments["jumpHosts"][number] => ({ host, port, user });

const PINNED = `SHA256:${"a".repeat(43)}` as const;
const OTHER = `SHA256:${"+/".repeat(21)}9` as const;

const parse = (line: string): SshArguments => parseSshArguments(line.split(" "));

describe("parseSshArguments", () => {
  test.each<[string, Partial<SshArguments>]>([
    ["host", {}],
    ["alice@host", { user: "alice" }],
    ["alice@corp@host", { user: "alice@corp" }],
    ["-l alice host", { user: "alice" }],
    ["-l alice bob@host", { user: "alice" }],
    ["[::1]", { host: "::1" }],
    ["alice@[fe80::1%eth0]", { user: "alice", host: "fe80::1%eth0" }],
    ["-- keygen", { host: "keygen" }],
    ["ssh://host", {}],
    ["ssh://alice@host:2222", { user: "alice", port: 2222 }],
    ["SSH://host:2222/", { port: 2222 }],
    ["ssh://alice%40corp@host", { user: "alice@corp" }],
    ["ssh://[::1]:2222", { host: "::1", port: 2222 }],
    ["ssh://[fe80::1%25eth0]", { host: "fe80::1%eth0" }],
    ["-p 22 -l alice ssh://bob@host:2222", { user: "alice", port: 22 }],
    ["::1", { host: "::1" }],
    ["2001:db8::22", { host: "2001:db8::22" }],
    ["-p 2222 host", { port: 2222 }],
    ["-p2222 host", { port: 2222 }],
    ["-p 1 -p 65535 host", { port: 1 }],
    ["-l alice -l bob host", { user: "alice" }],
    ["ssh://host:1 -p 2", { port: 1 }],
    ["-i one -itwo host", { identityFiles: ["one", "two"] }],
    ["-t host", { requestTty: "yes" }],
    ["-tt host", { requestTty: "force" }],
    ["-t -t host", { requestTty: "force" }],
    ["-T host", { requestTty: "no" }],
    ["-tt -T host", { requestTty: "no" }],
    ["-T -t host", { requestTty: "yes" }],
    ["-nNT host", { requestTty: "no", hasInput: false, hasSession: false }],
    ["-tp 22 host", { requestTty: "yes", port: 22 }],
    ["--trace --keylog file host", { trace: true, keyLogFile: "file" }],
    ["--keylog=a=b host", { keyLogFile: "a=b" }],
    ["--known-hosts file --accept-new host", { knownHosts: ["file"], acceptNew: true }],
    [`--host-key ${PINNED} --host-key ${OTHER} host`, { hostKeys: [PINNED, OTHER] }],
    [
      "-c aes256-ctr,aes128-ctr -m hmac-sha2-256 --kex curve25519-sha256 host",
      { ciphers: ["aes256-ctr", "aes128-ctr"], macs: ["hmac-sha2-256"], kex: ["curve25519-sha256"] },
    ],
    ["-c 3des-cbc,aes256-ctr -c aes128-ctr host", { ciphers: ["aes128-ctr"] }],
    ["host uname -a", { command: "uname -a" }],
    ["-t host -t", { requestTty: "force" }],
    ["host echo  two", { command: "echo  two" }],
    ["-J bastion host", { jumpHosts: [jump("bastion")] }],
    ["-J alice@bastion:2222 host", { jumpHosts: [jump("bastion", 2222, "alice")] }],
    [
      "-Ja,b@corp@c:1,[::1]:2,[::2] host",
      { jumpHosts: [jump("a"), jump("c", 1, "b@corp"), jump("::1", 2), jump("::2")] },
    ],
    ["-J ssh://alice@[::1]:2222,b host", { jumpHosts: [jump("::1", 2222, "alice"), jump("b")] }],
    [
      "-L 1:web:80 -D 2 -R 3 -L 4:/s host",
      {
        forwards: [
          { option: "-L", listen: { port: 1 }, target: { host: "web", port: 80 } },
          { option: "-D", listen: { port: 2 }, target: undefined },
          { option: "-R", listen: { port: 3 }, target: undefined },
          { option: "-L", listen: { port: 4 }, target: { path: "/s" } },
        ],
      },
    ],
    ["-N host", { hasSession: false, requestTty: "no" }],
    ["-fN host", { hasSession: false, requestTty: "no", hasInput: false, inBackground: true }],
    ["-f host sleep 10", { hasInput: false, inBackground: true, command: "sleep 10" }],
    ["-NL1:web:80 host", { hasSession: false, requestTty: "no", forwards: [parseForward("-L", "1:web:80")] }],
    [
      "-W web:80 host",
      { hasSession: false, requestTty: "no", stdioTarget: { host: "web", port: 80 }, exitOnForwardFailure: true },
    ],
    ["-o ExitOnForwardFailure=yes host", { exitOnForwardFailure: true }],
    ["-oexitonforwardfailure=Yes host", { exitOnForwardFailure: true }],
    ["-o ExitOnForwardFailure=no -o ExitOnForwardFailure=yes host", {}],
    ["-o ConnectTimeout=5 host", { connectTimeout: 5000 }],
    ["-oconnecttimeout=1m30s -o ConnectTimeout=9 host", { connectTimeout: 90_000 }],
    ["-o ConnectTimeout=none host", {}],
    ["-o ConnectTimeout=2 -o ExitOnForwardFailure=yes host", { connectTimeout: 2000, exitOnForwardFailure: true }],
    ["-b 192.0.2.7 host", { localAddress: "192.0.2.7" }],
    ["-b2001:db8::1 host", { localAddress: "2001:db8::1" }],
    [
      "-o ExitOnForwardFailure=no -W web:80 host",
      { hasSession: false, requestTty: "no", stdioTarget: { host: "web", port: 80 }, exitOnForwardFailure: false },
    ],
  ])("parses %s", (line, expected) => {
    expect(parse(line)).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each<[string, Partial<SshArguments>]>([
    // Options after the host, as restic, rclone and git-annex pass them.
    ["host -p 2222 -l root -s sftp", { port: 2222, user: "root", isSubsystem: true, command: "sftp" }],
    ["host -s sftp", { isSubsystem: true, command: "sftp" }],
    ["host -S none -n -T ls -l", { hasInput: false, requestTty: "no", command: "ls -l" }],
    ["host -tt -p22 ls", { requestTty: "force", port: 22, command: "ls" }],
    // `--` ends the options on either side of the host, and stays in the command.
    ["-T host -- mosh-server new", { requestTty: "no", command: "mosh-server new" }],
    ["host -p 22 -- ls -x", { port: 22, command: "ls -x" }],
    ["host -- -p 22", { command: "-p 22" }],
    ["host ls -- -x", { command: "ls -- -x" }],
    ["-T -p 22 -- host -v ls", { requestTty: "no", port: 22, command: "-v ls" }],
    // What programs pass: scp, sshfs, lftp, docker, ansible, TRAMP, mosh, VS Code.
    [
      "-x -oPermitLocalCommand=no -oClearAllForwardings=yes -oRemoteCommand=none -oRequestTTY=no -- host scp -t x",
      {
        requestTty: "no",
        command: "scp -t x",
      },
    ],
    ["-2 -a -x host -s sftp", { isSubsystem: true, command: "sftp" }],
    ["-nTxa host ls", { hasInput: false, requestTty: "no", command: "ls" }],
    [
      "-C -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/x host ls",
      { command: "ls", controlPath: "/tmp/x", controlMaster: "auto" },
    ],
    ["-e none -q host", { escapeChar: undefined, quiet: true }],
    [
      "-v -T -D 1080 -o ConnectTimeout=15 host bash",
      {
        verbose: true,
        requestTty: "no",
        connectTimeout: 15_000,
        forwards: [parseForward("-D", "1080")],
        command: "bash",
      },
    ],
    // First or last wins.
    ["-q -v host", { verbose: true }],
    ["-v -q host", { quiet: true }],
    ["-e ^x -e & host", { escapeChar: "&" }],
    ["-e ^] host", { escapeChar: "\x1d" }],
    ["-A -a host", {}],
    ["-a -A host", { forwardAgent: true }],
    ["-b ::1 -b 127.0.0.1 host", { localAddress: "127.0.0.1" }],
    ["-o Port=1 -p 2 host", { port: 1 }],
    [
      "-M -S /tmp/x host",
      {
        controlPath: "/tmp/x",
        controlMaster: "yes",
        notes: ["this connection is not shared: nacre makes no control socket"],
      },
    ],
    ["-X -Y host", { notes: ["X11 forwarding is not supported; continuing without it"] }],
    ["-K -k -y -P tag -F none host", {}],
    ["-4 host", { localAddress: "0.0.0.0" }],
    ["-6 host", { localAddress: "::" }],
    ["-4 -b 127.0.0.1 host", { localAddress: "127.0.0.1" }],
    ["-g -L 1:web:80 host", { forwards: [parseForward("-L", "*:1:web:80")] }],
    ["-g -L localhost:1:web:80 host", { forwards: [parseForward("-L", "localhost:1:web:80")] }],
    [
      "-L 1:web:80 -W web:80 host",
      {
        hasSession: false,
        requestTty: "no",
        stdioTarget: { host: "web", port: 80 },
        exitOnForwardFailure: true,
      },
    ],
    ["-S /tmp/x -O check host", { control: { command: "check", path: "/tmp/x" }, controlPath: "/tmp/x" }],
  ])("reads %s as ssh does", (line, expected) => {
    expect(parse(line)).toEqual({ ...DEFAULTS, ...expected });
  });

  test("takes one word with a blank for an option and its value, as docker passes it", () => {
    expect(parseSshArguments(["-o ConnectTimeout=30", "-T", "--", "host", "docker"])).toMatchObject({
      connectTimeout: 30_000,
      command: "docker",
    });
  });

  test.each([
    ["-o UserKnownHostsFile=none", ["/dev/null", "/etc/ssh/ssh_known_hosts"]],
    ["-o UserKnownHostsFile=none -o GlobalKnownHostsFile=g", ["/dev/null", "g"]],
    ["-o UserKnownHostsFile=u -o GlobalKnownHostsFile=none", ["u"]],
    ["-o GlobalKnownHostsFile=none", ["~/.ssh/known_hosts"]],
    ["-o BatchMode=yes", undefined],
  ])("looks with %s for host keys in %j, and adds none to a file of the system", (line, files) => {
    expect(parse(`${line} host`).knownHosts).toEqual(files);
  });

  test.each([
    ["-1 host", "SSH protocol v.1 is no longer supported"],
    ["-j host", undefined],
    ["-p 0 host", "Bad port '0'"],
    ["-N -s host sftp", "Cannot specify -s with -N/SessionType"],
    ["-s -N host sftp", "Cannot specify -N with -s/SessionType"],
    ["-s host", "You must specify a subsystem to invoke."],
    ["-f host", "Cannot fork into background without a command to execute."],
    ["-W a:1 -W b:1 host", "stdio forward already specified"],
    ["-J a host -J b", "Only a single -J option is permitted (use commas to separate multiple jump hops)"],
    ["-L 1:2 host", "Bad local forwarding specification '1:2'"],
    ["-c nosuch host", "Unknown cipher type 'nosuch'"],
    ["-m nosuch host", "Unknown mac type 'nosuch'"],
    ["-e abc host", "Bad escape character 'abc'."],
    ["-O check host", 'No ControlPath specified for "-O" command'],
    ["-O nosuch host", "Invalid multiplex command."],
    ["-4 ::1", "Could not resolve hostname ::1: Address family for hostname not supported"],
    ["-o NoSuch=1 host", "command-line: line 0: Bad configuration option: nosuch"],
  ])("reports %s in the words of ssh", (line, sshLine) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: "usage", sshLine }));
  });

  test.each([
    ["-w any host", "tunnel devices are not supported"],
    ["-I lib.so host", "PKCS#11 libraries are not supported"],
    ["-G host", "ssh_config is not read"],
    ["-F file host", "ssh_config is not read"],
    ["host --trace", "unknown option --trace"],
    ["-4 -b ::1 host", "is not of the family of -4"],
  ])("refuses %s with a reason", (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) }),
    );
  });

  test("does not repeat a password of an address in the error", () => {
    expect(() => parse("ssh://alice:secret@host")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.not.stringContaining("secret") }),
    );
  });

  test("accepts -o with a space instead of =", () => {
    expect(parseSshArguments(["-o", "ExitOnForwardFailure yes", "host"]).exitOnForwardFailure).toBe(true);
  });

  test("joins the words of a command unchanged", () => {
    expect(parseSshArguments(["host", "echo 'a b'", ""]).command).toBe("echo 'a b' ");
  });

  test.each([
    ["--bad host", "unknown option --bad"],
    ["-j host", "unknown option -j"],
    ["-n -W host:1 host", "-n and -W cannot be combined"],
    ["-tj host", "unknown option -j"],
    ["--__proto__ host", "unknown option --__proto__"],
    ["--trace=yes host", "--trace takes no value"],
    ["-t", "missing host"],
    ["-p", "-p needs a value"],
    ["--keylog", "--keylog needs a value"],
    ["-p 0 host", 'invalid port "0"'],
    ["-p 65536 host", 'invalid port "65536"'],
    ["-p 22x host", 'invalid port "22x"'],
    ["-p +22 host", 'invalid port "+22"'],
    ["alice@", 'missing host in "alice@"'],
    ["@host", 'empty user name in "@host"'],
    ["--host-key MD5:aa host", 'invalid fingerprint "MD5:aa"'],
    ["--host-key SHA256:abc host", 'invalid fingerprint "SHA256:abc"; expected SHA256: and 43 base64 characters'],
    [`--host-key ${PINNED}= host`, "invalid fingerprint"],
    [`--host-key ${PINNED} --accept-new host`, "--host-key and --accept-new cannot be combined"],
    ["host:2222", "write -p 2222 host, or ssh://host:2222"],
    ["root@127.0.0.1:2222", "write -p 2222 root@127.0.0.1, or ssh://root@127.0.0.1:2222"],
    ["[::1]:2222", "write -p 2222 [::1], or ssh://[::1]:2222"],
    ["ssh://host:0", 'invalid port "0"'],
    ["ssh://host:65536", 'invalid port "65536"'],
    ["ssh://", 'missing host in "ssh://"'],
    ["ssh://@host", 'empty user name in "ssh://@host"'],
    ["ssh://host/path", "without a password or a path"],
    ["ssh://alice;fingerprint=x@host", "invalid ssh:// address"],
    ["ssh://alice%zz@host", "invalid ssh:// address"],
    ["ssh://host:ssh", "invalid ssh:// address"],
    ["-J a -J b host", "-J given more than once"],
    ["-J a, host", 'missing host in ""'],
    ["-J @a host", 'empty user name in "@a"'],
    ["-J ::1 host", "with an IPv6 address in brackets: [2001:db8::1]:22"],
    ["-J a:ssh host", 'invalid port "ssh"'],
    ["-J a:0 host", 'invalid port "0"'],
    ["-L 8080 host", "-L 8080: missing target"],
    ["-N host ls -l", '-N runs no command; remove "ls -l"'],
    ["-W web:80 host ls", '-W runs no command; remove "ls"'],
    ["-f host", "-f needs a command or -N"],
    ["-fW web:80 host", "-f and -W cannot be combined"],
    ["-b eth0 host", 'invalid address "eth0" after -b; expected an IP address of this machine'],
  ])("rejects %s: %s", (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) }),
    );
  });
});

describe("a private key on the command line", () => {
  const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0=\n-----END OPENSSH PRIVATE KEY-----";
  test.each<[string, string[]]>([
    ["in place of its file", ["-i", key, "host"]],
    ["attached", [`-i${key}`, "host"]],
    ["without quotes", ["-i", ...key.split(/\s/), "host"]],
    ["as an option", [key, "host"]],
    ["as the value of another", ["-p", key, "host"]],
  ])("is rejected without being shown: %s", (_, words) => {
    const parsing = (): unknown => parseSshArguments(words);
    expect(parsing).toThrow(expect.objectContaining({ code: "usage", message: expect.stringContaining("-i FILE") }));
    expect(parsing).toThrow(expect.objectContaining({ message: expect.not.stringContaining("c2VjcmV0") }));
  });
});

function expectRefused(words: readonly string[], sshLine: string): void {
  expect(() => parseSshArguments(words), words.join(" ")).toThrow(expect.objectContaining({ code: "usage", sshLine }));
}

test("characters in names · client", () => {
  const user = "remote username contains invalid characters";
  const host = "hostname contains invalid characters";
  for (const character of "'`\"$\\;&<>|(){}\0\n\x1b") {
    const name = `a${character}b`;
    for (const words of [[`${name}@host`], ["-l", name, "host"], ["-J", `${name}@hop`, "host"]])
      expectRefused(words, user);
    for (const words of [[name], ["-J", name, "host"]]) expectRefused(words, host);
  }
  for (const name of ["-oProxyCommand=x", "a -b"]) expectRefused([`ssh://${encodeURIComponent(name)}@host`], user);
  for (const words of [["a b"], ["a,b"], ["--", "-oProxyCommand=x"], ["-o", "HostName=a;b", "host"]])
    expectRefused(words, host);
});

test("known hosts of the system · client", () => {
  expect(parse("-o UserKnownHostsFile=none -o GlobalKnownHostsFile=g host").knownHosts?.[0]).toBe("/dev/null");
});
