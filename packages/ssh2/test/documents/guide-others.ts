import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "@nacre/node";
import { expect } from "vitest";
import { SECRET } from "./host.ts";
import type { Effect, Effects, Stage } from "./stage.ts";

/** Runs a block that needs no connection, and then asserts. */
function both(assert: (stage: Stage) => void | Promise<void>): { readonly ssh2: Effect; readonly nacre: Effect } {
  const effect: Effect = async (stage, block) => {
    await stage.run(block);
    await assert(stage);
  };
  return { ssh2: effect, nacre: effect };
}

/** Logs in to the server of a block, and closes the connection after `use`. */
async function loggedIn(
  stage: Stage,
  password: string,
  use: (ssh: Awaited<ReturnType<typeof connect>>) => Promise<void>,
): Promise<void> {
  const options = { port: stage.listening, hostKey: () => true, identities: [], agent: false } as const;
  const ssh = await connect({ host: "127.0.0.1", user: "alice", password, ...options });
  try {
    await use(ssh);
  } finally {
    await ssh.close();
  }
}

/** What the blocks of the guide about servers and keys do. */
export const others: Effects = {
  "A server": both(async (stage) => {
    await loggedIn(stage, SECRET, async (ssh) => {
      expect(await ssh.exec("ls")).toMatchObject({ stdout: "ran ls\n" });
    });
    await expect(loggedIn(stage, "other", async () => {})).rejects.toMatchObject({ code: "auth-failed" });
  }),
  "SFTP of a server": both(async (stage) => {
    await loggedIn(stage, SECRET, async (ssh) => {
      const sftp = await ssh.sftp();
      expect(await sftp.readFile("/file", "utf8")).toBe("the only file");
      await sftp.close();
      expect(await readFile(join(stage.host.root, "file"), "utf8")).toBe("the only file");
    });
  }),
  Keys: both((stage) => {
    const [line, pem] = stage.printed;
    expect(line).toMatch(/^ssh-ed25519 [\w+/]{68}=*\s*$/);
    expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n[\w+/=]{60}\n-----END PUBLIC KEY-----\s*$/);
  }),
  Agents: both(async (stage) => {
    await stage.until(() => expect(stage.printed).toEqual(["1"]));
  }),
};
