import { type Structure, structure } from "@nacre/wire";
import { uint32, untilEnd } from "./fields.ts";

/** One extension in SSH_FXP_INIT or SSH_FXP_VERSION. */
export interface ExtensionPair {
  /** Name, in printable US-ASCII. */
  readonly name: string;
  /** Data, defined by the extension. */
  readonly data: Uint8Array;
}

/** Fields of SSH_FXP_INIT and SSH_FXP_VERSION (draft-ietf-secsh-filexfer-02 §4). */
export interface Handshake {
  /** Highest SFTP version of the client, or the version that the server chose. */
  readonly version: number;
  /** Extensions of the sender. */
  readonly extensions: readonly ExtensionPair[];
}

const pairs = untilEnd<ExtensionPair>({
  read: (reader, name) => ({ name: reader.name(`${name}.name`), data: reader.string(`${name}.data`) }),
  write: (writer, pair) => writer.string(pair.name).string(pair.data),
});

export const init: Structure<Handshake> = structure("SSH_FXP_INIT", { version: uint32("version"), extensions: pairs });
export const version: Structure<Handshake> = structure("SSH_FXP_VERSION", {
  version: uint32("version"),
  extensions: pairs,
});
