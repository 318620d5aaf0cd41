import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { expectError } from "../../../keys/test/support.ts";
import { importNow } from "../../src/crypto/import-now.ts";

/** What a program prints that runs from the sources, in a process in which nothing has been imported yet. */
function printedBy(program: string): string {
  const options = ["--conditions=@nacre/source", "--import", "tsx", "--input-type=module", "-e", program];
  const cwd = fileURLToPath(new URL("../../", import.meta.url));
  return execFileSync(process.execPath, options, { cwd, encoding: "utf8" });
}

test("noble's ML-KEM is imported when it is used, where nobody has awaited it", () => {
  const program = `
    const { nobleMlKem768 } = await import("./src/crypto/ml-kem.ts");
    console.log(nobleMlKem768.keyPair((length) => new Uint8Array(length)).publicKey.length);`;
  expect(printedBy(program)).toBe("1184\n");
});

test("noble's Poly1305 is imported when it is used, where WebAssembly is forbidden and nobody has awaited it", () => {
  const program = `
    const { poly1305 } = await import("./src/crypto/poly1305/index.ts");
    delete globalThis.WebAssembly;
    console.log(poly1305(new Uint8Array(1), new Uint8Array(32)).length);`;
  expect(printedBy(program)).toBe("16\n");
});

test("what is not to be found is said", () => {
  expectError("usage", () => importNow("@nacre/not-there"));
  expect(() => importNow("@nacre/not-there")).toThrow("loadAlgorithms()");
});
