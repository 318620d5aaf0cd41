import { clientPublickey as client, serverPublickey as server } from "@nacre/auth";
import { isPrivateKey } from "@nacre/keys/internal";
import { type ClientLoginMethod, type ServerLoginMethod, whenKnown } from "./method.ts";

/** Keys (RFC 4252 §7), from the option `identities`. */
export const clientPublickey: ClientLoginMethod = {
  method: client,
  application: (login) => (ask) => {
    if (ask.type !== "sign") return undefined;
    const identity = login.options.identities?.find((one) => one.publicKey === ask.identity.publicKey);
    if (identity === undefined || isPrivateKey(identity)) return undefined;
    return identity.sign(ask.algorithm, ask.data, login.signal);
  },
};

/** Keys (RFC 4252 §7). `authenticate` gets a query of the key first, and a login whose signature is verified. */
export const serverPublickey: ServerLoginMethod = {
  method: server,
  application: (login) => ({
    answer(ask) {
      if (ask.type !== "query" && ask.type !== "publickey") return "failure";
      const { algorithm, publicKey } = ask;
      const signed = ask.type === "publickey";
      const fingerprint = login.fingerprint(publicKey);
      const facts = { method: "publickey", algorithm, publicKey, fingerprint, signed } as const;
      return signed ? login.judge(ask, facts) : whenKnown(login.decide(ask, facts), (decision) => decision !== false);
    },
  }),
};
