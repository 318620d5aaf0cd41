import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { goProgram } from "../../../../../scripts/peers/go.ts";
import { keysOf, runPeer, useOurServer } from "../server/support.ts";
import { MIB, randomData } from "../support/data.ts";
import { type KeyFile, type KeyType, makeKey, useFolder } from "../support/keys.ts";
import { here } from "./programs.ts";

// The clients of other implementations to our server. Each is a program that takes one JSON object and prints another.

interface Peer {
  readonly name: string;
  readonly command: () => Promise<readonly string[]>;
  readonly lacks?: "keyboard-interactive";
}

const PEERS: readonly Peer[] = [
  { name: "Go x/crypto", command: async () => [await goProgram("client")] },
  { name: "asyncssh", command: async () => ["/usr/bin/python3", here("asyncssh-client.py")] },
  { name: "phpseclib", command: async () => ["php", here("phpseclib-client.php")], lacks: "keyboard-interactive" },
];

interface Ran {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

interface Result {
  readonly version?: string;
  readonly refused: boolean;
  readonly prompts?: unknown;
  readonly digest?: string;
  readonly simple?: Ran;
  readonly cat?: Ran;
}

const TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256"];

const folder = useFolder();
const keys = new Map<string, KeyFile>();
const key = (name: KeyType | "stranger"): KeyFile => keys.get(name)!;
let file = "";
beforeAll(async () => {
  for (const type of TYPES) keys.set(type, await makeKey(folder, type, type));
  keys.set("stranger", await makeKey(folder, "stranger", "ed25519"));
  file = join(folder.path, "data");
  await writeFile(file, randomData(4 * MIB));
});

describe.each(PEERS)("$name", ({ command, lacks }) => {
  const server = useOurServer({
    methods: ["publickey", "password", "keyboard-interactive"],
    authenticate: async (login) => {
      if (login.method === "publickey") return keysOf(...TYPES.map((type) => () => key(type)))(login);
      if (login.method === "password") return login.password === "the password";
      if (login.method !== "keyboard-interactive") return false;
      const [first, second] = await login.ask(["First: ", { prompt: "Second: ", echo: true }], { name: "A name" });
      return first === "one" && second === "two";
    },
  });

  async function drive(ask: Readonly<Record<string, unknown>>): Promise<Result> {
    const { port, hostKeyLines } = server;
    const words = JSON.stringify({ port, hostKey: hostKeyLines[0]!.split(" "), file, ...ask });
    const ran = await runPeer([...(await command()), words]);
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    return JSON.parse(ran.stdout.toString()) as Result;
  }

  /** Logs in, runs a command, and moves 4 MiB. */
  async function expectAll(ask: Readonly<Record<string, unknown>>): Promise<Result> {
    const result = await drive(ask);
    expect(result).toMatchObject({ refused: false, version: expect.stringMatching(/^SSH-2\.0-Nacre_/) as string });
    expect(result.simple).toEqual({ out: "out\n", err: "err\n", status: 3 });
    expect(result.cat).toEqual({ out: result.digest, err: "", status: 0 });
    return result;
  }

  test.each(TYPES)("logs in with a key of the kind %s", async (type) => {
    await expectAll({ key: key(type).path });
  });

  test("logs in with a password", async () => {
    await expectAll({ password: "the password" });
  });

  if (lacks !== "keyboard-interactive") {
    test("logs in by answering questions", async () => {
      const { prompts } = await expectAll({ answers: ["one", "two"] });
      const questions = [
        ["First: ", false],
        ["Second: ", true],
      ];
      expect(prompts).toEqual([["A name", "", questions]]);
    });

    test("moves data while it asks for new keys", async () => {
      await expectAll({ key: key("ed25519").path, rekeyThreshold: 256 * 1024 });
    });
  }

  test("is refused with a key that we do not know, and with a wrong password", async () => {
    expect(await drive({ key: key("stranger").path })).toMatchObject({ refused: true });
    expect(await drive({ password: "wrong" })).toMatchObject({ refused: true });
  });
});
