import { describe, expect, test } from "vitest";
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
};

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
  ])("%s", (line, expected) => {
    expect(parse(line)).toEqual({ ...DEFAULTS, ...expected });
  });

  test("a password in an address is not repeated", () => {
    expect(() => parse("ssh://alice:secret@host")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.not.stringContaining("secret") }),
    );
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
