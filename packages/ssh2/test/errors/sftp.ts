import { join } from "node:path";
import type { SFTPWrapper } from "ssh2";
import { type Answers, oneFile, openSftp, type Reply, untyped } from "../parity/sftp-peers.ts";
import { answerOf, type Provocations, type Provoke, thrownBy } from "./provoking.ts";

const HANDLE = Buffer.from("handle");

/** Opens SFTP to a server with these answers, and passes it on. */
function opened(answers: Answers, use: (sftp: SFTPWrapper) => unknown): Provoke {
  return async (implementation, peers) => use((await openSftp(implementation, () => {}, peers, answers)).sftp);
}

/** Gets a status in reply to STAT. Without a text, ssh2's server sends an empty one. */
function status(code: number, text = ""): Provoke {
  const answers = {
    STAT: ({ sftp, id }: Reply) => {
      // The method of ssh2's server would add a text of its own.
      if (text === "") sendStatus(sftp, id, code);
      else sftp.status(id, code, text);
    },
  };
  return opened(answers, (sftp) => answerOf((callback) => sftp.stat("file", callback)));
}

/** Sends SSH_FXP_STATUS with an empty text. */
function sendStatus(sftp: SFTPWrapper, id: number, code: number): void {
  const packet = Buffer.alloc(21);
  packet.writeUInt32BE(17, 0);
  packet[4] = 101;
  packet.writeUInt32BE(id, 5);
  packet.writeUInt32BE(code, 9);
  const { _protocol: protocol, outgoing } = sftp as unknown as {
    readonly _protocol: { channelData(id: number, data: Buffer): void };
    readonly outgoing: { readonly id: number };
  };
  protocol.channelData(outgoing.id, packet);
}

/** Calls a method that throws. */
function throwing(call: (sftp: SFTPWrapper) => unknown): Provoke {
  return opened({}, (sftp) => thrownBy(() => call(sftp)));
}

export const sftpCallbacks: Provocations = {
  "End of file": status(1),
  "No such file or directory": status(2),
  "Permission denied": status(3),
  Failure: status(4),
  "Operation unsupported": status(8),
  "the server's text, if it sends one": status(4, "the server's text, if it sends one"),
  "No response from server": async (implementation, peers) => {
    const { sftp, socket } = await openSftp(implementation, () => {}, peers, { STAT: () => void socket.destroy() });
    return answerOf((callback) => sftp.stat("file", callback));
  },
  "Unexpected end of file": async (implementation, peers) => {
    const answers = oneFile(Buffer.from("text"), { FSTAT: (reply) => reply.attrs({ size: 10, mode: 0o100644 }) });
    const { sftp } = await openSftp(implementation, () => {}, peers, answers);
    return answerOf((callback) => sftp.fastGet("file", join(peers.folder, "got"), callback));
  },
};

export const sftpMethodsThrow: Provocations = {
  "handle is not a Buffer": throwing((sftp) => sftp.close("handle" as never, () => {})),
  "buffer is not a Buffer": throwing((sftp) => sftp.read(HANDLE, "text" as never, 0, 1, 0, () => {})),
  "offset is out of bounds": throwing((sftp) => sftp.read(HANDLE, Buffer.alloc(1), 2, 1, 0, () => {})),
  "length extends beyond buffer": throwing((sftp) => sftp.read(HANDLE, Buffer.alloc(1), 0, 2, 0, () => {})),
  "Unknown flags string: FLAGS": throwing((sftp) => sftp.open("file", "z" as never, () => {})),
  "Bad arguments": throwing((sftp) => sftp.readFile("file", 7 as never, () => {})),
  "Server does not support this extended request": throwing((sftp) =>
    untyped(sftp)["ext_openssh_statvfs"]!("/", () => {}),
  ),
};

export const sftpErrors: Provocations = {
  "…": opened({ STAT: ({ sftp, id }: Reply) => sftp.handle(id, HANDLE) }, (sftp) => {
    const error = new Promise((resolve) => void sftp.on("error", resolve));
    sftp.stat("file", () => {});
    return error;
  }),
};
