import { describe, expect, test } from "vitest";
import { parseForward } from "../src/forward-arguments.ts";
import { parseSshArguments, type SshArguments } from "../src/ssh-arguments.ts";

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
  terminal: 0,
  jumpHosts: [],
  forwards: [],
  stdioTarget: undefined,
  hasSession: true,
  inBackground: false,
  exitOnForwardFailure: false,
};

const jump = (host: string, port?: number, user?: string): SshArguments["jumpHosts"][number] => ({ host, port, user });

const PINNED = `SHA256:${"a".repeat(43)}` as const;
const OTHER = `SHA256:${"+/".repeat(21)}9` as const;

const parse = (line: string): SshArguments => parseSshArguments(line.split(" "));

describe("the words after nacre", () => {
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
    ["-p 1 -p 65535 host", { port: 65535 }],
    ["-i one -itwo host", { identityFiles: ["one", "two"] }],
    ["-t host", { terminal: 1 }],
    ["-tt host", { terminal: 2 }],
    ["-t -t host", { terminal: 2 }],
    ["-tp 22 host", { terminal: 1, port: 22 }],
    ["--trace --keylog file host", { trace: true, keyLogFile: "file" }],
    ["--keylog=a=b host", { keyLogFile: "a=b" }],
    ["--known-hosts file --accept-new host", { knownHosts: "file", acceptNew: true }],
    [`--host-key ${PINNED} --host-key ${OTHER} host`, { hostKeys: [PINNED, OTHER] }],
    ["-c a,b -m c --kex d,e host", { ciphers: ["a", "b"], macs: ["c"], kex: ["d", "e"] }],
    ["host uname -a", { command: "uname -a" }],
    ["host -p 22 --trace", { command: "-p 22 --trace" }],
    ["host -- ls", { command: "-- ls" }],
    ["-t host -t", { terminal: 1, command: "-t" }],
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
    ["-N host", { hasSession: false }],
    ["-fN host", { hasSession: false, inBackground: true }],
    ["-f host sleep 10", { inBackground: true, command: "sleep 10" }],
    ["-NL1:web:80 host", { hasSession: false, forwards: [parseForward("-L", "1:web:80")] }],
    ["-W web:80 host", { hasSession: false, stdioTarget: { host: "web", port: 80 }, exitOnForwardFailure: true }],
    ["-o ExitOnForwardFailure=yes host", { exitOnForwardFailure: true }],
    ["-oexitonforwardfailure=Yes host", { exitOnForwardFailure: true }],
    ["-o ExitOnForwardFailure=no -o ExitOnForwardFailure=yes host", {}],
    [
      "-o ExitOnForwardFailure=no -W web:80 host",
      { hasSession: false, stdioTarget: { host: "web", port: 80 }, exitOnForwardFailure: false },
    ],
  ])("%s", (line, expected) => {
    expect(parse(line)).toEqual({ ...DEFAULTS, ...expected });
  });

  test("a password in an address is not repeated", () => {
    expect(() => parse("ssh://alice:secret@host")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.not.stringContaining("secret") }),
    );
  });

  test("an option is given with a space as well", () => {
    expect(parseSshArguments(["-o", "ExitOnForwardFailure yes", "host"]).exitOnForwardFailure).toBe(true);
  });

  test("a command keeps its words as they are", () => {
    expect(parseSshArguments(["host", "echo 'a b'", ""]).command).toBe("echo 'a b' ");
  });

  test.each([
    ["--bad host", "there is no option --bad"],
    ["-x host", "there is no option -x"],
    ["-tx host", "there is no option -x"],
    ["--__proto__ host", "there is no option --__proto__"],
    ["--trace=yes host", "--trace takes no value"],
    ["-t", "name a host"],
    ["-p", "-p needs a value"],
    ["--keylog", "--keylog needs a value"],
    ["-p 0 host", '"0" is no port'],
    ["-p 65536 host", '"65536" is no port'],
    ["-p 22x host", '"22x" is no port'],
    ["-p +22 host", '"+22" is no port'],
    ["alice@", '"alice@" names no host'],
    ["@host", '"@host" names an empty user'],
    ["--host-key MD5:aa host", '"MD5:aa" is no fingerprint'],
    ["--host-key SHA256:abc host", '"SHA256:abc" is no fingerprint: it is SHA256: and 43 characters of base64'],
    [`--host-key ${PINNED}= host`, "is no fingerprint"],
    [`--host-key ${PINNED} --accept-new host`, "exclude each other"],
    ["host:2222", "write -p 2222 host, or ssh://host:2222"],
    ["root@127.0.0.1:2222", "write -p 2222 root@127.0.0.1, or ssh://root@127.0.0.1:2222"],
    ["[::1]:2222", "write -p 2222 [::1], or ssh://[::1]:2222"],
    ["ssh://host:0", '"0" is no port'],
    ["ssh://host:65536", '"65536" is no port'],
    ["ssh://", '"ssh://" names no host'],
    ["ssh://@host", '"ssh://@host" names an empty user'],
    ["ssh://host/path", "without a password and without a path"],
    ["ssh://alice;fingerprint=x@host", "this is no address of a host"],
    ["ssh://alice%zz@host", "this is no address of a host"],
    ["ssh://host:ssh", "this is no address of a host"],
    ["-J a -J b host", "-J is given once"],
    ["-J a, host", '"" names no host'],
    ["-J @a host", '"@a" names an empty user'],
    ["-J ::1 host", "with an IPv6 address in brackets: [2001:db8::1]:22"],
    ["-J a:ssh host", '"ssh" is no port'],
    ["-J a:0 host", '"0" is no port'],
    ["-L 8080 host", "-L 8080: it names no target"],
    ["-N host ls -l", '-N runs no command: omit "ls -l"'],
    ["-W web:80 host ls", '-W runs no command: omit "ls"'],
    ["-f host", "-f needs a command, or -N"],
    ["-fW web:80 host", "-f and -W exclude each other"],
    ["-o Compression=yes host", "-o Compression=yes: there is no such option"],
    ["-o ExitOnForwardFailure host", "-o ExitOnForwardFailure: give yes or no"],
    ["-o ExitOnForwardFailure=maybe host", "-o ExitOnForwardFailure=maybe: give yes or no"],
  ])("%s: %s", (line, message) => {
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
  ])("is refused, and not shown: %s", (_, words) => {
    const parsing = (): unknown => parseSshArguments(words);
    expect(parsing).toThrow(expect.objectContaining({ code: "usage", message: expect.stringContaining("-i FILE") }));
    expect(parsing).toThrow(expect.objectContaining({ message: expect.not.stringContaining("c2VjcmV0") }));
  });
});
