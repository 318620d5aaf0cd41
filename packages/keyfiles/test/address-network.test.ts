import { expectError } from "@nacre/testing/errors";
import { describe, expect, test } from "vitest";
import { addressMatcher, networkOf, plainAddress } from "../src/internal.ts";

const network = (address: string, ipv4 = 24, ipv6 = 64): string | undefined => networkOf(address, { ipv4, ipv6 });

describe("an address", () => {
  test("in IPv4-mapped form becomes IPv4, and any other is unchanged", () => {
    expect(plainAddress("::ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(plainAddress("::FFFF:192.0.2.7")).toBe("192.0.2.7");
    for (const address of [
      "192.0.2.7",
      "2001:db8::1",
      "::1",
      "::ffff:c000:207",
      "::ffff:192.0.2.256",
      "::192.0.2.7",
      "",
    ])
      expect(plainAddress(address)).toBe(address);
  });

  test("shares its network with addresses that differ only after the prefix", () => {
    expect(network("192.0.2.7")).toBe(network("192.0.2.255"));
    expect(network("192.0.2.7")).not.toBe(network("192.0.3.7"));
    expect(network("192.0.2.7", 32)).not.toBe(network("192.0.2.6", 32));
    expect(network("192.0.2.7", 31)).toBe(network("192.0.2.6", 31));
    expect(network("192.0.2.7", 0)).toBe(network("203.0.113.1", 0));
    expect(network("2001:db8::1")).toBe(network("2001:db8:0:0:ffff::"));
    expect(network("2001:db8::1")).not.toBe(network("2001:db8:0:1::1"));
    expect(network("2001:db8::1", 24, 128)).not.toBe(network("2001:db8::2", 24, 128));
    expect(network("2001:DB8::1")).toBe(network("2001:db8::1"));
    expect(network("fe80::1%eth0")).toBe(network("fe80::1%eth1"));
    expect(network("0.0.0.0", 0)).not.toBe(network("::", 24, 0));
    expect(network("not an address")).toBeUndefined();
  });

  test("is exempt if it or its network is listed", async () => {
    const isExempt = addressMatcher("exempt", ["192.0.2.7", "203.0.113.0/24", "2001:db8::/32"]);
    expect(["192.0.2.7", "203.0.113.9", "2001:db8:1::1"].map(isExempt)).toEqual([true, true, true]);
    expect(["192.0.2.8", "203.0.114.1", "2001:db9::", "", "name"].map(isExempt)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    for (const wrong of [
      "",
      "!192.0.2.7",
      "*",
      "host.example.org",
      "192.0.2.0/33",
      "192.0.2.7/24",
      "192.0.2.7,192.0.2.8",
    ])
      expectError("usage", () => addressMatcher("exempt", [wrong]));
  });
});
