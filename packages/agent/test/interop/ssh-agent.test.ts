import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { ed25519, type PrivateKey } from "@nacre/keys";
import { type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { type Agent as SshAgent, startAgent } from "@nacre/testing/interop/ssh-agent";
import { base64Decode, Reader, utf8Encode, Writer } from "@nacre/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AddedKey, Destination } from "../../src/index.ts";
import {
  authority,
  bastion,
  bindOf,
  certifiedHost,
  inner,
  key,
  type Login,
  login,
  newAgent,
  other,
  stranger,
  toBastion,
  toCertified,
  toInner,
} from "../support.ts";
import { type Answer, ClientSocket, serveAgent } from "./sockets.ts";

// Our client machine at OpenSSH's agent, and OpenSSH's agent beside ours.

const folder = useFolder();
let agent: SshAgent;
beforeAll(async () => {
  agent = await startAgent(folder, { SSH_ASKPASS: "/bin/false", SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" });
});
afterAll(() => agent[Symbol.asyncDispose]());

const DATA = utf8Encode("what is signed");
const PASSPHRASE = utf8Encode("a passphrase");
const plain = (one: PrivateKey): AddedKey => ({ type: "plain", fields: one.fields });

async function sshAdd(...words: readonly string[]): Promise<string> {
  const env = { ...process.env, SSH_AUTH_SOCK: agent.path };
  return promisify(execFile)("ssh-add", words, { env }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => `${stdout}${stderr}`,
  );
}

function comments(event: Answer): string[] {
  if (event.type !== "identities") throw new Error(`expected identities, got ${event.type}`);
  return event.identities.map(({ comment }) => comment);
}

describe("our client at ssh-agent", () => {
  test.each<KeyType>(["ed25519", "ecdsa-256", "ecdsa-521", "rsa-3072"])(
    "adds, lists, uses and removes %s",
    async (type) => {
      const file = await makeKey(folder, `plain-${type}`, type);
      const privateKey = await readKey(file);
      const { blob, algorithms } = privateKey.publicKey;
      using client = await ClientSocket.open(agent.path);
      expect(await client.type((to, waiter) => to.add(plain(privateKey), "ours", {}, waiter))).toBe("success");
      expect(await sshAdd("-L")).toBe(`${file.publicKeyLine.split(" ").slice(0, 2).join(" ")} ours\n`);
      // ssh-add signs with the key and verifies the signature.
      expect(await sshAdd("-T", `${file.path}.pub`)).toBe("");
      expect(comments(await client.one((to, waiter) => to.list(waiter)))).toEqual(["ours"]);
      for (const { name } of algorithms)
        expect(await client.type((to, waiter) => to.sign(blob, name, DATA, waiter))).toBe("signature");
      expect(await client.type((to, waiter) => to.remove(blob, waiter))).toBe("success");
      expect(await client.type((to, waiter) => to.remove(blob, waiter))).toBe("refused");
    },
  );

  test.each<KeyType>(["ed25519", "ecdsa-256", "rsa-3072"])("adds and uses a certificate of %s", async (type) => {
    const authority = await makeKey(folder, `authority-${type}`, "ed25519");
    const file = await makeKey(folder, `certified-${type}`, type);
    const words = ["-q", "-s", authority.path, "-I", "id", "-n", "alice", `${file.path}.pub`];
    await promisify(execFile)("ssh-keygen", words);
    const line = await readFile(`${file.path}-cert.pub`, "utf8");
    const certificate = base64Decode(line.split(" ")[1]!)!;
    const { fields, publicKey } = await readKey(file);
    using client = await ClientSocket.open(agent.path);
    const added: AddedKey = { type: "certificate", certificate, fields };
    expect(await client.type((to, waiter) => to.add(added, "certified", {}, waiter))).toBe("success");
    expect(await sshAdd("-L")).toBe(`${line.split(" ").slice(0, 2).join(" ")} certified\n`);
    const { name } = publicKey.algorithms[0]!;
    expect(await client.type((to, waiter) => to.sign(certificate, name, DATA, waiter))).toBe("signature");
    expect(await client.type((to, waiter) => to.removeAll(waiter))).toBe("success");
    expect(await sshAdd("-l")).toContain("no identities");
  });

  test("adds with a lifetime", async () => {
    using client = await ClientSocket.open(agent.path);
    await client.one((to, waiter) => to.add(plain(key), "short", { lifetime: 8 }, waiter));
    expect(comments(await client.one((to, waiter) => to.list(waiter)))).toEqual(["short"]);
    await expect
      .poll(async () => comments(await client.one((to, waiter) => to.list(waiter))), { timeout: 40_000 })
      .toEqual([]);
  });

  test("adds with confirmation, which the askpass program refuses", async () => {
    using client = await ClientSocket.open(agent.path);
    await client.one((to, waiter) => to.add(plain(key), "asks", { confirm: true, lifetime: 3600 }, waiter));
    const sign = (): Promise<string> =>
      client.type((to, waiter) => to.sign(key.publicKey.blob, "ssh-ed25519", DATA, waiter));
    expect(await sign()).toBe("refused");
    await client.one((to, waiter) => to.add(plain(key), "asks no more", {}, waiter));
    expect(await sign()).toBe("signature");
    await client.one((to, waiter) => to.removeAll(waiter));
  });

  test("adds a security key with its provider", async () => {
    using client = await ClientSocket.open(agent.path);
    const point = key.publicKey.blob.subarray(-32);
    const publicKey = new Writer().string("sk-ssh-ed25519@openssh.com").string(point).string("ssh:test").finish();
    const added: AddedKey = { type: "security-key", publicKey, flags: 1, keyHandle: DATA };
    expect(await client.type((to, waiter) => to.add(added, "token", { provider: "internal" }, waiter))).toBe("success");
    expect(await sshAdd("-l")).toContain("token (ED25519-SK)");
    expect(await client.type((to, waiter) => to.add(added, "token", { provider: "/tmp/none.so" }, waiter))).toBe(
      "refused",
    );
    await client.one((to, waiter) => to.removeAll(waiter));
  });

  test("gets no for smart cards that are not there", async () => {
    using client = await ClientSocket.open(agent.path);
    const id = "/usr/lib/none.so";
    const pin = utf8Encode("1234");
    for (const constraints of [
      {},
      { lifetime: 9, associatedCertificates: { certificatesOnly: true, certificates: [] } },
    ])
      expect(
        await client.type((to, waiter) => to.request({ type: "add-smartcard", id, pin, constraints }, waiter)),
      ).toBe("refused");
    expect(await client.type((to, waiter) => to.request({ type: "remove-smartcard", id, pin }, waiter))).toBe(
      "refused",
    );
  });

  test("locks and unlocks", async () => {
    using client = await ClientSocket.open(agent.path);
    await client.one((to, waiter) => to.add(plain(key), "hidden", {}, waiter));
    expect(await client.type((to, waiter) => to.lock(PASSPHRASE, waiter))).toBe("success");
    expect(await sshAdd("-l")).toContain("no identities");
    expect(await client.type((to, waiter) => to.unlock(DATA, waiter))).toBe("refused");
    expect(await client.type((to, waiter) => to.unlock(PASSPHRASE, waiter))).toBe("success");
    expect(comments(await client.one((to, waiter) => to.list(waiter)))).toEqual(["hidden"]);
    await client.one((to, waiter) => to.removeAll(waiter));
  });

  test("sends requests before earlier ones are answered", async () => {
    using client = await ClientSocket.open(agent.path);
    const all = await Promise.all([
      client.type((to, waiter) => to.add(plain(key), "one", {}, waiter)),
      client.type((to, waiter) => to.list(waiter)),
      client.type((to, waiter) => to.request({ type: "extension", name: "none@example.org", data: DATA }, waiter)),
      client.one((to, waiter) => to.sign(key.publicKey.blob, "ssh-ed25519", DATA, waiter)),
      client.type((to, waiter) => to.removeAll(waiter)),
    ]);
    expect(all.map((one) => (typeof one === "string" ? one : one.type))).toEqual([
      "success",
      "identities",
      "refused",
      "signature",
      "success",
    ]);
    const { signature } = all[3] as Extract<Answer, { type: "signature" }>;
    expect(new Reader(signature, "signature").name("algorithm")).toBe("ssh-ed25519");
    expect(ed25519.verify(key.publicKey.blob, DATA, signature)).toEqual({});
  });
});

/** One step of a connection: a bind, a list or a signature by the restricted key. */
type Step =
  | readonly ["bind", host: PrivateKey, id: string, isForwarding: boolean, signer?: PrivateKey]
  | readonly ["list"]
  | readonly ["sign", id: string, change?: Partial<Login>]
  | readonly ["remove"];

const first: Step = ["bind", bastion, "first", true];
const second: Step = ["bind", inner, "second", false];

const SCRIPTS: readonly (readonly [string, readonly Step[]])[] = [
  ["no bind", [["list"], ["sign", "first"]]],
  ["one hop", [["bind", bastion, "first", false], ["list"], ["sign", "first"], ["sign", "first", { host: bastion }]]],
  [
    "another session",
    [
      ["bind", bastion, "first", false],
      ["sign", "other"],
    ],
  ],
  [
    "another host key in the login",
    [
      ["bind", bastion, "first", false],
      ["sign", "first", { host: inner }],
    ],
  ],
  [
    "no login",
    [
      ["bind", bastion, "first", false],
      ["sign", "first", { service: "other" }],
    ],
  ],
  [
    "a query",
    [
      ["bind", bastion, "first", false],
      ["sign", "first", { hasSignature: 0 }],
    ],
  ],
  [
    "left over",
    [
      ["bind", bastion, "first", false],
      ["sign", "first", { trailing: DATA }],
    ],
  ],
  [
    "another key",
    [
      ["bind", bastion, "first", false],
      ["sign", "first", { publicKey: other.publicKey.blob }],
    ],
  ],
  ["a host without permission", [["bind", stranger, "first", false], ["list"], ["sign", "first"], ["remove"]]],
  ["past the bastion", [["bind", inner, "first", false], ["list"], ["sign", "first"]]],
  ["a sign over a forwarding bind", [first, ["list"], ["sign", "first"]]],
  ["two hops", [first, second, ["list"], ["sign", "second", { host: inner }]]],
  ["two hops, not host-bound", [first, second, ["sign", "second"]]],
  ["two hops, as another user", [first, second, ["sign", "second", { host: inner, user: "bob" }]]],
  ["beyond the last hop", [first, ["bind", inner, "second", true], ["list"]]],
  ["the same bind again", [first, first, ["list"]]],
  ["a session by another key", [first, ["bind", inner, "first", false]]],
  [
    "a bind after a login",
    [
      ["bind", bastion, "first", false],
      ["bind", inner, "second", false],
    ],
  ],
  ["a bind by another signer", [["bind", bastion, "first", false, stranger], ["list"], ["sign", "first"]]],
  ["17 binds", Array.from({ length: 17 }, (_, i): Step => ["bind", bastion, `${i}`, true])],
];

const forever = { validBefore: "forever" } as const;
const certified = certifiedHost(bastion, forever);
const beyond = certifiedHost(inner, { ...forever, principals: ["inner"] });

/** Logins at hosts with certificates. The key may go to the same hosts as in `SCRIPTS`, which are known by their authority. */
const CERTIFIED: readonly (readonly [string, readonly Step[]])[] = [
  [
    "one hop",
    [["bind", certified, "first", false], ["list"], ["sign", "first"], ["sign", "first", { host: certified }]],
  ],
  [
    "the plain key in the login",
    [
      ["bind", certified, "first", false],
      ["sign", "first", { host: bastion }],
    ],
  ],
  [
    "two hops",
    [
      ["bind", certified, "first", true],
      ["list"],
      ["bind", beyond, "second", false],
      ["list"],
      ["sign", "second", { host: beyond }],
    ],
  ],
  ["beyond the last hop", [["bind", certified, "first", true], ["bind", beyond, "second", true], ["list"]]],
  ["a certificate by another signer", [["bind", certified, "first", false, stranger], ["list"]]],
  ...Object.entries({
    "the plain key": bastion,
    "the authority's own key": authority,
    "another authority": certifiedHost(bastion, forever, stranger),
    "another name": beyond,
    "a user's certificate": certifiedHost(bastion, { ...forever, type: "user" }),
    "an expired certificate": certifiedHost(bastion, { validBefore: 1n }),
    "a certificate that is not valid yet": certifiedHost(bastion, { ...forever, validAfter: 1n << 62n }),
    "a critical option": certifiedHost(bastion, { ...forever, criticalOptions: { "force-command": "x" } }),
  }).map(([what, host]) => [what, [["bind", host, "first", false], ["list"], ["sign", "first", { host }]]] as const),
];

/** Runs the steps on one connection to an agent with a free and a restricted key. */
async function run(
  path: string,
  steps: readonly Step[],
  destinations: readonly Destination[] = [toBastion, toInner],
): Promise<(string | string[])[]> {
  using setup = await ClientSocket.open(path);
  await setup.one((to, waiter) => to.removeAll(waiter));
  await setup.one((to, waiter) => to.add(plain(other), "free", {}, waiter));
  expect(await setup.type((to, waiter) => to.add(plain(key), "restricted", { destinations }, waiter))).toBe("success");
  using client = await ClientSocket.open(path);
  const outcomes: (string | string[])[] = [];
  for (const step of steps) {
    const event = await client.one((to, waiter) => {
      if (step[0] === "list") return to.list(waiter);
      if (step[0] === "remove") return to.remove(key.publicKey.blob, waiter);
      if (step[0] === "sign") return to.sign(key.publicKey.blob, "ssh-ed25519", login(step[1], step[2]), waiter);
      const [, host, id, isForwarding, signer = host] = step;
      to.bindSession({ ...bindOf(signer, id, isForwarding), hostKey: host.publicKey.blob }, waiter);
    });
    outcomes.push(event.type === "identities" ? comments(event) : event.type);
  }
  return outcomes;
}

describe("ssh-agent and our agent decide alike", () => {
  test.each(SCRIPTS)("%s", async (_, steps) => {
    await using ours = await serveAgent(newAgent(), folder, () => false);
    const outcomes = await run(ours.path, steps);
    expect(await run(agent.path, steps)).toEqual(outcomes);
  });

  test.each(CERTIFIED)("at hosts with certificates: %s", async (_, steps) => {
    await using ours = await serveAgent(newAgent(), folder, () => false);
    for (const destinations of [toCertified, [toBastion, toInner]]) {
      const outcomes = await run(ours.path, steps, destinations);
      expect(await run(agent.path, steps, destinations)).toEqual(outcomes);
    }
  });

  test.each(["alice", "a*", "Alice", "alice,bob", "bob,*", "!bob,*", "*,!bob", "!bob"])(
    "for users %s",
    async (user) => {
      await using ours = await serveAgent(newAgent(), folder, () => false);
      const signs = ["alice", "bob", "alice,bob", ""].map((name): Step => ["sign", "first", { user: name }]);
      const steps: readonly Step[] = [["bind", bastion, "first", false], ...signs];
      const destinations = [{ ...toBastion, to: { ...toBastion.to, user } }];
      expect(await run(agent.path, steps, destinations)).toEqual(await run(ours.path, steps, destinations));
    },
  );

  test("and permit what the destinations permit", async () => {
    const steps: readonly Step[] = [first, second, ["list"], ["sign", "second", { host: inner }], ["remove"]];
    const outcomes = ["success", "success", ["free", "restricted"], "signature", "success"];
    expect(await run(agent.path, steps)).toEqual(outcomes);
    const [, certifiedSteps] = CERTIFIED.find(([what]) => what === "two hops")!;
    const permitted = ["success", ["free", "restricted"], "success", ["free", "restricted"], "signature"];
    expect(await run(agent.path, certifiedSteps, toCertified)).toEqual(permitted);
  });
});
