import { readFileSync, writeFileSync } from "node:fs";
import { ALL_KEYWORDS, type ConfigValues } from "@nacre/config";
import { describe, expect, test } from "vitest";
import { checkEffects, KEYWORDS } from "../src/ssh/keywords.ts";
import { read, refusal } from "./reading.ts";
import { temporaryFolder } from "./support.ts";

const apply = (...lines: string[]) => read([...lines.flatMap((line) => ["-o", line]), "host"]);

describe("-o", () => {
  test.each([
    "User=root",
    "User root",
    "user = root",
    "USER\troot",
    'User="root"',
    "  User  'root' # comment",
    '"User" root',
  ])("reads %s", async (line) => {
    expect((await apply(line)).config.values.user).toBe("root");
  });

  test.each<[string[], Partial<ConfigValues>]>([
    [["Port=1", "Port=2"], { port: 1 }],
    [["ConnectTimeout=1m30s"], { connectTimeout: 90 }],
    [["ServerAliveInterval 15", "ServerAliveCountMax=4"], { serverAliveInterval: 15, serverAliveCountMax: 4 }],
    [["UserKnownHostsFile a b"], { userKnownHostsFile: ["a", "b"] }],
    [["StrictHostKeyChecking=yes"], { strictHostKeyChecking: "yes" }],
    [["SendEnv A B", "SendEnv -A"], { sendEnv: ["B"] }],
    [['SetEnv A="b c" D=%n', "SetEnv F=g"], { setEnv: ["A=b c", "D=host"] }],
    [["LogLevel=QUIET"], { logLevel: "QUIET" }],
    [["RekeyLimit 1G 1h"], { rekeyLimit: { bytes: 2 ** 30, seconds: 3600 } }],
    [["IgnoreUnknown=Use*,Nope", "UseKeychain=yes", "nope 1"], { ignoreUnknown: "Use*,Nope" }],
    [["# comment", ""], {}],
    [["Protocol 2", "GSSAPIAuthentication no"], {}],
  ])("reads %j", async (lines, expected) => {
    expect((await apply(...lines)).config.values).toMatchObject(expected);
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
    ["ConnectTimeout=99999999w", "command-line line 0: invalid time value."],
    ["ServerAliveCountMax=x", "command-line line 0: integer value invalid."],
    ["ControlPersist=x", "command-line line 0: Bad ControlPersist argument."],
    ["SetEnv FOO", "command-line line 0: Invalid SetEnv."],
    ['User="a', "command-line line 0: invalid quotes"],
    ["Ciphers=nosuch", "command-line line 0: Bad SSH2 cipher spec 'nosuch'."],
    ["LocalForward=1", "command-line line 0: Missing target argument."],
  ])("reports %s in the words of ssh", async (line, sshLine) => {
    expect(await refusal(["-o", line, "host"])).toMatchObject({ code: "usage", lines: [sshLine] });
  });

  test("refuses control characters in a user name", async () => {
    const file = `${await temporaryFolder()}/config`;
    writeFileSync(file, "User a\x1bb\n");
    expect(await refusal(["-F", file, "host"])).toMatchObject({
      code: "file-malformed",
      lines: ["remote username contains invalid characters"],
    });
  });
});

test("options dropped in silence · client", async () => {
  for (const line of ["StreamLocalBindMask=0000", "SecurityKeyProvider=/lib.so", "ControlMaster=ask"])
    expect(checkEffects((await apply(line)).config), line).toHaveLength(1);
  for (const line of ["Compression=yes", "IPQoS=ef", "ForwardX11=yes"]) {
    for (const level of ["INFO", "VERBOSE"])
      expect(checkEffects((await apply(line, `LogLevel=${level}`)).config), line).toEqual([]);
    expect(checkEffects((await apply(line, "LogLevel=DEBUG")).config), line).toHaveLength(1);
  }
});

/** Keywords that set a value of another name. */
const VALUES: Readonly<Record<string, keyof ConfigValues>> = {
  proxycommand: "proxy",
  proxyjump: "proxy",
  dynamicforward: "localForward",
  challengeresponseauthentication: "kbdInteractiveAuthentication",
  skeyauthentication: "kbdInteractiveAuthentication",
  tisauthentication: "kbdInteractiveAuthentication",
  dsaauthentication: "pubkeyAuthentication",
  hostbasedkeytypes: "hostbasedAcceptedAlgorithms",
  identityfile2: "identityFile",
  keepalive: "tcpKeepAlive",
  pubkeyacceptedkeytypes: "pubkeyAcceptedAlgorithms",
  smartcarddevice: "pkcs11Provider",
};

test("README says of every keyword what becomes of it", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const said = new Map<string, string>();
  for (const [, kind = "", names = ""] of readme.matchAll(
    /^\| \*\*(acts|acts partly|no effect|fails)\*\* \| (.*?) \|/gm,
  ))
    for (const [name] of names.replaceAll(/\(.*?\)/g, "").matchAll(/\w+/g)) said.set(name.toLowerCase(), kind);
  const names = new Map(Object.keys(KEYWORDS).map((name) => [name.toLowerCase(), name as keyof ConfigValues]));
  const columns = { acts: "acts", partly: "acts partly", nothing: "no effect", fails: "fails" } as const;
  const expected = ALL_KEYWORDS.map((keyword) => {
    const name = VALUES[keyword] ?? names.get(keyword);
    if (name !== undefined) return [keyword, columns[KEYWORDS[name].kind]];
    return [keyword, /^(?:host|match|include)$/.test(keyword) ? "acts" : "no effect"];
  });
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(expected));
  expect(ALL_KEYWORDS).toHaveLength(128);
});
