import type { Identity } from "@nacre/auth";
import {
  certifiedPrivateKey,
  defaultSignatureAlgorithms,
  ed25519,
  generateEd25519,
  generateRsa,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  rsaSha2_256,
  rsaSha2_512,
} from "@nacre/keys";
import { describedTrace, ServerProtocol, type TraceRecord } from "@nacre/protocol";
import { AttackPeer, type Target } from "@nacre/testing/attacks/attack-peer";
import { algorithms, hostKey, userKey } from "@nacre/testing/protocol/pair";
import { nameOf, statusesOf } from "@nacre/testing/protocol/requests";
import { ServerPair, type ServerPairOptions, serverOptions } from "@nacre/testing/protocol/server-pair";
import { seededRandom } from "@nacre/testing/random";
import {
  askToken,
  concatBytes,
  execRequest,
  Reader,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_DISCONNECT,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  SshError,
  userauthPassword,
  utf8DecodeLossy,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { describe, expect, it } from "vitest";

const exec = (command: string): Uint8Array => execRequest.encode({ command: utf8Encode(command) });

const rsaKey: PrivateKey = (() => {
  const steps = generateRsa(2048, seededRandom(31));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
})();

const inMemory = (key: PrivateKey): Identity => ({ publicKey: key.publicKey, privateKey: key });

/** Opens a channel together with the login, runs a command on it and returns its output. */
function run(pair: ServerPair, command = "true"): string {
  const channel = pair.client.connection.openChannel("session");
  pair.start();
  return exchange(pair, channel, command);
}

function exchange(pair: ServerPair, channel: number, command: string): string {
  pair.client.connection.request(channel, "exec", exec(command), { wantReply: true });
  pair.pump();
  return utf8DecodeLossy(concatBytes(...pair.clientEventsOf("data").map(({ data }) => data)));
}

/** Client options for a login by password only. */
const byPassword = { identities: [], password: true } as const;

/** Answers the client's password events with these values, in order. */
function passwords(...values: readonly string[]): NonNullable<ServerPairOptions["onClient"]> {
  const left = [...values];
  return (event, client) => {
    if (event.type === "password") client.auth.answer(event.token, left.shift());
  };
}

describe("login by public key", () => {
  it("is verified, and reports the key that signed", () => {
    const pair = new ServerPair();
    expect(run(pair, "uname")).toBe("uname");
    expect(pair.events.map(nameOf)).toEqual([
      "identified",
      "new-keys",
      "keys-complete",
      "publickey",
      "authenticated",
      "open-request",
      "exec",
      "channel-closed",
    ]);
    expect(pair.lastEvent("authenticated")).toEqual({
      type: "authenticated",
      userName: "alice",
      serviceName: "ssh-connection",
      factors: [{ method: "publickey", algorithm: "ssh-ed25519", publicKey: userKey.publicKey.blob }],
    });
    expect(statusesOf(pair.clientEvents)).toEqual([0]);
  });

  it("reports only the signing key as a factor, not the queried ones", () => {
    const others = [41, 42, 43].map((seed) => generateEd25519(seededRandom(seed)));
    const chosen = others[1]!;
    const pair = new ServerPair({
      client: { identities: others.map(inMemory) },
      onServer: (event, server) => {
        if (event.type !== "query") return false;
        server.auth.answer(event.token, event.publicKey.join() === chosen.publicKey.blob.join());
        return true;
      },
    });
    expect(run(pair)).toBe("true");
    expect(pair.eventsOf("query")).toHaveLength(2);
    expect(pair.eventsOf("publickey")).toHaveLength(1);
    expect(pair.lastEvent("authenticated").factors).toMatchObject([{ publicKey: chosen.publicKey.blob }]);
  });

  it("uses an RSA algorithm from server-sig-algs", () => {
    const pair = new ServerPair({ client: { identities: [inMemory(rsaKey)] }, server: { userKeys: [rsaSha2_256] } });
    run(pair);
    expect(pair.lastEvent("publickey").algorithm).toBe("rsa-sha2-256");
  });

  it("gets keys that OpenSSH 7.2 to 7.4 accepts but does not list", () => {
    const unlisted = { ...rsaSha2_512, signatureName: "ssh-ed25519" };
    for (const softwareVersion of ["OpenSSH_7.2p2", "OpenSSH_7.4", "OpenSSH_7.5p1"]) {
      const pair = new ServerPair({
        client: { identities: [inMemory(rsaKey)] },
        server: { userKeys: [unlisted], softwareVersion },
      }).start();
      expect(pair.eventsOf("publickey")).toHaveLength(softwareVersion === "OpenSSH_7.5p1" ? 0 : 1);
    }
  });

  it("refuses an unsupported algorithm without asking the application", () => {
    const pair = new ServerPair({ server: { userKeys: [rsaSha2_512] } }).start();
    expect(pair.eventsOf("publickey")).toEqual([]);
    expect(pair.clientError?.code).toBe("auth-failed");
  });

  it("does not authenticate a refused key", () => {
    const pair = new ServerPair({
      onServer: (event, server) => {
        if (event.type !== "publickey") return false;
        server.auth.answer(event.token, "failure");
        return true;
      },
    }).start();
    expect(pair.eventsOf("authenticated")).toEqual([]);
    expect(pair.clientError?.code).toBe("auth-failed");
    expect(pair.error?.code).toBe("disconnected");
  });
});

/** Returns a pair that leaves the public key login unanswered. */
function holding(): ServerPair {
  return new ServerPair({ onServer: (event) => event.type === "publickey" });
}

describe("late answer to a login", () => {
  it("delays messages sent together with the login", () => {
    const pair = holding();
    const channel = pair.client.connection.openChannel("session");
    pair.start();
    expect(pair.events.map(({ type }) => type)).toEqual(["identified", "new-keys", "keys-complete", "publickey"]);
    pair.pump();
    pair.server.auth.answer(pair.lastEvent("publickey").token, "success");
    pair.pump();
    expect(pair.eventsOf("open-request")).toHaveLength(1);
    expect(exchange(pair, channel, "late")).toBe("late");
  });

  it("answers an early CHANNEL_OPEN with UNIMPLEMENTED after a refusal, and the client continues", () => {
    const messages: string[] = [];
    const pair = new ServerPair({
      client: { identities: [inMemory(userKey)], password: true },
      server: {
        methods: ["publickey", "password"],
        softwareVersion: "OpenSSH_10.0",
        trace: describedTrace(
          (record) => record.type === "packet" && messages.push(`${record.direction} ${record.message}`),
        ),
      },
      onServer: (event) => event.type === "publickey" || event.type === "password",
      onClient: passwords("sesame"),
    });
    const channel = pair.client.connection.openChannel("session");
    pair.start();
    pair.server.auth.answer(pair.lastEvent("publickey").token, "failure");
    pair.pump();
    expect(messages.filter((one) => /OPEN$|UNIMPLEMENTED/.test(one))).toEqual([
      "received SSH_MSG_CHANNEL_OPEN",
      "sent SSH_MSG_UNIMPLEMENTED",
    ]);
    pair.server.auth.answer(pair.lastEvent("password").token, "success");
    pair.pump();
    expect(exchange(pair, channel, "after all")).toBe("after all");
  });

  it("does not count towards the client's timeout", () => {
    const pair = holding().start();
    pair.pass(10_000_000);
    expect(pair.error).toBeUndefined();
    expect(pair.server.deadline()).toBeUndefined();
    pair.server.auth.answer(pair.lastEvent("publickey").token, "success");
    pair.pump();
    expect(pair.eventsOf("authenticated")).toHaveLength(1);
  });

  it("throws `usage` after the end, for a forged token, and the second time", () => {
    const usage = expect.objectContaining({ code: "usage" });
    const pair = holding().start();
    const { token } = pair.lastEvent("publickey");
    expect(() => pair.server.auth.answer(askToken("forged"), "success")).toThrow(usage);
    pair.server.end();
    pair.pump();
    expect(pair.error).toMatchObject({ code: "connection-lost" });
    expect(() => pair.server.auth).toThrow(usage);
    expect(pair.server.takeOutput()).toEqual([]);

    const again = holding().start();
    again.server.auth.answer(again.lastEvent("publickey").token, "success");
    expect(() => again.server.auth.answer(again.lastEvent("publickey").token, "success")).toThrow(usage);
    expect(() => again.server.auth.answer(token, "success")).toThrow(usage);
  });

  it("limits the input that the server buffers", () => {
    const pair = holding().start();
    expect(pair.server.wantsInput).toBe(true);
    pair.server.receive(new Uint8Array(300_000));
    expect(pair.server.nextEvent()).toBeUndefined();
    expect(pair.server.wantsInput).toBe(false);
  });
});

describe("login by password", () => {
  const server = { methods: ["password"] } as const;

  it("is decided by the application, and can be retried", () => {
    const pair = new ServerPair({
      client: byPassword,
      server,
      onClient: passwords("wrong", "sesame"),
      onServer: (event, machine) => {
        if (event.type !== "password") return false;
        machine.auth.answer(event.token, event.password === "sesame" ? "success" : "failure");
        return true;
      },
    });
    expect(run(pair, "in")).toBe("in");
    expect(pair.eventsOf("password").map(({ password }) => password)).toEqual(["wrong", "sesame"]);
    expect(pair.lastEvent("authenticated").factors).toEqual([{ method: "password" }]);
  });

  it("can require a password change first", () => {
    const pair = new ServerPair({
      client: byPassword,
      server,
      onClient: (event, client) => {
        if (event.type === "password") client.auth.answer(event.token, "old");
        if (event.type === "change-password") {
          const change = { oldPassword: "old", newPassword: "new" };
          client.auth.answer(event.token, change);
        }
      },
      onServer: (event, machine) => {
        if (event.type === "password") machine.auth.answer(event.token, { changePrompt: "It is too old" });
        if (event.type === "change-password") machine.auth.answer(event.token, "success");
        return event.type === "password" || event.type === "change-password";
      },
    });
    expect(run(pair, "in")).toBe("in");
    expect(pair.clientEventsOf("change-password")).toMatchObject([{ prompt: "It is too old" }]);
    expect(pair.lastEvent("change-password")).toMatchObject({ oldPassword: "old", newPassword: "new" });
  });
});

/** Sends two logins together, before the reply to the first, and answers the first. */
function loginTwice(verdict: "failure" | "success"): RawClient {
  const peer = new RawClient({ methods: ["password"] });
  peer.send(passwordLogin("right")).send(passwordLogin("other", "root"));
  peer.server.auth.answer(peer.ask("password").token, verdict);
  return peer.flush();
}

describe("login after a successful login (RFC 4252 §5.3)", () => {
  it("is silently ignored: no event, no reply, same user", () => {
    const peer = loginTwice("success");
    expect(peer.events.filter(({ type }) => type === "password")).toHaveLength(1);
    expect(peer.ask("authenticated")).toMatchObject({ userName: "alice" });
    const { length } = peer.numbers;
    peer.send(passwordLogin("once more", "root"));
    // Not even parsed: a malformed one is ignored too.
    peer.send(Uint8Array.of(SSH_MSG_USERAUTH_REQUEST.number));
    expect(peer.numbers).toHaveLength(length);
    expect(peer.events.at(-1)?.type).toBe("authenticated");
    expect(() => peer.server.auth).toThrow(expect.objectContaining({ code: "usage" }));
    peer.send(proveRequest(new Uint8Array()));
    expect(peer.numbers.at(-1)).toBe(SSH_MSG_REQUEST_FAILURE.number);
  });

  it("is handled normally if the first login failed", () => {
    const peer = loginTwice("failure");
    expect(peer.ask("password")).toMatchObject({ userName: "root", password: "other" });
  });
});

describe("login by keyboard-interactive", () => {
  it("supports several rounds of prompts", () => {
    const pair = new ServerPair({
      client: { identities: [], keyboardInteractive: true },
      server: { methods: ["keyboard-interactive"] },
      onClient: (event, client) => {
        if (event.type === "prompts")
          client.auth.answer(
            event.token,
            event.prompts.map(({ prompt }) => `re ${prompt}`),
          );
      },
      onServer: (event, machine) => {
        if (event.type === "keyboard-interactive")
          machine.auth.answer(event.token, { prompts: [{ prompt: "one", echo: true }] });
        else if (event.type === "responses" && event.responses[0] === "re one")
          machine.auth.answer(event.token, {
            name: "more",
            prompts: [
              { prompt: "two", echo: false },
              { prompt: "three", echo: false },
            ],
          });
        else if (event.type === "responses") machine.auth.answer(event.token, "success");
        return event.type === "keyboard-interactive" || event.type === "responses";
      },
    });
    expect(run(pair, "in")).toBe("in");
    expect(pair.eventsOf("responses").map(({ responses }) => responses)).toEqual([["re one"], ["re two", "re three"]]);
    expect(pair.lastEvent("authenticated").factors).toEqual([{ method: "keyboard-interactive" }]);
  });
});

describe("two factors", () => {
  const both: ServerPairOptions = {
    client: { password: true },
    server: { methods: ["publickey", "password"] },
    onClient: passwords("sesame"),
    onServer: (event, machine) => {
      if (event.type === "publickey") machine.auth.answer(event.token, { partial: ["password"] });
      if (event.type === "password") machine.auth.answer(event.token, "success");
      return event.type === "publickey" || event.type === "password";
    },
  };

  it("authenticate after both succeed, and the second event lists the first factor", () => {
    const pair = new ServerPair(both);
    expect(run(pair, "in")).toBe("in");
    expect(pair.lastEvent("password").factors).toMatchObject([{ method: "publickey" }]);
    expect(pair.lastEvent("authenticated").factors.map(({ method }) => method)).toEqual(["publickey", "password"]);
  });

  it("are forgotten when the user name changes", () => {
    const peer = new RawClient({ methods: ["publickey", "password"] });
    peer.send(passwordLogin("sesame", "alice"));
    peer.server.auth.answer(peer.ask("password").token, { partial: ["publickey"] });
    peer.send(passwordLogin("sesame", "bob"));
    expect(peer.ask("password")).toMatchObject({ userName: "bob", factors: [] });
    peer.server.auth.answer(peer.ask("password").token, { partial: ["password"] });
    peer.send(passwordLogin("sesame", "bob"));
    expect(peer.ask("password").factors).toHaveLength(1);
    peer.send(passwordLogin("sesame", "alice"));
    peer.server.auth.answer(peer.ask("password").token, "failure");
    peer.flush();
    // bob's partial success does not count for alice, and alice's own was forgotten when the name changed.
    expect(peer.ask("password")).toMatchObject({ userName: "alice", factors: [] });
  });
});

describe("before the login", () => {
  it("sends the banner first", () => {
    const pair = new ServerPair({ server: { banner: "Authorized use only\n" } }).start();
    expect(pair.clientEventsOf("banner")).toMatchObject([{ message: "Authorized use only\n" }]);
    expect(pair.clientEvents.findIndex(({ type }) => type === "banner")).toBeLessThan(
      pair.clientEvents.findIndex(({ type }) => type === "authenticated"),
    );
  });

  it("closes at the limit of failed attempts", () => {
    const peer = new RawClient({ methods: ["password"], limits: { failedAttempts: 3 } });
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(peer.error).toBeUndefined();
      peer.send(passwordLogin(`guess ${attempt}`));
      peer.server.auth.answer(peer.ask("password").token, "failure");
      peer.flush();
    }
    expect(peer.error).toMatchObject({ code: "auth-limit", culprit: "peer" });
    expect(SSH_MSG_DISCONNECT.decode(peer.last(1)).reasonCode).toBe(14);
  });

  it("limits queries separately from attempts", () => {
    const identities = Array.from({ length: 8 }, (_, i) => inMemory(generateEd25519(seededRandom(50 + i))));
    const refusing: ServerPairOptions["onServer"] = (event, machine) => {
      if (event.type !== "query") return false;
      machine.auth.answer(event.token, event.publicKey.join() === identities[7]!.publicKey.blob.join());
      return true;
    };
    const limits = { failedAttempts: 2, keyQueries: 8 };
    const pair = new ServerPair({ client: { identities }, server: { limits }, onServer: refusing }).start();
    expect(pair.eventsOf("authenticated")).toHaveLength(1);
    const cut = { client: { identities }, server: { limits: { ...limits, keyQueries: 7 } }, onServer: refusing };
    expect(new ServerPair(cut).start().error).toMatchObject({ code: "auth-limit" });
  });

  it("times out, but not while the application is asked", () => {
    const peer = new RawClient({ methods: ["password"], limits: { authTimeout: 5000 } });
    peer.send(passwordLogin("slowly judged"));
    peer.server.tick(60_000);
    peer.server.auth.answer(peer.ask("password").token, "failure");
    peer.flush();
    expect(peer.server.deadline()).toBe(65_000);
    peer.server.tick(64_999);
    expect(peer.flush().error).toBeUndefined();
    peer.server.tick(65_000);
    expect(peer.flush().error).toMatchObject({ code: "auth-timeout" });
  });

  it("answers CHANNEL_OPEN with UNIMPLEMENTED; any other connection message ends the connection", () => {
    const open = SSH_MSG_CHANNEL_OPEN.encode({
      channelType: "session",
      senderChannel: 0,
      initialWindowSize: 1024,
      maximumPacketSize: 1024,
      data: new Uint8Array(0),
    });
    const request = SSH_MSG_CHANNEL_REQUEST.encode({
      recipientChannel: 0,
      requestType: "exec",
      wantReply: true,
      data: exec("id"),
    });
    const peer = new RawClient({});
    peer.send(open);
    expect(peer.numbers.at(-1)).toBe(3);
    peer.send(request);
    expect(peer.error).toMatchObject({ code: "unexpected-message" });
    expect(peer.events.map(({ type }) => type)).toEqual(["identified", "new-keys", "keys-complete", "closed"]);

    const global = SSH_MSG_GLOBAL_REQUEST.encode({ requestName: "x", wantReply: true, data: new Uint8Array(0) });
    for (const message of [request, global, SSH_MSG_USERAUTH_SUCCESS.encode({})]) {
      const other = new RawClient({}).send(message);
      expect(other.error).toMatchObject({ code: "unexpected-message" });
      expect(other.events.map(({ type }) => type)).toEqual(["identified", "new-keys", "keys-complete", "closed"]);
    }
  });

  it("accepts only the ssh-userauth service", () => {
    const peer = new RawClient({}, { service: false });
    peer.send(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-connection" }));
    expect(peer.error).toMatchObject({ code: "service-unavailable" });
  });
});

const two = {
  server: { hostKeys: [hostKey, rsaKey].map((key) => ({ publicKey: key.publicKey, privateKey: key })) },
};

/** Returns the host keys that a server announces after the login. */
function announced(options: ServerPairOptions): Uint8Array[] {
  const pair = new ServerPair(options).start();
  const [request] = pair.clientEventsOf("global-request");
  if (request === undefined) return [];
  expect(request).toMatchObject({ requestName: "hostkeys-00@openssh.com", token: undefined });
  return strings(request.data);
}

/** Returns a logged-in client of a server with two host keys. The key exchange used the given algorithm. */
function proving(hostKeyAlgorithm = "ssh-ed25519"): RawClient {
  const peer = new RawClient(
    { ...two.server, methods: ["password"] },
    { hostKey: hostKeyAlgorithm === "ssh-ed25519" ? hostKey : rsaKey, hostKeyAlgorithm },
  );
  peer.send(passwordLogin("sesame"));
  peer.server.auth.answer(peer.ask("password").token, "success");
  return peer.flush();
}

describe("host keys", () => {
  it("are announced unless `announceHostKeys` is false", () => {
    for (const announceHostKeys of [undefined, true])
      expect(announced({ server: { ...two.server, announceHostKeys } })).toHaveLength(2);
    expect(announced({ server: { ...two.server, announceHostKeys: false } })).toEqual([]);
  });

  it("in a certificate are not announced", () => {
    const random = seededRandom(5);
    const blob = issueCertificate(rsaKey, {
      publicKey: hostKey.publicKey,
      type: "host",
      keyId: "host",
      principals: ["host"],
      validBefore: "forever",
      random,
    });
    const certificate = certifiedPrivateKey(hostKey, parseCertificate(blob));
    const hostKeys = [...two.server.hostKeys, { publicKey: certificate.publicKey, privateKey: certificate }];
    expect(announced({ server: { hostKeys } })).toEqual([hostKey.publicKey.blob, rsaKey.publicKey.blob]);
  });

  it("are selected by the client's preference", () => {
    for (const [first, expected] of [
      [ed25519, "ssh-ed25519"],
      [rsaSha2_256, "rsa-sha2-256"],
    ] as const) {
      const pair = new ServerPair({ ...two, client: { algorithms: { ...algorithms, hostKeys: [first] } } });
      run(pair);
      expect(pair.clientEventsOf("verify-host-key")).toMatchObject([{ algorithm: expected }]);
      expect(pair.server.negotiated?.hostKey.name).toBe(expected);
    }
  });

  it("not held in memory sign through an event, even late, in every key exchange", () => {
    const pair = new ServerPair({
      server: { hostKeys: [{ publicKey: hostKey.publicKey }] },
      onServer: (event) => event.type === "sign-exchange-hash",
    });
    const sign = (): void => {
      const { token, algorithm, data, hostKey: asked } = pair.lastEvent("sign-exchange-hash");
      expect(asked).toBe(hostKey.publicKey);
      pair.server.answerHostKeySignature(token, hostKey.sign(algorithm, data, seededRandom(9)));
      pair.pump();
    };
    const channel = pair.client.connection.openChannel("session");
    pair.start().pass(30_000);
    expect(pair.events.map(({ type }) => type)).toEqual(["identified", "sign-exchange-hash"]);
    sign();
    expect(exchange(pair, channel, "in")).toBe("in");
    pair.server.rekey();
    pair.pump();
    expect(pair.eventsOf("sign-exchange-hash")).toHaveLength(2);
    sign();
    expect(pair.eventsOf("new-keys").map(({ initial }) => initial)).toEqual([true, false]);
    expect(pair.error).toBeUndefined();
  });

  it("with a signature by another key are rejected by the client", () => {
    const pair = new ServerPair({
      server: { hostKeys: [{ publicKey: hostKey.publicKey }] },
      onServer: (event) => event.type === "sign-exchange-hash",
    }).start();
    const { token, algorithm, data } = pair.lastEvent("sign-exchange-hash");
    pair.server.answerHostKeySignature(token, userKey.sign(algorithm, data, seededRandom(9)));
    pair.pump();
    expect(pair.clientError).toMatchObject({ code: "bad-signature" });
  });

  it("ignore a late signature after the client disconnected", () => {
    const pair = new ServerPair({
      server: { hostKeys: [{ publicKey: hostKey.publicKey }] },
      onServer: (event) => event.type === "sign-exchange-hash",
    }).start();
    pair.server.end();
    pair.pump();
    expect(pair.error).toMatchObject({ code: "connection-lost" });
    const { token } = pair.lastEvent("sign-exchange-hash");
    expect(() => pair.server.answerHostKeySignature(token, new Uint8Array(0))).not.toThrow();
  });

  it("are announced after login if they are in memory", () => {
    expect(announced(two)).toEqual([hostKey.publicKey.blob, rsaKey.publicKey.blob]);
    const remote = { hostKeys: [...two.server.hostKeys.slice(1), { publicKey: hostKey.publicKey }] };
    expect(announced({ server: remote, client: { algorithms: { ...algorithms, hostKeys: [rsaSha2_512] } } })).toEqual([
      rsaKey.publicKey.blob,
    ]);
  });

  describe("hostkeys-prove-00@openssh.com", () => {
    const prove = (...blobs: readonly Uint8Array[]): Uint8Array => {
      const writer = new Writer();
      for (const blob of blobs) writer.string(blob);
      return proveRequest(writer.finish());
    };

    it.each([
      ["ssh-ed25519", rsaSha2_512],
      ["rsa-sha2-256", rsaSha2_256],
      ["rsa-sha2-512", rsaSha2_512],
    ])("proves each key; with %s negotiated, RSA keys use the matching algorithm", (negotiated, rsaAlgorithm) => {
      const peer = proving(negotiated);
      const blobs = [hostKey.publicKey.blob, rsaKey.publicKey.blob];
      peer.send(prove(...blobs));
      const [one, other] = strings(SSH_MSG_REQUEST_SUCCESS.decode(peer.last(81)).data);
      expect(ed25519.verify(blobs[0]!, signedData(peer, blobs[0]!), one!)).toEqual({});
      expect(rsaAlgorithm.verify(blobs[1]!, signedData(peer, blobs[1]!), other!)).toEqual({});
      expect(peer.events.filter(({ type }) => type === "global-request")).toEqual([]);
    });

    it.each<[string, Uint8Array]>([
      ["a key that the server does not have", prove(userKey.publicKey.blob)],
      ["a known and an unknown key", prove(hostKey.publicKey.blob, userKey.publicKey.blob)],
      ["the same key twice", prove(hostKey.publicKey.blob, hostKey.publicKey.blob)],
      ["no key", prove()],
      ["a truncated key", proveRequest(Uint8Array.of(0, 0, 0, 9, 1))],
    ])("fails for %s", (_, request) => {
      const peer = proving().send(request);
      expect(SSH_MSG_REQUEST_FAILURE.decode(peer.last(82))).toEqual({});
      expect(peer.numbers).not.toContain(81);
      expect(peer.error).toBeUndefined();
    });

    it("sends no proof if no reply is wanted", () => {
      const peer = proving();
      const before = peer.numbers.length;
      peer.send(
        SSH_MSG_GLOBAL_REQUEST.encode({
          requestName: "hostkeys-prove-00@openssh.com",
          wantReply: false,
          data: new Writer().string(hostKey.publicKey.blob).finish(),
        }),
      );
      expect(peer.numbers.length).toBe(before);
      expect(peer.error).toBeUndefined();
    });
  });
});

describe("after the login", () => {
  it.each(["client", "server"] as const)("the %s may rekey while commands continue", (side) => {
    const pair = new ServerPair();
    expect(run(pair, "one ")).toBe("one ");
    const channel = pair.client.connection.openChannel("session");
    pair[side].rekey();
    pair.pump();
    expect(exchange(pair, channel, "two")).toBe("one two");
    expect(pair.eventsOf("new-keys").map(({ initial }) => initial)).toEqual([true, false]);
    expect(pair.clientEventsOf("new-keys")).toHaveLength(2);
  });

  it("the server rekeys at its limits", () => {
    const pair = new ServerPair({ server: { limits: { rekeyBytes: 4000 } } });
    run(pair, "x".repeat(5000));
    expect(pair.eventsOf("new-keys").length).toBeGreaterThan(1);
    expect(pair.error).toBeUndefined();
  });

  it("a silent client replies to keepalives without events on either side", () => {
    const pair = new ServerPair({ server: { limits: { keepaliveInterval: 1000, keepaliveCount: 2 } } }).start();
    const before = pair.clientEventsOf("global-request").length;
    for (let i = 0; i < 10; i++) pair.pass(1000);
    expect(pair.error).toBeUndefined();
    expect(pair.clientEventsOf("global-request")).toHaveLength(before);
    expect(pair.eventsOf("global-reply")).toEqual([]);
  });

  it("a client that never replies to keepalives is closed", () => {
    const pair = new ServerPair({ server: { limits: { keepaliveInterval: 1000, keepaliveCount: 2 } } }).start();
    for (const now of [1000, 2000, 2999]) pair.server.tick(now);
    expect(pair.server.nextEvent()).toBeUndefined();
    pair.server.tick(3000);
    expect(pair.server.nextEvent()).toMatchObject({ type: "closed", error: { code: "keepalive-timeout" } });
  });

  it("session requests are reported with their bytes and can be refused", () => {
    const pair = new ServerPair();
    const channel = pair.client.connection.openChannel("session");
    pair.start();
    const { connection } = pair.client;
    const name = new Writer().string("sftp").finish();
    connection.request(channel, "subsystem", name, { wantReply: true });
    connection.request(channel, "unheard-of@example", new Uint8Array(0), { wantReply: true });
    pair.pump();
    const requests = pair.eventsOf("channel-request");
    expect(requests).toMatchObject([
      { requestType: "subsystem", data: name },
      { requestType: "unheard-of@example", data: new Uint8Array(0) },
    ]);
    for (const { token } of requests) pair.server.connection.answerRequest(token!, false);
    pair.pump();
    expect(pair.clientEventsOf("request-reply").map(({ success }) => success)).toEqual([false, false]);
  });

  it("channels of other types are refused without an event until allowed", () => {
    const pair = new ServerPair().start();
    const types = ["direct-tcpip", "x11", "session"];
    for (const type of types) pair.client.connection.openChannel(type);
    pair.pump();
    expect(pair.clientEventsOf("channel-open-failed")).toHaveLength(2);
    expect(pair.eventsOf("open-request").map(({ channelType }) => channelType)).toEqual(["session"]);
    pair.server.connection.allow("direct-tcpip");
    pair.client.connection.openChannel("direct-tcpip");
    pair.pump();
    expect(pair.lastEvent("open-request").channelType).toBe("direct-tcpip");
  });

  it("either side may disconnect, and nothing follows", () => {
    const pair = new ServerPair();
    run(pair);
    pair.server.disconnect(new SshError("closed", "done here"));
    pair.pump();
    expect(pair.error).toMatchObject({ code: "closed", message: "done here" });
    expect(pair.clientError).toMatchObject({ code: "disconnected" });
    expect(pair.server.nextEvent()).toBeUndefined();
    expect(pair.server.deadline()).toBeUndefined();

    const other = new ServerPair();
    run(other);
    other.client.disconnect(new SshError("closed", "done here"));
    other.pump();
    expect(other.error).toMatchObject({ code: "disconnected" });
  });

  it("a client that closes without DISCONNECT gives connection-lost", () => {
    const pair = new ServerPair();
    run(pair);
    pair.server.end();
    pair.pump();
    expect(pair.error).toMatchObject({ code: "connection-lost" });
  });

  it("the trace shows both directions and no password", () => {
    const records: TraceRecord[] = [];
    const pair = new ServerPair({
      client: byPassword,
      server: { methods: ["password"], trace: describedTrace((record) => records.push(record)) },
      onClient: passwords("sesame"),
      onServer: (event, machine) => {
        if (event.type !== "password") return false;
        machine.auth.answer(event.token, "success");
        return true;
      },
    });
    run(pair);
    const text = JSON.stringify(records);
    expect(text).toContain("SSH_MSG_USERAUTH_REQUEST");
    expect(text).not.toContain("sesame");
    expect(new Set(records.map((record) => ("direction" in record ? record.direction : "")))).toEqual(
      new Set(["sent", "received", ""]),
    );
  });
});

/** Decodes a sequence of strings. */
function strings(data: Uint8Array): Uint8Array[] {
  const reader = new Reader(data, "strings");
  const found: Uint8Array[] = [];
  while (reader.remaining > 0) found.push(reader.string("string").slice());
  return found;
}

/** Returns the data that a host key proof signs (OpenSSH PROTOCOL §2.5). */
function signedData(peer: RawClient, blob: Uint8Array): Uint8Array {
  return new Writer().string("hostkeys-prove-00@openssh.com").string(peer.sessionId).string(blob).finish();
}

function proveRequest(data: Uint8Array): Uint8Array {
  return SSH_MSG_GLOBAL_REQUEST.encode({ requestName: "hostkeys-prove-00@openssh.com", wantReply: true, data });
}

function passwordLogin(password: string, userName = "alice"): Uint8Array {
  return SSH_MSG_USERAUTH_REQUEST.encode({
    userName,
    serviceName: "ssh-connection",
    methodName: "password",
    methodData: userauthPassword.encode({ password, newPassword: undefined }),
  });
}

/** Client connected to a server. The test provides the client's messages and the server's answers. */
class RawClient implements Target {
  readonly server: ServerProtocol;
  readonly events: NonNullable<ReturnType<ServerProtocol["nextEvent"]>>[] = [];
  readonly #peer: AttackPeer;

  constructor(
    options: Partial<typeof serverOptions>,
    peer: { readonly hostKey?: PrivateKey; readonly hostKeyAlgorithm?: string; readonly service?: boolean } = {},
  ) {
    this.server = new ServerProtocol({ ...serverOptions, userKeys: defaultSignatureAlgorithms, ...options });
    const { service = true, ...rest } = peer;
    this.#peer = new AttackPeer(this, { role: "client", hostKey, ...rest });
    this.server.start(0);
    this.#peer.handshake();
    if (service) this.send(SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-userauth" }));
  }

  deliver(bytes: Uint8Array): void {
    this.server.receive(bytes);
    this.#drain();
  }

  takeOutput(): Uint8Array | undefined {
    const pieces = this.server.takeOutput();
    return pieces.length > 0 ? concatBytes(...pieces) : undefined;
  }

  send(payload: Uint8Array): this {
    this.#peer.send(payload);
    return this;
  }

  /** Handles the server's output after an answer. */
  flush(): this {
    this.#drain();
    this.#peer.take();
    return this;
  }

  ask<T extends RawClient["events"][number]["type"]>(type: T): Extract<RawClient["events"][number], { type: T }> {
    const event = this.events.findLast((one): one is Extract<typeof one, { type: T }> => one.type === type);
    if (event === undefined)
      throw new Error(`missing event; the server emitted only ${this.events.map((one) => one.type).join()}`);
    return event;
  }

  last(number: number): Uint8Array {
    return this.#peer.last(number);
  }

  get numbers(): readonly number[] {
    return this.#peer.numbers;
  }

  get sessionId(): Uint8Array {
    return this.#peer.sessionId;
  }

  get error(): SshError | undefined {
    const last = this.events.at(-1);
    return last?.type === "closed" ? last.error : undefined;
  }

  #drain(): void {
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent())
      this.events.push(event);
  }
}
