import { fingerprint, generateEd25519, issueCertificate, parseCertificate } from "@nacre/keys";
import { SshError } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { logLine, type ServeEvent } from "../src/serve/serve-log.ts";

const time = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
const origin = { connection: 7, remoteAddress: "192.0.2.1", remotePort: 1234 };
const authority = generateEd25519((length) => new Uint8Array(length).fill(3));
const { publicKey } = authority;
const hash = fingerprint(publicKey.blob, "sha256");
const factor = { method: "publickey", algorithm: "ssh-ed25519", publicKey: publicKey.blob } as const;
const algorithm = "ssh-ed25519-cert-v01@openssh.com";
const certificate = parseCertificate(
  issueCertificate(authority, {
    publicKey,
    type: "user",
    keyId: "a\nb",
    principals: ['al"ice'],
    serial: 0xffff_ffff_ffff_ffffn,
    validBefore: "forever",
    random: (length) => new Uint8Array(length),
  }),
);
const session = { user: "alice", session: 2, pty: false, command: undefined, subsystem: undefined } as const;

describe("a user name as long as a message", () => {
  const user = "\u{e0001}".repeat(16_000);
  const event: ServeEvent = { ...origin, type: "login-refused", user, method: "password" };

  test("is truncated in the log", () => {
    expect(logLine(event, "text", time).length).toBeLessThan(20_000);
    expect(logLine(event, "text", time)).toMatch(/… \(32000 characters\)" with password\n$/);
    const json = logLine(event, "json", time);
    expect(json.length).toBeLessThan(20_000);
    expect((JSON.parse(json) as { user: string }).user).toBe(`${user.slice(0, 1000)}… (32000 characters)`);
  });
});

test("a certificate is in the log as JSON, with its numbers as text and few of its principals", () => {
  const principals = Array.from({ length: 256 }, (_, index) => `user${index}`);
  const event: ServeEvent = {
    ...origin,
    type: "login-refused",
    user: "alice",
    method: "certificate",
    fingerprint: hash,
    signed: true,
    certificate: { ...certificate, principals },
  };
  expect(JSON.parse(logLine(event, "json", time))).toMatchObject({
    certificate: {
      key: hash,
      keyId: "a\nb",
      serial: "18446744073709551615",
      authority: hash,
      principals: [...principals.slice(0, 10), "… (256 principals)"],
    },
  });
  expect(logLine(event, "text", time).length).toBeLessThan(1000);
});

describe("a line of the log", () => {
  test.each<[ServeEvent, string]>([
    [
      {
        type: "listening",
        host: "127.0.0.1",
        port: 22,
        hostKeys: [{ format: "ssh-ed25519", fingerprint: hash }],
        users: ["alice"],
      },
      `listening on 127.0.0.1 port 22 for "alice"; host key ssh-ed25519 ${hash}`,
    ],
    [
      { type: "stopping", signal: "SIGINT", sessions: 1 },
      "SIGINT: accepting no new connections; sessions still running: 1 (repeat the signal to end them now)",
    ],
    [{ type: "stopped" }, "stopped"],
    [{ type: "note", text: "a note" }, "a note"],
    [{ type: "repeated", count: 3, text: "192.0.2.1 connected" }, "repeated 3 more times: 192.0.2.1 connected"],
    [{ type: "suppressed", count: 4 }, "suppressed 4 more lines of various kinds"],
    [
      { ...origin, type: "login-refused", user: 'x" logged in with "\\', method: "password" },
      String.raw`[7] 192.0.2.1:1234 login refused for "x\" logged in with \"\\" with password`,
    ],
    [{ type: "accept-failed", error: new SshError("listen-failed", "EMFILE") }, "EMFILE"],
    [{ ...origin, type: "connected" }, "[7] 192.0.2.1:1234 connected"],
    [
      { ...origin, type: "dropped", reason: "max-unauthenticated" },
      "[7] 192.0.2.1:1234 dropped: too many connections before login",
    ],
    [
      { ...origin, type: "identified", clientVersion: "SSH-2.0-x\x1b[2J" },
      '[7] 192.0.2.1:1234 client version "SSH-2.0-x\\x1b[2J"',
    ],
    [
      { ...origin, type: "login", user: "alice", factors: [factor, { method: "password" }] },
      `[7] 192.0.2.1:1234 "alice" logged in with publickey ssh-ed25519 ${hash} and password`,
    ],
    [
      { ...origin, type: "login", user: "alice", factors: [{ method: "certificate", algorithm, certificate }] },
      `[7] 192.0.2.1:1234 "alice" logged in with certificate ${algorithm} ${hash} id "a\\x0ab" serial 18446744073709551615 by ${hash} for "al\\"ice"`,
    ],
    [
      { ...origin, type: "login-refused", user: "a\nb", method: "publickey", fingerprint: hash, signed: false },
      `[7] 192.0.2.1:1234 login refused for "a\\x0ab" with publickey ${hash} (query without signature)`,
    ],
    [
      { ...origin, type: "login-refused", user: "alice", method: "password", error: new Error("no\ndatabase") },
      '[7] 192.0.2.1:1234 login refused for "alice" with password: no\\x0adatabase',
    ],
    [
      { ...origin, ...session, type: "session-started", kind: "exec", command: "ls \u202e", pty: true },
      '[7.2] 192.0.2.1:1234 "alice" started exec "ls \\u{202e}" in a terminal',
    ],
    [{ ...origin, ...session, type: "session-started", kind: "shell" }, '[7.2] 192.0.2.1:1234 "alice" started shell'],
    [
      { ...origin, type: "session-ended", session: 2, exit: { status: 3 } },
      "[7.2] 192.0.2.1:1234 session ended with status 3",
    ],
    [
      { ...origin, type: "session-ended", session: 2, exit: { signal: "TERM" } },
      "[7.2] 192.0.2.1:1234 session ended by signal TERM",
    ],
    [
      { ...origin, type: "session-ended", session: 2, exit: undefined },
      "[7.2] 192.0.2.1:1234 session closed by the client",
    ],
    [
      { ...origin, type: "session-ended", session: 2, exit: { status: 255 }, error: new Error("spawn ENOENT") },
      "[7.2] 192.0.2.1:1234 session failed: spawn ENOENT",
    ],
    [
      { ...origin, type: "request-refused", session: undefined, request: "tcpip-forward" },
      '[7] 192.0.2.1:1234 refused request "tcpip-forward"',
    ],
    [
      {
        ...origin,
        type: "forward-opened",
        target: { host: "2001:db8::1", port: 80 },
        originator: { address: '"\u001b', port: 9 },
      },
      '[7] 192.0.2.1:1234 forwarding to "[2001:db8::1]:80", originator "\\"\\x1b port 9"',
    ],
    [
      { ...origin, type: "forward-opened", target: { path: "/run/a.sock" }, originator: undefined },
      '[7] 192.0.2.1:1234 forwarding to "/run/a.sock"',
    ],
    [
      { ...origin, type: "forward-listening", address: { host: "", port: 8080 } },
      '[7] 192.0.2.1:1234 listening on ":8080"',
    ],
    [
      {
        ...origin,
        type: "forward-accepted",
        address: { host: "localhost", port: 8080 },
        originator: { address: "192.0.2.9", port: 9 },
      },
      '[7] 192.0.2.1:1234 forwarding a connection accepted on "localhost:8080", originator "192.0.2.9 port 9"',
    ],
    [
      { ...origin, type: "forward-stopped", address: { path: "/run/a.sock" } },
      '[7] 192.0.2.1:1234 stopped listening on "/run/a.sock"',
    ],
    [
      { ...origin, type: "closed", error: new SshError("auth-limit", "6 attempts") },
      "[7] 192.0.2.1:1234 closed: 6 attempts [auth-limit]",
    ],
  ])("as text: %o", (event, expected) => {
    expect(logLine(event, "text", time)).toBe(`2026-01-02T03:04:05.006Z ${expected}\n`);
  });

  test("as JSON is printable ASCII and parses to the original values", () => {
    const event: ServeEvent = {
      ...origin,
      type: "login-refused",
      user: 'ä\x1b[2J\u202e\u007f\n\u{1f600}"\\',
      method: "password",
      error: new SshError("usage", "no"),
    };
    const line = logLine(event, "json", time);
    expect(line).toMatch(/^[ -~]+\n$/);
    expect(JSON.parse(line)).toEqual({
      time: "2026-01-02T03:04:05.006Z",
      event: "login-refused",
      ...origin,
      user: event.user,
      method: "password",
      error: { code: "usage", culprit: "caller", message: "no" },
    });
    const login = logLine({ ...origin, type: "login", user: "alice", factors: [factor] }, "json", time);
    expect(JSON.parse(login)).toMatchObject({ event: "login", factors: [{ ...factor, publicKey: hash }] });
  });
});
