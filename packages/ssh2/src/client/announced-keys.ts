import type { SignatureAlgorithm } from "@nacre/keys/internal";
import { type AnnouncedHostKeys, type ClientUsers, hostKeysClient } from "nacre/extend";
import { type ParsedKey, parseKey } from "../keys/parse-key.ts";

/** Host keys in one announcement. One with more is ignored. */
const MAX_HOST_KEYS = 32;

type Begin = Parameters<ClientUsers["begin"]>[1];

/**
 * Waits for the server's announcement of its host keys (OpenSSH PROTOCOL §2.5), asks for a proof of each, and calls `proved` with the keys
 * that can be verified. If a proof is wrong, `proved` is not called. `mayAsk` returns whether to send the request.
 */
export function watchHostKeys(
  connection: Begin,
  algorithms: readonly SignatureAlgorithm[],
  mayAsk: () => boolean,
  proved: (keys: readonly ParsedKey[]) => void,
): void {
  const update = async ({ verifiable, prove }: AnnouncedHostKeys): Promise<void> => {
    if (!mayAsk() || verifiable.length === 0) return;
    await prove(verifiable);
    proved(verifiable.map((blob) => parseKey(Buffer.from(blob)) as ParsedKey));
  };
  hostKeysClient.begin({
    ...connection,
    options: { updateHostKeys: { algorithms, update } },
    limits: { maxHostKeys: MAX_HOST_KEYS } as Parameters<typeof hostKeysClient.begin>[0]["limits"],
  });
}
