import { answerQuestions, type ConfigRequest, configLines, type ResolvedConfig, resolveConfig } from "@nacre/config";
import { SshError, utf8Encode } from "@nacre/wire";
import { sha1 } from "@noble/hashes/legacy.js";
import { expectEqual, expectSafe, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input, latin1, strings } from "../input.ts";

const names = { known: ["a1", "a2", "b"], default: ["a1", "b"] };
const algorithms = { ciphers: names, macs: names, kex: names, keys: names, caSignatures: names };
const variables: Readonly<Record<string, string>> = { X: "x", EVIL: ";$(x)\u001b" };

/** A configuration, a file that it may include as `/i`, a line of the command line, and a host. */
export const config: Target = {
  name: "config",
  run: (bytes) => {
    const input = new Input(bytes);
    const [text, included, typed, host] = [1, 2, 3, 4].map(() => latin1(input.string()));
    const files: Readonly<Record<string, string>> = { "/c": text!, "/i": included! };
    const resolve = (...lines: readonly string[]): ResolvedConfig | undefined =>
      resolved(files, { host: host!, commandLine: lines.map((line) => ({ text: line })) });
    const first = resolve(typed!);
    expectEqual(resolve(typed!), first, "configuration resolved again");
    if (first !== undefined) expectTrue(!/[\0\n]/.test(first.values.user), "a user name with a line break");
    const fixed = resolve("Port 7");
    if (fixed !== undefined) expectEqual(fixed.values.port, 7, "port of the command line");
  },
};

function resolved(
  files: Readonly<Record<string, string>>,
  request: Pick<ConfigRequest, "host" | "commandLine">,
): ResolvedConfig | undefined {
  try {
    const asking = resolveConfig({
      files: [{ path: "/c", kind: "user" }],
      algorithms,
      version: "OpenSSH_10.5p1",
      local: {
        user: "me",
        uid: 7,
        home: "/home/me",
        hostname: "box.example.org",
        environment: (name) => variables[name],
        homeOf: () => undefined,
        service: () => undefined,
        sha1,
      },
      ...request,
    });
    const found = answerQuestions(asking, {
      file: ({ path }) => (files[path] === undefined ? { problem: "missing" } : { text: files[path] }),
      glob: ({ pattern }) => (pattern === "/i" ? ["/i"] : []),
      command: ({ command }) => command.length % 2,
      addresses: () => ["127.0.0.1", "::1"],
      lookup: ({ name }) => (name.endsWith("x.") ? "c.x" : undefined),
      exists: () => true,
    });
    configLines(found);
    return found;
  } catch (error) {
    if (!(error instanceof SshError) || error.culprit === "bug") throw error;
    for (const line of error.message.split("\n")) expectSafe(line);
    return undefined;
  }
}

const seed = (...texts: readonly string[]) => strings(...texts.map((text) => utf8Encode(text)));

/** The first inputs of this target. */
export function configSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  return {
    config: [
      seed("Host a !b*\nPort 5\nInclude /i\nUser u%n\n", "Match final host c.x\nSendEnv A -B*\n", "Ciphers ^b", "a"),
      seed("ProxyJump u@[::1]:5,ssh://b\nLocalForward [::1]:1 /s%h\nSetEnv A=${X}\n", "", "RekeyLimit 1G 1h", "a"),
      seed('CanonicalizeHostname yes\nCanonicalDomains x\nMatch exec "t %h" user u,!v\nPort 5\n', "", "Tag t", "a"),
      seed(
        'IgnoreUnknown Fo*\nFoo 1\nIdentityFile "a\\ b" # c\nControlPath ~/%C\nInclude /i\n',
        "Include /i\n",
        "",
        "a",
      ),
      seed('Match localnetwork 127.0.0.0/8 tagged "" version *_10*\nIPQoS af21 8\nUser ${EVIL}\n', "", "Port=5", "::1"),
    ],
  };
}
