import { heldBy, patch, type Row, remove } from "./types.ts";

const MESSAGES = "nacre/test/shared/messages";
const MASTER = "nacre/test/shared/master";
const SHARED = "nacre/test/shared/shared-connection";

/** Attacks of what listens at ControlPath in place of a master of OpenSSH, and harm done to a master. */
export const MASTERS: readonly Row[] = [
  {
    title: "master: malformed messages",
    client: [
      heldBy(
        MESSAGES,
        "master: a length that lies · client",
        patch("master-frame-length", "this.#frame = new Uint8Array(Math.min(length, 1000));"),
      ),
      heldBy(MESSAGES, "master: another version · client", remove("master-version")),
      heldBy(MESSAGES, "master: bytes behind an answer · client", remove("master-answer-end")),
      heldBy(MESSAGES, "master: the answer to another request · client", remove("master-answer-id")),
      heldBy(MASTER, "master: more than an answer · client", remove("master-unasked")),
      heldBy(MASTER, "master: a refusal in place of a connection · client", remove("master-shares")),
    ],
    server: "not touched",
  },
  {
    title: "master: silence",
    client: heldBy(MASTER, "master: silence · client", patch("master-silent", "2 ** 30")),
    server: "not touched",
  },
  {
    title: "master: packets that no master sends",
    client: [
      heldBy(SHARED, "master: messages for no channel · client", remove("master-packet-type")),
      heldBy(SHARED, "master: padding · client", remove("master-packet-padding")),
    ],
    server: "not touched",
  },
  {
    title: "master: a request that ends the connection of others",
    client: heldBy(
      SHARED,
      "master: a global request · client",
      patch("master-global-request", "mux.globalRequest(requestName, new Uint8Array());"),
    ),
    server: "not touched",
  },
  {
    title: "master: a socket of another user",
    client: [
      heldBy("cli/test/master", "master: a socket of another user · client", remove("master-owner")),
      heldBy("cli/test/master", "master: a path that others can change · client", remove("master-path")),
    ],
    server: "not touched",
  },
  {
    title: "master: a host key that was named",
    client: heldBy("cli/test/master", "master: a host key that was named · client", remove("master-host-keys")),
    server: "not touched",
  },
];
