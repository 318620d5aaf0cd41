import { expect, test } from "vitest";
import { combinePermissions, isPermissions } from "../src/users/permissions.ts";

const FORWARDING = { portForwarding: true, x11Forwarding: true };
const DENIED = { portForwarding: false, x11Forwarding: false };

test("a login without permissions gets sessions but no forwarding", () => {
  expect(combinePermissions([{}])).toMatchObject({
    command: undefined,
    pty: true,
    environment: {},
    permitOpen: [],
    permitListen: [],
    channels: [],
    globalRequests: [],
    sessionRequests: [],
    ...DENIED,
  });
});

test("nothing is granted without a factor", () => {
  expect(combinePermissions([])).toMatchObject(DENIED);
});

test("forwarding is granted only if every factor grants it", () => {
  expect(combinePermissions([FORWARDING])).toMatchObject(FORWARDING);
  expect(combinePermissions([FORWARDING, FORWARDING])).toMatchObject(FORWARDING);
  expect(combinePermissions([FORWARDING, {}])).toMatchObject(DENIED);
  expect(combinePermissions([{ ...FORWARDING, x11Forwarding: false }, FORWARDING])).toMatchObject({
    ...FORWARDING,
    x11Forwarding: false,
  });
});

test("only true grants forwarding", () => {
  const almost = { portForwarding: "yes", x11Forwarding: {} } as never;
  expect(combinePermissions([almost])).toMatchObject(DENIED);
});

test("a place must be in the list of every factor that has one", () => {
  const permitted = combinePermissions([
    { permitOpen: ["a:22", "b:*"] },
    {},
    { permitOpen: ["a:*"], permitListen: [] },
  ]);
  expect(permitted).toMatchObject({ permitOpen: [["a:22", "b:*"], ["a:*"]], permitListen: [[]] });
});

test("pseudo-terminals are refused if one factor refuses them", () => {
  expect(combinePermissions([{}, { pty: false }]).pty).toBe(false);
});

test("the first command and the first value of each variable win", () => {
  expect(
    combinePermissions([
      { environment: { A: "1" } },
      { command: "backup", environment: { A: "2", B: "2" } },
      { command: "other" },
    ]),
  ).toMatchObject({ command: "backup", environment: { A: "1", B: "2" } });
});

test.each<[string, unknown]>([
  ["a string instead of an object", "all"],
  ["null", null],
  ["a string as list", { permitOpen: "a:22" }],
  ["true as list", { permitListen: true }],
  ["null as list", { permitOpen: null }],
  ["a list of numbers", { permitListen: [8080] }],
  ["a name that no permission has", { portForwarding: true, permitopen: ["a:22"] }],
  ["null as command", { command: null }],
  ["false as command", { command: false }],
  ["null as pty", { pty: null }],
  ["a string as pty", { pty: "no" }],
])("rejects %s", (_, value) => {
  expect(isPermissions(value)).toBe(false);
});

test("accepts lists of places, empty lists and missing lists", () => {
  expect(isPermissions({ permitOpen: ["a:22"], permitListen: [] })).toBe(true);
  expect(isPermissions({ permitOpen: undefined })).toBe(true);
});
