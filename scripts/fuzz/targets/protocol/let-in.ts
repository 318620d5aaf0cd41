import type { PrivateKey } from "@nacre/keys";
import { SSH_MSG_SERVICE_ACCEPT, SSH_MSG_USERAUTH_PK_OK, SSH_MSG_USERAUTH_SUCCESS } from "@nacre/wire";

/** Returns the replies of a server that accepts the client's first key. A client with several keys queries each key before it signs. */
export function letIn({ publicKey }: PrivateKey): readonly Uint8Array[] {
  return [
    SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" }),
    SSH_MSG_USERAUTH_PK_OK.encode({ algorithm: publicKey.algorithms[0]!.name, publicKey: publicKey.blob }),
    SSH_MSG_USERAUTH_SUCCESS.encode({}),
  ];
}
