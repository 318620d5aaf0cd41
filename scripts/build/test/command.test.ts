import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mlKem768 } from "@nacre/kex/ml-kem";
import { expect, onTestFinished, test } from "vitest";
import { bundleCommand } from "../command.ts";

const { files, outputs } = await bundleCommand();

test("`nacre HOST` loads three files, with its own code only", () => {
  const loaded = filesOf("packages/cli/src/main.ts", "packages/cli/src/ssh/ssh.ts");
  expect(loaded.size).toBe(3);
  const modules = [...loaded].flatMap((file) => Object.keys(outputs[file]!.inputs));
  expect(modules).toContain("packages/protocol/src/client-protocol.ts");
  expect(
    modules.filter((module) =>
      /@noble\/|packages\/(?:sftp|files|gateway|node\/src\/listen)\/|-server\.ts/.test(module),
    ),
  ).toEqual([]);
});

test("`nacre --version` loads no connection", () => {
  const bytes = [...filesOf("packages/cli/src/main.ts")].map((file) => outputs[file]!.bytes);
  expect(bytes.reduce((sum, one) => sum + one)).toBeLessThan(3_000);
});

test("`nacre -G` names algorithms without their code, and loads a module of Node when it needs it", () => {
  const ofPart = Object.entries(outputs).filter(([file]) => dirname(file) === "packages/cli/dist/config");
  const modules = ofPart.flatMap(([, { inputs }]) => Object.keys(inputs));
  expect(modules).toContain("packages/node/src/crypto/algorithms.ts");
  expect(
    modules.filter((module) => /@noble|packages\/(?:kex|keys|ciphers)|aes|hmac\.ts|verify\.ts/.test(module)),
  ).toEqual([]);
  const importing = ofPart.filter(([file]) => /from "node:(?:crypto|child_process)"/.test(files.get(file)!));
  const onDemand = ["packages/node/src/net/run-command.ts", "packages/node/src/windows/access.ts"];
  const found = importing.map(([, { inputs }]) => onDemand.find((file) => file in inputs));
  expect(new Set(found)).toEqual(new Set(onDemand));
});

test("the command contains every package except `ws` and optional ones", () => {
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  const external = imports.filter((one) => one.external === true && !/^(?:node:|\.)/.test(one.path));
  expect([...new Set(external.map(({ path }) => path))].sort()).toEqual(["@lydell/node-pty", "redis", "ws"]);
});

test.each(["ciphers", "kex", "kex-ml-kem", "keys"])("portable code of `importNow` is in %s.js", (name) => {
  const importing = [...files].filter(([, text]) => text.includes(`"./" + specifier.replace("@nacre/", "")`));
  expect(importing.map(([path]) => dirname(path))).toEqual(["packages/cli/dist", "packages/cli/dist/commands"]);
  for (const [path] of importing) expect(files.get(join(dirname(path), `${name}.js`))).toMatch(/export \{/);
});

test("every file that another one imports exists", () => {
  for (const [path, { imports }] of Object.entries(outputs))
    for (const { path: other, external } of imports.filter((one) => one.path.startsWith("./") || !one.external))
      expect(files.keys()).toContain(external ? join(dirname(path), other) : other);
});

test("ML-KEM hashes with node:crypto", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nacre-command-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "kex-ml-kem.js"), files.get("packages/cli/dist/kex-ml-kem.js")!);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const { mlKem768: bundled } = (await import(join(folder, "kex-ml-kem.js"))) as { mlKem768: typeof mlKem768 };
  const [ours, nobles] = [bundled.keyPair(random), mlKem768.keyPair(random)];
  expect(ours.publicKey).toEqual(nobles.publicKey);
  const sent = mlKem768.encapsulate(ours.publicKey, random);
  expect(bundled.encapsulate(ours.publicKey, random)).toEqual(sent);
  expect(ours.decapsulate(sent.ciphertext)).toEqual(sent.sharedSecret);
  // A ciphertext that was changed gives the same secret as noble's (implicit rejection).
  const changed = sent.ciphertext.with(0, sent.ciphertext[0]! ^ 1);
  expect(ours.decapsulate(changed)).toEqual(nobles.decapsulate(changed));
  expect(ours.decapsulate(changed)).not.toEqual(sent.sharedSecret);
});

function random(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 3);
}

/** Returns the files that load with these entry modules, without `import()`. */
function filesOf(...modules: readonly string[]): Set<string> {
  const entries = Object.entries(outputs).filter(([, { entryPoint }]) => modules.includes(entryPoint ?? ""));
  expect(entries).toHaveLength(modules.length);
  const found = new Set(entries.map(([file]) => file));
  for (const file of found)
    for (const { path, kind, external } of outputs[file]!.imports)
      if (kind === "import-statement" && external !== true) found.add(path);
  return found;
}
