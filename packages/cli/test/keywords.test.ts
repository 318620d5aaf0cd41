import { describe, expect, test } from "vitest";
import { applyKeyword } from "../src/ssh/keywords.ts";
import { noSettings, type Settings } from "../src/ssh/settings.ts";

function apply(...lines: string[]): Settings {
  const settings = noSettings();
  for (const line of lines) applyKeyword(settings, line);
  return settings;
}

describe("applyKeyword", () => {
  test.each([
    "User=root",
    "User root",
    "user = root",
    "USER\troot",
    'User="root"',
    "  User  'root' # comment",
    '"User" root',
  ])("reads %s", (line) => {
    expect(apply(line).user).toBe("root");
  });

  test.each<[string[], Partial<Settings>]>([
    [["Port=1", "Port=2"], { port: 1 }],
    [["ConnectTimeout=1m30s"], { connectTimeout: 90_000 }],
    [["ServerAliveInterval 15", "ServerAliveCountMax=4"], { serverAliveInterval: 15_000, serverAliveCountMax: 4 }],
    [["IdentityFile a", "IdentityFile=b"], { identityFiles: ["a", "b"] }],
    [["UserKnownHostsFile a b"], { userKnownHostsFiles: ["a", "b"] }],
    [["UserKnownHostsFile=none"], { userKnownHostsFiles: [] }],
    [["StrictHostKeyChecking=no"], { strictHostKeyChecking: "accept-new" }],
    [["StrictHostKeyChecking=yes"], { strictHostKeyChecking: "yes" }],
    [["SendEnv A B", "SendEnv -LC_*"], { sendEnv: ["A", "B", "-LC_*"] }],
    [['SetEnv A="b c" D=e', "SetEnv F=g"], { setEnv: ["A=b c", "D=e"] }],
    [["LogLevel=QUIET"], { quiet: true, verbose: false }],
    [["LogLevel debug3"], { quiet: false, verbose: true }],
    [["RekeyLimit 1G 1h"], { rekeyBytes: 2 ** 30, rekeyInterval: 3_600_000 }],
    [["User=DOMAIN\\user"], { user: "DOMAIN\\user" }],
    [["IgnoreUnknown=Use*,Nope", "UseKeychain=yes", "nope"], { ignoreUnknown: "Use*,Nope" }],
    [["# comment", ""], {}],
    [
      [
        "ControlMaster=auto",
        "ControlPersist=60s",
        "Compression=yes",
        "IPQoS=ef",
        "ForwardX11=no",
        "GSSAPIAuthentication no",
      ],
      { controlMaster: "auto" },
    ],
    [["ProxyCommand=none", "Tunnel=no", "RequiredRSASize=2048", "Protocol 2"], {}],
  ])("reads %j", (lines, expected) => {
    expect(apply(...lines)).toEqual({ ...noSettings(), ...expected });
  });

  test.each([
    ["NoSuch=1", "command-line: line 0: Bad configuration option: nosuch"],
    ["ControlPersist", 'command-line line 0: no argument after keyword "controlpersist"'],
    ["SendEnv=", 'command-line line 0: no argument after keyword "sendenv"'],
    ["Port=70000", "command-line line 0: Bad port '70000'."],
    ["Port=1 2", "command-line line 0: keyword port extra arguments at end of line"],
    ["BatchMode=maybe", 'command-line line 0: unsupported option "maybe".'],
    ["Compression=true", 'command-line line 0: unsupported option "true".'],
    ["LogLevel=x", "command-line line 0: unsupported log level 'x'"],
    ["ConnectTimeout=x", "command-line line 0: invalid time value."],
    ["ConnectTimeout=0", "command-line line 0: invalid time value."],
    ["ConnectTimeout=99999999w", "command-line line 0: invalid time value."],
    ["ServerAliveCountMax=x", "command-line line 0: integer value invalid."],
    ["ControlPersist=x", "command-line line 0: Bad ControlPersist argument."],
    ["SetEnv FOO", "command-line line 0: Invalid SetEnv."],
    ['User="a', "command-line line 0: invalid quotes"],
    ["Ciphers=nosuch", "command-line line 0: Bad SSH2 cipher spec 'nosuch'."],
    ["LocalForward=1", "command-line line 0: Bad local forwarding specification '1'"],
  ])("reports %s in the words of ssh", (line, sshLine) => {
    expect(() => apply(line)).toThrow(expect.objectContaining({ code: "usage", sshLine }));
  });

  test("refuses control characters in a user name", () => {
    expect(() => apply("User=a\x1bb")).toThrow(expect.objectContaining({ code: "usage" }));
  });

  test("takes a list of algorithms relative to the defaults, and leaves out those that only OpenSSH has", () => {
    expect(apply("Ciphers=aes256-ctr,3des-cbc,aes128-ctr").ciphers).toEqual(["aes256-ctr", "aes128-ctr"]);
    expect(apply("KexAlgorithms=^curve25519-sha256").kex?.slice(0, 2)).toEqual([
      "curve25519-sha256",
      "mlkem768x25519-sha256",
    ]);
    expect(apply("MACs=-hmac-sha2-*-etm@openssh.com").macs).toEqual(["hmac-sha2-256", "hmac-sha2-512"]);
    expect(apply("HostKeyAlgorithms=+ssh-rsa").hostKeyAlgorithms).toContain("rsa-sha2-512");
  });
});

test("options dropped in silence · client", () => {
  for (const line of [
    "ProxyCommand=nc %h %p",
    "KnownHostsCommand=/bin/cat keys",
    "RevokedHostKeys=revoked",
    "HostKeyAlias=other",
    "RefuseConnection=no",
    "PermitRemoteOpen=none",
    "CanonicalizeHostname=yes",
    "Tunnel=yes",
    "ProxyUseFdpass=yes",
  ])
    expect(() => apply(line), line).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining("is not supported") as string }),
    );
  for (const line of ["CheckHostIP=yes", "HashKnownHosts=yes", "VerifyHostKeyDNS=yes", "CertificateFile=cert"])
    expect(apply(line).notes, line).toHaveLength(1);
});
