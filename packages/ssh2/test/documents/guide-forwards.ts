import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import type { Effect, Effects, Stage } from "./stage.ts";

/** Calls the function of a ssh2 block with a client, or runs a block of Nacre with `ssh`. */
const begin: { readonly ssh2: Effect; readonly nacre: Effect } = {
  ssh2: async (stage, block) => void (await stage.call(block)),
  nacre: (stage, block) => stage.runWithSsh(block),
};

function both(assert: (stage: Stage) => Promise<void>): { readonly ssh2: Effect; readonly nacre: Effect } {
  return {
    async ssh2(stage, block) {
      await begin.ssh2(stage, block);
      await assert(stage);
    },
    async nacre(stage, block) {
      await begin.nacre(stage, block);
      await assert(stage);
    },
  };
}

/** Connects to the port that a block listens on, writes, and resolves with what comes back. */
async function dial(stage: Stage, request: string): Promise<string> {
  const socket = connect({ port: stage.listening, host: "127.0.0.1", allowHalfOpen: true });
  socket.write(request);
  return text(socket);
}

/** What the blocks of the guide about forwarded connections do. */
export const forwards: Effects = {
  "Forward a local port": both(async (stage) => {
    expect(await dial(stage, "query")).toBe("database");
  }),
  "Forward a port of the server": both(async (stage) => {
    await stage.until(() => expect(stage.printed).toEqual(["listening"]));
    const answer = await dial(stage, "GET /remote HTTP/1.0\r\n\r\n");
    expect(answer).toMatch(/\r\n\r\npage \/remote$/);
  }),
  "Unix sockets": both(async (stage) => {
    await stage.until(() => expect(stage.output).toMatch(/\r\n\r\ndocker \/version$/));
  }),
  "HTTP requests": {
    async ssh2(stage, block) {
      await stage.run(block);
      await stage.until(() => expect(stage.output).toBe("page /status"));
    },
    async nacre(stage, block) {
      await stage.runWithSsh(block);
      await stage.until(() => expect(stage.output).toBe("page /status"));
    },
  },
};
