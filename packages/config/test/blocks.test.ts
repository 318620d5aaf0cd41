import type { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { failure, printed, resolve, type Setup } from "./resolve.ts";

const port = (config: string, setup?: Setup) => printed("port", config, setup);

describe("Host", () => {
  it.each([
    ["Host h", "5"],
    ["Host H", "22"],
    ["Host ? x", "5"],
    ["Host * !h", "22"],
    ["Host a,h", "22"],
    ["Host !x", "22"],
  ])("%s", (line, expected) => expect(port(`${line}\nPort 5\n`)).toBe(expected));
});

describe("Match", () => {
  it.each([
    ["all", "5"],
    ["!all", "22"],
    ["host=H,x", "5"],
    ["host h all", "5"],
    ["originalhost *,!h", "22"],
    ["user me localuser me", "5"],
    ["!user me", "22"],
    ['tagged ""', "5"],
    ["tagged *", "22"],
    ["command *", "22"],
    ["sessiontype shell", "5"],
    ["version OpenSSH_10*", "5"],
    ["localnetwork 127.0.0.0/8,10.0.0.0/8", "5"],
    ["localnetwork ::1/128", "22"],
    ["exec true", "5"],
    ["final", "5"],
    ["canonical", "22"],
    ["!final", "5"],
  ])("%s", (line, expected) => expect(port(`Match ${line}\nPort 5\n`)).toBe(expected));

  it.each(["hst a", "host", 'host ""', "all host h", "final=x", "localnetwork !10.0.0.0/8", "localnetwork 10.0.0.1/8"])(
    "refuses %s",
    (line) => expect((failure(`Match ${line}\n`) as SshError).message).toMatch(/\/c line 1: Bad Match condition/),
  );

  it("passes what is known so far to commands, which run only if the rest of the line holds", () => {
    const run: string[] = [];
    const command: NonNullable<Setup["answers"]>["command"] = ({ command: text, origin }) => {
      run.push(`${origin.line} ${text}`);
      return 1;
    };
    const config = 'HostName %h.x\nMatch exec "a %h %n %r %p %k"\nPort 5\nMatch user x exec "b"\nUser late\n';
    expect(port(config, { answers: { command } })).toBe("22");
    expect(run).toEqual(["2 a h.x h me 22 h.x"]);
  });

  it("compares with the final name in a second pass, which SendEnv counts twice", () => {
    const config = "SendEnv A\nMatch final host real\nPort 5\nMatch all\nHostName real\n";
    expect(port(config)).toBe("5");
    expect(resolve(config).values.sendEnv).toEqual(["A", "A"]);
  });
});

describe("Include", () => {
  it("ends a block of the file with it", () => {
    const disk = { "/i": "Host x\nPort 1\n" };
    expect(port("Host h\nInclude /i\nPort 5\n", { disk })).toBe("5");
  });
  it("checks a file in a block that does not match, and runs its conditions, but applies nothing", () => {
    const run: string[] = [];
    const answers: Setup["answers"] = { command: ({ command }) => run.push(command) - 1 };
    expect(port("Host x\nInclude /i\n", { disk: { "/i": "Match exec a\nPort 5\n" }, answers })).toBe("22");
    expect(run).toEqual(["a"]);
    expect((failure("Host x\nInclude /i\n", { disk: { "/i": "Foo 1\n" } }) as SshError).message).toBe(
      "/i: line 1: Bad configuration option: foo\n/i: terminating, 1 bad configuration options",
    );
  });
  it("looks in ~/.ssh for files of the user, in /etc/ssh for those of the system", () => {
    const asked: string[] = [];
    const glob = ({ pattern }: { pattern: string }) => (asked.push(pattern), []);
    resolve("Include a ~/b %u ${X}/c\n", {
      answers: { glob },
      disk: { "/s": "Include d\n" },
      files: [
        { path: "/c", kind: "user" },
        { path: "/s", kind: "system" },
      ],
    });
    expect(asked).toEqual(["/home/me/.ssh/a", "/home/me/b", "/home/me/.ssh/me", "/etc/ssh/d"]);
  });
});

const lookup = ({ name }: { name: string }) => ({ "h.b.": "www.b", "h.b": "www.b" })[name];

describe("canonical names", () => {
  it("tries the domains, and follows a permitted alias", () => {
    const config = "CanonicalizeHostname yes\nCanonicalDomains a b\n";
    expect(printed("hostname", config, { answers: { lookup } })).toBe("h.b");
    const more = `${config}CanonicalizePermittedCNAMEs *.b:www.b\nMatch host www.b\nPort 5\n`;
    expect(printed("hostname", more, { answers: { lookup } })).toBe("www.b");
    expect(port(more, { answers: { lookup } })).toBe("5");
  });
  it("fails without a fallback", () => {
    const config = "CanonicalizeHostname yes\nCanonicalDomains a\nCanonicalizeFallbackLocal no\n";
    expect((failure(config) as SshError).code).toBe("connection-failed");
  });
  it.each([
    ["127.1", "127.0.0.1"],
    ["0x7f.1", "127.0.0.1"],
    ["010.1.1.1", "8.1.1.1"],
    ["::0001", "::1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["FE80::1", "fe80::1"],
    ["1.2.3.4.5", "1.2.3.4.5"],
    ["WWW.X", "www.x"],
  ])("writes %s as %s", (host, name) => expect(printed("hostname", "", { host })).toBe(name));
});
