import { describe, expect, test } from "vitest";
import { type AddressScope, addressScope } from "../src/internal.ts";

const ADDRESSES: Readonly<Record<AddressScope, readonly string[]>> = {
  machine: ["127.0.0.1", "127.255.255.255", "0.0.0.0", "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1"],
  link: [
    "169.254.169.254",
    "168.63.129.16",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "::ffff:a9fe:a9fe",
    "2002:a9fe:a9fe::1",
  ],
  private: [
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:a00:1::",
  ],
  multicast: ["224.0.0.1", "239.255.255.255", "ff02::1", "::ffff:224.0.0.1"],
  reserved: [
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "255.255.255.255",
    "2001:db8::1",
    "2001:2::1",
    "3fff::1",
    "64:ff9b:1::1",
    "100::1",
    "5f00::1",
    "::ffff:0:8.8.8.8",
    "4000::1",
  ],
  translated: ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
  global: [
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2600::1",
    "2a00::1",
    "2003::1",
  ],
};

describe("the scope of an address", () => {
  test.each(Object.entries(ADDRESSES).flatMap(([scope, addresses]) => addresses.map((address) => [address, scope])))(
    "%s is %s",
    (address, scope) => {
      expect(addressScope(address)).toBe(scope);
    },
  );

  test.each(["", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "[::1]", "1::2::3"])(
    "%j is no address",
    (text) => {
      expect(addressScope(text)).toBeUndefined();
    },
  );
});
