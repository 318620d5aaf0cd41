import type { ConfigValues } from "@nacre/config";
import { describe, expect, test } from "vitest";
import { parseSshArguments, type SshArguments } from "../src/ssh/ssh-arguments.ts";
import { read, refusal } from "./reading.ts";

const PINNED = `SHA256:${"a".repeat(43)}` as const;
const OTHER = `SHA256:${"+/".repeat(21)}9` as const;
const MASTER = { controlMaster: "yes", controlPath: "/tmp/x" } as const;

const hop = (text: string, host: string, port?: number, user?: string) => ({ host, port, user, text });

describe("a command line", () => {
  test.each<[string, Partial<ConfigValues>]>([
    ["host", { hostName: "host", port: 22, requestTTY: "auto", sessionType: "default", stdinNull: false }],
    ["alice@host", { user: "alice" }],
    ["alice@corp@host", { user: "alice@corp", hostName: "host" }],
    ["-l alice host", { user: "alice" }],
    ["-l alice bob@host", { user: "alice" }],
    ["[::1]", { hostName: "::1" }],
    ["alice@[fe80::1%eth0]", { user: "alice", hostName: "fe80::1%eth0" }],
    ["-- keygen", { hostName: "keygen" }],
    ["ssh://host", { hostName: "host" }],
    ["ssh://alice@host:2222", { user: "alice", port: 2222 }],
    ["SSH://host:2222/", { port: 2222 }],
    ["ssh://alice%40corp@host", { user: "alice@corp" }],
    ["ssh://alice;x=y@host:2222/", { user: "alice", hostName: "host", port: 2222 }],
    ["ssh://[::1]:2222", { hostName: "::1", port: 2222 }],
    ["ssh://[fe80::1%25eth0]", { hostName: "fe80::1%eth0" }],
    ["-p 22 -l alice ssh://bob@host:2222", { user: "alice", port: 22 }],
    ["::1", { hostName: "::1" }],
    ["2001:db8::22", { hostName: "2001:db8::22" }],
    ["-p 2222 host", { port: 2222 }],
    ["-p2222 host", { port: 2222 }],
    ["-p 1 -p 65535 host", { port: 1 }],
    ["-l alice -l bob host", { user: "alice" }],
    ["ssh://host:1 -p 2", { port: 1 }],
    ["-t host", { requestTTY: "yes" }],
    ["-tt host", { requestTTY: "force" }],
    ["-t -t host", { requestTTY: "force" }],
    ["-t host -t", { requestTTY: "force" }],
    ["-o RequestTTY=yes -t host", { requestTTY: "force" }],
    ["-T host", { requestTTY: "no" }],
    ["-tt -T host", { requestTTY: "no" }],
    ["-T -t host", { requestTTY: "yes" }],
    ["-nNT host", { requestTTY: "no", stdinNull: true, sessionType: "none" }],
    ["-tp 22 host", { requestTTY: "yes", port: 22 }],
    [
      "-c aes256-ctr,aes128-ctr -m hmac-sha2-256 --kex curve25519-sha256 host",
      { ciphers: ["aes256-ctr", "aes128-ctr"], macs: ["hmac-sha2-256"], kexAlgorithms: ["curve25519-sha256"] },
    ],
    ["-c 3des-cbc,aes256-ctr -c aes128-ctr host", { ciphers: ["aes128-ctr"] }],
    ["-J bastion host", { proxy: { kind: "jump", hops: [hop("bastion", "bastion")] } }],
    [
      "-Ja,b@corp@c:1,[::1]:2 host",
      {
        proxy: {
          kind: "jump",
          hops: [hop("a", "a"), hop("b@corp@c:1", "c", 1, "b@corp"), hop("[::1]:2", "::1", 2)],
        },
      },
    ],
    ["-J none host", { proxy: { kind: "direct" } }],
    ["-N host", { sessionType: "none", requestTTY: "no" }],
    ["-fN host", { sessionType: "none", requestTTY: "no", stdinNull: true, forkAfterAuthentication: true }],
    ["-f host sleep 10", { stdinNull: true, forkAfterAuthentication: true }],
    ["-W web:80 host", { sessionType: "none", requestTTY: "no", exitOnForwardFailure: true }],
    ["-o ExitOnForwardFailure=no -W web:80 host", { exitOnForwardFailure: false }],
    ["-o ExitOnForwardFailure=yes host", { exitOnForwardFailure: true }],
    ["-oexitonforwardfailure=Yes host", { exitOnForwardFailure: true }],
    ["-o ExitOnForwardFailure=no -o ExitOnForwardFailure=yes host", { exitOnForwardFailure: false }],
    ["-o ConnectTimeout=5 host", { connectTimeout: 5 }],
    ["-oconnecttimeout=1m30s -o ConnectTimeout=9 host", { connectTimeout: 90 }],
    ["-o ConnectTimeout=none host", { connectTimeout: undefined }],
    ["-b 192.0.2.7 host", { bindAddress: "192.0.2.7" }],
    ["-b ::1 -b 127.0.0.1 host", { bindAddress: "127.0.0.1" }],
    // Options after the host, as restic, rclone and git-annex pass them.
    ["host -p 2222 -l root -s sftp", { port: 2222, user: "root", sessionType: "subsystem" }],
    ["host -s sftp", { sessionType: "subsystem" }],
    ["host -S none -n -T ls -l", { stdinNull: true, requestTTY: "no", controlPath: undefined }],
    ["host -tt -p22 ls", { requestTTY: "force", port: 22 }],
    // What programs pass: scp, sshfs, lftp, docker, ansible, TRAMP, mosh, VS Code.
    [
      "-x -oPermitLocalCommand=no -oClearAllForwardings=yes -oRemoteCommand=none -oRequestTTY=no -- host scp -t x",
      { requestTTY: "no", clearAllForwardings: true, remoteCommand: undefined },
    ],
    ["-2 -a -x host -s sftp", { sessionType: "subsystem", forwardAgent: false, forwardX11: false }],
    ["-nTxa host ls", { stdinNull: true, requestTTY: "no" }],
    ["-C -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/x host ls", { controlMaster: "auto" }],
    ["-e none -q host", { escapeChar: undefined, logLevel: "QUIET" }],
    ["-v -T -D 1080 -o ConnectTimeout=15 host bash", { logLevel: "DEBUG", requestTTY: "no", connectTimeout: 15 }],
    // First or last wins.
    ["-q -v host", { logLevel: "DEBUG" }],
    ["-v -q host", { logLevel: "QUIET" }],
    ["-vvvvv host", { logLevel: "DEBUG3" }],
    ["-v -q -v host", { logLevel: "FATAL" }],
    ["-e ^x -e & host", { escapeChar: 0x26 }],
    ["-A -a host", { forwardAgent: false }],
    ["-a -A host", { forwardAgent: true }],
    ["-o ForwardAgent=/few -A host", { forwardAgent: "/few" }],
    ["-o ForwardAgent=no -o ForwardAgent=/few -A host", { forwardAgent: "/few" }],
    ["-A -o ForwardAgent=/few host", { forwardAgent: "/few" }],
    ["-o Port=1 -p 2 host", { port: 1 }],
    ["-M -S /tmp/x host", MASTER],
    ["-MM -S /tmp/x host", { ...MASTER, controlMaster: "ask" }],
    ["-P web -4 host", { tag: "web", addressFamily: "inet" }],
    ["-4 -6 host", { addressFamily: "inet6" }],
    ["-X -Y host", { forwardX11: true, forwardX11Trusted: true }],
    ["-L 1:web:80 -W web:80 host", { localForward: [], clearAllForwardings: true }],
  ])("%s gives values as in ssh", async (line, expected) => {
    expect((await read(line)).config.values).toMatchObject(expected);
  });

  test.each<[string, Partial<SshArguments>]>([
    ["host", { command: undefined, acceptNew: false, hostKeys: [], trace: false, printsConfig: false }],
    ["-i one -itwo host", { settings: [key("one"), key("two")] }],
    ['-i a"b host', { settings: [{ ...key('a"b'), text: 'IdentityFile "a\\"b"' }] }],
    ["--trace --keylog file host", { trace: true, keyLogFile: "file" }],
    ["--keylog=a=b host", { keyLogFile: "a=b" }],
    ["--known-hosts file --accept-new host", { knownHosts: "file", acceptNew: true }],
    ["--reconnect -N host", { reconnect: true }],
    [`--host-key ${PINNED} --host-key ${OTHER} host`, { hostKeys: [PINNED, OTHER] }],
    ["-F file -G host", { configFile: "file", printsConfig: true }],
    ["host uname -a", { command: "uname -a" }],
    ["host echo  two", { command: "echo  two" }],
    // Of one empty word.
    ["host ", { command: undefined }],
    ["host  ", { command: " " }],
    // `--` ends the options on either side of the host, and stays in the command.
    ["-T host -- mosh-server new", { command: "mosh-server new" }],
    ["host -p 22 -- ls -x", { command: "ls -x" }],
    ["host -- -p 22", { command: "-p 22" }],
    ["host ls -- -x", { command: "ls -- -x" }],
    ["-T -p 22 -- host -v ls", { command: "-v ls" }],
    ["-W web:80 host", { stdioTarget: { host: "web", port: 80 } }],
    ["-q -v host", { loudness: "verbose" }],
    ["-v -q host", { loudness: "quiet" }],
    ["-E log -S /tmp/x -O check host", { logFile: "log", controlCommand: "check" }],
    ["-N host ls -l", { notes: ['nacre: "ls -l" does not run, because of -N'] }],
    ["-W web:80 host ls", { notes: ['nacre: "ls" does not run, because of -W'] }],
    ["-X -Y host", { notes: ["nacre: X11 forwarding is not supported; continuing without it"] }],
  ])("%s is parsed", (line, expected) => {
    expect(parseSshArguments(line.split(" "))).toMatchObject(expected);
  });

  test("takes one word with a blank for an option and its value, as docker passes it", async () => {
    const { words, config } = await read(["-o ConnectTimeout=30", "-T", "--", "host", "docker"]);
    expect(words.command).toBe("docker");
    expect(config.values.connectTimeout).toBe(30);
  });

  test("leaves out a key file that is missing, with a warning", async () => {
    const { config, printed } = await read("-i /nowhere/key -i /etc/hostname host");
    expect(config.values.identityFile.map(({ path }) => path)).toEqual(["/etc/hostname"]);
    expect(printed).toEqual(["Warning: Identity file /nowhere/key not accessible: No such file or directory."]);
  });

  test("takes RemoteCommand for the command", async () => {
    expect((await read(["-o", "RemoteCommand=echo %n", "host"])).command).toBe("echo host");
    expect((await read("host ls")).command).toBe("ls");
  });

  test("joins the words of a command unchanged", () => {
    expect(parseSshArguments(["host", "echo 'a b'", ""]).command).toBe("echo 'a b' ");
  });

  test.each([
    ["-1 host", "SSH protocol v.1 is no longer supported"],
    ["-p 0 host", "Bad port '0'"],
    ["-p 65536 host", "Bad port '65536'"],
    ["-p 22x host", "Bad port '22x'"],
    ["-N -s host sftp", "Cannot specify -s with -N/SessionType"],
    ["-s -N host sftp", "Cannot specify -N with -s/SessionType"],
    ["-s host", "You must specify a subsystem to invoke."],
    ["-f host", "Cannot fork into background without a command to execute."],
    ["-o RemoteCommand=a host ls", "Cannot execute command-line and remote command."],
    ["-W a:1 -W b:1 host", "stdio forward already specified"],
    ["-J a host -J b", "Only a single -J option is permitted (use commas to separate multiple jump hops)"],
    ["-J a, host", "Invalid -J argument"],
    ["-J @a host", "Invalid -J argument"],
    ["-J ::1 host", "Invalid -J argument"],
    ["-J a:0 host", "Invalid -J argument"],
    ["-L 1:2 host", "Bad local forwarding specification '1:2'"],
    ["-c nosuch host", "Unknown cipher type 'nosuch'"],
    ["-m nosuch host", "Unknown mac type 'nosuch'"],
    ["--kex nosuch host", "Unknown key exchange method 'nosuch'"],
    ["-e abc host", "Bad escape character 'abc'."],
    ["-O nosuch host", "Invalid multiplex command."],
    ["-o NoSuch=1 host", "command-line: line 0: Bad configuration option: nosuch"],
  ])("%s is refused in the words of ssh", async (line, text) => {
    expect(await refusal(line)).toMatchObject({ code: expect.stringMatching(/usage|file-malformed/), lines: [text] });
  });

  test.each([
    ["-w any host", "tunnel devices are not supported"],
    ["-I lib.so host", "PKCS#11 libraries are not supported"],
    ["host --trace", "unknown option --trace"],
    ["--bad host", "unknown option --bad"],
    ["-j host", "unknown option -j"],
    ["-n -W host:1 host", "-n and -W cannot be combined"],
    ["-tj host", "unknown option -j"],
    ["--__proto__ host", "unknown option --__proto__"],
    ["--trace=yes host", "--trace takes no value"],
    ["-t", "missing host"],
    ["-p", "-p needs a value"],
    ["--keylog", "--keylog needs a value"],
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
    ["ssh://alice%zz@host", "invalid ssh:// address"],
    ["ssh://host:ssh", "invalid ssh:// address"],
    ["--reconnect host", "--reconnect is for forwards alone"],
    ["--reconnect host true", "--reconnect is for forwards alone"],
    ["--reconnect -W a:1 host", "--reconnect is for forwards alone"],
    ["-fW web:80 host", "-f and -W cannot be combined"],
    ["-o SessionType=subsystem host", "needs the name of the subsystem"],
  ])("%s is refused: %s", async (line, message) => {
    expect(await refusal(line)).toMatchObject({ code: "usage", message: expect.stringContaining(message) });
  });

  test("does not repeat a password of an address in the error", async () => {
    const { message, lines } = await refusal("ssh://alice:secret@host");
    expect([message, ...lines].join()).not.toContain("secret");
  });
});

function key(keyFile: string): SshArguments["settings"][number] {
  return { text: `IdentityFile "${keyFile}"`, replaces: false, problem: undefined, keyFile };
}

describe("a private key on the command line", () => {
  const text = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0=\n-----END OPENSSH PRIVATE KEY-----";
  test.each<[string, string[]]>([
    ["in place of its file", ["-i", text, "host"]],
    ["attached", [`-i${text}`, "host"]],
    ["without quotes", ["-i", ...text.split(/\s/), "host"]],
    ["as an option", [text, "host"]],
    ["as the value of another", ["-p", text, "host"]],
  ])("is rejected without being shown: %s", (_, words) => {
    const parsing = (): unknown => parseSshArguments(words);
    expect(parsing).toThrow(expect.objectContaining({ code: "usage", message: expect.stringContaining("-i FILE") }));
    expect(parsing).toThrow(expect.objectContaining({ message: expect.not.stringContaining("c2VjcmV0") }));
  });
});

const refused = (words: readonly string[], line: string) => ({ words, line });

test("characters in names · client", async () => {
  const user = "remote username contains invalid characters";
  const host = "hostname contains invalid characters";
  const all = [refused(["a b"], host), refused(["a,b"], host), refused(["--", "-oProxyCommand=x"], host)];
  for (const character of "'`\"$\\;&<>|(){}\0\n\x1b") {
    const name = `a${character}b`;
    all.push(refused([`${name}@host`], user), refused([name], host));
    if (character !== "\0") all.push(refused(["-l", name, "host"], user));
    // A list of jump hosts ends with the line.
    if (character !== "\n") all.push(refused(["-J", `${name}@hop`, "host"], HOP), refused(["-J", name, "host"], HOP));
  }
  for (const name of ["-oProxyCommand=x", "a -b"]) all.push(refused([`ssh://${encodeURIComponent(name)}@host`], user));
  for (const { words, line } of all) {
    // Typed without what reads the configuration, where the same is checked.
    if (line === HOP || words[0] === "-l") expect((await refusal(words)).lines, words.join(" ")).toContain(line);
    else expect(() => parseSshArguments(words), words.join(" ")).toThrow(expect.objectContaining({ sshLine: line }));
  }
});

const HOP = "Invalid -J argument";
