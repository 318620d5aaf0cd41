import { hostKey, StreamServer, userKey, welcome } from "@nacre/testing/nacre/host";
import { code } from "@nacre/testing/nacre/outcomes";
import { served, visitor, wire } from "@nacre/testing/nacre/wire";
import { connect, type RemoteIdentity, serve } from "nacre";
import { describe, expect, it, onTestFinished, vi } from "vitest";

/** Returns an identity that records each signal passed to `sign`. `sign` calls `asked` and rejects when its signal aborts. */
function pendingIdentity(asked: () => void): RemoteIdentity & { readonly given: AbortSignal[] } {
  const given: AbortSignal[] = [];
  return {
    publicKey: userKey.publicKey,
    given,
    sign: (_algorithm, _data, signal) =>
      new Promise((_, reject) => {
        given.push(signal!);
        signal!.addEventListener("abort", () => reject(signal!.reason));
        asked();
      }),
  };
}

/** Accepts a public key login or the password "right". */
const authenticate = (login: { readonly method: string; readonly password?: string }): boolean =>
  login.method === "publickey" || login.password === "right";

describe("the signal of a remote identity's `sign`", () => {
  it("aborts when connecting is aborted", async () => {
    const abort = new AbortController();
    const identity = pendingIdentity(() => abort.abort());
    const { near, far } = wire();
    const connection = serve(far, { hostKeys: [hostKey], authenticate });
    const connecting = connect(near, { ...visitor, identities: [identity], signal: abort.signal });
    await expect(connecting).rejects.toEqual(code("aborted"));
    expect(identity.given).toHaveLength(1);
    expect(identity.given[0]!.aborted).toBe(true);
    expect(identity.given[0]!.reason).toEqual(code("aborted"));
    await connection.ended;
  });

  it("aborts when the server's time for a login is over", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const identity = pendingIdentity(() => vi.advanceTimersByTime(60_000));
    const { near, far } = wire();
    const connection = serve(far, { hostKeys: [hostKey], authenticate, loginGraceTime: 60_000 });
    await expect(connect(near, { ...visitor, identities: [identity] })).rejects.toEqual(code("disconnected"));
    expect(identity.given[0]!.reason).toEqual(code("disconnected"));
    await connection.ended;
  });

  it("aborts when the connection is lost", async () => {
    const host = new StreamServer();
    const identity = pendingIdentity(() => void host.cut());
    await expect(connect(host.streams, { ...welcome, identities: [identity] })).rejects.toEqual(
      code("connection-lost"),
    );
    expect(identity.given[0]!.reason).toEqual(code("connection-lost"));
  });

  it("aborts when the login succeeds without the key, and not before", async () => {
    const signals: AbortSignal[] = [];
    const givesUp: RemoteIdentity = {
      publicKey: userKey.publicKey,
      async sign(_algorithm, _data, signal) {
        signals.push(signal!);
        return undefined;
      },
    };
    let abortedAtPassword: boolean | undefined;
    const password = (): string => {
      abortedAtPassword = signals[0]!.aborted;
      return "right";
    };
    const methods = ["publickey", "password"] as const;
    const { client } = await served({ methods, authenticate }, { identities: [givesUp], password });
    expect(abortedAtPassword).toBe(false);
    expect(signals[0]!.aborted).toBe(true);
    await client.close();
    expect(await client.ended).toEqual(code("closed"));
  });
});
