import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parseServeArguments, type ServeArguments } from "../src/serve/serve-arguments.ts";

const DEFAULTS: ServeArguments = {
  listen: undefined,
  port: 2222,
  hostKeyFiles: [],
  hostCertificates: [],
  authorizedKeys: undefined,
  trustedUserCAKeys: undefined,
  authorizedPrincipalsFile: undefined,
  revokedKeys: undefined,
  verifyRequired: false,
  users: [],
  ciphers: undefined,
  macs: undefined,
  kex: undefined,
  subsystems: {},
  banner: undefined,
  log: "text",
  exec: true,
  permitUserEnvironment: false,
  forwarding: undefined,
  exempt: [],
  sftp: { root: undefined, readOnly: false },
};

const parse = (line: string): ServeArguments => parseServeArguments(line.split(" ").filter((word) => word !== ""));

describe("parseServeArguments", () => {
  test.each<[string, Partial<ServeArguments>]>([
    ["", {}],
    ["--listen ::", { listen: "::" }],
    ["--port 0", { port: 0 }],
    ["-p 22 --port 65535", { port: 65535 }],
    ["--port=22 -p 23", { port: 23 }],
    ["--host-key one --host-key=two", { hostKeyFiles: ["one", "two"] }],
    ["--authorized-keys file", { authorizedKeys: "file" }],
    ["--host-certificate a-cert.pub --host-certificate b-cert.pub", { hostCertificates: ["a-cert.pub", "b-cert.pub"] }],
    [
      "--trusted-user-ca-keys ca.pub --authorized-principals-file principals/%u --revoked-keys revoked",
      { trustedUserCAKeys: "ca.pub", authorizedPrincipalsFile: "principals/%u", revokedKeys: "revoked" },
    ],
    ["--verify-required", { verifyRequired: true }],
    ["--user git --user alice", { users: ["git", "alice"] }],
    ["--subsystem a=one --subsystem b=x=y --subsystem sftp=", { subsystems: { a: "one", b: "x=y", sftp: "" } }],
    ["--subsystem __proto__=x", { subsystems: Object.fromEntries([["__proto__", "x"]]) }],
    ["-c one,two -m a --kex x,y", { ciphers: ["one", "two"], macs: ["a"], kex: ["x", "y"] }],
    ["-c one -ctwo", { ciphers: ["two"] }],
    ["--banner hello", { banner: "hello" }],
    ["--log json", { log: "json" }],
    ["--no-exec", { exec: false }],
    ["--sftp-root /srv/files --sftp-read-only", { sftp: { root: "/srv/files", readOnly: true } }],
    ["--sftp-root files", { sftp: { root: resolve("files"), readOnly: false } }],
    ["--no-sftp", { sftp: undefined }],
    ["--permit-user-environment", { permitUserEnvironment: true }],
    ["--allow-forwarding", { forwarding: {} }],
    [
      "--permit-open a:1 --allow-forwarding --permit-open b:2 --permit-listen 8080 --gateway-ports yes --gateway-ports no",
      { forwarding: { permitOpen: ["a:1", "b:2"], permitListen: ["8080"], gatewayPorts: "no" } },
    ],
    ["--exempt 192.0.2.7 --exempt 2001:db8::/32", { exempt: ["192.0.2.7", "2001:db8::/32"] }],
    ["--exempt 192.0.2.7 --no-per-source", { exempt: false }],
  ])("parses %j", (line, expected) => {
    expect(parse(line)).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each([
    ["-p -1", /invalid port "-1"/],
    ["-p 65536", /invalid port "65536"/],
    ["-p 0x10", /invalid port/],
    ["host", /unexpected argument "host"; nacre serve takes options only/],
    ["--log xml", /unknown log format "xml"; expected text or json/],
    ["--user=", /--user needs a user name/],
    ["--subsystem sftp", /invalid value "sftp" for --subsystem; expected NAME=COMMAND/],
    ["--subsystem =x", /invalid value "=x" for --subsystem; expected NAME=COMMAND/],
    ["--no-sftp --sftp-root /", /--no-sftp excludes --sftp-root and --sftp-read-only/],
    ["--no-sftp --sftp-read-only", /--no-sftp excludes/],
    ["--subsystem sftp=x --sftp-root /", /--subsystem sftp=COMMAND excludes --sftp-root/],
    ["--permit-open a:1", /--permit-open needs --allow-forwarding/],
    ["--permit-listen 1", /--permit-listen needs --allow-forwarding/],
    ["--gateway-ports no", /--gateway-ports needs --allow-forwarding/],
    [
      "--allow-forwarding --gateway-ports maybe",
      /invalid value "maybe" for --gateway-ports; expected no, yes or clientspecified/,
    ],
    ["-t", /unknown option -t/],
    ["--listen", /--listen needs a value/],
  ])("rejects %s", (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringMatching(message) as string }),
    );
  });
});
