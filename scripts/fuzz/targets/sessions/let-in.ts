import type { PrivateKey } from "@nacre/keys";
import { SSH_MSG_SERVICE_ACCEPT, SSH_MSG_USERAUTH_PK_OK, SSH_MSG_USERAUTH_SUCCESS } from "@nacre/wire";

/** Replies of a server that admits a client whose first of several keys is this one: such a client queries before it signs. */
export function letIn({ publicKey }: PrivateKey): readonly Uint8Array[] {
  return [
    SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" }),
    SSH_MSG_USERAUTH_PK_OK.encode({ algorithm: publicKey.algorithms[0]!.name, publicKey: publicKey.blob }),
    SSH_MSG_USERAUTH_SUCCESS.encode({}),
  ];
}
