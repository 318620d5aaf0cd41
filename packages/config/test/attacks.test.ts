import { matchPattern, SshError } from "@nacre/wire";
import { expect, it } from "vitest";
import { failure, resolve, type Setup } from "./resolve.ts";

const message = (config: string, setup?: Setup) => {
  const error = failure(config, setup);
  expect(error).toBeInstanceOf(SshError);
  return (error as SshError).message;
};
/** Fails the test if a command runs. */
const NO_COMMAND: NonNullable<Setup["answers"]> = {
  command: ({ command }) => {
    throw new Error(`ran ${command}`);
  },
};

it("characters of a shell in a typed host or user · client", () => {
  const config = 'Match exec "test %h %r"\n';
  for (const host of ["-oProxyCommand=x", "a;b", "a`b", "$(a)", "a b", "a\nb", "a\0b", 'a"b', "a,b", "a\\b"])
    expect(message(config, { host, answers: NO_COMMAND })).toBe("hostname contains invalid characters");
  for (const user of ["-x", "a;b", "a`b", "$(a)", "a -b", "a\nb", "a\0b", "a|b", "a\\b", "a$b"])
    expect(message(config, { commandLine: [{ option: "-l", text: user }], answers: NO_COMMAND })).toBe(
      "remote username contains invalid characters",
    );
  expect(resolve("", { commandLine: [{ option: "-l", text: "a b" }] }).values.user).toBe("a b");
});

it("characters of a shell in a user name after expansion · client", () => {
  for (const value of [";", "-x", "`a`", "a\nb", "a -b"])
    expect(message("User ${X}\n", { environment: { X: value } })).toBe("remote username contains invalid characters");
  expect(resolve("User DOMAIN\\user\n").values.user).toBe("DOMAIN\\user");
});

it("characters of a shell in a jump host · client", () => {
  for (const text of ["-a", "a;b", "u;@b", "a,-b"])
    expect(message("", { commandLine: [{ option: "-J", text }] })).toMatch(
      /^parse_jump: invalid (?:host|user)name ".*"\nInvalid -J argument$/,
    );
});

it("an Include of itself · client", () => {
  expect(message("Include /c\n")).toBe("Too many recursive configuration includes");
  const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`/f${i}`, ""]));
  expect(message("Include /f*\n", { disk: wide, answers: { glob: () => Object.keys(wide) } })).toMatch(
    /more than 256 configuration files/,
  );
});

it("an endless configuration · client", () => {
  expect(message(`#${"x".repeat(1024 * 1024)}`)).toMatch(/longer than 1048576 bytes/);
  expect(message("\n".repeat(100_001))).toMatch(/more than 100000 lines/);
  expect(message(`Host ${"a ".repeat(5000)}`)).toMatch(/too many words or patterns/);
  expect(message(`Match user ${"a,".repeat(5000)}`)).toMatch(/too many words or patterns/);
  expect(message("\0".repeat(1024) + "\nFoo 1\n")).toMatch(/Bad configuration option: foo/);
  const forwards = Array.from({ length: 1030 }, (_, i) => `RemoteForward ${i + 1} a:1`);
  expect(message(forwards.join("\n"))).toMatch(/\/c line 1025: more than 1024 values/);
});

it("a pattern that matches slowly · client", () => {
  // An expression made from the pattern would match here, and take years below.
  expect(matchPattern("abc", "a.c")).toBe(false);
  expect(matchPattern("a".repeat(1000), `${"*".repeat(10_000)}b`)).toBe(false);
  expect(matchPattern("a".repeat(1000), `${"*a".repeat(900)}*b`)).toBe(false);
  expect(matchPattern("ab".repeat(500), `${"*".repeat(10_000)}b`)).toBe(true);
});

it("a file that others can write · client", () => {
  const unsafe = { problem: "unsafe" } as const;
  expect(message("Include /i\n", { disk: { "/i": unsafe } })).toBe("Bad owner or permissions on /i");
  expect(message("", { disk: { "/c": unsafe } })).toBe("Bad owner or permissions on /c");
  const asked: [string, boolean][] = [];
  const file = ({ path, checked }: { path: string; checked: boolean }) => {
    asked.push([path, checked]);
    return path === "/c" ? { text: "Include /i\n" } : { text: "" };
  };
  resolve("", { answers: { file, glob: () => ["/i"] } });
  expect(asked).toEqual([
    ["/c", false],
    ["/i", true],
  ]);
});

it("characters of a shell in a canonical name · client", () => {
  const config = "CanonicalizeHostname yes\nCanonicalizePermittedCNAMEs *:*\nCanonicalDomains b\n";
  const canonical = (name: string): string =>
    resolve(config, { host: "a", answers: { lookup: () => name } }).values.hostName;
  for (const name of [
    "$(touch x).b",
    "a|sh",
    "a`b`",
    "-oProxyCommand=x",
    "a b",
    "a\nb",
    "a/../b",
    "a*",
    "a;b",
    "a\x1b",
  ])
    expect(canonical(name)).toBe("a.b");
  expect(canonical("www-1.b")).toBe("www-1.b");
});

const forwarded = (config: string, commandLine: Setup["commandLine"] = []) =>
  resolve(config, { commandLine }).values.forwardAgent;

it("an agent that `no` keeps back is forwarded · client", () => {
  const unused = { unused: "/agent" };
  expect(forwarded("ForwardAgent no\nForwardAgent /agent\nForwardAgent yes\n")).toEqual(unused);
  expect(forwarded("ForwardAgent /agent\n", [{ text: "ForwardAgent no", replaces: true }])).toEqual(unused);
  expect(forwarded("ForwardAgent yes\nForwardAgent /agent\nForwardAgent no\n")).toBe("/agent");
});
