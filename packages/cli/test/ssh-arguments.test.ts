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
    ["-W web:80 host", { hasSession: false, requestTty: "no", stdioTarget: { host: "web", port: 80 }, exitOnForwardFailure: true }],
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
