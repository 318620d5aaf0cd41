import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { generateKeyPairSync as generate } from "../../src/keys/generate.ts";
import { parseKey } from "../../src/keys/parse-key.ts";

function rsa(bits: number): string {
  return generateKeyPairSync("rsa", {
    modulusLength: bits,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  }).privateKey;
}

let tiny: string;
let short: string;

beforeAll(() => {
  tiny = rsa(1008);
  short = rsa(1024);
});

afterEach(() => {
  delete process.env["NACRE_SSH2_MIN_RSA"];
});

/** Resolves with the warnings up to the next turn. */
async function warningsIn(run: () => unknown): Promise<readonly string[]> {
  const texts: string[] = [];
  const listener = ({ name, message }: Error): void => void texts.push(`${name}: ${message}`);
  process.on("warning", listener);
  onTestFinished(() => void process.off("warning", listener));
  run();
  await new Promise((resolve) => setImmediate(resolve));
  return texts;
}

test("refuses RSA keys below 1,024 bits, and warns once about those below 2,048", async () => {
  expect(parseKey(tiny)).toMatchObject({ message: expect.stringContaining("1008 bits") as unknown });
  const warnings = await warningsIn(() => {
    for (let i = 0; i < 3; i++) expect(parseKey(short)).not.toBeInstanceOf(Error);
    expect(parseKey(generate("rsa", { bits: 2048 }).private)).not.toBeInstanceOf(Error);
  });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^SecurityWarning: the private key is an RSA key of 1024 bits/);
});

test("NACRE_SSH2_MIN_RSA refuses shorter keys, private and public ones", () => {
  const line = (parseKey(short) as { getPublicSSH(): Buffer }).getPublicSSH();
  process.env["NACRE_SSH2_MIN_RSA"] = "2048";
  expect(parseKey(short)).toMatchObject({ message: expect.stringContaining("expected 2048 to") as unknown });
  expect(parseKey(line)).toMatchObject({ message: expect.stringContaining("expected 2048 to") as unknown });
});

test.each(["1023", "16385", "many", "2048.5", "-1"])("names an invalid NACRE_SSH2_MIN_RSA: %s", (value) => {
  process.env["NACRE_SSH2_MIN_RSA"] = value;
  expect(parseKey(short)).toEqual(
    new Error(`NACRE_SSH2_MIN_RSA is ${value}; set it to a number of bits from 1024 to 16384`),
  );
});
