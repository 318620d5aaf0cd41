import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { createPasskey, passkeyIdentity, type WebIdentity } from "@nacre/web/keys";
import { connect, type ServeOptions, type ServerEvent, type Session, type SshError, serve } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeAuthenticator } from "./support/fake-authenticator.ts";
import { openPage } from "./support/page.ts";
import { webauthnAlgorithm } from "./support/webauthn-verifier.ts";

let authenticator: FakeAuthenticator;

beforeEach(() => {
  authenticator = openPage();
});
afterEach(() => {
  expect(authenticator.pending).toBe(0);
  vi.unstubAllGlobals();
});

/** A server that accepts the passkey or the password "right". It verifies signatures as sshd does. */
function serverFor(
  identity: WebIdentity,
  options: Partial<ServeOptions<Session>> = {},
): Partial<ServeOptions<Session>> {
  return {
    methods: ["publickey", "password"],
    userKeys: [webauthnAlgorithm(), ...defaultAlgorithms.hostKeys],
    authenticate: (login) =>
      login.method === "publickey"
        ? Buffer.from(login.publicKey).equals(identity.publicKey.blob)
        : login.method === "password" && login.password === "right",
    ...options,
  };
}

describe("a login with a passkey", () => {
  it("succeeds with one prompt, although the key's format is not its signature algorithm", async () => {
    const identity = passkeyIdentity(await createPasskey({ name: "alice" }));
    const { client, connection } = await served(serverFor(identity), { identities: [identity] });
    expect(connection.user).toBe("alice");
    expect(authenticator.requests).toHaveLength(1);
    await client.close();
  });

  it("does not prompt if the server refuses the key", async () => {
    const identity = passkeyIdentity(await createPasskey({ name: "alice" }));
    const server = serverFor(identity, { authenticate: () => false });
    expect(await failure(served(server, { identities: [identity] }))).toEqual(code("auth-failed"));
    expect(authenticator.requests).toEqual([]);
  });

  it("is not tried if server-sig-algs lacks the algorithm, and the error says why", async () => {
    const identity = passkeyIdentity(await createPasskey({ name: "alice" }));
    const server = serverFor(identity, { userKeys: defaultAlgorithms.hostKeys });
    const error = (await failure(served(server, { identities: [identity] }))) as SshError;
    expect(error).toEqual(code("auth-failed"));
    expect(error.message).toContain(
      "the server supports none of its algorithms (webauthn-sk-ecdsa-sha2-nistp256@openssh.com)",
    );
    expect(authenticator.requests).toEqual([]);
  });

  it("fails if the user refuses, unless `whenRefused` selects the next method", async () => {
    const passkey = await createPasskey({ name: "alice" });
    authenticator.behaviour.refuse = new DOMException("no", "NotAllowedError");
    const failing = passkeyIdentity(passkey);
    const refused = await failure(served(serverFor(failing), { identities: [failing], password: "right" }));
    expect(refused).toEqual(code("auth-cancelled"));
    const skipping = passkeyIdentity(passkey, { whenRefused: "next-key" });
    const methods: string[] = [];
    const log = (event: ServerEvent): void => {
      if (event.type === "login") methods.push(...event.factors.map(({ method }) => method));
    };
    const options = { identities: [skipping], password: "right" };
    const { client } = await served(serverFor(skipping, { log }), options);
    expect(methods).toEqual(["password"]);
    await client.close();
  });

  it("is refused without a touch", async () => {
    const identity = passkeyIdentity(await createPasskey({ name: "alice" }));
    authenticator.behaviour.flags = 0;
    expect(await failure(served(serverFor(identity), { identities: [identity] }))).toEqual(code("auth-failed"));
  });

  it("closes its prompt when the login ends, so that the next login can prompt", async () => {
    const identity = passkeyIdentity(await createPasskey({ name: "alice" }));
    authenticator.behaviour.hold = true;
    const { near, far } = wire();
    const connection = serve(far, { ...open, ...serverFor(identity), loginGraceTime: 50 });
    const connecting = connect(near, { ...visitor, identities: [identity] });
    expect(await failure(connecting)).toEqual(code("disconnected"));
    await connection.ended;
    await vi.waitFor(() => expect(authenticator.pending).toBe(0), 10_000);
    authenticator.behaviour.hold = false;
    const { client } = await served(serverFor(identity), { identities: [identity] });
    await client.close();
  });
});
