import type { ClientLogin } from "@nacre/auth";
import type { PrivateKey } from "@nacre/keys/internal";
import { SSH_MSG_USERAUTH_REQUEST, SshError, Writer } from "@nacre/wire";
import type { ClientLoginMethod } from "nacre/extend";

/** Host and user that a host vouches for, and the host's key. */
export interface HostIdentity {
  readonly key: PrivateKey;
  /** Name of the client's host. */
  readonly hostname: string;
  /** Name of the user on the client's host. */
  readonly localUser: string;
}

/** Host-based logins (RFC 4252 §9): the key of the client's host signs for its user. One attempt. */
export function clientHostbased({ key, hostname, localUser }: HostIdentity): ClientLoginMethod {
  const name = "hostbased";
  return {
    method: {
      name,
      isSecretless: true,
      messages: [],
      start(login) {
        let isSent = false;
        return {
          begin() {
            const algorithm = isSent ? undefined : algorithmOf(key, login);
            if (algorithm === undefined) return false;
            isSent = true;
            const { sessionId, userName, random } = login.options;
            const claim = (to: Writer): Writer =>
              to.string(algorithm).string(key.publicKey.blob).string(hostname).string(localUser);
            const signed = new Writer(512).string(sessionId).byte(SSH_MSG_USERAUTH_REQUEST.number);
            const data = claim(signed.string(userName).string("ssh-connection").string(name)).finish();
            let signature: Uint8Array;
            try {
              signature = key.sign(algorithm, data, random);
            } catch (error) {
              if (!(error instanceof SshError)) throw error;
              login.note(`the host key cannot sign: ${error.message}`);
              return false;
            }
            login.request(claim(new Writer(512)).string(signature).finish(), { failed: () => name });
            return true;
          },
        };
      },
    },
  };
}

/** Returns the first signature algorithm of the key that the server supports, as far as it said. */
function algorithmOf({ publicKey }: PrivateKey, login: ClientLogin): string | undefined {
  const supported = login.serverSigAlgs();
  return publicKey.algorithms.find(({ signatureName }) => supported?.includes(signatureName) ?? true)?.name;
}
