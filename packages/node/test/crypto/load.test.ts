import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expectError } from "@nacre/testing/errors";
import { expect, test } from "vitest";
import { importNow } from "../../src/crypto/import-now.ts";

/** Returns the output of a program that runs from the sources in a new process. */
function printedBy(program: string): string {
  const options = ["--conditions=@nacre/source", "--import", "tsx", "--input-type=module", "-e", program];
  const cwd = fileURLToPath(new URL("../../", import.meta.url));
  return execFileSync(process.execPath, options, { cwd, encoding: "utf8" });
}

test("noble's ML-KEM is imported on first use if it was not loaded before", () => {
  const program = `
    const { mlKem768 } = await import("./src/crypto/ml-kem.ts");
    console.log(mlKem768.keyPair((length) => new Uint8Array(length)).publicKey.length);`;
  expect(printedBy(program)).toBe("1184\n");
});

test("noble's chacha20-poly1305 is imported on first use if WebAssembly is forbidden and it was not loaded before", () => {
  const program = `
    const { chacha20Poly1305 } = await import("./src/crypto/chacha20-poly1305.ts");
    delete globalThis.WebAssembly;
    const none = new Uint8Array(0);
    const slab = new Uint8Array(80);
    chacha20Poly1305.createSealer({ key: new Uint8Array(64), iv: none, macKey: none }, undefined).seal(0, slab, 0, 64);
    console.log(Buffer.from(slab.subarray(0, 4)).toString("hex"));`;
  // RFC 8439 §A.1 #1.
  expect(printedBy(program)).toBe("76b8e0ad\n");
});

test("the sources do not import createRequire, because webpack warns about calls that it cannot resolve", () => {
  const folder = new URL("../../src/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  expect(files).toContain(join("crypto", "import-now.ts"));
  for (const file of files)
    expect(readFileSync(new URL(file, folder), "utf8"), file).not.toMatch(/from "(?:node:)?module"/);
});

test("importNow throws `usage` for a missing module", () => {
  expectError("usage", () => importNow("@nacre/not-there"));
  expect(() => importNow("@nacre/not-there")).toThrow("loadAlgorithms()");
});
