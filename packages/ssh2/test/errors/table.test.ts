import { readFileSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";
import { describe, expect, test } from "vitest";
import { CONNECTION_ERRORS } from "../../src/connection-errors.ts";
import { ERROR_TABLE, type ErrorRow } from "../../src/error-table.ts";
import * as entry from "../../src/index.ts";
import type { Ssh2 } from "../parity/case.ts";
import { type Run, runCase } from "../parity/run-case.ts";
import { differencesIn } from "../parity/suite.ts";
import { channelMethodsThrow, clientCallbacks, clientMethodsThrow } from "./connected.ts";
import { clientErrors, connectThrows } from "./connecting.ts";
import { agentCallbacks, generateThrows, parseKeyReturns, serverErrors, serverThrows } from "./others.ts";
import type { Provocations, Provoke } from "./provoking.ts";
import { sftpCallbacks, sftpErrors, sftpMethodsThrow } from "./sftp.ts";
import { tableOf } from "./table-text.ts";

// Provokes every error of the table, with ssh2 and with this package.

const README = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

const PROVOCATIONS: Readonly<Record<string, Provocations>> = {
  "`connect` throws": connectThrows,
  "`error` of `Client`": clientErrors,
  "methods of `Client` throw": clientMethodsThrow,
  "callbacks of `Client`": clientCallbacks,
  "methods of a channel throw": channelMethodsThrow,
  "callbacks of SFTP": sftpCallbacks,
  "methods of SFTP throw": sftpMethodsThrow,
  "`error` of SFTP": sftpErrors,
  "`new Server` throws": serverThrows,
  "`error` of a server's connection": serverErrors,
  "`utils.parseKey` returns": parseKeyReturns,
  "`utils.generateKeyPairSync` throws": generateThrows,
  "callbacks of agents": agentCallbacks,
};

/** Limit of a run, in milliseconds. */
const MAX_RUN = 20_000;
/** The same for errors that ssh2 may never report. */
const MAX_SILENCE = 1000;

const lines = ERROR_TABLE.flatMap((row) => row.messages.map((message) => ({ row, message, where: row.where })));

describe("the table of errors", () => {
  test("is that of README", () => {
    expect(README).toContain(tableOf(ERROR_TABLE));
  });

  test("has the errors that these tests provoke, and no others", () => {
    const provoked = Object.entries(PROVOCATIONS).flatMap(([where, all]) =>
      Object.keys(all).map((message) => `${where}: ${message}`),
    );
    expect(provoked.toSorted()).toEqual(lines.map(({ where, message }) => `${where}: ${message}`).toSorted());
  });

  test("has every message of ssh2 that the end of a connection gets", () => {
    const messages = Object.values(CONNECTION_ERRORS).flatMap(({ message }) =>
      typeof message === "string" ? [message] : [],
    );
    expect(messages.length).toBeGreaterThan(5);
    expect(messages.filter((one) => !lines.some(({ message }) => message === one))).toEqual([]);
  });

  test("has no difference from ssh2 without a line in README's table of differences", () => {
    const named = ERROR_TABLE.flatMap(({ differs }) => differs ?? []);
    expect(named.filter((one) => !differencesIn(README).has(one.toLowerCase()))).toEqual([]);
  });

  test.each(lines)("$where: $message", async ({ row, message, where }) => {
    const provoke = PROVOCATIONS[where]![message]!;
    const ours = await provoked(provoke, entry as unknown as Ssh2);
    expect(ours).toEqual({ record: [["error", expected(row, message)]], failure: undefined });
    const differs = row.differs !== undefined;
    const theirs = await provoked(provoke, ssh2, differs ? MAX_SILENCE : MAX_RUN);
    if (differs) expect(theirs.record).not.toEqual(ours.record);
    else expect(theirs).toEqual(ours);
  });
});

function provoked(provoke: Provoke, implementation: Ssh2, limit = MAX_RUN): Promise<Run> {
  return runCase(
    {
      name: "",
      section: "",
      run: async (one, record, peers) => record("error", await provoke(one, peers)),
    },
    implementation,
    { ssh2 },
    limit,
  );
}

/** Words of messages that stand for values or for texts of other programs. */
const PLACEHOLDER = /…|\b(?:ADDRESS|FLAGS|HOST|NAME|NUMBER|PATH|PORT|VALUE)\b/;

/** What the case records for an error of this line. */
function expected({ code, level, number }: ErrorRow, message: string): unknown {
  const parts = message.split(PLACEHOLDER).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const own: Record<string, unknown> = { error: expect.stringMatching(new RegExp(`^${parts.join(".*")}$`)) };
  if (code !== undefined) own["code"] = code;
  if (level !== undefined) own["level"] = level;
  const name = /^`(\w+)`/.exec(number ?? "")?.[1];
  if (name !== undefined) own[name] = expect.any(Number);
  return own;
}
