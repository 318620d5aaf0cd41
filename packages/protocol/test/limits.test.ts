import { AUTH_LIMITS, ClientAuth, ServerAuth } from "@nacre/auth";
import { ClientProtocol, clientMethods, PROTOCOL_LIMITS, ServerProtocol, serverMethods } from "@nacre/protocol";
import { extremeLimits, impossibleLimits } from "@nacre/testing/limits";
import { algorithms, hostKey } from "@nacre/testing/protocol/pair";
import { seededRandom } from "@nacre/testing/random";
import { TRANSPORT_LIMITS, Transport } from "@nacre/transport";
import { describe, expect, test } from "vitest";

const base = { algorithms, random: seededRandom(1) };
const login = {
  userName: "alice",
  identities: [],
  password: false,
  keyboardInteractive: false,
  loginMethods: clientMethods,
} as const;
const served = {
  hostKeys: [{ publicKey: hostKey.publicKey, privateKey: hostKey }],
  loginMethods: serverMethods,
  methods: ["publickey"],
  userKeys: [],
} as const;
const sink = { pending: 0, held: false, turnOver: false, write() {}, begin: () => new Uint8Array(), commit() {} };
const authBase = { sink, sessionId: new Uint8Array(32) };

const machines = {
  "the protocol machine of a client": (limits: object) => new ClientProtocol({ ...base, ...login, limits }),
  "the protocol machine of a server": (limits: object) => new ServerProtocol({ ...base, ...served, limits }),
};
const layers = {
  "a transport": [
    TRANSPORT_LIMITS.ranges,
    (limits: object) => new Transport({ ...base, role: "client", softwareVersion: "Test", limits }),
  ],
  "a client's authentication": [
    AUTH_LIMITS.ranges,
    (limits: object) => new ClientAuth({ ...authBase, ...login, random: base.random, limits }),
  ],
  "a server's authentication": [
    AUTH_LIMITS.ranges,
    (limits: object) => new ServerAuth({ ...authBase, ...served, signatureAlgorithms: [], limits }),
  ],
} as const;

describe.each(Object.entries(machines))("%s", (_, make) => {
  test.each(impossibleLimits(PROTOCOL_LIMITS.ranges))("rejects the limit %s", (_, limits) => {
    const [name] = Object.keys(limits);
    expect(() => make(limits)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: expect.stringMatching(`^\`${name}\` must be an integer`),
      }),
    );
  });

  test("accepts each limit at both ends of its range", () => {
    for (const limits of extremeLimits(PROTOCOL_LIMITS.ranges)) expect(() => make(limits)).not.toThrow();
  });
});

describe.each(Object.entries(layers))("%s", (_, [ranges, make]) => {
  test.each(impossibleLimits(ranges))("rejects the limit %s", (_, limits) => {
    expect(() => make(limits)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});
