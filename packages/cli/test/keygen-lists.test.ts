import { mkdir, readFile, writeFile } from "node:fs/promises";
import { base64Decode, base64Encode, Writer } from "@nacre/wire";
import { beforeEach, describe, expect, test } from "vitest";
import lists from "../../../test-vectors/revocation-lists.json" with { type: "json" };
import signed from "../../../test-vectors/signed-files.json" with { type: "json" };
import { path, printed, run, said, useKeygen } from "./keygen-run.ts";

// test/verify/keygen-lists.test.ts compares many more command lines with ssh-keygen.

useKeygen();

const write = (name: string, content: string | Uint8Array): Promise<void> =>
  writeFile(path(name), content, { mode: 0o600 });

test("-l lists the keys of standard input", async () => {
  const [one, other] = lists.keys;
  expect(await run("-l -f -", `ssh-ed25519 ${one!.blob} me\nhost ssh-ed25519 ${other!.blob}\n`)).toBe(0);
  expect(printed).toMatch(/^256 SHA256:\S+ me \(ED25519\)\n\d+ SHA256:\S+ host \(\S+\)\n$/);
  await expect(run("-l -f -", "octopus\n")).rejects.toThrow("no key found in (stdin)");
});

test("-l shows a short RSA key, -k revokes it, and both leave a key without meaning aside", async () => {
  const short = base64Encode(
    new Writer()
      .string("ssh-rsa")
      .mpint(65537n)
      .mpint(2n ** 1023n + 1n)
      .finish(),
  );
  await write(
    "keys",
    `ssh-dss AAAAB3NzaC1kc3MAAAAB dsa\nssh-rsa ${short} old\nssh-ed25519 ${lists.keys[0]!.blob} me\n`,
  );
  expect(await run("-l -f @keys")).toBe(0);
  expect(printed).toMatch(/^1024 SHA256:\S+ old \(RSA\)\n256 SHA256:\S+ me \(ED25519\)\n$/);
  await write("old", `ssh-rsa ${short} old\n`);
  expect(await run("-k -q -f @list @old")).toBe(0);
  expect(await run("-Q -f @list @keys")).toBe(1);
  expect(printed).toBe(`${path("keys")} (old): REVOKED\n`);
  await write("hosts", `example.org ssh-rsa ${short}\n`);
  expect(await run("-l -F example.org -f @hosts")).toBe(0);
  expect(printed).toMatch(/example\.org RSA SHA256:\S+\n$/);
});

describe("-Y", () => {
  const { file, signatures } = signed.made;
  const { privateKey, signature } = signatures.find(({ key, hash }) => key === "ed25519" && hash === "sha512")!;

  beforeEach(async () => {
    await write("key", privateKey);
    await write("data", file);
    await write("sig", signature);
    expect(await run("-Y check-novalidate -n file -s @sig -Oprint-pubkey -q", file)).toBe(0);
    await write("signers", `alice,bob namespaces="file" ${printed}`);
  });

  test("signs and verifies as ssh-keygen does", async () => {
    expect(await run("-Y sign -n file -f @key @data")).toBe(0);
    expect(said).toBe(`Signing file ${path("data")}\nWrite signature to ${path("data")}.sig\n`);
    expect(await readFile(path("data.sig"), "utf8")).toBe(signature);
    expect(await run("-Y sign -q -n file -f @key", file)).toBe(0);
    expect([printed, said]).toEqual([signature, ""]);
    expect(await run("-Y verify -n file -f @signers -I bob -s @sig", file)).toBe(0);
    expect(printed).toMatch(/^Good "file" signature for bob with ED25519 key SHA256:\S+\n$/);
    expect(await run("-Y find-principals -f @signers -s @sig")).toBe(0);
    expect(printed).toBe("alice\nbob\n");
    expect(await run("-Y match-principals -f @signers -I bob")).toBe(0);
    expect(printed).toBe("alice,bob\n");
  });

  test("says that a directory cannot be signed", async () => {
    await mkdir(path("folder"));
    expect(await run("-Y sign -q -n file -f @key @folder")).toBe(255);
    expect(said).toMatch(/^(?:Signing|Cannot open) .*folder.*: \S.*\n$/);
  });

  test("refuses with the status of ssh-keygen", async () => {
    for (const line of [
      "-Y verify -n file -f @signers -I eve -s @sig",
      "-Y verify -n git -f @signers -I bob -s @sig",
      "-Y verify -n file -f @signers -I bob -s @sig -r @signers",
      "-Y verify -n file -f @missing -I bob -s @sig",
    ]) {
      expect(await run(line, file)).toBe(255);
      expect(printed).toBe("Could not verify signature.\n");
    }
    expect(await run("-Y verify -q -n file -f @signers -I bob -s @sig", "other")).toBe(255);
    expect(printed).toBe("");
    expect(await run("-Y match-principals -f @signers -I eve")).toBe(210);
    expect(said).toBe("No principal matched.\n");
    await write("spoilt", "eve octopus\n");
    expect(await run("-Y match-principals -f @spoilt -I bob")).toBe(210);
    expect(await run("-Y match-principals -f @spoilt -I eve")).toBe(252);
    expect(await run("-Y verify -n file -f @signers -I bob")).toBe(1);
    expect(await run("-Y dance")).toBe(1);
  });
});

describe("-k and -Q", () => {
  const [key] = lists.keys as [(typeof lists.keys)[0]];

  test("write a list, add to it and show it", async () => {
    await write("key.pub", `ssh-ed25519 ${key.blob} me\n`);
    await write("spec", "serial: 5-7\nserial: 9 # nine\nid: an id\n");
    expect(await run("-kf @list -z 3 @key.pub")).toBe(0);
    expect(printed).toBe(`Revoking from ${path("key.pub")}\n`);
    expect(await run("-qkuf @list -s none -C text @spec")).toBe(0);
    expect(printed).toBe("");
    expect(await run("-Qlf @list @key.pub")).toBe(1);
    expect(printed.replace(/at .*/, "at").replace(/SHA256:\S+/, "SHA256:")).toBe(
      `# KRL version 3\n# Generated at\n# Comment: text\n\nhash: SHA256: # ssh-ed25519\n\n# Wildcard CA\nserial: 5-7\nserial: 9\nid: an id\n${path("key.pub")} (me): REVOKED\n`,
    );
  });

  test("refuse lists and specifications that they do not understand", async () => {
    await write("list", base64Decode(lists.lists[1]!.bytes)!.subarray(0, 60));
    expect(await run("-Qf @list")).toBe(255);
    expect(said).toContain("Invalid KRL file");
    for (const line of ["serial: 1", "id: x", "serial: x", "hash: MD5:x", "hash: SHA256:x", "key: x", "words"]) {
      await write("spec", line);
      expect([line, await run("-kf @new @spec")]).toEqual([line, 255]);
      expect(printed).toBe("");
    }
    for (const line of ["serial: 0", "serial: 9-5", "serial: 5-5", "serial: 99999999999999999999"]) {
      await write("spec", line);
      expect([line, await run("-kf @new -s none @spec")]).toEqual([line, 255]);
    }
  });
});
