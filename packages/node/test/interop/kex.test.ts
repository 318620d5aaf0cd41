import * as kex from "@nacre/kex";
import { defaultAlgorithms } from "nacre/defaults";
import { expect, test } from "vitest";
import { useServer } from "./support/server.ts";

// Each key exchange method on noble with an sshd that has them all: what was negotiated is read from the sshd's own log.

const methods = Object.values(kex);
const server = useServer({
  logLevel: "DEBUG1",
  // OpenSSH has these three, but offers none of them by default.
  config: ["KexAlgorithms +diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512"],
});

test.for(methods)("$name", async (method) => {
  await using client = await server.connect({ algorithms: { ...defaultAlgorithms, kex: [method] } });
  expect(client.info.negotiated.kex.name).toBe(method.name);
  expect(await client.exec("echo $((6 * 7)); exit 3")).toMatchObject({ stdout: "42\n", status: 3 });
});

test("the server's log names each of them once", async () => {
  const log = await server.sshd.log();
  const named = [...log.matchAll(/kex: algorithm: (\S+)/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(methods.map(({ name }) => name)));
  expect(named).toHaveLength(methods.length);
});
