import { networkInterfaces } from "node:os";
import { expect, it, test } from "vitest";
import { addressPlace, ownAddresses } from "../src/net/lookup.ts";

const OWN = ["127.0.0.1", "::1", "198.51.100.7", "2001:db8::7", "fe80::7"];

it.each([
  "127.0.0.1",
  "127.255.0.1",
  "0.0.0.0",
  "0.1.2.3",
  "::",
  "::1",
  "0:0:0:0:0:0:0:1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:0.0.0.0",
  "64:ff9b::127.0.0.1",
])("%s is of this machine", (address) => {
  expect([addressPlace(address, OWN), addressPlace(address, [])]).toEqual(["machine", "machine"]);
});

// Text that is no address might lead anywhere.
it.each([
  "169.254.169.254",
  "::FFFF:169.254.169.254",
  "fe80::1",
  "fe80::7",
  "fe80::1%eth0",
  "febf::1",
  "localhost",
  "",
])("%j is of the link", (address) => {
  expect(addressPlace(address, OWN)).toBe("link");
});

it.each([
  "192.0.2.1",
  "10.0.0.1",
  "128.0.0.1",
  "169.255.0.1",
  "198.51.100.8",
  "2001:db8::1",
  "::ffff:192.0.2.1",
  "fec0::1",
  "fd00::1",
])("%s is elsewhere", (address) => {
  expect(addressPlace(address, OWN)).toBe("elsewhere");
});

// The name of this test is in packages/testing/src/attacks/rows/edges.ts.
test("an address of this machine's interfaces · server", () => {
  const forms = [
    "198.51.100.7",
    "::ffff:198.51.100.7",
    "::ffff:c633:6407",
    "64:ff9b::198.51.100.7",
    "2002:c633:6407::1",
  ];
  for (const address of [...forms, "2001:db8::7", "2001:DB8:0:0::7"]) {
    expect(addressPlace(address, OWN), address).toBe("machine");
    expect(addressPlace(address, []), address).toBe("elsewhere");
  }
});

it("knows the addresses of the interfaces", () => {
  const found = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  expect(ownAddresses()).toEqual(found.map(({ address }) => address));
  expect(ownAddresses()).toContain("127.0.0.1");
});
