import { decodePath, decodeReply, decodeRequest, encodePath, encodeReply, encodeRequest } from "@nacre/sftp";
import { attempt, expectEqual } from "../../contract.ts";
import type { Target } from "../../fuzzer/target.ts";
import { Input } from "../../input.ts";
import { playClient } from "./client-script.ts";
import { REQUEST_TYPES } from "./request-types.ts";
import { playServer } from "./server-script.ts";

/** A request without its length field. A decoded request must decode from its own encoding. */
export const sftpRequests: Target = {
  name: "sftp-requests",
  run: (packet) => {
    const request = attempt(() => decodeRequest(packet));
    if (request === undefined) return;
    const canonical = encodeRequest(1, request);
    expectEqual(decodeRequest(canonical), request, `${request.type} decoded again`);
  },
};

/** A reply without its length field. The first byte selects the type of the request. */
export const sftpReplies: Target = {
  name: "sftp-replies",
  run: (bytes) => {
    const input = new Input(bytes);
    const type = REQUEST_TYPES[input.byte() % REQUEST_TYPES.length]!;
    const packet = input.rest();
    const reply = attempt(() => decodeReply(packet, type));
    if (reply === undefined) return;
    const again = decodeReply(encodeReply(1, reply), type);
    // Replacement characters take more bytes than those they replace, so the text may be cut at another place.
    const texts =
      reply.type === "status"
        ? [reply.message, reply.languageTag]
        : "users" in reply
          ? [...reply.users, ...reply.groups]
          : [];
    if (texts.some((text) => text.includes("\ufffd"))) return;
    expectEqual(again, reply, `the reply to ${type} decoded again`);
  },
};

/** A path: any bytes without NUL survive as text. */
export const sftpPaths: Target = {
  name: "sftp-paths",
  run: (bytes) => {
    const text = decodePath(bytes);
    const again = attempt(() => encodePath(text));
    expectEqual(again, bytes.includes(0) ? undefined : new Uint8Array(bytes), "a path decoded and encoded");
  },
};

/** An SFTP client whose application and server follow the input. */
export const sftpClient: Target = { name: "sftp-client", run: playClient };

/** An SFTP server whose client and application follow the input. */
export const sftpServer: Target = { name: "sftp-server", run: playServer };
