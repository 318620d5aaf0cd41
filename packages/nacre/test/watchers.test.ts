import { code } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { connect, serve } from "nacre";
import { expect, test } from "vitest";

const fails = (): never => {
  throw new Error("the disk is full");
};

test("a trace and a key log that throw harm neither side", async () => {
  const { near, far } = wire();
  const connection = serve(far, { ...open, trace: fails, keyLog: fails, session: () => 3 });
  const client = await connect(near, { ...visitor, trace: fails, keyLog: fails });
  expect(await client.exec("x")).toMatchObject({ status: 3 });
  await client.close();
  expect(await connection.ended).toEqual(code("disconnected"));
});
