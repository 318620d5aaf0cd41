import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { ALL_KEYWORDS } from "../src/index.ts";
import { failure, printed, resolve } from "./resolve.ts";

const problems = (config: string) => (failure(config) as SshError).message.split("\n");

it("knows the 128 keywords of OpenSSH 10.5", () => {
  expect(ALL_KEYWORDS).toHaveLength(128);
  expect(new Set(ALL_KEYWORDS).size).toBe(128);
});

describe("how lines combine", () => {
  it("keeps the first value, with its place", () => {
    const { values, origins } = resolve("\nPort 5\nPort 6\n");
    expect(values.port).toBe(5);
    expect(origins.port).toEqual([{ file: "/c", line: 2 }]);
    expect(origins.user).toBeUndefined();
  });
  it("collects files and forwards without duplicates, and the environment with", () => {
    const { values, origins } = resolve(
      "CertificateFile a\nCertificateFile b\nCertificateFile a\nSendEnv A\nSendEnv A B -B\n",
    );
    expect(values.certificateFile).toEqual(["a", "b"]);
    expect(origins.certificateFile?.map(({ line }) => line)).toEqual([1, 2]);
    expect(values.sendEnv).toEqual(["A", "A"]);
    expect(resolve("LocalForward 1 a:2\nDynamicForward 3\nLocalForward 1 a:2\n").values.localForward).toHaveLength(2);
  });
  it("takes the last StreamLocalBindMask, also from a block that does not match", () => {
    expect(resolve("StreamLocalBindMask 077\nHost x\nStreamLocalBindMask 7\n").values.streamLocalBindMask).toBe(7);
  });
  it("takes the first of ProxyCommand and ProxyJump, but no ProxyJump none", () => {
    expect(resolve("ProxyJump a\nProxyCommand x\n").values.proxy).toMatchObject({ kind: "jump" });
    expect(resolve("ProxyCommand x\nProxyJump a\n").values.proxy).toEqual({ kind: "command", command: "x" });
    expect(resolve("ProxyJump none\nProxyCommand x\n").values.proxy).toEqual({ kind: "command", command: "x" });
    expect(resolve("ProxyCommand none\nProxyJump a\n").values.proxy).toEqual({ kind: "direct" });
  });
  it("lets an option of the command line replace, and a line win over files", () => {
    const commandLine = [{ text: "Ciphers a" }, { text: "Ciphers b", replaces: true }, { text: "Port 7" }];
    const { values, origins } = resolve("Ciphers c\nPort 8\n", { commandLine });
    expect([values.ciphers, values.port]).toEqual([["b"], 7]);
    expect(origins.port).toEqual([{ file: "command-line", line: 0 }]);
  });
});

it.each([
  ["ciphers", "Ciphers +c", "a,b,c"],
  ["ciphers", "Ciphers ^b,c", "b,c,a"],
  ["ciphers", "Ciphers -a*", "b"],
  ["hostkeyalgorithms", "HostKeyAlgorithms ssh-*", "ssh-x,ssh-y"],
  ["connecttimeout", "ConnectTimeout 1h30m", "5400"],
  // Since 10.3, a fraction of a second is cut.
  ["connecttimeout", "ConnectTimeout 1.5", "1"],
  ["rekeylimit", "RekeyLimit 1.5K 1h", "1536 3600"],
  ["ipqos", "IPQoS lowdelay 16", "none 0x10"],
  ["ipqos", "", "ef cs0"],
  ["escapechar", "EscapeChar ^]", "\\^]"],
  ["addkeystoagent", "AddKeysToAgent confirm 5m", "confirm 300"],
  ["controlpersist", "ControlPersist 0", "yes"],
  ["tunnel", "Tunnel yes", "point-to-point"],
  ["stricthostkeychecking", "StrictHostKeyChecking off", "false"],
  ["localforward", "LocalForward [::1]:1 /s", "[::1]:1 /s"],
  ["remoteforward", "RemoteForward 0", "0 [socks]:0"],
  ["proxyjump", "ProxyJump a,ssh://u@1.2.3.4:5", "a,u@[1.2.3.4]:5"],
  ["proxycommand", 'ProxyCommand =x "%h" # y', 'x "%h" # y'],
  ["canonicalizePermittedcnames", "CanonicalizePermittedCNAMEs *.A:*.B\nProxyCommand x", "*.a:*.b"],
  ["revokedhostkeys", "RevokedHostKeys ~/a %h", "/home/me/a h"],
  ["controlpath", "ControlPath ~root/%L-%l-%i-%d", "/root/box-box.example.org-7-/home/me"],
  ["user", "User %u-%n", "me-h"],
  ["setenv", "SetEnv A=%h A=2", "A=h"],
  ["logverbose", "LogVerbose a b", "a"],
  ["updatehostkeys", "UserKnownHostsFile x", "false"],
  ["warnweakcrypto", "WarnWeakCrypto no-pq-kex", "no-pq-kex"],
])("prints %s for %j", (keyword, config, value) => {
  expect(printed(keyword, config)).toBe(value);
});

it("lists all bad lines of a file, of blocks that do not match too", () => {
  expect(problems('Foo 1\nHost x\nPort x\nBatchMode maybe\nUser "a\nPort 1 2\nCiphers z\n')).toEqual([
    "/c: line 1: Bad configuration option: foo",
    "/c line 3: Bad port 'x'.",
    '/c line 4: unsupported option "maybe".',
    "/c line 5: invalid quotes",
    "/c line 6: keyword port extra arguments at end of line",
    "/c line 7: Bad SSH2 cipher spec 'z'.",
    "/c: terminating, 6 bad configuration options",
  ]);
});

it("takes no name of a JavaScript object for a keyword, a value or a criterion", () => {
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    expect(problems(`${name} 1\n`)[0]).toBe(`/c: line 1: Bad configuration option: ${name.toLowerCase()}`);
    for (const keyword of ["Compression", "BatchMode", "ObscureKeystrokeTiming", "AddKeysToAgent", "IPQoS", "Tunnel"])
      expect(problems(`${keyword} ${name}\n`).at(-1)).toBe("/c: terminating, 1 bad configuration options");
    expect(problems(`Match ${name} x\n`)[0]).toBe(`Unsupported Match attribute ${name.toLowerCase()}`);
  }
});

it("fails when it is used with RefuseConnection, an unknown token, or a loop", () => {
  expect(problems('RefuseConnection "gone"\n')).toEqual(["RefuseConnection: gone"]);
  expect(problems("ControlPath %q\n")[0]).toBe("vdollar_percent_expand: unknown key %q");
  expect(problems("ControlPath ${X}\n").at(-1)).toBe("/c line 1: cannot be expanded");
  expect(problems("ProxyJump me@h:22\n")).toEqual(["jumphost loop via h"]);
});

it("goes on for unsupported and old keywords, and for what IgnoreUnknown names", () => {
  const { notices, values } = resolve(
    "IgnoreUnknown Use*\nUseKeychain yes\nGSSAPIAuthentication yes\nProtocol 2\nPort 3\n",
  );
  expect(notices).toEqual(['/c line 3: Unsupported option "gssapiauthentication"']);
  expect(values.port).toBe(3);
});
