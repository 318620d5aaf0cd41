import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CERTIFIED_TYPES, certify, someCertificates } from "@nacre/testing/interop/certificates";
import { type KeyFile, type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { expectQuiet, type Ran, runInShell, runPeer } from "@nacre/testing/interop/our-server";
import { type SecurityKeyProvider, securityKeyProvider } from "@nacre/testing/interop/security-key";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authorizedKeys, hostCertificateFile, type ListenEvent, listen, type SshServer } from "../../../src/index.ts";
import { testServer } from "../support/certificate-matrix.ts";

// OpenSSH's ssh with certificates of ssh-keygen, at our server with the files of an sshd.

const folder = useFolder();
const file = (name: string): string => join(folder.path, name);
const keys = new Map<KeyType, KeyFile>();
const authorities = new Map<KeyType | "stranger", KeyFile>();
const events: ListenEvent[] = [];
let server: SshServer;

async function writeOwned(name: string, text: string): Promise<string> {
  await writeFile(file(name), text);
  await chmod(file(name), 0o600);
  return file(name);
}

/** Certifies a copy of a public key, and returns the path of the certificate. */
async function certifyAs(authority: KeyFile, key: KeyFile, name: string, words: readonly string[]): Promise<string> {
  await writeOwned(`${name}.pub`, await readFile(`${key.path}.pub`, "utf8"));
  await certify(authority, file(name), ["-I", name, ...words]);
  return file(`${name}-cert.pub`);
}

/** Runs `echo out` as alice with a certificate, or the words that follow the options. */
async function ssh(
  key: KeyFile,
  certificate: string | undefined,
  words: readonly string[] = ["alice@127.0.0.1", "echo out"],
): Promise<Ran> {
  const files = [
    "-F",
    "/dev/null",
    "-o",
    `UserKnownHostsFile=${file("known_hosts")}`,
    "-o",
    "GlobalKnownHostsFile=/dev/null",
  ];
  const login = [
    "-i",
    key.path,
    ...(certificate === undefined ? [] : ["-o", `CertificateFile=${certificate}`]),
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "BatchMode=yes",
  ];
  return runPeer(["ssh", ...files, ...login, "-p", `${server.address.port}`, ...words]);
}

beforeAll(async () => {
  for (const type of CERTIFIED_TYPES) keys.set(type, await makeKey(folder, type, type));
  for (const type of CERTIFIED_TYPES) authorities.set(type, await makeKey(folder, `ca-${type}`, type));
  authorities.set("stranger", await makeKey(folder, "stranger", "ed25519"));
  const lines = CERTIFIED_TYPES.map((type) => authorities.get(type)!.publicKeyLine);
  const hostKey = await makeKey(folder, "host", "ed25519");
  const host = await certifyAs(authorities.get("ecdsa-384")!, hostKey, "host", ["-h", "-n", "127.0.0.1"]);
  const hostKeys = [await readKey(hostKey)];
  // The client knows the authority alone.
  await writeOwned("known_hosts", `@cert-authority * ${authorities.get("ecdsa-384")!.publicKeyLine}\n`);
  await writeOwned(
    "authorized_keys",
    `cert-authority,principals="ops" ${authorities.get("stranger")!.publicKeyLine}\n`,
  );
  server = await listen({
    port: 0,
    hostKeys: [...hostKeys, await hostCertificateFile(host, hostKeys)],
    authenticate: authorizedKeys(file("authorized_keys"), {
      trustedUserCAKeys: await writeOwned("authorities", lines.join("\n")),
      revokedKeys: await writeOwned("revoked", ""),
    }),
    perSource: false,
    acceptPty: true,
    session: (session) => runInShell(session),
    log: (event) => events.push(event),
  });
});
afterAll(() => server.close());

describe("OpenSSH's ssh logs in to our server, which has a host certificate, with a certificate", () => {
  test.each(
    CERTIFIED_TYPES.map((type, index) => [type, CERTIFIED_TYPES[(index + 1) % CERTIFIED_TYPES.length]!] as const),
  )("of a key of type %s by an authority of type %s", async (type, by) => {
    const certificate = await certifyAs(authorities.get(by)!, keys.get(type)!, `${type}-by-${by}`, [
      "-n",
      "root,alice",
    ]);
    const ran = await ssh(keys.get(type)!, certificate);
    expectQuiet(ran);
    expect(ran.stdout.toString()).toBe("out\n");
    expect(events.findLast((event) => event.type === "login")).toMatchObject({
      factors: [{ method: "certificate", certificate: { keyId: `${type}-by-${by}`, principals: ["root", "alice"] } }],
    });
  });

  test("and gets what the certificate names: a terminal or none, and its command", async () => {
    const [key, by] = [keys.get("ed25519")!, authorities.get("ed25519")!];
    const full = await certifyAs(by, key, "full", ["-n", "alice"]);
    const terminal = await ssh(key, full, ["-tt", "alice@127.0.0.1", "echo out"]);
    expect(terminal.stderr).not.toMatch(/PTY allocation request failed/);
    const clear = await certifyAs(by, key, "clear", ["-n", "alice", "-O", "clear"]);
    const plain = await ssh(key, clear, ["-tt", "alice@127.0.0.1", "echo out"]);
    expect(plain.stderr).toMatch(/PTY allocation request failed/);
    const forced = await certifyAs(by, key, "forced", ["-n", "alice", "-O", "force-command=echo forced"]);
    expect((await ssh(key, forced)).stdout.toString()).toBe("forced\n");
    const near = await certifyAs(by, key, "near", ["-n", "alice", "-O", "source-address=127.0.0.0/8,::1/128"]);
    expect((await ssh(key, near)).stdout.toString()).toBe("out\n");
  });

  test("by an authority of authorized_keys, as one of its principals", async () => {
    const [key, by] = [keys.get("ed25519")!, authorities.get("stranger")!];
    expect((await ssh(key, await certifyAs(by, key, "ops", ["-n", "ops"]))).stdout.toString()).toBe("out\n");
  });
});

// `test/verify` has all cases.
testServer(someCertificates());

describe("our server refuses OpenSSH's ssh with", () => {
  test.each<[string, readonly string[]]>([
    ["an expired certificate", ["-n", "alice", "-V", "20200101:20200102"]],
    ["one that is not valid yet", ["-n", "alice", "-V", "+1d:+2d"]],
    ["one of another principal", ["-n", "alice2,Alice,*"]],
    ["one without principals", []],
    ["one for another address", ["-n", "alice", "-O", "source-address=192.0.2.0/24"]],
    ["one with an unknown critical option", ["-n", "alice", "-O", "critical:no-such@example.org=x"]],
  ])("%s", async (name, words) => {
    const [key, by] = [keys.get("ed25519")!, authorities.get("ed25519")!];
    const ran = await ssh(key, await certifyAs(by, key, name.replaceAll(" ", "-"), words));
    expect(ran).toMatchObject({ status: 255, stderr: expect.stringContaining("Permission denied (publickey)") });
  });

  test("one of an authority that no principal of authorized_keys has, and a revoked one", async () => {
    const key = keys.get("ed25519")!;
    const named = await certifyAs(authorities.get("stranger")!, key, "stranger-alice", ["-n", "alice"]);
    expect(await ssh(key, named)).toMatchObject({ status: 255 });
    const certificate = await certifyAs(authorities.get("rsa-3072")!, key, "revoked-later", ["-n", "alice"]);
    expectQuiet(await ssh(key, certificate));
    await writeOwned("revoked", `${authorities.get("rsa-3072")!.publicKeyLine}\n`);
    expect(await ssh(key, certificate)).toMatchObject({ status: 255 });
    await writeOwned("revoked", "");
    expectQuiet(await ssh(key, certificate));
  });
});

/** Returns a function that returns the line of the authority of authorized_keys, with these options. */
function authorityLine(options: string): () => string {
  return () => `cert-authority,${options} ${authorities.get("stranger")!.publicKeyLine}`;
}

describe.each(["ed25519-sk", "ecdsa-sk"] as const)(
  "OpenSSH's ssh logs in to our server with a security key of type %s",
  (type) => {
    let provider: SecurityKeyProvider;
    const tokens = new Map<string, KeyFile>();
    beforeAll(async () => {
      provider = await securityKeyProvider(folder);
      for (const option of ["touch-required", "no-touch-required", "verify-required"])
        tokens.set(
          option,
          await provider.makeKey(`${type}-${option}`, type, option === "touch-required" ? [] : [option]),
        );
    });

    /** Returns which of the keys log in, whose signatures have the flags UP; none; UP and UV. Each has a certificate with these words. */
    async function accepted(lines: (line: string) => string, words?: readonly string[]): Promise<boolean[]> {
      await writeOwned(
        "authorized_keys",
        [...tokens.values()].map(({ publicKeyLine }) => lines(publicKeyLine)).join("\n"),
      );
      const outcomes: boolean[] = [];
      for (const key of tokens.values()) {
        const certificate = words && (await certifyAs(authorities.get("stranger")!, key, `${type}-certified`, words));
        const own = ["-o", `SecurityKeyProvider=${provider.path}`, "alice@127.0.0.1", "echo out"];
        outcomes.push((await ssh(key, certificate, own)).stdout.toString() === "out\n");
      }
      return outcomes;
    }

    test("that was touched, or as its line says", async () => {
      expect(await accepted((line) => line)).toEqual([true, false, true]);
      expect(await accepted((line) => `no-touch-required ${line}`)).toEqual([true, true, true]);
      expect(await accepted((line) => `verify-required ${line}`)).toEqual([false, false, true]);
    });

    test("in a certificate, touched unless both the certificate and the line of its authority say otherwise", async () => {
      const waived = ["-n", "alice", "-O", "no-touch-required"];
      expect(await accepted(authorityLine("no-touch-required"), ["-n", "alice"])).toEqual([true, false, true]);
      expect(await accepted(authorityLine("touch-required"), waived)).toEqual([true, false, true]);
      expect(await accepted(authorityLine("no-touch-required"), waived)).toEqual([true, true, true]);
      expect(await accepted(authorityLine("touch-required"), ["-n", "alice", "-O", "verify-required"])).toEqual([
        false,
        false,
        true,
      ]);
    });
  },
);
