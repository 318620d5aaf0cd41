import { expect } from "vitest";
import type { Effects } from "./stage.ts";

/** Text that `uname -a` prints, here and on the host. */
const UNAME = /^\w+ .+\n$/;

/** What the blocks of the guide about connections do. */
export const connections: Effects = {
  "Connect and run a command": {
    async ssh2(stage, block) {
      await stage.run(block);
      await stage.until(() => expect(stage.output).toMatch(UNAME));
    },
    async nacre(stage, block) {
      await stage.run(block);
      expect(stage.output).toMatch(UNAME);
    },
  },
  "Host keys": {
    async ssh2(stage, block) {
      const [right, wrong] = [block.code, block.code.replace('digest("base64")', 'digest("hex")')];
      await stage.run({ ...block, code: right });
      const errors: string[] = [];
      await stage.run({ ...block, code: wrong });
      for (const client of stage.clients) client.on("error", ({ message }) => errors.push(message));
      await stage.until(() => expect(errors.length).toBe(2));
      // The block names no method to log in.
      expect(errors.toSorted()).toEqual([
        "All configured authentication methods failed",
        "Host denied (verification failed)",
      ]);
    },
    async nacre(stage, block) {
      const known = await stage.read("known_hosts");
      await stage.write("known_hosts", "");
      await stage.run(block);
      expect(await stage.read("known_hosts")).toBe(known);
      const wrong = { ...block, code: block.code.replace(/SHA256:[\w+/]+/, `SHA256:${"A".repeat(43)}`) };
      await expect(stage.run(wrong)).rejects.toMatchObject({ code: "host-key-refused" });
    },
  },
  "Log in": {
    async ssh2(stage, block) {
      await stage.run(block);
      stage.clients[0]!.on("error", ({ message }) => stage.printed.push(message));
      stage.clients[0]!.on("ready", () => stage.printed.push("ready"));
      await stage.until(() => expect(stage.printed).toEqual(["ready"]));
      expect(stage.host.logins).toEqual(["publickey"]);
    },
    async nacre(stage, block) {
      await stage.run(block);
      expect(stage.host.logins).toEqual(["publickey"]);
    },
  },
  "Answer questions": {
    async ssh2(stage, block) {
      await stage.run(block);
      await stage.until(() => expect(stage.host.logins).toEqual(["keyboard-interactive"]));
      expect(stage.printed).toEqual([]);
    },
    async nacre(stage, block) {
      await stage.run(block);
      expect(stage.host.logins).toEqual(["keyboard-interactive"]);
    },
  },
  "Choose each attempt to log in": {
    async ssh2(stage, block) {
      await stage.run(block);
      await stage.until(() => expect(stage.host.logins).toEqual(["password"]));
      expect(stage.printed).toEqual([]);
    },
    async nacre(stage, block) {
      await stage.run(block);
      expect(stage.host.logins).toEqual(["password"]);
    },
  },
  "A jump host": {
    async ssh2(stage, block) {
      await stage.run(block);
      for (const client of stage.clients) client.on("close", () => stage.printed.push("closed"));
      await stage.until(() => expect(stage.printed).toEqual(["ready", "closed", "closed"]));
    },
    async nacre(stage, block) {
      await stage.run(block);
      expect(stage.printed).toEqual(["ready"]);
      expect(stage.host.logins).toEqual(["publickey", "publickey"]);
    },
  },
  "The end of a connection": {
    async ssh2(stage, block) {
      await stage.call(block);
      await stage.until(() => expect(stage.printed).toEqual(["closed"]));
    },
    async nacre(stage, block) {
      await stage.runWithSsh(block);
      await stage.until(() => expect(stage.printed).toEqual(["closed"]));
    },
  },
};
