import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type KeyFile, type KeyType, makeKey, useFolder } from "@nacre/testing/interop/keys";
import {
  anyMethod,
  expectQuiet,
  keysOf,
  type OurServer,
  runPeer,
  useOurServer,
} from "@nacre/testing/interop/our-server";
import { beforeAll, describe, expect, test } from "vitest";

const TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"];

const folder = useFolder();
const keys = new Map<string, KeyFile>();
const key = (name: KeyType | "stranger" = "ed25519"): KeyFile => keys.get(name)!;
beforeAll(async () => {
  for (const type of TYPES) keys.set(type, await makeKey(folder, type, type));
  keys.set("stranger", await makeKey(folder, "stranger", "ed25519"));
});

describe("dropbear's dbclient", () => {
  const server = useOurServer({
    hostKeyTypes: TYPES,
    methods: ["publickey", "password"],
    authenticate: (login) =>
      login.method === "password"
        ? login.password === "the password"
        : keysOf(...TYPES.map((type) => () => key(type)))(login),
  });

  /** dbclient reads known_hosts in the home folder, which contains the server's keys. */
  async function home(): Promise<Record<string, string>> {
    await runPeer(["mkdir", "-p", join(folder.path, ".ssh")]);
    // dbclient's known_hosts lines contain no port.
    const known = server.hostKeyLines.map((line) => `127.0.0.1 ${line}\n`);
    await writeFile(join(folder.path, ".ssh", "known_hosts"), known.join(""));
    return { HOME: folder.path };
  }

  const dbclient = (...words: string[]): string[] => ["dbclient", "-T", "-p", `${server.port}`, ...words];

  test.each(TYPES)("logs in with a key of type %s and runs a command", async (type) => {
    const converted = join(folder.path, `dropbear_${type}`);
    expect((await runPeer(["dropbearconvert", "openssh", "dropbear", key(type).path, converted])).status).toBe(0);
    const ran = await runPeer(dbclient("-i", converted, "alice@127.0.0.1", "echo out; echo err >&2; exit 3"), {
      env: await home(),
    });
    expect(ran.stdout.toString()).toBe("out\n");
    expect(ran.stderr).toBe("err\n");
    expect(ran.status).toBe(3);
    if (type === "ed25519") {
      const bytes = randomData(4 * MIB);
      const cat = await runPeer(dbclient("-i", converted, "alice@127.0.0.1", "cat"), {
        input: bytes,
        env: await home(),
      });
      expectQuiet(cat);
      expect(sha256(cat.stdout)).toBe(sha256(bytes));
    }
  });

  test("logs in with a password", async () => {
    const env = { ...(await home()), DROPBEAR_PASSWORD: "the password" };
    const ran = await runPeer(dbclient("alice@127.0.0.1", "echo in; exit 4"), { env });
    expect(ran.stdout.toString()).toBe("in\n");
    expect(ran.status).toBe(4);
  });

  test("is refused with an unknown key and a wrong password, and disconnected after repeating it", async () => {
    server.events.length = 0;
    const converted = join(folder.path, "dropbear_stranger");
    await runPeer(["dropbearconvert", "openssh", "dropbear", key("stranger").path, converted]);
    const env = { ...(await home()), DROPBEAR_PASSWORD: "wrong" };
    const ran = await runPeer(dbclient("-i", converted, "alice@127.0.0.1", "echo in"), { env });
    expect(ran.stdout.toString()).toBe("");
    expect(ran.stderr).toMatch(/exited: Disconnect received/);
    expect(server.told("login")).toEqual([]);
    const tried = server.told("login-refused").map(({ method }) => method);
    expect([...new Set(tried)]).toEqual(["publickey", "password"]);
    expect(server.told("closed").map(({ error }) => error.code)).toContain("auth-limit");
  });
});

interface ParamikoRun {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}
interface ParamikoResult {
  readonly version: string;
  readonly cipher: string;
  readonly strict: boolean;
  readonly refused?: readonly string[];
  readonly prompts?: unknown;
  readonly digest: string;
  readonly simple: ParamikoRun;
  readonly cat: ParamikoRun;
  readonly again: ParamikoRun;
  readonly signal: ParamikoRun;
}

function expectAll({ digest, simple, cat, again, signal, ...result }: ParamikoResult): void {
  expect(result).toMatchObject({ version: expect.stringMatching(/^SSH-2\.0-Nacre_/) as string, strict: true });
  expect(simple).toEqual({ out: "out\n", err: "err\n", status: 3 });
  expect(cat).toEqual({ out: digest, err: "", status: 0 });
  expect(again).toEqual({ out: `${digest}  -\n`, err: "", status: 0 });
  expect(signal).toEqual({ out: "caught\n", err: "", status: 9 });
}

describe("paramiko", () => {
  const server = useOurServer({
    hostKeyTypes: ["ed25519", "rsa-3072"],
    methods: ["publickey", "password", "keyboard-interactive"],
    authenticate: anyMethod(...TYPES.map((type) => () => key(type))),
  });

  /** Runs the script in this folder against the server. */
  async function paramiko(
    ask: Readonly<Record<string, unknown>>,
    { hostKeyLines, port }: OurServer = server,
    hostKey = hostKeyLines[0]!,
  ): Promise<ParamikoResult> {
    const script = fileURLToPath(new URL("paramiko-client.py", import.meta.url));
    const words = JSON.stringify({ port, hostKey: hostKey.split(" "), ...ask });
    const ran = await runPeer(["/usr/bin/python3", script, words]);
    expectQuiet(ran);
    return JSON.parse(ran.stdout.toString()) as ParamikoResult;
  }

  test.each(TYPES)("logs in with a key of type %s and runs commands before and after rekeying", async (type) => {
    expectAll(await paramiko({ key: key(type).path }));
  });

  test("accepts our RSA host key", async () => {
    expectAll(await paramiko({ key: key().path, notHostKeys: ["ssh-ed25519"] }, server, server.hostKeyLines[1]));
  });

  test("logs in with a password and by answering prompts", async () => {
    expectAll(await paramiko({ password: "the password" }));
    const interactive = await paramiko({ answers: ["one", "two"] });
    expectAll(interactive);
    expect(interactive.prompts).toEqual([
      [
        "A name",
        "",
        [
          ["First: ", false],
          ["Second: ", true],
        ],
      ],
    ]);
  });

  test.each([
    ["a wrong password", () => ({ password: "wrong" })],
    ["wrong answers", () => ({ answers: ["one", "three"] })],
    ["an unknown key", () => ({ key: key("stranger").path })],
  ])("is refused with %s", async (_, ask) => {
    const { refused } = await paramiko(ask());
    expect(refused).toBeDefined();
  });
});
