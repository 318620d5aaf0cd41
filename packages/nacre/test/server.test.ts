import { describe, expect, it } from "vitest";
import { served } from "./support/wire.ts";

describe("serve", () => {
  it("runs a command for a client that it let in", async () => {
    const { client, connection } = await served({
      session: async (session) => {
        const writer = session.stdout.getWriter();
        await writer.write(`hello ${session.user}, you ran ${session.command}\n`);
        return 7;
      },
    });
    expect(await client.exec("ls")).toMatchObject({ stdout: "hello alice, you ran ls\n", status: 7 });
    await client.close();
    expect((await connection.ended).code).toBe("disconnected");
  });
});
