import { code, failure } from "@nacre/testing/nacre/outcomes";
import { expect, test } from "vitest";
import { openMemorySftp } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/sftp.ts.

test("sftp: a listed name that is a path · client", async () => {
  for (const name of ["a/b", "", "/", "../up"]) {
    let isListed = false;
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "readdir" || isListed) return false;
        isListed = true;
        const filename = new TextEncoder().encode(name);
        machine.names(token, [{ filename, longname: new Uint8Array(0), attributes: {} }]);
        return true;
      },
    });
    expect(await failure(sftp.readdir("."))).toEqual(code("malformed-message"));
    await expect.poll(() => server.server.handleCount).toBe(0);
  }
});
