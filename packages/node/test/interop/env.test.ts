import { useServer } from "@nacre/testing/interop/server";
import { expect, test } from "vitest";

const server = useServer();
const env = { STAGE: "te'st", LIST: '$(id) `id` "\\ \n * ~', EMPTY: "", LC_X: "é" };
const print = 'printf "%s|" "$STAGE" "$LIST" "$EMPTY" "$LC_X" && sh -c \'printf %s "$STAGE"\'';

test("sshd drops variables that are requested, but none that the command sets", async () => {
  await using client = await server.connect();
  expect((await client.exec(print, { env })).stdout).not.toContain("te'st");
  const { stdout } = await client.exec(print, { env, envMode: "command" });
  expect(stdout).toBe(`${Object.values(env).join("|")}|te'st`);
});
