import { encodeAnswer, encodeRequest, MAX_MESSAGE_LENGTH, SIGN_FLAGS } from "@nacre/agent";
import { Writer } from "@nacre/wire";
import ssh2 from "ssh2";
import { describe, expect, test } from "vitest";
import type { InboundRequest } from "../../src/agent/inbound-request.ts";
import { AgentProtocol } from "../../src/agent/protocol.ts";
import { generateKeyPairSync } from "../../src/keys/generate.ts";
import { type ParsedKey, parseKey } from "../../src/keys/parse-key.ts";

const key = parseKey(generateKeyPairSync("ed25519").private) as ParsedKey;
const rsa = parseKey(generateKeyPairSync("rsa", { bits: 2048, comment: "rsa" }).private) as ParsedKey;
const data = Buffer.from("data");

function framed(message: Uint8Array): Buffer {
  return Buffer.from(new Writer().string(message).finish());
}

/** Resolves after the pending events. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Returns what a side sends, as the bytes of all messages. */
function sentBy(protocol: AgentProtocol): Buffer[] {
  const sent: Buffer[] = [];
  protocol.on("data", (bytes: Buffer) => sent.push(bytes));
  return sent;
}

/** Joins both sides. Either may be ssh2's. */
function joined(client: AgentProtocol | InstanceType<typeof ssh2.AgentProtocol>, server: typeof client): void {
  client.pipe(server).pipe(client);
}

describe("both sides", () => {
  const implementations = {
    "this package": AgentProtocol,
    ssh2: ssh2.AgentProtocol as unknown as typeof AgentProtocol,
  };
  test.each([
    ["this package", "ssh2"],
    ["ssh2", "this package"],
    ["this package", "this package"],
  ] as const)("a client of %s and a server of %s", async (ofClient, ofServer) => {
    const client = new implementations[ofClient](true);
    const server = new implementations[ofServer](false);
    joined(client, server);
    const own = ofServer === "ssh2" ? (ssh2.utils.parseKey(rsa.getPrivatePEM()!) as unknown as ParsedKey) : rsa;
    server.on("identities", (request: InboundRequest) => server.getIdentitiesReply(request, [own]));
    server.on("sign", (request: InboundRequest, asked: ParsedKey, bytes: Buffer, options: { hash?: string }) => {
      if (asked.type === "ssh-rsa") server.signReply(request, own.sign(bytes, options.hash) as Buffer);
      else server.failureReply(request);
    });
    const keys = await new Promise<readonly ParsedKey[]>((resolve, reject) => {
      client.getIdentities((error, found) => (error ? reject(error) : resolve(found as ParsedKey[])));
    });
    expect(keys.map((one) => one.getPublicSSH())).toEqual([rsa.getPublicSSH()]);
    const line = `ssh-rsa ${rsa.getPublicSSH().toString("base64")}`;
    const signature = await new Promise<Buffer>((resolve, reject) => {
      client.sign(line, data, { hash: "sha512" }, (error, made) => (error ? reject(error) : resolve(made!)));
    });
    expect(rsa.verify(data, signature, "sha512")).toBe(true);
    const other = `ssh-ed25519 ${key.getPublicSSH().toString("base64")}`;
    const refusal = await new Promise((resolve) => client.sign(other, data, {}, resolve));
    expect(refusal).toEqual(new Error("Agent responded with failure"));
  });
});

describe("a server", () => {
  test("refuses unknown, malformed and unheard requests, and goes on", async () => {
    const server = new AgentProtocol(false);
    const sent = sentBy(server);
    const short = encodeRequest({ type: "sign", publicKey: key.getPublicSSH(), data, flags: 0 }).subarray(0, -1);
    const requests = [
      encodeRequest({ type: "extension", name: "query", data: Buffer.from("with data") }),
      short,
      encodeRequest({ type: "sign", publicKey: Buffer.from("no key"), data, flags: 0 }),
      encodeRequest({ type: "list" }),
    ];
    server.write(Buffer.concat(requests.map(framed)));
    await settled();
    expect(sent).toEqual(requests.map(() => framed(encodeAnswer({ type: "failure" }))));
    server.on("identities", (request) =>
      server.getIdentitiesReply(request, [key, { pubKey: key, comment: "own" }, { pubKey: "none" }]),
    );
    server.write(framed(encodeRequest({ type: "list" })));
    await settled();
    const identity = { publicKey: key.getPublicSSH(), comment: "" };
    const identities = [identity, { ...identity, comment: "own" }];
    expect(sent.at(-1)).toEqual(framed(encodeAnswer({ type: "identities", identities })));
  });

  test("ends on a message beyond the limit", async () => {
    const server = new AgentProtocol(false);
    const closed = new Promise((resolve) => server.once("close", resolve));
    const length = Buffer.alloc(5);
    length.writeUInt32BE(MAX_MESSAGE_LENGTH + 1);
    server.write(length);
    await closed;
    expect(server.destroyed).toBe(true);
  });

  test("passes the algorithm that the client asks for", () => {
    const server = new AgentProtocol(false);
    const asked: unknown[] = [];
    server.on("sign", (request: InboundRequest, _key, _data, options: unknown) =>
      asked.push(request.getContext(), options),
    );
    for (const flags of [SIGN_FLAGS.RSA_SHA2_256, SIGN_FLAGS.RSA_SHA2_512, 0])
      server.write(framed(encodeRequest({ type: "sign", publicKey: rsa.getPublicSSH(), data, flags })));
    expect(asked).toEqual([
      "rsa-sha2-256",
      { hash: "sha256" },
      "rsa-sha2-512",
      { hash: "sha512" },
      "ssh-rsa",
      { hash: undefined },
    ]);
  });
});

describe("a client", () => {
  test.each([
    ["Agent responded with wrong message type", encodeAnswer({ type: "signature", signature: data })],
    ["Agent responded with unsupported message type", encodeAnswer({ type: "success" })],
    ["Malformed agent response", Uint8Array.of(12, 0, 0, 0, 9)],
  ])("fails the request of an invalid answer, then all others: %s", async (text, message) => {
    const client = new AgentProtocol(true);
    sentBy(client);
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    const outcomes: unknown[] = [];
    for (let i = 0; i < 3; i++) client.getIdentities((error) => outcomes.push(error?.message));
    const closed = new Promise((resolve) => client.once("close", resolve));
    client.write(framed(message));
    await closed;
    expect([outcomes, errors]).toEqual([[text, "No reply from server", "No reply from server"], []]);
  });

  test("fails requests after the end", async () => {
    const client = new AgentProtocol(true);
    client.destroy();
    const error = await new Promise((resolve) => client.getIdentities(resolve));
    expect(error).toEqual(new Error("No reply from server"));
  });

  test("leaves what a callback throws uncaught", () => {
    const client = new AgentProtocol(true);
    client.getIdentities(() => {
      throw new Error("of the program");
    });
    expect(() => client.write(framed(encodeAnswer({ type: "failure" })))).toThrow("of the program");
  });
});
