import { copyFile, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomData } from "@nacre/testing/interop/data";
import { type KeyFile, type KeyType, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { anyMethod, runPeer, useOurServer } from "@nacre/testing/interop/our-server";
import { goProgram } from "@nacre/testing/peers/go";
import { beforeAll, describe, expect, test } from "vitest";
import { type ListenOptions, nodeAlgorithms } from "../../src/index.ts";
import { driveDevTunnels } from "./dev-tunnels-client.ts";
import { here } from "./programs.ts";
import { type ClientTask, DATA_LENGTH, type Result } from "./settings.ts";
import { driveSsh2 } from "./ssh2-client.ts";

// Tests clients of other implementations against our server.

interface Peer {
  readonly name: string;
  readonly drive: (task: ClientTask) => Promise<Result>;
  /** Types of host and user keys. */
  readonly keyTypes?: readonly KeyType[];
  readonly lacks?: readonly ("keyboard-interactive" | "rekey")[];
  /** Options of our server if its defaults do not fit. */
  readonly options?: Partial<ListenOptions>;
}

const PEERS: readonly Peer[] = [
  { name: "Go x/crypto", drive: async (task) => driveProgram([await goProgram("client"), JSON.stringify(task)]) },
  {
    name: "asyncssh",
    drive: (task) => driveProgram(["/usr/bin/python3", here("asyncssh-client.py"), JSON.stringify(task)]),
  },
  {
    name: "phpseclib",
    drive: (task) => driveProgram(["php", here("phpseclib-client.php"), JSON.stringify(task)]),
    lacks: ["keyboard-interactive", "rekey"],
  },
  { name: "Erlang's ssh", drive: driveErlang, keyTypes: ["ed25519"], lacks: ["keyboard-interactive", "rekey"] },
  { name: "ssh2", drive: driveSsh2, lacks: ["rekey"] },
  {
    name: "dev-tunnels",
    drive: driveDevTunnels,
    // It puts the signature algorithm's name into the blob of an RSA user key, in violation of RFC 8332 §3.
    keyTypes: ["ecdsa-256", "rsa-3072"],
    lacks: ["keyboard-interactive", "rekey"],
    // It supports none of the key exchange methods that a server offers by default.
    options: { algorithms: nodeAlgorithms },
  },
];

const TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256"];

const folder = useFolder();
const keys = new Map<string, KeyFile>();
const key = (name: string): KeyFile => keys.get(name)!;
let file = "";
beforeAll(async () => {
  for (const type of TYPES)
    for (const name of [type, `stranger_${type}`]) keys.set(name, await makeKey(folder, name, type));
  file = join(folder.path, "data");
  await writeFile(file, randomData(DATA_LENGTH));
});

describe.each(PEERS)("$name", ({ drive, keyTypes = TYPES, lacks = [], options }) => {
  const server = useOurServer({
    ...options,
    hostKeyTypes: [keyTypes[0]!],
    methods: ["publickey", "password", "keyboard-interactive"],
    authenticate: anyMethod(...TYPES.map((type) => () => key(type))),
  });

  function logIn(login: Partial<ClientTask>): Promise<Result> {
    const { port, hostKeyLines } = server;
    return drive({ port, hostKey: hostKeyLines[0]!.split(" "), file, ...login });
  }

  /** Logs in, runs a command, and transfers 4 MiB. */
  async function expectAll(login: Partial<ClientTask>): Promise<Result> {
    const result = await logIn(login);
    expect(result).toMatchObject({ refused: false, version: expect.stringMatching(/^SSH-2\.0-Nacre_/) as string });
    expect(result.simple).toEqual({ out: "out\n", err: "err\n", status: 3 });
    expect(result.cat).toEqual({ out: result.digest, err: "", status: 0 });
    return result;
  }

  test.each(keyTypes)("logs in with a key of type %s", async (type) => {
    await expectAll({ key: key(type).path });
  });

  test("logs in with a password", async () => {
    await expectAll({ password: "the password" });
  });

  if (!lacks.includes("keyboard-interactive")) {
    test("logs in by answering prompts", async () => {
      const { prompts } = await expectAll({ answers: ["one", "two"] });
      const questions = [
        ["First: ", false],
        ["Second: ", true],
      ];
      expect(prompts).toEqual([["A name", "", questions]]);
    });
  }

  if (!lacks.includes("rekey")) {
    test("transfers data while it rekeys", async () => {
      await expectAll({ key: key(keyTypes[0]!).path, rekeyThreshold: 256 * 1024 });
    });
  }

  test("is refused with an unknown key and with a wrong password", async () => {
    expect(await logIn({ key: key(`stranger_${keyTypes[0]!}`).path })).toMatchObject({ refused: true });
    expect(await logIn({ password: "wrong" })).toMatchObject({ refused: true });
  });
});

/** Runs a program that prints its result as JSON. */
async function driveProgram(words: readonly string[]): Promise<Result> {
  const ran = await runPeer(words);
  expect(ran).toMatchObject({ status: 0, stderr: "" });
  return JSON.parse(ran.stdout.toString()) as Result;
}

/** Runs Erlang's client. It reads its key and known hosts from files with fixed names, and reports its exit as text only. */
async function driveErlang({ port, hostKey, key, password = "", file }: ClientTask): Promise<Result> {
  const files = await mkdtemp(join(folder.path, "erlang-"));
  if (key !== undefined) await copyFile(key, join(files, "id_ed25519"));
  await writeFile(join(files, "known_hosts"), `[127.0.0.1]:${port} ${hostKey.join(" ")}\n`);
  return driveProgram(["escript", here("erlang-client.escript"), `${port}`, files, password, file]);
}
