import { readFileSync } from "node:fs";
import * as ciphers from "@nacre/ciphers";
import * as kex from "@nacre/kex";
import { defaultCertificateAlgorithms, defaultSignatureAlgorithms } from "@nacre/keys";
import type { TransportAlgorithms } from "@nacre/transport";
import { defaultAlgorithms, defaultServerAlgorithms } from "nacre/defaults";
import type { OptionRow } from "nacre/extend";
import { expect, test } from "vitest";
import { clientAlgorithms, serverAlgorithms } from "../src/crypto/algorithms.ts";
import { SFTP_SERVER_OPTIONS } from "../src/disk/handler.ts";
import { TCP_FORWARDING_OPTIONS } from "../src/listen/tcp-forwarding.ts";

// Checks the table of algorithms in the README of nacre, offered by clients and servers against the lists in the code.

const KINDS = ["kex", "hostKeys", "ciphers", "macs"] as const;
const nodeAlgorithms = clientAlgorithms("openssl");
const nodeServerAlgorithms = serverAlgorithms("openssl");
const rows = tableOf(readFileSync(new URL("../../nacre/README.md", import.meta.url), "utf8"));

test("every algorithm has a row, by kind, in the order in which a client on Node offers them", () => {
  expect(rows.map(({ name }) => name)).toEqual(KINDS.flatMap((kind) => nodeAlgorithms[kind].map(({ name }) => name)));
  const named = [
    ...Object.values(kex),
    ...Object.values(ciphers),
    ...defaultSignatureAlgorithms,
    ...defaultCertificateAlgorithms,
  ].map(({ name }) => name);
  // Passkeys of pages log in and are no host keys.
  const offered = named.filter((name) => !name.startsWith("webauthn-"));
  expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(offered));
});

test.each(rows)("$name is $client for a client and $server for a server", ({ name, client, server }) => {
  expect(client).toBe(status(name, nodeAlgorithms, defaultAlgorithms));
  expect(server).toBe(status(name, nodeServerAlgorithms, defaultServerAlgorithms));
});

interface Row {
  readonly name: string;
  readonly client: string;
  readonly server: string;
}

/** Returns the rows of the table with the head `| name | client | server |` that contain a name. Rows in italics name the kind. */
function tableOf(readme: string): Row[] {
  const [, body = ""] = /^\| name \| client \| server \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)*)/m.exec(readme) ?? [];
  return body
    .trimEnd()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .flatMap(([, name = "", client = "", server = ""]) => (name.startsWith("*") ? [] : [{ name, client, server }]));
}

/** Returns the text that the table should contain. */
function status(name: string, onNode: TransportAlgorithms, onNoble: TransportAlgorithms): string {
  const [node, noble] = [onNode, onNoble].map((list) => place(name, list));
  if (node === noble) return node!;
  if (node === "default" && noble === "available") return "default on Node";
  if (node === "available" && noble === "default") return "default on noble";
  return `${node} on Node, ${noble} on noble`;
}

function place(name: string, list: TransportAlgorithms): "default" | "available" | "opt-in" {
  const at = KINDS.map((kind) => list[kind].findIndex((one) => one.name === name)).find((index) => index >= 0);
  if (at === undefined) return "opt-in";
  return at === 0 ? "default" : "available";
}

test("the table of `tcpForwarding` has all options in order, with their defaults", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, body = ""] =
    /### Forwarding for clients[\s\S]*?\| option \| default \| meaning \|\n\| --- .*\n((?:\|.*\n)*)/.exec(readme) ?? [];
  const listed = Array.from(body.matchAll(/^\| `(\w+)` \| (.*?) \|/gm), ([, name, value]) => [name, value]);
  const rows = Object.entries(TCP_FORWARDING_OPTIONS as Readonly<Record<string, OptionRow>>);
  expect(listed.map(([name]) => name)).toEqual(rows.map(([name]) => name));
  for (const [name, { default: value }] of rows)
    if (value !== undefined) expect([name, listedDefault(value)]).toEqual(listed.find(([one]) => one === name));
});

test("the table of `sftpServer` has all options", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, body = ""] =
    /### Files for clients[\s\S]*?\| option \| default \| meaning \|\n((?:\|.*\n)*)/.exec(readme) ?? [];
  const listed = Array.from(body.matchAll(/^\| `(.*?)` \|/gm), ([, names]) => names!.split("`, `")).flat();
  expect(new Set(listed)).toEqual(new Set(Object.keys(SFTP_SERVER_OPTIONS)));
});

/** Returns a default as the table shows it. */
function listedDefault(value: unknown): string {
  if (typeof value === "boolean") return `${value}`;
  return typeof value === "number" ? value.toLocaleString("en-US") : `\`${JSON.stringify(value)}\``;
}
