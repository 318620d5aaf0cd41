import { describe, expect, test } from "vitest";
import { parseArguments } from "../src/arguments.ts";

const DEFAULTS = {
  webPort: 8081,
  sshPort: 2223,
  folder: "~/.config/nacre-terminal",
  wasm: true,
  destinations: [],
};

describe("parseArguments", () => {
  test("needs no arguments", () => expect(parseArguments([])).toEqual(DEFAULTS));

  test("returns undefined for --help", () => expect(parseArguments(["--help"])).toBeUndefined());

  test("puts --host before the hosts of --allow", () =>
    expect(
      parseArguments(["--allow", "db.internal:2200=10.0.0.0/8", "--host", "alice@ssh.example.org", "-p", "2222"]),
    ).toEqual({
      ...DEFAULTS,
      destinations: [
        { host: "ssh.example.org", port: 2222, user: "alice", allow: "ssh.example.org:2222" },
        { host: "db.internal", port: 2200, user: undefined, allow: "db.internal:2200=10.0.0.0/8" },
      ],
    }));

  test.each([
    ["alice@2001:db8::1", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
  ])("takes the IPv6 address of --host %s", (text, host) =>
    expect(parseArguments(["--host", text])?.destinations).toEqual([
      { host, port: 22, user: text.includes("@") ? "alice" : undefined, allow: `[${host}]:22` },
    ]),
  );

  test("takes an IPv6 address in brackets for --allow", () =>
    expect(parseArguments(["--allow", "[2001:db8::1]:22"])?.destinations[0]).toMatchObject({
      host: "2001:db8::1",
      port: 22,
    }));

  test("takes ports, folder and --no-wasm", () =>
    expect(parseArguments(["--web-port", "0", "--ssh-port", "65535", "--folder", "/tmp/x", "--no-wasm"])).toEqual({
      ...DEFAULTS,
      webPort: 0,
      sshPort: 65_535,
      folder: "/tmp/x",
      wasm: false,
    }));

  test.each([
    [["--web-port", "65536"], "--web-port 65536 is not a port"],
    [["--ssh-port", "22x"], "--ssh-port 22x is not a port"],
    [["-p", "22"], "--port needs --host"],
    [["--host", "alice@"], "--host alice@ is not a host"],
    [["--host", "example.org", "-p", "0"], "--port 0 is not a port"],
    [["--allow", "example.org"], "--allow example.org is not a destination"],
    [["--allow", "*:22"], "--allow *:22 is not a destination"],
    [["--allow", "example.org:0"], "--allow 0 is not a port"],
    [["--unknown"], "--unknown"],
    [["word"], "word"],
  ])("refuses %j", (words, message) => expect(() => parseArguments(words)).toThrow(message));
});
