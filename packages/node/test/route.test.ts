import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONNECT_OPTIONS, type ConnectOptions, type HopOptions, type Via } from "../src/connect/options.ts";
import { readRoute } from "../src/connect/route.ts";

const destination: ConnectOptions = { host: "db", user: "alice" };
const read = (via: Via, options: Partial<ConnectOptions> = {}): readonly HopOptions[] =>
  readRoute({ ...destination, ...options, via }).hops;

describe("a jump host as text", () => {
  test.each<[string, Partial<HopOptions>]>([
    ["bastion", { host: "bastion" }],
    ["bastion:2222", { host: "bastion", port: 2222 }],
    ["alice@bastion", { host: "bastion", user: "alice" }],
    ["alice@bastion:2222", { host: "bastion", port: 2222, user: "alice" }],
    ["alice@corp@bastion", { host: "bastion", user: "alice@corp" }],
    ["[2001:db8::1]", { host: "2001:db8::1" }],
    ["alice@[fe80::1%eth0]:2222", { host: "fe80::1%eth0", port: 2222, user: "alice" }],
    ["192.0.2.1:22", { host: "192.0.2.1", port: 22 }],
  ])("is parsed: %s", (text, expected) => {
    expect(read(text)).toEqual([expect.objectContaining(expected)]);
  });
});

describe("a jump host inherits from the destination", () => {
  const machine: Partial<ConnectOptions> = {
    agent: false,
    passphrase: "secret",
    knownHosts: "/nowhere",
    crypto: "noble",
    limits: { kexTimeout: 1000 },
    connectTimeout: 1000,
    requireStrictKex: true,
  };

  test("options about this machine", () => {
    expect(read("bastion", machine)).toEqual([expect.objectContaining(machine)]);
    expect(read({ host: "bastion", agent: undefined }, machine)).toEqual([expect.objectContaining(machine)]);
  });

  test("only options that it does not set itself", () => {
    const own = { host: "bastion", agent: "/agent", connectTimeout: 5 };
    expect(read(own, machine)).toEqual([expect.objectContaining({ ...machine, ...own })]);
  });

  test("no options about one host or one login", () => {
    const login: Partial<ConnectOptions> = {
      port: 2222,
      identities: [],
      password: "secret",
      prompts: () => [],
      banner: () => {},
      hostKey: "accept-new",
      unknownHost: () => true,
      trace: () => {},
    };
    const [hop] = read("bastion", login);
    for (const name of ["user", ...Object.keys(login)]) expect(hop).not.toHaveProperty(name);
  });
});

test("an empty list means no jump hosts", () => {
  expect(readRoute({ ...destination, via: [] })).toMatchObject({ start: undefined, hops: [] });
});

test("a text may name several jump hosts, as for `ssh -J`", () => {
  const { hops } = readRoute({ host: "db", via: ["alice@a:1,ssh://b", "[::1]:2"] });
  expect(hops).toMatchObject([{ host: "a", user: "alice", port: 1 }, { host: "b" }, { host: "::1", port: 2 }]);
});

test("the README lists the options about this machine", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, listed = ""] = /These options are about your machine: ([^.]*)\./.exec(readme) ?? [];
  const names = Object.entries(CONNECT_OPTIONS).flatMap(([name, { scope }]) => (scope === "machine" ? [name] : []));
  expect(new Set(Array.from(listed.matchAll(/`(\w+)`/g), ([, name]) => name))).toEqual(new Set(names));
});
