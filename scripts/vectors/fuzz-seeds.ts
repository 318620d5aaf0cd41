// Writes the initial inputs for fuzzing, test-vectors/fuzz-seeds.json. They come from recorded connections with OpenSSH, from connections
// between Nacre's client and server, and from the other test vectors.

import { writeFileSync } from "node:fs";
import { formatPublicKey, formatSshfp, parsePublicKeyLine } from "@nacre/keyfiles";
import { defaultSignatureAlgorithms } from "@nacre/keys";
import { PacketReader } from "@nacre/packet";
import { keyboardInteractiveLogin, noneLogin, passwordLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { opensshCertificates } from "@nacre/testing/openssh-keys";
import { type Scenario, ScriptedClient, userKeyOf } from "@nacre/testing/protocol/scripted-client";
import { ServerPair } from "@nacre/testing/protocol/server-pair";
import { seededRandom } from "@nacre/testing/random";
import { encodeTunnelMessage, type TunnelMessage } from "@nacre/tunnel";
import {
  base64Decode,
  base64Encode,
  directStreamlocal,
  envRequest,
  execRequest,
  exitSignal,
  forwardedStreamlocal,
  ptyRequest,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_REQUEST_SUCCESS,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  signalRequest,
  streamlocalForward,
  subsystemRequest,
  tcpipChannel,
  tcpipForward,
  tcpipForwardReply,
  userauthPassword,
  userauthPublickey,
  utf8Encode,
  windowChange,
} from "@nacre/wire";
import { decodeTerminalModes, encodeTerminalModes } from "../../packages/nacre/src/users/session/terminal-modes.ts";
import keyfiles from "../../test-vectors/keyfiles.json" with { type: "json" };
import keys from "../../test-vectors/keys.json" with { type: "json" };
import ppk from "../../test-vectors/ppk.json" with { type: "json" };
import recordings from "../../test-vectors/recordings.json" with { type: "json" };
import { strings } from "../fuzz/input.ts";
import { agentProtocolSeeds } from "../fuzz/targets/agent-protocol.ts";
import { configSeeds } from "../fuzz/targets/config.ts";
import { KEX_METHODS } from "../fuzz/targets/key-exchange.ts";
import { masterSeeds } from "../fuzz/targets/master.ts";
import { STRUCTURE_NAMES } from "../fuzz/targets/messages.ts";
import { KEY_LABELS } from "../fuzz/targets/private-keys.ts";
import { SAMPLE_COUNT, script } from "../fuzz/targets/protocol/script.ts";
import { scpSeeds } from "../fuzz/targets/scp/index.ts";
import { sftpSeeds } from "../fuzz/targets/sftp/seeds.ts";
import { signedFileSeeds } from "../fuzz/targets/signed-files.ts";
import { tunnelScript } from "../fuzz/targets/tunnels/script.ts";

const FILE = new URL("../../test-vectors/fuzz-seeds.json", import.meta.url);
const NOTHING = new Uint8Array(0);
const FORWARDED = tcpipChannel.encode({
  address: "localhost",
  port: 1,
  originatorAddress: "::1",
  originatorPort: 1024,
});

const TUNNEL_MESSAGES: readonly TunnelMessage[] = [
  { type: "open", ticket: "ticket", host: "example.org", port: 22 },
  {
    type: "opened",
    id: new Uint8Array(16),
    secret: new Uint8Array(32),
    address: "wss://example.org/",
    resumeTime: 600,
  },
  { type: "attach", id: new Uint8Array(16) },
  { type: "challenge", nonce: new Uint8Array(32), received: 9 },
  { type: "prove", received: 9, proof: new Uint8Array(32) },
  { type: "attached", received: 9 },
  { type: "data", data: utf8Encode("data") },
  { type: "acknowledge", consumed: 4 },
  { type: "end" },
];

/** Returns all payloads that packet readers return while `action` runs. */
function opened(action: () => void): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const next = Object.getOwnPropertyDescriptor(PacketReader.prototype, "next")?.value as (
    this: PacketReader,
  ) => Uint8Array<ArrayBuffer> | undefined;
  PacketReader.prototype.next = function (this: PacketReader) {
    const payload = next.call(this);
    if (payload !== undefined) payloads.push(payload.slice());
    return payload;
  };
  try {
    action();
  } finally {
    PacketReader.prototype.next = next;
  }
  return payloads;
}

const recorded = recordings.recordings.map(({ chunks, ...scenario }) => {
  const bytes = chunks.filter(({ from }) => from === "server").map((chunk) => base64Decode(chunk.bytes)!);
  return { scenario: scenario as unknown as Scenario, stream: joined(...bytes) };
});

/** Payloads from OpenSSH's server in each recorded connection. */
const fromOpenssh = recorded.map(({ scenario, stream }) =>
  opened(() => {
    const client = new ScriptedClient(scenario, userKeyOf(scenario));
    client.start();
    client.receive(stream);
  }),
);

/** Payloads of both sides in a connection between Nacre's client and server. */
const ours = opened(() => {
  const pair = new ServerPair({
    onClient: (event, client) => {
      const { connection } = client;
      if (event.type !== "channel-opened") return;
      const modes = encodeTerminalModes({ VINTR: 3, ECHO: 1, TTY_OP_ISPEED: 38_400 });
      const size = { term: "xterm", columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
      connection.request(event.channel, "env", envRequest.encode({ name: "LANG", value: "C" }), { wantReply: false });
      connection.request(event.channel, "pty-req", ptyRequest.encode({ ...size, modes }), { wantReply: true });
      connection.request(event.channel, "exec", execRequest.encode({ command: utf8Encode("run") }), {
        wantReply: true,
      });
      connection.request(event.channel, "signal", signalRequest.encode({ signalName: "TERM" }), { wantReply: false });
      connection.write(event.channel, utf8Encode("input"));
      connection.sendEof(event.channel);
    },
  });
  pair.client.connection.openChannel("session");
  pair.start();
  pair.server.rekey();
  pair.pump();
});

const oneOfEach = [
  message.ignore(4),
  message.unimplemented(3),
  message.debug("debug"),
  message.ping(8),
  message.extInfo(2),
  message.sigAlgs("ssh-ed25519,rsa-sha2-512"),
  message.authFailure("publickey", "password"),
  message.banner("welcome"),
  message.globalRequest("tcpip-forward", true),
  message.channelOpenFailure(0),
  SSH_MSG_USERAUTH_INFO_REQUEST.encode({
    name: "login",
    instruction: "type",
    languageTag: "",
    prompts: [{ prompt: "code: ", echo: false }],
  }),
  SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses: ["123456"] }),
  noneLogin(),
  passwordLogin("secret", { newPassword: "other" }),
  keyboardInteractiveLogin(),
];
const payloads = unique([...fromOpenssh.flat(), ...ours, ...oneOfEach]);

const seeds: Readonly<Record<string, readonly Uint8Array[]>> = {
  messages: payloads,
  structures: structureSeeds(),
  text: ["plain", "ünïcödé \u{1f511}", "\u001b[31m\u202e\r\n", "QUJD", "\u{10ffff}\ud7ff"].map(utf8Encode),
  identification: [
    [0, "SSH-2.0-OpenSSH_10.0p2 Debian-7\r\nrest"],
    [1, "hello\r\nSSH-2.0-OpenSSH_10.0\n"],
    [1, "SSH-1.99-old comment\r\n"],
    [1, "SSH-1.5-older\r\n"],
  ].map(([role, line]) => joined(Uint8Array.of(role as number), utf8Encode(line as string))),
  kexinit: kexinitSeeds(),
  "ext-info": payloads.filter((payload) => payload[0] === 7),
  packets: recorded.map(({ stream }) => stream.slice(stream.indexOf(0x0a) + 1, 2600)),
  "sealed-packets": Array.from({ length: 15 }, (_, suite) =>
    joined(
      Uint8Array.of(suite, 0, 0),
      strings(message.ping(4)),
      Uint8Array.of(9, suite % 2),
      strings(message.ignore(40)),
    ),
  ),
  "public-keys": keys.keys.map(({ blob }) => base64Decode(blob)!),
  certificates: [...opensshCertificates.values()],
  signatures: signatureSeeds(),
  "key-exchange": keyExchangeSeeds(),
  "private-key-files": keyFiles(({ format }) => format === "openssh").map(({ text }) => utf8Encode(text)),
  "private-key-bodies": keyFiles(({ text }) => !text.includes("DEK-Info")).map(({ text }) => {
    const [, label, body] = /-----BEGIN (.*)-----\n([^-]*)-/.exec(text)!;
    return joined(Uint8Array.of(KEY_LABELS.indexOf(label!)), base64Decode(body!.replaceAll("\n", ""))!);
  }),
  "ppk-files": ppk.files.map(({ text }) => utf8Encode(text)),
  "public-key-texts": keyfiles.publicKeys.flatMap(({ line }) => {
    const { publicKey } = parsePublicKeyLine(line);
    const texts = [formatSshfp("host.example", publicKey, "sha1"), formatPublicKey(publicKey, { format: "pem" })];
    return texts.map(utf8Encode);
  }),
  "public-key-lines": keyfiles.publicKeys.flatMap(({ line, rfc4716 }) => [utf8Encode(line), utf8Encode(rfc4716)]),
  "known-hosts": [keyfiles.knownHosts.text, keyfiles.knownHosts.hashed].flatMap((text) =>
    text.split(/(?<=\n)/).map((line) => utf8Encode(line)),
  ),
  "authorized-keys": authorizedKeysSeeds(),
  "expiry-times": ["20300101", "20300101Z", "202502281530", "20240229123059Z", "19700101utc"].map(utf8Encode),
  ...signedFileSeeds(),
  "terminal-modes": [encodeTerminalModes({ VINTR: 3, ECHO: 1, TTY_OP_ISPEED: 38_400, 99: 7 }), Uint8Array.of(0)],
  ...agentProtocolSeeds(),
  ...configSeeds(),
  ...masterSeeds(),
  "command-lines": [
    [0, "-i", "key", "-p", "22", "--known-hosts=file", "-tt", "alice@[::1]", "run"],
    [0, "--host-key", "SHA256:x", "-c", "aes128-ctr,aes256-ctr", "-l", "alice", "host"],
    [1, "--port", "2222", "--subsystem", "sftp=run", "--log=json", "--no-exec", "--user", "alice"],
    [2, "-t", "rsa", "-b", "3072", "-f", "file", "-N", "secret", "-C", "comment"],
    [2, "-lv", "-E", "md5", "-f", "file"],
  ].map(([which, ...words]) => joined(Uint8Array.of(Number(which)), utf8Encode(words.join("\0")))),
  "proxy-answers": [
    Uint8Array.of(0, 5, 0, 5, 0, 0, 1, 192, 0, 2, 1, 0, 80),
    Uint8Array.of(1, 5, 2, 1, 0, 5, 0, 0, 3, 1, 97, 0, 80, 83),
    Uint8Array.of(1, 5, 2, 1, 1),
    Uint8Array.of(0, 5, 0, 5, 5),
    joined(Uint8Array.of(2), utf8Encode("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nSSH-2.0-x\r\n")),
    joined(Uint8Array.of(2), utf8Encode("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\n\n")),
    joined(Uint8Array.of(2), utf8Encode("HTTP/1.1 407 Proxy Authentication Required\r\n")),
  ],
  "proxy-handshake": [
    Uint8Array.of(4, 1, 0, 80, 192, 0, 2, 1, 0),
    joined(Uint8Array.of(4, 1, 0, 80, 0, 0, 0, 1), utf8Encode("alice\0example.org\0tunnel")),
    Uint8Array.of(5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80),
    joined(Uint8Array.of(5, 2, 2, 0, 5, 1, 0, 3, 11), utf8Encode("example.org\0Ptunnel")),
    Uint8Array.of(5, 1, 0, 5, 1, 0, 4, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80),
    utf8Encode("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\ntunnel"),
    utf8Encode("CONNECT [2001:db8::1]:80 HTTP/1.0\n\n"),
    utf8Encode("GET http://example.org/ HTTP/1.1\r\n\r\n"),
  ],
  recording: recorded.map(({ stream }, which) => joined(Uint8Array.of(which), stream)),
  "tunnel-messages": TUNNEL_MESSAGES.map((one) => encodeTunnelMessage(one)),
  "tunnel-pair": tunnels(),
  ...sftpSeeds(),
  ...scpSeeds(),
  "client-session": clientSessions(),
  "server-session": serverSessions(),
};

writeFileSync(
  FILE,
  `${JSON.stringify(
    {
      source:
        "test-vectors/recordings.json, sftp.json, keys.json, keyfiles.json, ppk.json, signed-files.json and revocation-lists.json, and connections between Nacre's client and server",
      madeBy: "scripts/vectors/fuzz-seeds.ts",
      note: "Initial inputs for fuzzing, by target (scripts/fuzz). Base64.",
      seeds: Object.fromEntries(
        Object.entries(seeds).map(([name, inputs]) => [name, unique(inputs).map((input) => base64Encode(input))]),
      ),
    },
    null,
    1,
  )}\n`,
);

function structureSeeds(): Uint8Array[] {
  const examples: Readonly<Record<string, Uint8Array>> = {
    userauthPublickey: userauthPublickey.encode({
      algorithm: "ssh-ed25519",
      publicKey: base64Decode(keys.keys[0]!.blob)!,
      signature: strings(utf8Encode("ssh-ed25519"), new Uint8Array(64)),
    }),
    userauthPassword: userauthPassword.encode({ password: "old", newPassword: "new" }),
    ptyRequest: ptyRequest.encode({
      term: "xterm",
      columns: 80,
      rows: 24,
      widthPixels: 640,
      heightPixels: 480,
      modes: encodeTerminalModes(decodeTerminalModes(Uint8Array.of(1, 0, 0, 0, 3, 0))),
    }),
    envRequest: envRequest.encode({ name: "LANG", value: "C" }),
    execRequest: execRequest.encode({ command: utf8Encode("run") }),
    subsystemRequest: subsystemRequest.encode({ name: "sftp" }),
    windowChange: windowChange.encode({ columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 }),
    signalRequest: signalRequest.encode({ signalName: "TERM" }),
    exitSignal: exitSignal.encode({ signalName: "KILL", coreDumped: true, errorMessage: "killed", languageTag: "en" }),
    tcpipForward: tcpipForward.encode({ address: "localhost", port: 0 }),
    tcpipForwardReply: tcpipForwardReply.encode({ port: 40_000 }),
    tcpipChannel: FORWARDED,
    directStreamlocal: directStreamlocal.encode({ path: "/run/a", reserved: NOTHING, reservedNumber: 0 }),
    forwardedStreamlocal: forwardedStreamlocal.encode({ path: "/run/a", reserved: NOTHING }),
    streamlocalForward: streamlocalForward.encode({ path: "/run/a" }),
  };
  return Object.entries(examples).map(([name, bytes]) => joined(Uint8Array.of(STRUCTURE_NAMES.indexOf(name)), bytes));
}

/** Returns pairs of KEXINIT messages: that of Nacre's client with each other one, and with itself. */
function kexinitSeeds(): Uint8Array[] {
  const inits = unique([...ours, ...fromOpenssh.flat()].filter((payload) => payload[0] === 20));
  return inits.map((init) => strings(inits[0]!, init));
}

/** Returns one valid signature of each algorithm, and up to four different invalid ones. */
function signatureSeeds(): Uint8Array[] {
  return defaultSignatureAlgorithms.flatMap(({ name }, which) => {
    const all = keys.signatures.filter(({ algorithm }) => algorithm === name);
    const chosen = [...all.filter(({ valid }) => valid).slice(0, 1), ...all.filter(({ valid }) => !valid).slice(0, 4)];
    return chosen.map(({ key, data, signature }) => {
      const { blob } = keys.keys.find((one) => one.name === key)!;
      return joined(Uint8Array.of(which), strings(base64Decode(blob)!, hex(data), hex(signature)));
    });
  });
}

/** Returns the messages of both sides for each key exchange method. */
function keyExchangeSeeds(): Uint8Array[] {
  return KEX_METHODS.flatMap((method, which) => {
    const init = method.client(seededRandom(1)).start();
    const step = method.server(seededRandom(2)).receive(init);
    if (step.type !== "done") throw new Error(`${method.name} needs more than one message`);
    const reply = step.reply(base64Decode(keys.keys[0]!.blob)!, strings(utf8Encode("ssh-ed25519"), new Uint8Array(64)));
    return [joined(Uint8Array.of(which, 0), reply), joined(Uint8Array.of(which, 1), init)];
  });
}

/** Returns small key files only. Large keys take more time and add no coverage. */
function keyFiles(wanted: (key: { format: string; text: string }) => boolean): { text: string }[] {
  return [...keyfiles.privateKeys, ...keyfiles.unsupported.map(({ text }) => ({ format: "", text }))].filter(
    (key) => key.text.length < 700 && wanted(key),
  );
}

function authorizedKeysSeeds(): Uint8Array[] {
  const [key] = keyfiles.publicKeys;
  const options = [
    "",
    'command="run \\"it\\"",restrict,pty ',
    'from="192.0.2.0/24,!192.0.2.9,*.example.com,2001:db8::/32" ',
    'expiry-time="20300101Z",environment="A=b",no-pty,user-rc ',
    'permitopen="host:22",permitopen="[2001:db8::1]:*",permitlisten="8080",tunnel="3" ',
    "cert-authority,no-such,verify-required ",
  ];
  return [
    ...options.map((text) => utf8Encode(`${text}${key!.line}\n`)),
    utf8Encode(`# comment\n\n${options.map((text) => `${text}${key!.line}`).join("\r\n")}`),
  ];
}

/** Returns connections for a client: OpenSSH's recorded payloads after the first key exchange, and other logins, transfers and ends. */
function clientSessions(): Uint8Array[] {
  const opening = [["handshake"], ["logIn"], send(message.channelConfirmation(0))] as const;
  return [
    ...fromOpenssh.map((all, which) =>
      script(which % 2, ["handshake"], ...all.filter((payload) => !isKex(payload)).map(send)),
    ),
    script(0, ["identify"], ["init"], ["run"], ["newKeys"], send(message.serviceAccept), send(message.authSuccess)),
    script(
      0,
      ["identify"],
      ["initOf", fromOpenssh[0]!.find((payload) => payload[0] === 20)!],
      ["run"],
      ["newKeys"],
      ["raw", NOTHING],
    ),
    ...[1, 2, 3, 4].map((suite) =>
      script(
        suite,
        ...opening,
        ["split", 0, 0, 0, 9, message.channelData(0, 5)],
        ["damaged", 0, 0, 0, 9, 1, message.ping(4)],
      ),
    ),
    script(
      0,
      ["handshake"],
      send(message.serviceAccept),
      send(message.banner("hello")),
      send(message.authFailure("password", "keyboard-interactive")),
      send(message.authFailure("password", "keyboard-interactive")),
      send(oneOfEach.find((payload) => payload[0] === 60)!),
      send(message.authSuccess),
    ),
    script(0, ["policy", 2], ["handshake"], ["pass", 0, 0, 200, 0], ["policy", 1], ["raw", utf8Encode("SSH")]),
    script(
      0,
      ...opening,
      ["command", 2, 0, utf8Encode("input")],
      ["exchange"],
      send(message.channelData(0, 5)),
      send(message.channelAdjust(0, 4096)),
      ["command", 8, 0],
      ["exchange"],
      ["command", 3, 0],
      send(message.channelEof(0)),
      send(message.channelClose(0)),
      ["pass", 0, 1, 0, 0],
      ["padded", 4, 4, message.ping(1)],
      ["command", 9, 0],
    ),
    script(0, ...opening, ["command", 7, 0], send(message.channelOpen("forwarded-tcpip", 7)), ["command", 6, 0]),
    ...forwardingConnections(opening),
    // Data up to the end of a window without a window adjust, and beyond it.
    script(0, ...opening, ["policy", 2], ...[512, 512].map((length) => send(message.channelData(0, length)))),
    script(0, ...opening, ["policy", 2], ...[512, 512, 1].map((length) => send(message.channelData(0, length)))),
    ...everySample(
      [],
      [["handshake"]],
      [["handshake"], send(message.serviceAccept)],
      [["handshake"], ["logIn"]],
      opening,
      [...opening, ["init"]],
    ),
  ];
}

/**
 * Returns connections in which a client dials and accepts forwarded connections. The numbers are those of the commands of
 * `ClientEntryPoint`.
 */
function forwardingConnections(opening: readonly Parameters<typeof script>[1][]): Uint8Array[] {
  const opens = (channelType: string, data: Uint8Array): Parameters<typeof script>[1] =>
    send(
      SSH_MSG_CHANNEL_OPEN.encode({
        channelType,
        senderChannel: 8,
        initialWindowSize: 100,
        maximumPacketSize: 50,
        data,
      }),
    );
  const succeeds = send(SSH_MSG_REQUEST_SUCCESS.encode({ data: tcpipForwardReply.encode({ port: 1 }) }));
  const speaks = [send(message.channelData(1, 9)), send(message.channelEof(1)), send(message.channelClose(1))];
  const path = utf8Encode("/run/a");
  return [0, 1, 2].flatMap((policy) => [
    script(
      0,
      ...opening,
      ["policy", policy],
      ["command", 10, 0, utf8Encode("host")],
      send(message.channelConfirmation(1)),
      ...speaks,
      ["command", 11, 0, path],
      send(message.channelOpenFailure(1)),
      ["command", 11, 0, path],
      ["command", 0, 0],
    ),
    script(
      0,
      ...opening,
      ["policy", policy],
      ["command", 12, 0],
      succeeds,
      opens("forwarded-tcpip", FORWARDED),
      ...speaks,
    ),
    script(
      0,
      ...opening,
      ["policy", policy],
      ["command", 13, 0, path],
      succeeds,
      ...[1, 2].map(() =>
        opens("forwarded-streamlocal@openssh.com", forwardedStreamlocal.encode({ path: "/run/a", reserved: NOTHING })),
      ),
      ["command", 14, 0],
      opens("forwarded-streamlocal@openssh.com", NOTHING),
      ...speaks,
    ),
  ]);
}

/** Returns tunnels that are lost at different points, and tunnels with each message injected at either end. */
function tunnels(): Uint8Array[] {
  const writes = [
    ["write", 0, 0, 0, 10, 0],
    ["write", 1, 0, 1, 200, 0],
    ["writeMessage", 1, 0, 0, 100, 0],
  ] as const;
  const lost = [["exchange"], ...writes, ["send", 3], ["lose", 1, 1]] as const;
  return [
    tunnelScript(["exchange"], ...writes, ["end", 0], ["exchange"], ["acknowledgeAll", 1], ["exchange"], ["end", 1]),
    // Both buffers become full and grow.
    tunnelScript(
      ["exchange"],
      ["hold", 0, 1],
      ["write", 1, 0, 31, 0, 0],
      ["write", 1, 0, 31, 0, 0],
      ["write", 1, 0, 31, 0, 0],
      ["exchange"],
      ["pass", 40],
      ["hold", 0, 0],
      ["exchange"],
      ["write", 1, 0, 31, 0, 0],
    ),
    tunnelScript(...lost, ["attach", 9], ["exchange"], ["end", 1], ["lose", 0, 0], ["attach", 0]),
    tunnelScript(["lose", 0, 0], ["attach", 0]),
    tunnelScript(...lost, ["ask"], ["forge", encodeTunnelMessage(TUNNEL_MESSAGES[4]!)], ["attach", 0]),
    // More data than allowed, and messages that are too long.
    tunnelScript(["exchange"], ["flood", 1, 65, 0, 0, 255, 254]),
    tunnelScript(["exchange"], ["flood", 1, 1, 0, 1, 0, 0]),
    ...[0, 1].flatMap((which) =>
      TUNNEL_MESSAGES.map((one) => tunnelScript(...lost, ["ask"], ["inject", which, encodeTunnelMessage(one)])),
    ),
    tunnelScript(
      ...lost,
      ["ask"],
      ...TUNNEL_MESSAGES.slice(3, 9).map((one) => ["inject", 0, encodeTunnelMessage(one)] as const),
    ),
  ];
}

function serverSessions(): Uint8Array[] {
  const fromClient = ours.filter((payload) => !isKex(payload) && [90, 93, 94, 96, 97, 98].includes(payload[0]!));
  const opening = [["handshake"], ["logIn"], send(message.channelOpen("session", 5))] as const;
  return [
    script(0, ["handshake"], ["logIn"], ...fromClient.map(send)),
    script(0, ["identify"], ["init"], ["run"], ["newKeys"], send(message.serviceRequest), send(noneLogin())),
    script(0, ["identify"], ["initOf", ours.find((payload) => payload[0] === 20)!], ["run"], ["newKeys"]),
    ...[1, 2, 3, 4].map((suite) =>
      script(
        suite,
        ...opening,
        ["split", 0, 0, 0, 9, message.channelData(0, 5)],
        ["damaged", 0, 0, 0, 9, 1, message.ping(4)],
      ),
    ),
    script(
      0,
      ["handshake"],
      send(message.serviceRequest),
      send(passwordLogin("secret")),
      send(passwordLogin("secret", { newPassword: "other" })),
      send(keyboardInteractiveLogin()),
      send(oneOfEach.find((payload) => payload[0] === 61)!),
      ["policy", 1],
      ["logIn"],
    ),
    script(0, ["policy", 2], ["handshake"], ["logIn"], ["pass", 0, 2, 0, 0]),
    script(
      0,
      ...opening,
      send(message.channelRequest(0, "shell", true)),
      send(message.channelData(0, 9)),
      ["exchange"],
      ["command", 0, 0, utf8Encode("output")],
      ["command", 2, 0],
      send(message.globalRequest("hostkeys-prove-00@openssh.com", true)),
      ["command", 8, 0],
      ["exchange"],
      ["command", 3, 0],
      send(message.channelEof(0)),
      ["command", 4, 0],
      send(message.channelClose(0)),
      ["pass", 0, 1, 0, 0],
      ["command", 9, 0],
    ),
    script(0, ...opening, ["policy", 2], ...[512, 512].map((length) => send(message.channelData(0, length)))),
    script(0, ...opening, ["policy", 2], ...[512, 512, 1].map((length) => send(message.channelData(0, length)))),
    // More sessions than `maxSessions`.
    script(
      0,
      ...opening,
      ...[6, 7, 8, 9].map((number) => send(message.channelOpen("session", number))),
      ...[0, 1, 2, 3, 4].map((number) => send(message.channelRequest(number, "shell", true))),
    ),
    ...everySample(
      [],
      [["handshake"]],
      [["handshake"], send(message.serviceRequest)],
      [["handshake"], ["policy", 2], ["logIn"]],
      [["handshake"], ["logIn"]],
      opening,
      [...opening, ["init"]],
    ),
  ];
}

/** Returns connections with each kind of message after each beginning, to test which messages the gate admits in each state. */
function everySample(...beginnings: readonly (readonly Parameters<typeof script>[1][])[]): Uint8Array[] {
  return beginnings.flatMap((beginning) =>
    Array.from({ length: SAMPLE_COUNT }, (_, kind) => script(0, ...beginning, ["sample", kind])),
  );
}

function send(payload: Uint8Array): ["send", Uint8Array] {
  return ["send", payload];
}

function isKex([number = 0]: Uint8Array): boolean {
  return number >= 20 && number < 50;
}

function unique(inputs: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(inputs.map((input) => [base64Encode(input), input])).values()];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
