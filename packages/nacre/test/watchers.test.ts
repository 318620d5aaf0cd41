import { code } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { connect, serve } from "nacre";
import { expect, test } from "vitest";

const fails = (): never => {
  throw new Error("the disk is full");
};

test("exceptions of trace and keyLog are ignored on both sides", async () => {
  const { near, far } = wire();
  const connection = serve(far, { ...open, trace: fails, keyLog: fails, session: () => 3 });
  const client = await connect(near, { ...visitor, trace: fails, keyLog: fails });
  expect(await client.exec("x")).toMatchObject({ status: 3 });
  await client.close();
  expect(await connection.ended).toEqual(code("disconnected"));
});
