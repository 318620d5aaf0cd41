import { clientPublickey as client, type ServerKeyAsk, serverPublickey as server } from "@nacre/auth";
import { isPrivateKey } from "@nacre/keys/internal";
import { whenKnown } from "../../mux/engine.ts";
import { type ClientLoginMethod, identityOf } from "../client/method.ts";
import { isRefusal, type ServerLoginMethod } from "../server/method.ts";
import type { LoginProof } from "../server/options.ts";

/** Keys (RFC 4252 §7), from the option `identities` or from `findIdentities`. */
export const clientPublickey: ClientLoginMethod = {
  method: client,
  application: (login) => {
    let identities = login.options.identities ?? [];
    return async (ask) => {
      if (ask.type === "identities") {
        identities = await login.findIdentities();
        return identities.map(identityOf);
      }
      if (ask.type !== "sign") return undefined;
      const identity = identities.find((one) => one.publicKey === ask.identity.publicKey);
      if (identity === undefined || isPrivateKey(identity)) return undefined;
      return identity.sign(ask.algorithm, ask.data, login.signal);
    };
  },
};

/** Keys (RFC 4252 §7). `authenticate` gets a query of the key first, and a login whose signature is verified. */
export const serverPublickey: ServerLoginMethod = {
  method: server,
  application: (login) => ({
    answer(ask) {
      // A method gets only its own asks.
      const given = ask as ServerKeyAsk;
      const { algorithm, publicKey, certificate, flags, counter, origin } = given;
      const signed = given.type === "publickey";
      const facts = {
        algorithm,
        signed,
        ...(signed && { signature: given.signature, signedData: given.signedData }),
        ...(flags !== undefined && { flags }),
        ...(counter !== undefined && { counter }),
        ...(origin !== undefined && { origin }),
      };
      const proof: LoginProof =
        certificate !== undefined
          ? /* rule: certificate-login */ { method: "certificate", certificate, ...facts }
          : { method: "publickey", publicKey, fingerprint: login.fingerprint(publicKey), ...facts };
      return whenKnown(login.decide(ask, proof), (decision) =>
        signed || /* rule: refused-query */ isRefusal(decision) ? login.verdict(ask, decision) : decision !== false,
      );
    },
  }),
};
