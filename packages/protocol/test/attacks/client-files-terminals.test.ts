import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as message from "@nacre/testing/attacks/messages";
import { hostKey, otherHostKey } from "@nacre/testing/attacks/protocol-target";
import { vectors } from "@nacre/testing/keyfiles";
import { StreamServer, welcome } from "@nacre/testing/nacre/host";
import { seededRandom } from "@nacre/testing/random";
import {
  base64Encode,
  concatBytes,
  execRequest,
  exitSignal,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_DISCONNECT,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SshError,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { questions } from "../../../cli/src/ssh/questions.ts";
import type { Terminal } from "../../../cli/src/terminal/terminal.ts";
import { addKnownHost, parseKnownHosts } from "../../../keyfiles/src/index.ts";
import { type ConnectOptions, connect } from "../../../nacre/src/index.ts";
import { agentIdentities } from "../../../node/src/keys/agent.ts";
import { ClientTarget } from "./support/client-target.ts";
import { expectHarmless, HOSTILE, OBEYED } from "./support/hostile-text.ts";

const GOODBYE = SSH_MSG_DISCONNECT.number;

/** Connects with this host key callback. Returns the error, the messages the server received, and the DISCONNECT text. */
async function decided(
  verify: () => unknown,
  options: Partial<ConnectOptions> = {},
): Promise<{ readonly error: unknown; readonly messages: number; readonly said: string }> {
  const host = new StreamServer();
  const connecting = connect(host.streams, {
    ...welcome,
    ...options,
    hostKey: verify as ConnectOptions["hostKey"],
  });
  const error = await connecting.then(
    () => undefined,
    (error: unknown) => error,
  );
  await host.done;
  const closed = host.server.events.find((event) => event.type === "closed");
  return {
    error,
    messages: host.server.events.filter(({ type }) => type === "message").length,
    said: closed?.error.message ?? "",
  };
}

function endless(): unknown {
  return [endless()];
}

test("CVE-2025-26465 · client", async () => {
  const failures: Readonly<Record<string, () => unknown>> = {
    "throws an error": () => {
      throw new Error("the disk is full");
    },
    "throws nothing at all": () => {
      throw undefined;
    },
    "runs out of memory": () => new Uint8Array(2 ** 53),
    "recurses without end": endless,
    rejects: () => Promise.reject(new Error("no known_hosts")),
    "rejects with nothing": () => Promise.reject(),
    "times out": () => Promise.reject(new DOMException("timed out", "TimeoutError")),
    "says no": () => false,
    "says no, later": () => Promise.resolve(false),
    "says nothing": () => undefined,
    "says null": () => null,
    "says 1": () => 1,
    "says yes": () => "yes",
    "says yes, later": () => Promise.resolve("true"),
    "gives an object": () => ({ accepted: true }),
    "gives a promise in a list": () => [Promise.resolve(true)],
    "gives a function": () => () => true,
    "gives an error instead of throwing it": () => new SshError("host-key-changed", "changed"),
  };
  for (const [name, verify] of Object.entries(failures)) {
    const { error, messages, said } = await decided(verify);
    expect([name, error]).toEqual([name, expect.objectContaining({ code: "host-key-refused" })]);
    expect([name, messages]).toEqual([name, 0]);
    expect(said).toContain("host key not verifiable");
  }
  const own = await decided(() => {
    throw new SshError("host-key-revoked", "revoked");
  });
  expect(own).toMatchObject({ error: { code: "host-key-revoked" }, messages: 0 });
  // A promise that never settles: only an abort ends the connection.
  const controller = new AbortController();
  const never = await decided(
    () => {
      queueMicrotask(() => controller.abort());
      return new Promise(() => {});
    },
    { signal: controller.signal },
  );
  expect(never).toMatchObject({ error: { code: "aborted" }, messages: 0 });

  // The protocol machine accepts only `true`, not truthy values.
  for (const verdict of [false, undefined, 1, "true", {}]) {
    const target = new ClientTarget({ onEvent: ({ type }) => type === "verify-host-key" });
    target.peer.identify().init().reply();
    target.machine.answerHostKey(target.eventsOf("verify-host-key")[0]!.token, verdict as true);
    target.turn();
    target.expectClosed("host-key-refused");
    expect(target.sent).toEqual([20, 30, GOODBYE]);
  }
});

test("host key on rekey · client", () => {
  for (const begins of ["server", "client"]) {
    const target = new ClientTarget().login();
    const channel = target.openChannel();
    if (begins === "client") {
      target.machine.rekey();
      target.turn();
    }
    target.peer.init();
    // A request queued during the rekey must never be sent.
    target.machine.connection.request(channel, "exec", execRequest.encode({ command: utf8Encode("secret") }), {
      wantReply: true,
    });
    target.turn();
    const { length } = target.sent;
    target.peer.reply({
      hostKey: otherHostKey.publicKey.blob,
      sign: (hash) => otherHostKey.sign("ssh-ed25519", hash, seededRandom(1)),
    });
    target.expectClosed("host-key-changed");
    expect(target.sent.slice(length)).toEqual([GOODBYE]);
    expect(target.eventsOf("verify-host-key")).toHaveLength(1);
  }
  // The same host key with a signature by another key.
  const forged = new ClientTarget().login();
  forged.peer.init().reply({ sign: (hash) => otherHostKey.sign("ssh-ed25519", hash, seededRandom(1)) });
  forged.expectClosed("bad-signature");
  // The same host key is accepted without an event.
  const same = new ClientTarget().login();
  same.peer.exchange();
  same.expectAlive();
  expect(same.eventsOf("verify-host-key")).toHaveLength(1);
});

const knownAs = (names: string, key = hostKey): string =>
  `${names} ${key.publicKey.format} ${base64Encode(key.publicKey.blob)}`;
/** Connects with this known_hosts text. Returns `match` or the error code. */
const connected = (text: string, host = "example.com", port = 22): string => {
  const target = new ClientTarget({
    onEvent: (event, machine) => {
      if (event.type !== "verify-host-key") return false;
      const { status } = parseKnownHosts({ name: "known_hosts", text }).check(host, port, event.hostKey);
      machine.answerHostKey(event.token, status === "match" || new SshError(`host-key-${status}`, status));
      return true;
    },
  });
  target.handshake();
  if (target.error === undefined) {
    target.peer.send(message.serviceAccept, message.authSuccess);
    target.expectAlive();
    return "match";
  }
  const { code } = target.error;
  target.expectClosed(code);
  expect(target.sent).toEqual([20, 30, GOODBYE]);
  return code;
};

test("known_hosts · client", () => {
  const cases: readonly (readonly [string, string, string?, number?])[] = [
    [knownAs("example.com"), "match"],
    ["", "host-key-unknown"],
    [knownAs("example.org"), "host-key-unknown"],
    [knownAs("example.com", otherHostKey), "host-key-changed"],
    [[knownAs("example.com", otherHostKey), knownAs("example.com")].join("\n"), "match"],
    // @revoked takes precedence in any position and with any pattern.
    [[knownAs("example.com"), knownAs("@revoked *")].join("\n"), "host-key-revoked"],
    [[knownAs("@revoked example.com"), knownAs("example.com")].join("\n"), "host-key-revoked"],
    [
      [knownAs("[example.com]:2222"), knownAs("@revoked example.com")].join("\n"),
      "host-key-revoked",
      "example.com",
      2222,
    ],
    [[knownAs("example.com"), knownAs("@revoked example.com", otherHostKey)].join("\n"), "match"],
    // A @cert-authority line does not match a plain host key.
    [knownAs("@cert-authority example.com"), "host-key-unknown"],
    // Names with a port.
    [knownAs("[example.com]:2222"), "host-key-unknown"],
    [knownAs("[example.com]:2222"), "match", "example.com", 2222],
    [knownAs("[example.com]:2223"), "host-key-unknown", "example.com", 2222],
    // Patterns and negated patterns.
    [knownAs("*.example.com,!evil.example.com"), "match", "www.example.com"],
    [knownAs("*.example.com,!evil.example.com"), "host-key-unknown", "evil.example.com"],
    [knownAs("!example.com"), "host-key-unknown"],
    [knownAs("EXAMPLE.COM"), "match"],
    // A malformed line neither accepts nor revokes a key.
    [knownAs("@revoked @revoked example.com"), "host-key-unknown"],
    [knownAs("@revoked @cert-authority *"), "host-key-unknown"],
    [knownAs("@trusted example.com"), "host-key-unknown"],
    [knownAs("@revokedexample.com *"), "host-key-unknown"],
    // A truncated key is invalid: its line neither accepts nor revokes a key.
    [`example.com ssh-ed25519 ${base64Encode(hostKey.publicKey.blob).slice(0, -4)}`, "host-key-unknown"],
    [
      `example.com ssh-ed25519 ${base64Encode(hostKey.publicKey.blob).slice(0, -4)}\n${knownAs("example.com")}`,
      "match",
    ],
    [`example.com ssh-rsa ${base64Encode(hostKey.publicKey.blob)}`, "host-key-unknown"],
    [`example.com any@format ${base64Encode(hostKey.publicKey.blob)}`, "host-key-unknown"],
    [`example.com ${base64Encode(hostKey.publicKey.blob)}`, "host-key-unknown"],
    [`# ${knownAs("example.com")}`, "host-key-unknown"],
    [knownAs("|1|AAAA|AAAA"), "host-key-unknown"],
    [knownAs("|2|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|c2FsdHNhbHRzYWx0c2FsdHNhbHQ="), "host-key-unknown"],
    [`${"x".repeat(100_000)}\n\0\x1b\n${knownAs("example.com")}`, "match"],
  ];
  for (const [text, outcome, host, port] of cases)
    expect([text.slice(0, 60), connected(text, host, port)]).toEqual([text.slice(0, 60), outcome]);
  // Hashed names, as written by ssh-keygen -H.
  const hashed = addKnownHost("", "example.com", 22, hostKey.publicKey.blob, { hashWith: seededRandom(3) });
  expect(hashed).toMatch(/^\|1\|/);
  expect(connected(hashed)).toBe("match");
  expect(connected(hashed, "example.org")).toBe("host-key-unknown");
  expect(connected(`${hashed}${knownAs("@revoked *")}`)).toBe("host-key-revoked");
  // Skipped lines are reported.
  const { problems } = parseKnownHosts({ name: "f", text: `${knownAs("@trusted x")}\n\n${knownAs("example.com")}\nx` });
  expect(problems.map((problem) => problem.line)).toEqual([1, 4]);

  // Lookups must give the same lines as ssh-keygen -F.
  expect(vectors.knownHosts.queries.length).toBeGreaterThan(5);
  for (const { name, found, foundHashed } of vectors.knownHosts.queries) {
    const [, bracketed, port] = /^\[(.*)\]:(\d+)$/.exec(name) ?? [];
    const lines = (text: string): number[] =>
      parseKnownHosts({ name: "f", text })
        .find(bracketed ?? name, Number(port ?? 22))
        .map((entry) => entry.line);
    expect([name, lines(vectors.knownHosts.text)]).toEqual([name, found]);
    expect([name, lines(vectors.knownHosts.hashed)]).toEqual([name, foundHashed]);
  }
});

const goodbye = (description: string): Uint8Array =>
  SSH_MSG_DISCONNECT.encode({ reasonCode: 2 ** 32 - 1, description, languageTag: HOSTILE.slice(-3) });

test("hostile text · client", async () => {
  const errors: SshError[] = [];
  const traces: ClientTarget[] = [];
  const told = (target: ClientTarget): void => {
    expect(target.error).toBeDefined();
    errors.push(target.expectClosed(target.error!.code));
    traces.push(target);
  };

  // Hostile text before, during and after login: in DISCONNECT, DEBUG, banners and algorithm names.
  const first = new ClientTarget();
  first.peer.identify().send(goodbye(HOSTILE));
  told(first);
  const login = new ClientTarget().service();
  login.peer.send(message.debug(HOSTILE), message.banner(HOSTILE), goodbye(HOSTILE.repeat(1000)));
  told(login);
  expect(login.eventsOf("banner")).toHaveLength(1);
  expect(login.eventsOf("disconnect").map(({ description }) => description.length)).toEqual([501]);
  const notSsh = new ClientTarget();
  notSsh.peer.raw(HOSTILE);
  told(notSsh);
  const lines = new ClientTarget();
  lines.peer.raw(`${HOSTILE.replaceAll("\0", "")}\nSSH-9.9-x\x1b[2J\r\n`);
  told(lines);
  for (const name of ["kexAlgorithms", "serverHostKeyAlgorithms", "languagesServerToClient"]) {
    const target = new ClientTarget();
    target.peer.identify().init({ [name]: [HOSTILE] });
    told(target);
  }
  const shown = new ClientTarget({ client: { userName: HOSTILE, identities: [] } }).service();
  shown.peer.send(message.authFailure("publickey"));
  told(shown);
  const service = new ClientTarget().service();
  service.peer.send(Uint8Array.of(51, 0, 0, 0, 3, 0x1b, 0x5b, 0x41, 0));
  told(service);
  const open = new ClientTarget().login();
  open.openChannel();
  const signal = exitSignal.encode({ signalName: "KILL", coreDumped: false, errorMessage: HOSTILE, languageTag: "" });
  open.peer.send(
    message.globalRequest("a@b", false),
    SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel: 0, requestType: "exit-signal", wantReply: false, data: signal }),
    SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: 0, data: utf8Encode(HOSTILE) }),
    goodbye(HOSTILE),
  );
  told(open);
  expect(errors.length).toBeGreaterThan(9);
  expectHarmless(
    errors,
    traces.map(({ trace }) => trace),
  );

  // Hostile description of a refused channel, in a rejected promise.
  const host = new StreamServer({ ignore: [SSH_MSG_CHANNEL_OPEN.number] });
  const client = await connect(host.streams, welcome);
  const [reasonCode, description] = [2 ** 31, HOSTILE];
  host.server.transport.sink.write(
    SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel: 0, reasonCode, description, languageTag: "" }),
  );
  await host.flush();
  const refusal: SshError = await client.exec("true").then(
    () => new SshError("internal", "expected the channel to be refused"),
    (error: SshError) => error,
  );
  expect(refusal.code).toBe("channel-open-failed");
  expect(refusal.message).toContain("\\x1b[2J");
  expect(refusal.message).not.toMatch(OBEYED);
  await client.close();

  // Hostile text in prompts at the terminal.
  const screen: string[] = [];
  const terminal: Pick<Terminal, "show" | "ask"> = {
    show: (text) => void screen.push(text),
    ask: (prompt) => {
      screen.push(prompt);
      return Promise.resolve("answer");
    },
  };
  const { prompts, changePassword } = questions(terminal as Terminal, {
    user: HOSTILE,
    host: HOSTILE,
    port: undefined,
    knownHosts: undefined,
  }).options;
  const request = SSH_MSG_USERAUTH_INFO_REQUEST.decode(
    SSH_MSG_USERAUTH_INFO_REQUEST.encode({
      name: HOSTILE,
      instruction: HOSTILE,
      languageTag: "",
      prompts: [{ prompt: HOSTILE, echo: true }],
    }),
  );
  await prompts?.(request);
  await changePassword?.(HOSTILE);
  expect(screen.length).toBeGreaterThan(4);
  for (const text of screen) expect(text.replaceAll(/[\n\t]/g, "")).not.toMatch(OBEYED);
});

/** Encodes an agent's list of one key as a message of `length` bytes; the comment fills it up. */
const agentList = (length: number): Uint8Array => {
  const { blob } = hostKey.publicKey;
  const head = new Writer().byte(12).uint32(1).string(blob).finish();
  return concatBytes(head, new Writer().string(new Uint8Array(length - head.length - 4).fill(0x78)).finish());
};

test("agent · client", async () => {
  const limit = 256 * 1024;
  const frames: readonly (readonly [Uint8Array, boolean])[] = [
    [new Writer().string(agentList(limit)).finish(), true],
    [new Writer().string(agentList(limit + 1)).finish(), false],
    [new Writer().uint32(2 ** 32 - 1).finish(), false],
    [new Writer().uint32(0).finish(), false],
    // A key count larger than the message.
    [
      new Writer()
        .string(
          new Writer()
            .byte(12)
            .uint32(2 ** 32 - 1)
            .finish(),
        )
        .finish(),
      false,
    ],
  ];
  const folder = mkdtempSync(join(tmpdir(), "nacre-agent-"));
  try {
    for (const [i, [frame, fine]] of frames.entries()) {
      const path = join(folder, `${i}`);
      const server = createServer((socket) =>
        socket
          .on("error", () => {})
          .resume()
          .end(frame),
      );
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const outcome = await agentIdentities(path).then(
        (keys) => keys.length,
        (error: SshError) => error.code,
      );
      await new Promise((resolve) => server.close(resolve));
      expect([i, outcome]).toEqual([i, fine ? 1 : "agent-failed"]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
