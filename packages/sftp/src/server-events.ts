import type { AskToken, SshError } from "@nacre/wire";
import type { LimitsRequest } from "./messages/extensions.ts";
import type { SftpRequest } from "./table.ts";

/** Request that a server passes to its application. The server itself answers "limits". */
export type SftpServerRequest<Handle> = Exclude<SftpRequest<Handle>, LimitsRequest>;

/** Event of an `SftpServer`. `Handle` is the application's value for an open file or directory. */
export type SftpServerEvent<Handle> =
  /**
   * A request of the client. Answer it once, with its token and one of the server's methods. Handles are replaced by the application's
   * values. Byte strings belong to the receiver, with their buffer, which holds only this request.
   */
  | {
      readonly type: "request";
      readonly token: AskToken;
      /** Number that the client gave the request. A client may use a number again while the earlier request is pending. */
      readonly id: number;
      readonly request: SftpServerRequest<Handle>;
    }
  /** SFTP ended with this handle open. Release it; no request uses it any more. */
  | { readonly type: "release"; readonly handle: Handle }
  /**
   * SFTP ended: by `end`, or with an error because the client violated the protocol. Last event: it follows the answers to all requests
   * and the release of all handles.
   */
  | { readonly type: "closed"; readonly error: SshError | undefined };
