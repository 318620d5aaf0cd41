import { expectError } from "@nacre/testing/errors";
import { describe, expect, test } from "vitest";
import { type GatewayArguments, parseGatewayArguments } from "../src/gateway/gateway-arguments.ts";

const NEEDED = "--origin https://a.example --allow b.example:22";

const DEFAULTS: GatewayArguments = {
  listen: "127.0.0.1",
  port: 8022,
  origins: ["https://a.example"],
  allow: ["b.example:22"],
  hosts: [],
  plain: undefined,
  path: "/ssh",
  address: undefined,
  certificate: undefined,
  trustedProxies: [],
  allowInsecure: false,
  allowMissingOrigin: false,
  metrics: false,
  issueToken: undefined,
  tickets: undefined,
  limits: {},
  log: "text",
};

const parse = (line: string): GatewayArguments => parseGatewayArguments(line.split(" ").filter((word) => word !== ""));

describe("parseGatewayArguments", () => {
  test.each<[string, Partial<GatewayArguments>]>([
    ["", {}],
    ["--listen :: -p 0", { listen: "::", port: 0 }],
    ["--origin https://c.example", { origins: ["https://a.example", "https://c.example"] }],
    ["--allow c:22=10.0.0.0/8", { allow: ["b.example:22", "c:22=10.0.0.0/8"] }],
    ["--host x --host=y:1", { hosts: ["x", "y:1"] }],
    ["--cert a --key b", { certificate: { cert: "a", key: "b" } }],
    ["--plain b.example:22 --path /x --address wss://y/x", { plain: "b.example:22", path: "/x", address: "wss://y/x" }],
    [
      "--trusted-proxy 10.0.0.1 --allow-insecure --allow-missing-origin",
      { trustedProxies: ["10.0.0.1"], allowInsecure: true, allowMissingOrigin: true },
    ],
    ["--metrics --issue-token file --tickets redis://x", { metrics: true, issueToken: "file", tickets: "redis://x" }],
    ["--limit maxConnections=5 --limit idleTimeout=6", { limits: { maxConnections: 5, idleTimeout: 6 } }],
    ["--log json", { log: "json" }],
  ])("parses %j", (line, expected) => {
    expect(parse(`${NEEDED} ${line}`)).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each([
    ["--allow b:22", /--origin/],
    ["--origin https://a.example", /--allow/],
    [`${NEEDED} host`, /does not know what to do with "host"/],
    [`${NEEDED} -p 65536`, /invalid port "65536"/],
    [`${NEEDED} --cert a`, /--cert and --key belong together/],
    [`${NEEDED} --log xml`, /no kind of log/],
    [`${NEEDED} --path x`, /--path must begin with/],
    [`${NEEDED} --limit maxConnections`, /--limit wants NAME=NUMBER/],
    [`${NEEDED} --limit maxConnections=-1`, /--limit wants NAME=NUMBER/],
    [`${NEEDED} --origins x`, /unknown option --origins/],
  ])("rejects %j", (line, message) => {
    expect(expectError("usage", () => parse(line))).toMatch(message);
  });
});
