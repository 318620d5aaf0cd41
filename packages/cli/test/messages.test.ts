import { SshError } from "@nacre/wire";
import { expect, test } from "vitest";
import { sshMessages } from "../src/ssh/messages.ts";

const context = {
  user: "alice",
  host: "example.org",
  port: 2222,
  strictHostKeys: false,
  hasStdioTarget: false,
  exitOnForwardFailure: false,
  isLoggedIn: false,
};

const systemError = (code: string, syscall: string): Error => Object.assign(new Error(code), { code, syscall });

/** Returns the error of a connection that the system refused with this code. */
function failed(code: string, message = "cannot connect to example.org port 2222: …"): SshError {
  return new SshError("connection-failed", message, { cause: systemError(code, "connect") });
}

test.each<[string, unknown, string[]]>([
  [
    "a refused connection",
    failed("ECONNREFUSED"),
    ["nacre: connect to host example.org port 2222: Connection refused"],
  ],
  [
    "several refused addresses",
    new SshError("connection-failed", "cannot connect to example.org port 2222: …", {
      cause: new AggregateError([Object.assign(new Error("x"), { code: "ECONNREFUSED", syscall: "connect" })]),
    }),
    ["nacre: connect to host example.org port 2222: Connection refused"],
  ],
  [
    "a name without an address",
    failed("ENOTFOUND"),
    ["nacre: Could not resolve hostname example.org: Name or service not known"],
  ],
  [
    "a jump host that is down",
    new SshError("connection-failed", "jump host hop port 22: cannot connect to hop port 22: connection refused", {
      cause: failed("ECONNREFUSED"),
    }),
    ["nacre: connect to host hop port 22: Connection refused"],
  ],
  [
    "a connection without an answer",
    new SshError("connect-timeout", "cannot connect to example.org port 2222: no answer within 1000 ms"),
    ["nacre: connect to host example.org port 2222: Connection timed out"],
  ],
  [
    "a server that sends nothing",
    new SshError("connect-timeout", "the server did not identify itself within 1000 ms; it sent nothing"),
    ["nacre: Connection timed out during banner exchange", "nacre: Connection to example.org port 2222 timed out"],
  ],
  [
    "a refused login",
    new SshError(
      "auth-failed",
      "alice: the server refused none; it accepts: publickey, password; there is no terminal",
    ),
    ["nacre: alice@example.org: Permission denied (publickey,password)."],
  ],
  [
    "algorithms without a common one",
    new SshError(
      "no-common-algorithm",
      "no common host key algorithm: the client offers ssh-rsa; the server offers ssh-ed25519, ssh-dss",
    ),
    [
      "Unable to negotiate with example.org port 2222: no matching host key type found. Their offer: ssh-ed25519,ssh-dss",
    ],
  ],
  ["a new host", new SshError("host-key-unknown", "…"), ["nacre: Host key verification failed."]],
  [
    "a server that closes the connection before the login",
    new SshError("connection-lost", "the server closed the connection before sending any data"),
    ["Connection closed by example.org port 2222"],
  ],
  [
    "a server that no longer answers",
    new SshError("keepalive-timeout", "the server has sent nothing for 3 s"),
    ["Timeout, server example.org not responding."],
  ],
  ["a ProxyCommand whose shell is missing", failed("ENOENT"), []],
  ["an unknown code of the system", failed("EWHATEVER"), []],
  ["another error", new SshError("connection-lost", "…"), []],
  ["no SshError", new Error("x"), []],
])("ssh has a line for %s, or none", (_, error, lines) => {
  expect(sshMessages(error, context)).toEqual(lines);
});

test("a changed host key has the warning that programs search for", () => {
  const lines = sshMessages(new SshError("host-key-changed", "…"), context);
  expect(lines).toContain("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @");
  expect(lines.at(-1)).toBe("nacre: Host key verification failed.");
});

test("StrictHostKeyChecking yes names the type of the unknown key", () => {
  const error = new SshError(
    "host-key-unknown",
    "the host key of example.org port 2222 is unknown: ssh-ed25519 SHA256:x; …",
  );
  expect(sshMessages(error, { ...context, strictHostKeys: true })).toEqual([
    "nacre: No ED25519 host key is known for [example.org]:2222 and you have requested strict checking.",
    "nacre: Host key verification failed.",
  ]);
  expect(sshMessages(error, { ...context, hostKeyAlias: "alias", strictHostKeys: true })[0]).toContain(
    " for alias and",
  );
});

const BAD_PORT = "channel_setup_fwd_listener_tcpip: cannot listen to port: 80";

test.each([
  ["127.0.0.1 port 80", "EADDRINUSE", ["bind [127.0.0.1]:80: Address already in use", BAD_PORT]],
  ["192.0.2.1 port 80", "EADDRNOTAVAIL", ["bind [192.0.2.1]:80: Cannot assign requested address", BAD_PORT]],
  ["::1 port 80", "EACCES", ["bind [::1]:80: Permission denied", BAD_PORT]],
  [
    "web.invalid port 80",
    "ENOTFOUND",
    ["channel_setup_fwd_listener_tcpip: getaddrinfo(web.invalid): Name or service not known"],
  ],
  ["/none/s", "ENOENT", ["unix_listener: cannot bind to path /none/s: No such file or directory"]],
  ["/tmp/s", "EEXIST", ["unix_listener: cannot bind to path /tmp/s: Address already in use"]],
  ["/tmp/s", "EWHATEVER", []],
])("this machine cannot listen on %s: %s", (place, code, lines) => {
  const error = new SshError("listen-failed", `cannot listen on ${place}: …`, { cause: systemError(code, "listen") });
  expect(sshMessages(error, context)).toEqual([...lines, "Could not request local forwarding."]);
});

test.each([
  ['the peer refused the channel request "pty-req"', "PTY allocation request failed on channel 0"],
  ['the peer refused the channel request "exec"', "exec request failed on channel 0"],
  ['the server refused the subsystem "x"; enable it there', "subsystem request failed on channel 0"],
])("%s has the line of ssh", (message, line) => {
  expect(sshMessages(new SshError("channel-request-failed", message), context)).toEqual([line]);
});

test("a server that disconnects with a message has the lines of ssh, also after too many attempts", () => {
  const text = "the server ended the connection: Too many (really) (reason 2, PROTOCOL_ERROR)";
  const cause = Object.assign(new SshError("disconnected", text), { reasonCode: 2 });
  const lines = [
    "Received disconnect from example.org port 2222:2: Too many (really)",
    "Disconnected from example.org port 2222",
  ];
  expect(sshMessages(cause, context)).toEqual(lines);
  const tried = "alice: the server refused password, then ended the connection after too many attempts";
  expect(sshMessages(new SshError("auth-failed", tried, { cause }), context)).toEqual(lines);
  const ofJumpHost = new SshError("disconnected", `jump host hop port 22: ${text}`, { cause });
  expect(sshMessages(ofJumpHost, context)).toEqual([]);
});

test("a refused -W has the lines of ssh", () => {
  const refused = new SshError(
    "forward-unreachable",
    "cannot connect to a:1: the server cannot connect to it: Connection refused",
  );
  expect(sshMessages(refused, context)).toEqual([]);
  expect(sshMessages(refused, { ...context, hasStdioTarget: true })).toEqual([
    "channel 0: open failed: connect failed: Connection refused",
    "stdio forwarding failed",
  ]);
});

test("a connection that is lost after the login has the line of ssh", () => {
  const loggedIn = { ...context, isLoggedIn: true };
  const closed = new SshError("connection-lost", "the server closed the connection, without a disconnect message");
  expect(sshMessages(closed, loggedIn)).toEqual(["Connection to example.org closed by remote host."]);
  const { cause } = failed("ECONNRESET");
  const reset = new SshError("connection-lost", "the connection broke: read ECONNRESET", { cause });
  expect(sshMessages(reset, loggedIn)).toEqual(["Read from remote host example.org: Connection reset by peer"]);
  expect(sshMessages(reset, context)).toEqual(["Connection reset by example.org port 2222"]);
});

test.each([
  ["127.0.0.1:80", "port 80"],
  ["[::1]:80", "port 80"],
  ["/run/app.sock", "path /run/app.sock"],
])("a server that refuses to listen on %s has the line of ssh", (place, shown) => {
  const error = new SshError("forward-denied", `the server refused to listen on ${place}; it prohibits this (…)`);
  const line = `remote port forwarding failed for listen ${shown}`;
  expect(sshMessages(error, context)).toEqual([`Warning: ${line}`]);
  expect(sshMessages(error, { ...context, exitOnForwardFailure: true })).toEqual([`Error: ${line}`]);
});
