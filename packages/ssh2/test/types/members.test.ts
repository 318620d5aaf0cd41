import { EventEmitter } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { AgentProtocol, BaseAgent, OpenSSHAgent } from "../../src/agent/agents.ts";
import { Channel } from "../../src/channel/channel.ts";
import { Client } from "../../src/client/client.ts";
import { ParsedKey } from "../../src/keys/parsed-key.ts";
import { IncomingClient } from "../../src/server/connection.ts";
import { Server } from "../../src/server/server.ts";
import { SFTP } from "../../src/sftp/sftp.ts";

const TYPES = join(import.meta.dirname, "../../types");
const declarations = readdirSync(TYPES)
  .map((file) => readFileSync(join(TYPES, file), "utf8"))
  .join("\n");

/** Classes by the name of their type, with the methods that are not part of the API, or that the type has from a class of Node. */
const CLASSES: readonly [name: string, made: { readonly prototype: object }, internal?: readonly string[]][] = [
  ["AgentProtocol", AgentProtocol],
  ["BaseAgent", BaseAgent],
  ["Channel", Channel, ["end"]],
  ["Client", Client],
  ["Connection", IncomingClient],
  ["OpenSSHAgent", OpenSSHAgent],
  ["ParsedKey", ParsedKey],
  ["Server", Server, ["listen", "address", "getConnections", "close", "ref", "unref"]],
  ["SFTPWrapper", SFTP, ["readData", "writeData", "send"]],
];

/** Returns the methods and accessors of a class and its own base classes. */
function membersOf({ prototype }: { readonly prototype: object }): readonly string[] {
  const names: string[] = [];
  for (
    let one: object | null = prototype;
    one !== null && one !== Object.prototype && one !== EventEmitter.prototype && one !== Duplex.prototype;
    one = Object.getPrototypeOf(one) as object | null
  )
    names.push(...Object.getOwnPropertyNames(one));
  return [...new Set(names)].filter((name) => name !== "constructor" && !name.startsWith("_"));
}

/** Returns the members that the types declare for a class or interface itself. */
function declaredMembers(name: string): readonly string[] {
  const [, body = ""] =
    new RegExp(`^export (?:abstract )?(?:class|interface) ${name}\\b[^{]*\\{\\n(.*?)^\\}`, "ms").exec(declarations) ??
    [];
  return [...body.matchAll(/^ {2}(?:abstract |static |readonly )*(\w+)\??[(:<]/gm)].map(([, member = ""]) => member);
}

test.each(CLASSES)("the types have each method of %s", (name, made, internal = []) => {
  const declared = declaredMembers(name);
  expect(declared).not.toEqual([]);
  expect(
    membersOf(made)
      .filter((member) => !declared.includes(member))
      .sort(),
  ).toEqual([...internal].sort());
});
