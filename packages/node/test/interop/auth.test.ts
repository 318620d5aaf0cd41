import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { generateEd25519, type PrivateKey } from "@nacre/keys";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { failure, useServer } from "@nacre/testing/interop/server";
import { startAgent } from "@nacre/testing/interop/ssh-agent";
import {
  addUser,
  authorizeKey,
  containerExec,
  keyboardInteractive,
  keyboardInteractiveTwoRounds,
  oneTimeCode,
  password,
} from "@nacre/testing/openssh/sshd";
import type { PromptRequest, TraceRecord } from "nacre";
import { beforeAll, describe, expect, test } from "vitest";
import { agentIdentities } from "../../src/index.ts";

const folder = useFolder();
const strangerKey = (): PrivateKey => generateEd25519((length) => new Uint8Array(randomBytes(length)));

/** Returns the login requests sent to the server, one line each. */
function requests(trace: readonly TraceRecord[]): string[] {
  return trace.flatMap((record) =>
    record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST" ? [record.summary] : [],
  );
}

describe("keys", () => {
  const server = useServer();

  test("a key in memory signs without a query", async () => {
    const trace: TraceRecord[] = [];
    await using client = await server.connect({ trace: (record) => trace.push(record) });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(requests(trace)).toEqual(["alice publickey ssh-ed25519 signed"]);
  });

  test("queries each of several keys and signs with the accepted third one", async () => {
    const trace: TraceRecord[] = [];
    await using client = await server.connect({
      identities: [strangerKey(), strangerKey(), server.key, strangerKey()],
      trace: (record) => trace.push(record),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(requests(trace)).toEqual([
      "alice publickey ssh-ed25519 query",
      "alice publickey ssh-ed25519 query",
      "alice publickey ssh-ed25519 query",
      "alice publickey-hostbound-v00@openssh.com ssh-ed25519 signed",
    ]);
  });

  test("rejects with `auth-failed` for a refused key", async () => {
    const error = await failure(server.connect({ identities: [strangerKey()] }));
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toMatch(/^alice: the server refused publickey \(SHA256:[^)]*, ssh-ed25519\)/);
    expect(error.message).toContain("it accepts: publickey, password");
  });

  test("an unknown user gets the same error as a refused one", async () => {
    const error = await failure(server.connect({ user: "nobody-of-this-name" }));
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toMatch(/^nobody-of-this-name: the server refused publickey /);
  });

  test("without a key and a password, the error lists the accepted methods", async () => {
    const error = await failure(server.connect({ identities: [] }));
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toContain("publickey, password");
  });
});

describe("a key in ssh-agent", () => {
  const server = useServer();
  const keys = new Map<string, KeyFile>();
  beforeAll(async () => {
    for (const type of ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"] as const) {
      const key = await makeKey(folder, `agent-${type}`, type);
      await authorizeKey("alice", key.publicKeyLine);
      keys.set(type, key);
    }
  });

  test.for([
    ["ed25519", "ssh-ed25519"],
    ["rsa-3072", "rsa-sha2-512"],
    ["ecdsa-256", "ecdsa-sha2-nistp256"],
    ["ecdsa-384", "ecdsa-sha2-nistp384"],
    ["ecdsa-521", "ecdsa-sha2-nistp521"],
  ] as const)("%s", async ([type, algorithm]) => {
    await using agent = await startAgent(folder);
    await agent.add(keys.get(type)!);
    const trace: TraceRecord[] = [];
    await using client = await server.connect({
      agent: agent.path,
      identities: [],
      trace: (record) => trace.push(record),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(requests(trace).at(-1)).toBe(`alice publickey-hostbound-v00@openssh.com ${algorithm} signed`);
  });

  test("the last of its three keys is accepted", async () => {
    await using agent = await startAgent(folder);
    for (const name of ["stranger-1", "stranger-2"]) await agent.add(await makeKey(folder, name, "ed25519"));
    await agent.add(keys.get("ecdsa-256")!);
    const held = await agentIdentities(agent.path);
    expect(held.map(({ comment }) => comment)).toEqual(["stranger-1", "stranger-2", "agent-ecdsa-256"]);
    await using client = await server.connect({ agent: agent.path, identities: [] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test("an encrypted key file needs no passphrase if the agent holds the key", async () => {
    const key = await makeKey(folder, "agent-encrypted", "ed25519");
    await authorizeKey("alice", key.publicKeyLine);
    await using agent = await startAgent(folder);
    await agent.add(key);
    // The public key file remains and selects the key.
    await rm(key.path);
    await using client = await server.connect({
      agent: agent.path,
      identities: [`${key.path}.pub`],
      passphrase: () => {
        throw new Error("unexpected passphrase request");
      },
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test("rejects with `agent-failed` if the agent has exited", async () => {
    const agent = await startAgent(folder);
    await agent[Symbol.asyncDispose]();
    const error = await failure(server.connect({ agent: agent.path, identities: [] }));
    expect(error.code).toBe("agent-failed");
    expect(error.message).toContain(agent.path);
  });
});

describe("an encrypted key file", () => {
  const server = useServer();
  let key: KeyFile;
  let stranger: KeyFile;
  beforeAll(async () => {
    key = await makeKey(folder, "encrypted", "ed25519", "open sesame");
    stranger = await makeKey(folder, "encrypted-stranger", "ecdsa-256", "another");
    await authorizeKey("alice", key.publicKeyLine);
  });

  test("the passphrase is requested only for keys that the server accepts", async () => {
    const asked: unknown[] = [];
    const trace: TraceRecord[] = [];
    await using client = await server.connect({
      identities: [stranger.path, key.path],
      passphrase: (file, attempt) => {
        asked.push({ file, attempt, sent: requests(trace).length });
        return attempt === 1 ? "wrong" : "open sesame";
      },
      trace: (record) => trace.push(record),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(asked).toEqual([
      { file: key.path, attempt: 1, sent: 2 },
      { file: key.path, attempt: 2, sent: 2 },
    ]);
  });

  test("rejects with `passphrase-wrong`", async () => {
    const error = await failure(server.connect({ identities: [key.path], passphrase: "wrong" }));
    expect(error).toMatchObject({ code: "passphrase-wrong", culprit: "caller" });
    expect(error.message).toContain(key.path);
  });

  test("rejects with `passphrase-needed`", async () => {
    const error = await failure(server.connect({ identities: [key.path] }));
    expect(error).toMatchObject({ code: "passphrase-needed", culprit: "caller" });
    expect(error.message).toContain(key.path);
  });
});

describe("password", () => {
  const server = useServer();

  test("logs in", async () => {
    await using client = await server.connect({ identities: [], password: password() });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test("a wrong password is tried once", async () => {
    const trace: TraceRecord[] = [];
    const error = await failure(
      server.connect({ identities: [], password: "not it", trace: (record) => trace.push(record) }),
    );
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toMatch(/^alice: the server refused password/);
    expect(error.message).not.toContain("not it");
    expect(requests(trace).filter((line) => line === "alice password")).toHaveLength(1);
  });

  test("a function is called until its password is correct", async () => {
    const attempts: number[] = [];
    await using client = await server.connect({
      identities: [],
      password: (attempt) => {
        attempts.push(attempt);
        return attempt < 3 ? `wrong ${attempt}` : password();
      },
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(attempts).toEqual([1, 2, 3]);
  });

  test("a function that returns no password ends the login with `auth-failed`", async () => {
    const error = await failure(server.connect({ identities: [], password: async () => undefined }));
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
  });

  test("is tried after a refused key", async () => {
    await using client = await server.connect({ identities: [strangerKey()], password: password() });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  // sshd's "password" method does not support a password change: the login succeeds, and the session reports the expiry.
  test("an expired password logs in, and the command is refused", async () => {
    const user = await addUser({ passwordExpired: true });
    await using client = await server.connect({ user: user.name, identities: [], password: user.password });
    const { status, stdout, stderr } = await client.exec("echo ran");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/Your password has expired/);
  });
});

describe("keyboard-interactive", () => {
  const oneRound = useServer({ config: keyboardInteractive });
  const twoRounds = useServer({ config: keyboardInteractiveTwoRounds });

  test("one round is answered by the application", async () => {
    const asked: PromptRequest[] = [];
    await using client = await oneRound.connect({
      identities: [],
      prompts: (request) => {
        asked.push(request);
        return request.prompts.map(() => password());
      },
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(asked.map(({ prompts }) => prompts)).toEqual([
      [{ prompt: expect.stringMatching(/assword: $/), echo: false }],
    ]);
  });

  test("one round is answered with the password", async () => {
    await using client = await oneRound.connect({ identities: [], password: password() });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test("supports two rounds", async () => {
    const asked: PromptRequest[] = [];
    await using client = await twoRounds.connect({
      identities: [],
      prompts: (request) => {
        asked.push(request);
        return request.prompts.map(({ echo }) => (echo ? oneTimeCode() : password()));
      },
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(asked.map(({ prompts }) => prompts.map(({ echo }) => echo))).toEqual([[false], [true]]);
  });

  test("a wrong answer is retried up to the limit", async () => {
    let asked = 0;
    const error = await failure(
      oneRound.connect({
        identities: [],
        limits: { keyboardInteractiveAttempts: 2 },
        prompts: ({ prompts }) => {
          asked += prompts.length;
          return prompts.map(() => "wrong");
        },
      }),
    );
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toContain("keyboard-interactive");
    expect(asked).toBe(2);
  });

  test("an expired password is changed in the same exchange", async () => {
    const user = await addUser({ passwordExpired: true });
    const changed = `new ${randomBytes(9).toString("hex")}`;
    const asked: string[] = [];
    const answers = [user.password, user.password, changed, changed];
    await using client = await oneRound.connect({
      user: user.name,
      identities: [],
      prompts: ({ prompts }) =>
        prompts.map(({ prompt }) => {
          asked.push(prompt);
          return answers.shift() ?? "";
        }),
    });
    expect((await client.exec("whoami")).stdout).toBe(`${user.name}\n`);
    expect(asked).toHaveLength(4);
    expect(asked[1]).toMatch(/Current password/);

    await using again = await oneRound.connect({ user: user.name, identities: [], password: changed });
    expect((await again.exec("whoami")).stdout).toBe(`${user.name}\n`);
  });
});

describe("two factors", () => {
  const withPassword = useServer({ config: ["AuthenticationMethods publickey,password"] });
  const withPrompts = useServer({
    config: [...keyboardInteractiveTwoRounds, "AuthenticationMethods publickey,keyboard-interactive"],
  });

  test("a key and then a password log in", async () => {
    const trace: TraceRecord[] = [];
    await using client = await withPassword.connect({
      password: password(),
      trace: (record) => trace.push(record),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(requests(trace)).toEqual(["alice publickey ssh-ed25519 signed", "alice password"]);
  });

  test("a key and then prompts log in", async () => {
    await using client = await withPrompts.connect({
      prompts: ({ prompts }) => prompts.map(({ echo }) => (echo ? oneTimeCode() : password())),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test("a key alone is not enough, and the error names the missing method", async () => {
    const error = await failure(withPassword.connect());
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toMatch(/accepted publickey/);
    expect(error.message).toContain("it accepts: password");
  });

  test("a password alone is refused", async () => {
    const error = await failure(withPassword.connect({ identities: [], password: password() }));
    expect(error).toMatchObject({ code: "auth-failed", culprit: "caller" });
    expect(error.message).toContain("it accepts: publickey");
  });
});

describe("an RSA key when rsa-sha2-512 is not accepted", () => {
  // For one user only, server-sig-algs does not reflect this, because it is sent before the server knows the user.
  const forAll = useServer({ config: ["PubkeyAcceptedAlgorithms -rsa-sha2-512"] });
  const forAlice = useServer({ config: ["Match User alice", "PubkeyAcceptedAlgorithms -rsa-sha2-512"] });
  let key: KeyFile;
  beforeAll(async () => {
    key = await makeKey(folder, "rsa-256-only", "rsa-3072");
    await authorizeKey("alice", key.publicKeyLine);
  });

  test.for([
    ["from any user", forAll],
    ["from this user", forAlice],
  ] as const)("%s signs with rsa-sha2-256", async ([, server]) => {
    const trace: TraceRecord[] = [];
    await using client = await server.connect({
      identities: [key.path],
      trace: (record) => trace.push(record),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(requests(trace).at(-1)).toBe("alice publickey rsa-sha2-256 signed");
  });

  test("signs after other keys", async () => {
    const trace: TraceRecord[] = [];
    await using client = await forAlice.connect({
      identities: [key.path, strangerKey(), forAlice.key],
      trace: (record) => trace.push(record),
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(requests(trace)).toEqual([
      "alice publickey rsa-sha2-512 query",
      "alice publickey ssh-ed25519 query",
      "alice publickey ssh-ed25519 query",
      "alice publickey-hostbound-v00@openssh.com ssh-ed25519 signed",
    ]);
  });
});

describe("server limits", () => {
  const server = useServer({ config: ["MaxAuthTries 3"] });

  test("MaxAuthTries is `auth-failed` with advice, and its cause has the server's message", async () => {
    const error = await failure(server.connect({ identities: Array.from({ length: 6 }, strangerKey) }));
    expect(error).toMatchObject({ code: "auth-failed", cause: { code: "disconnected" } });
    expect(error.message).toContain("pass only the right key");
    expect(String(error.cause)).toContain("Too many authentication failures");
  });

  test("a key within the limit logs in", async () => {
    await using client = await server.connect({ identities: [strangerKey(), server.key] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });
});

describe("banner", () => {
  const text = "Line one\nZweite Zeile: grüße\n\u001b[31mred\u001b[0m\n";
  const file = `/tmp/nacre-banner-${randomBytes(6).toString("hex")}`;
  beforeAll(async () => {
    const written = await containerExec(["sh", "-c", `cat >${file}`], { input: text });
    expect(written.status).toBe(0);
  });
  const server = useServer({ config: [`Banner ${file}`] });

  test("is delivered unchanged before the login completes", async () => {
    const seen: string[] = [];
    await using client = await server.connect({ banner: (banner) => seen.push(banner) });
    expect(seen).toEqual([text]);
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });
});
