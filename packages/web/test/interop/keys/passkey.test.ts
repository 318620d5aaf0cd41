import { failure, useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { createPasskey, type Passkey, passkeyIdentity } from "@nacre/web/keys";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { openPage } from "../../keys/support/page.ts";

// OpenSSH's sshd verifies signatures of a fake authenticator.

const authenticator = openPage();
const WEBAUTHN = "PubkeyAcceptedAlgorithms +webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
let passkey: Passkey;
let verified: Passkey;
let untouched: Passkey;

beforeAll(async () => {
  passkey = await createPasskey({ name: "alice" });
  verified = await createPasskey({ name: "alice, verified", rpId: "example.test" });
  untouched = await createPasskey({ name: "alice, untouched" });
  await authorizeKey("alice", passkeyIdentity(passkey).authorizedKeysLine("a passkey"));
  await authorizeKey("alice", `verify-required ${verified.publicKey}`);
  await authorizeKey("alice", `no-touch-required ${untouched.publicKey}`);
});
afterEach(() => {
  authenticator.behaviour.flags = 1;
  authenticator.behaviour.extensions = new Uint8Array();
  authenticator.behaviour.json = (text) => text;
});
afterAll(() => {
  vi.unstubAllGlobals();
});

describe("an sshd that accepts WebAuthn signatures", () => {
  const server = useServer({ config: [WEBAUTHN] });

  test("accepts a passkey", async () => {
    await using client = await server.connect({ identities: [passkeyIdentity(passkey)] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
    expect(await server.sshd.log()).toMatch(/Accepted publickey for alice .* ECDSA-SK SHA256:/);
  });

  test("accepts it repeatedly, because the lengths of r and s vary", async () => {
    for (let i = 0; i < 8; i++) {
      const client = await server.connect({ identities: [passkeyIdentity(passkey)] });
      await client.close();
    }
  });

  test("accepts extensions, and additional members of the JSON", async () => {
    authenticator.behaviour.flags = 0x81;
    authenticator.behaviour.extensions = Uint8Array.of(0xa0);
    authenticator.behaviour.json = (text) => `${text.slice(0, -1)},"other_keys_can_be_added_here":"…"}`;
    await using client = await server.connect({ identities: [passkeyIdentity(passkey)] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test.for([
    ["without a touch", 0, "passkey"],
    ["with attested data", 0x41, "passkey"],
    ["with the flag of extensions but without any", 0x81, "passkey"],
    ["without user verification although verify-required is set", 1, "verified"],
  ] as const)("refuses a signature %s", async ([, flags, which]) => {
    authenticator.behaviour.flags = flags;
    const identity = passkeyIdentity(which === "passkey" ? passkey : verified, { userVerification: "discouraged" });
    expect((await failure(server.connect({ identities: [identity] }))).code).toBe("auth-failed");
  });

  test("accepts a signature with user verification for a key with verify-required", async () => {
    await using client = await server.connect({
      identities: [passkeyIdentity(verified, { userVerification: "required" })],
    });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });

  test("accepts a signature without a touch for a key with no-touch-required", async () => {
    authenticator.behaviour.flags = 0;
    await using client = await server.connect({ identities: [passkeyIdentity(untouched)] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });
});

describe("an sshd that does not accept WebAuthn signatures", () => {
  const server = useServer({ config: ["PubkeyAcceptedAlgorithms -webauthn-sk-ecdsa-sha2-nistp256@openssh.com"] });

  test("refuses the key before the user is prompted", async () => {
    const before = authenticator.requests.length;
    const error = await failure(server.connect({ identities: [passkeyIdentity(passkey)] }));
    expect(error.code).toBe("auth-failed");
    expect(error.message).toContain("webauthn-sk-ecdsa-sha2-nistp256@openssh.com");
    expect(authenticator.requests).toHaveLength(before);
  });

  test("accepts the next key", async () => {
    await using client = await server.connect({ identities: [passkeyIdentity(passkey), server.key] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });
});
