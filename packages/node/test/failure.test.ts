import { SshError } from "@nacre/wire";
import { expect, test } from "vitest";
import { connect, listen } from "../src/index.ts";

/** Connects with options that throw `thrown` when read. */
function connectThrowing(thrown: unknown): Promise<unknown> {
  const options = {
    get host(): never {
      throw thrown;
    },
  };
  return connect(options).catch((error: unknown) => error);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

test.each([
  [
    "Deno's",
    named("NotCapable", 'Requires sys access to "username", run again with the --allow-sys flag'),
    "--allow-sys",
  ],
  [
    "Node's",
    Object.assign(new Error("Access to this API has been restricted"), { code: "ERR_ACCESS_DENIED" }),
    "restricted",
  ],
])("an operation denied by %s permissions is `usage`, with the runtime's message", async (_, error, words) => {
  const rejection = await connectThrowing(error);
  expect(rejection).toBeInstanceOf(SshError);
  expect(rejection).toMatchObject({ code: "usage", message: expect.stringContaining(words), cause: error });
});

test.each([
  ["an error", new TypeError("invalid type"), "invalid type"],
  ["a string", "a string\x1b", "a string\\x1b"],
])("%s that is thrown unexpectedly becomes `internal` with its cause", async (_, cause, words) => {
  const rejection = await connectThrowing(cause);
  expect(rejection).toBeInstanceOf(SshError);
  expect(rejection).toMatchObject({ code: "internal", message: expect.stringContaining(words), cause });
});

test("listen also rejects with an SshError", async () => {
  const cause = new RangeError("no keys");
  const options = {
    port: 0,
    authenticate: () => false,
    get hostKeys(): never {
      throw cause;
    },
  };
  const rejection = await listen(options).catch((error: unknown) => error);
  expect(rejection).toBeInstanceOf(SshError);
  expect(rejection).toMatchObject({ code: "internal", cause });
});
