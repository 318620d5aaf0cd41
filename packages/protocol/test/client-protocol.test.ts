import { clientPublickey } from "@nacre/auth";
import { generateEd25519, issueCertificate, USER_PERMISSIONS } from "@nacre/keys";
import type { TraceRecord } from "@nacre/protocol";
import { describedTrace } from "@nacre/protocol";
import { algorithms, hostKey, ProtocolPair, userKey } from "@nacre/testing/protocol/pair";
import { nameOf } from "@nacre/testing/protocol/requests";
import { seededRandom } from "@nacre/testing/random";
import {
  base64Encode,
  execRequest,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_USERAUTH_REQUEST,
  SshError,
  toHex,
  userauthPublickey,
  utf8DecodeLossy,
  utf8Encode,
} from "@nacre/wire";
import { describe, expect, it } from "vitest";

const exec = (command: string): Uint8Array => execRequest.encode({ command: utf8Encode(command) });

/** Runs a command as soon as the session channel is open, and returns its output. */
function run(pair: ProtocolPair, command = "true"): string {
  const channel = pair.client.connection.openChannel("session");
  pair.start();
  pair.client.connection.request(channel, "exec", exec(command), { wantReply: true });
  pair.pump();
  return pair
    .eventsOf("data")
    .map(({ data }) => utf8DecodeLossy(data))
    .join("");
}

/** Returns the sender of each flight until the command has ended, with a server of this software version. */
function flights(softwareVersion: string): readonly string[] {
  const pair = new ProtocolPair({ server: { softwareVersion } });
  run(pair);
  return pair.flights.map(({ from }) => from);
}

describe("ClientProtocol", () => {
  it("logs in and runs a command", () => {
    const pair = new ProtocolPair();
    expect(run(pair, "uname -a")).toBe("ran uname -a\n");
    expect(pair.events.map(nameOf)).toEqual([
      "identified",
      "verify-host-key",
      "new-keys",
      "authenticated",
      "channel-opened",
      "request-reply",
      "data",
      "exit-status",
      "eof",
      "channel-closed",
    ]);
    expect(pair.eventsOf("verify-host-key")[0]).toMatchObject({
      algorithm: "ssh-ed25519",
      hostKey: hostKey.publicKey.blob,
    });
  });

  it.each(["OpenSSH_10.0p2", "OpenSSH_10.1", "OpenSSH_11.0", "Nacre_0.1.0"])(
    "takes four round trips with %s: service request, login and channel open share one flight",
    (softwareVersion) => expect(flights(softwareVersion)).toHaveLength(9),
  );

  it.each(["OpenSSH_9.9", "OpenSSH_for_Windows_10.0", "dropbear_2025.89", "tinyssh_noversion", "Go", "TestServer"])(
    "opens no channel before the login has succeeded with %s, which may not support it: one more round trip",
    (softwareVersion) => {
      expect(flights(softwareVersion)).toHaveLength(11);
    },
  );

  it("opens the channel in the login's flight: version and KEXINIT, key exchange, login and open, exec", () => {
    const pair = new ProtocolPair({ server: { softwareVersion: "OpenSSH_10.0" } });
    run(pair);
    // Version and KEXINIT · key exchange · NEWKEYS, service, login, open · exec, with a reply to each.
    expect(pair.flights.map(({ from }) => from)).toEqual([
      "client",
      "server",
      "client",
      "server",
      "client",
      "server",
      "client",
      "server",
      "client", // CHANNEL_CLOSE
    ]);
  });

  it("reopens a channel that was opened together with a failed login", () => {
    const messages: string[] = [];
    const pair = new ProtocolPair({
      server: { refusals: 1, password: "sesame", softwareVersion: "OpenSSH_10.0" },
      client: {
        password: true,
        trace: describedTrace(
          (record) => record.type === "packet" && messages.push(`${record.direction} ${record.message}`),
        ),
      },
      onEvent: (event) => event.type === "password" && pair.client.auth.answer(event.token, "sesame"),
    });
    expect(run(pair, "after all")).toBe("ran after all\n");
    const opens = messages.filter((message) => /CHANNEL_OPEN$|UNIMPLEMENTED|USERAUTH_(FAILURE|SUCCESS)/.test(message));
    expect(opens).toEqual([
      "sent SSH_MSG_CHANNEL_OPEN",
      "received SSH_MSG_USERAUTH_FAILURE",
      "received SSH_MSG_UNIMPLEMENTED",
      "received SSH_MSG_USERAUTH_SUCCESS",
      "sent SSH_MSG_CHANNEL_OPEN",
    ]);
  });

  it("sends the reason for a disconnect to the peer", () => {
    const pair = new ProtocolPair();
    run(pair);
    pair.client.disconnect(new SshError("closed", "done here"));
    pair.pump();
    expect(pair.error).toMatchObject({ code: "closed", message: "done here" });
    expect(pair.server.events.at(-1)).toMatchObject({ type: "closed", error: { code: "disconnected" } });
    expect(pair.client.nextEvent()).toBeUndefined();
    expect(pair.client.deadline()).toBeUndefined();
  });

  it("rekeys on request while a command runs", () => {
    const pair = new ProtocolPair();
    run(pair);
    pair.client.rekey();
    const channel = pair.client.connection.openChannel("session");
    pair.pump();
    pair.client.connection.request(channel, "exec", exec("again"), { wantReply: true });
    pair.pump();
    expect(pair.eventsOf("new-keys").map(({ initial }) => initial)).toEqual([true, false]);
    expect(utf8DecodeLossy(pair.eventsOf("data")[1]!.data)).toBe("ran again\n");
  });
});

/** `JSON.stringify` replacer that writes bytes as hex. */
function readable(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? toHex(value) : value;
}

describe("input chunks", () => {
  const whole = ((): string[] => {
    const pair = new ProtocolPair();
    run(pair, "same");
    return pair.events.map((event) => JSON.stringify(event, readable));
  })();

  it.each([1, 2, 3, 7, 16, 61])("of %i bytes give the same events", (size) => {
    const cut = (bytes: Uint8Array): Uint8Array[] => {
      const pieces: Uint8Array[] = [];
      for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.subarray(i, i + size));
      return pieces;
    };
    const pair = new ProtocolPair({ tamper: (_, bytes) => cut(bytes) });
    run(pair, "same");
    const events = pair.events.map((event) => JSON.stringify(event, readable));
    expect(events).toEqual(whole);
  });
});

describe("timeouts and keepalives", () => {
  it("closes if the server does not finish authentication in time", () => {
    const pair = new ProtocolPair({ server: { ignore: [50] }, client: { limits: { authTimeout: 5000 } } });
    pair.start();
    expect(pair.client.deadline()).toBe(5000);
    pair.client.tick(4999);
    expect(pair.pump().error).toBeUndefined();
    pair.client.tick(5000);
    expect(pair.pump().error?.code).toBe("auth-timeout");
  });

  it("pause the authentication timeout while the application is asked", () => {
    const pair = new ProtocolPair({
      client: { identities: [{ publicKey: userKey.publicKey }], limits: { authTimeout: 5000 } },
    });
    pair.start();
    const ask = pair.eventsOf("sign")[0]!;
    pair.client.tick(60_000);
    expect(pair.pump().error).toBeUndefined();
    pair.client.auth.answer(ask.token, userKey.sign(ask.algorithm, ask.data, seededRandom(3)));
    pair.client.tick(60_001);
    expect(pair.pump().eventsOf("authenticated")).toHaveLength(1);
  });

  it("send keepalives to a silent peer, and close if it never replies", () => {
    const pair = new ProtocolPair({ client: { limits: { keepaliveInterval: 1000, keepaliveCount: 2 } } });
    run(pair);
    expect(pair.client.deadline()).toBe(1000);
    // The peer replies: the connection stays open.
    pair.client.tick(1000);
    pair.pump();
    expect(pair.flights.slice(-2).map(({ from }) => from)).toEqual(["client", "server"]);
    expect(pair.client.deadline()).toBe(2000);
    // The peer's replies no longer arrive.
    for (const now of [2000, 3000, 4000]) {
      pair.client.tick(now);
      pair.drain();
    }
    expect(pair.error).toMatchObject({ code: "keepalive-timeout", culprit: "peer" });
    expect(pair.eventsOf("global-reply")).toEqual([]);
  });

  it("a peer is asked one interval at a time, however long the computer slept", () => {
    const pair = new ProtocolPair({ client: { limits: { keepaliveInterval: 1000, keepaliveCount: 2 } } });
    run(pair);
    pair.client.tick(3_000_000);
    expect(pair.client.deadline()).toBe(3_001_000);
    pair.client.tick(3_000_000);
    expect(pair.pump().error).toBeUndefined();
  });

  it("without keepalives, the only deadline of an idle connection is the next rekey", () => {
    const pair = new ProtocolPair({ client: { limits: { keepaliveInterval: 0 } } });
    run(pair);
    expect(pair.client.deadline()).toBe(3_600_000);
  });
});

describe("trace", () => {
  it("names every packet and contains no password", () => {
    const records: TraceRecord[] = [];
    const secret = "correct horse battery staple";
    const pair = new ProtocolPair({
      client: { identities: [], password: true, trace: describedTrace((record) => records.push(record)) },
      onEvent: (event) => {
        if (event.type !== "password") return false;
        pair.client.auth.answer(event.token, secret);
        return true;
      },
    });
    pair.start();
    expect(pair.error?.code).toBe("auth-failed");
    expect(JSON.stringify(records)).not.toContain(secret);
    const lines = records.map((record) => {
      if (record.type === "identification") return record.line;
      return record.type === "negotiated"
        ? record.summary
        : `${record.direction} ${record.sequenceNumber} ${record.message}`;
    });
    expect(lines.slice(0, 10)).toEqual([
      expect.stringMatching(/^SSH-2\.0-Nacre_/),
      "sent 0 SSH_MSG_KEXINIT",
      "SSH-2.0-TestServer",
      "received 0 SSH_MSG_KEXINIT",
      "sent 1 SSH_MSG_KEX_ECDH_INIT",
      "received 1 SSH_MSG_KEX_ECDH_REPLY",
      "sent 2 SSH_MSG_NEWKEYS",
      "kex=curve25519-sha256 hostkey=ssh-ed25519 cipher=chacha20-poly1305@openssh.com mac=(in the cipher) strict",
      "received 2 SSH_MSG_NEWKEYS",
      // Strict key exchange resets both sequence numbers to 0.
      "received 0 SSH_MSG_EXT_INFO",
    ]);
  });

  it("escapes text from the peer and marks malformed messages", async () => {
    const { describeMessage } = await import("../src/describe.ts");
    const context = { kex: undefined, login: undefined, loginMethods: [] };
    const banner = Uint8Array.of(53, 0, 0, 0, 2, 0x1b, 0x5b, 0, 0, 0, 0);
    expect(describeMessage(banner, context)).toEqual({ message: "SSH_MSG_USERAUTH_BANNER", summary: "\\x1b[" });
    expect(describeMessage(Uint8Array.of(53, 9), context)).toEqual({
      message: "SSH_MSG_USERAUTH_BANNER",
      summary: "(malformed)",
    });
    expect(describeMessage(Uint8Array.of(222), context)).toEqual({ message: "message 222", summary: "" });
    expect(describeMessage(new Uint8Array(), context)).toEqual({ message: "message 0", summary: "" });
  });

  it("shows the fields of certificates", async () => {
    const { describeMessage } = await import("../src/describe.ts");
    const { describeCertificate } = await import("../src/describe-certificate.ts");
    const random = seededRandom(7);
    const authority = generateEd25519(random);
    const { publicKey } = generateEd25519(random);
    const blob = issueCertificate(authority, {
      publicKey,
      type: "user",
      keyId: "alice\x1b",
      serial: 7n,
      principals: ["alice", "ops"],
      validAfter: 1_750_000_000n,
      validBefore: 1_750_000_600n,
      criticalOptions: { "force-command": "secret" },
      extensions: USER_PERMISSIONS,
      random,
    });
    const algorithm = "ssh-ed25519-cert-v01@openssh.com";
    const login = (key: Uint8Array): string => {
      const methodData = userauthPublickey.encode({ algorithm, publicKey: key, signature: undefined });
      const request = { userName: "alice", serviceName: "ssh-connection", methodName: "publickey", methodData };
      const context = { kex: undefined, login: undefined, loginMethods: [clientPublickey] };
      return describeMessage(SSH_MSG_USERAUTH_REQUEST.encode(request), context, describeCertificate).summary;
    };
    const fields =
      'certificate "alice\\x1b" serial 7 of a user, for alice,ops, valid from 1750000000 before 1750000600, critical options force-command, ' +
      `extensions ${Object.keys(USER_PERMISSIONS).sort().join()}, signed with ssh-ed25519 by ssh-ed25519 ${base64Encode(authority.publicKey.blob)}`;
    expect(login(blob)).toBe(`alice publickey ${algorithm} query ${fields}`);
    expect(login(publicKey.blob)).toBe(`alice publickey ${algorithm} query`);
    expect(login(blob.subarray(0, -1))).toMatch(/ query \(.*signature/);

    const reply = { hostKey: blob, serverPublicKey: new Uint8Array(32), signature: new Uint8Array(1) };
    const context = { kex: "ecdh", login: undefined, loginMethods: [] } as const;
    const shown = (hostKey: Uint8Array): string =>
      describeMessage(SSH_MSG_KEX_ECDH_REPLY.encode({ ...reply, hostKey }), context, describeCertificate).summary;
    expect(shown(blob)).toBe(fields);
    expect(shown(publicKey.blob)).toBe("");
  });

  it("treats requests named like members of Object.prototype as unknown", async () => {
    const { describeMessage } = await import("../src/describe.ts");
    for (const requestType of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      const request = { recipientChannel: 0, requestType, wantReply: false, data: Uint8Array.of(0x1b) };
      expect(
        describeMessage(SSH_MSG_CHANNEL_REQUEST.encode(request), {
          kex: undefined,
          login: undefined,
          loginMethods: [],
        }),
      ).toEqual({
        message: "SSH_MSG_CHANNEL_REQUEST",
        summary: `0 ${requestType}`,
      });
    }
  });
});

describe("key log", () => {
  it("receives the client's cookie and the shared secret of each key exchange", () => {
    const lines: { cookie: Uint8Array; secret: Uint8Array }[] = [];
    const pair = new ProtocolPair({ client: { keyLog: (cookie, secret) => lines.push({ cookie, secret }) } });
    run(pair);
    pair.client.rekey();
    pair.pump();
    expect(lines).toHaveLength(2);
    expect(lines[0]!.cookie).toEqual(seededRandom(1)(16));
    expect(lines[0]!.secret.length).toBeGreaterThan(28);
    expect(lines[0]!.secret).not.toEqual(lines[1]!.secret);
  });
});

describe("caller errors", () => {
  it("throws `usage` if `auth` is accessed outside of authentication", () => {
    const pair = new ProtocolPair();
    expect(() => pair.client.auth).toThrow(expect.objectContaining({ code: "usage" }));
    run(pair);
    expect(() => pair.client.auth).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it("closes with no-common-algorithm if a list of algorithms is empty", () => {
    const pair = new ProtocolPair({ client: { algorithms: { ...algorithms, kex: [] } } });
    pair.start();
    expect(pair.error?.code).toBe("no-common-algorithm");
  });
});
