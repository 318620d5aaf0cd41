import { collectGarbage } from "@nacre/testing/garbage";
import { type KexInit, SSH_MSG_KEXINIT } from "@nacre/wire";
import { expect, onTestFinished, test } from "vitest";
import { RawPeer } from "./support/raw-peer.ts";

/** Collects a weak reference to each KEXINIT decoded after this call. */
function decodedInits(): WeakRef<object>[] {
  const found: WeakRef<object>[] = [];
  const codec = SSH_MSG_KEXINIT as { decode: (payload: Uint8Array) => KexInit };
  const { decode } = codec;
  codec.decode = (payload) => {
    const init = decode(payload);
    found.push(new WeakRef(init), new WeakRef(init.kexAlgorithms));
    return init;
  };
  onTestFinished(() => {
    codec.decode = decode;
  });
  return found;
}

test.each(["client", "server"] as const)(
  "does not keep the decoded KEXINIT of a %s during its key exchange",
  async (role) => {
    const found = decodedInits();
    const peer = new RawPeer(role).identify().sendInit();
    expect(found).toHaveLength(2);
    await collectGarbage();
    expect(found.map((ref) => ref.deref())).toEqual([undefined, undefined]);
    expect(peer.error).toBeUndefined();
  },
);
