import {
  agreesOnStrictKex,
  guessIsRight,
  IdentificationReader,
  type NegotiatedNames,
  negotiate,
  serverSigAlgs,
} from "@nacre/negotiation";
import { type KexInit, SSH_MSG_EXT_INFO, SSH_MSG_KEXINIT } from "@nacre/wire";
import { attempt, expectEqual, expectTrue, outcome } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

const LIMITS = { preBannerLines: 8, preBannerBytes: 512 };

/** The first bytes of a peer. The first byte of the input selects its role. In one piece and byte by byte, the result must be the same. */
export const identification: Target = {
  name: "identification",
  run: (bytes) => {
    const input = new Input(bytes);
    const role = (input.byte() & 1) === 0 ? "client" : "server";
    const stream = input.rest();
    const whole = outcome(() => {
      const found = new IdentificationReader(role, LIMITS).receive(stream);
      return found && { line: found.line, end: found.consumed };
    });
    const slow = outcome(() => {
      const reader = new IdentificationReader(role, LIMITS);
      for (let at = 0; at < stream.length; at++) {
        const found = reader.receive(stream.subarray(at, at + 1));
        if (found !== undefined) return { line: found.line, end: at + found.consumed };
      }
      return undefined;
    });
    expectEqual(slow, whole, "identification byte by byte");
    const line = whole.value?.line;
    expectTrue(line === undefined || /^SSH-(2\.0|1\.99)-[ -~]{1,245}$/.test(line), `invalid identification ${line}`);
  },
};

/** Two KEXINIT messages. Each chosen algorithm must be the first on the client's list that the server also lists. */
export const kexinit: Target = {
  name: "kexinit",
  run: (bytes) => {
    const input = new Input(bytes);
    const [one, other] = [input.string(), input.string()];
    const client = attempt(() => SSH_MSG_KEXINIT.decode(one));
    const server = attempt(() => SSH_MSG_KEXINIT.decode(other));
    if (client === undefined || server === undefined) return;
    const chosen = attempt(() => negotiate(client, server, isAead));
    if (chosen !== undefined) expectFirstCommon(client, server, chosen);
    guessIsRight(client, server);
    agreesOnStrictKex(client, server);
  },
};

export const extInfo: Target = {
  name: "ext-info",
  run: (payload) => {
    const info = attempt(() => SSH_MSG_EXT_INFO.decode(payload));
    const names = info && attempt(() => serverSigAlgs(info.extensions));
    expectTrue(names?.every((name) => /^[!-+\--~]+$/.test(name)) ?? true, `server-sig-algs: ${names?.join()}`);
  },
};

function isAead(cipher: string): boolean {
  return cipher.includes("gcm") || cipher.includes("poly1305");
}

function expectFirstCommon(client: KexInit, server: KexInit, chosen: NegotiatedNames): void {
  const { clientToServer, serverToClient } = chosen;
  const rows: readonly (readonly [
    string | undefined,
    Exclude<keyof KexInit, "cookie" | "firstKexPacketFollows" | "reserved">,
  ])[] = [
    [chosen.hostKey, "serverHostKeyAlgorithms"],
    [clientToServer.cipher, "encryptionAlgorithmsClientToServer"],
    [serverToClient.cipher, "encryptionAlgorithmsServerToClient"],
    [clientToServer.mac, "macAlgorithmsClientToServer"],
    [serverToClient.mac, "macAlgorithmsServerToClient"],
    [clientToServer.compression, "compressionAlgorithmsClientToServer"],
    [serverToClient.compression, "compressionAlgorithmsServerToClient"],
  ];
  for (const [name, list] of rows) {
    if (name !== undefined)
      expectEqual(
        name,
        client[list].find((one) => server[list].includes(one)),
        list,
      );
  }
  const { kex } = chosen;
  expectTrue(
    client.kexAlgorithms.includes(kex) && server.kexAlgorithms.includes(kex),
    `${kex} is not offered by both sides`,
  );
  expectTrue(!/^(ext-info-|kex-strict-)/.test(kex), `${kex} is not a key exchange method`);
}
