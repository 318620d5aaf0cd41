import { expect, test } from "vitest";
import { defaultPatterns, sessionEnvironment } from "../src/ssh/environment.ts";
import { temporaryFolder } from "./support.ts";

const OURS = { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8", FOO: "1", FOX: "2", gone: undefined };
const LOCALE = { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8" };

test.each<[string[], string[], Record<string, string>]>([
  [[], [], LOCALE],
  [["FO?"], [], { ...LOCALE, FOO: "1", FOX: "2" }],
  [["*"], ["FOO=a=b", "FOO=c", "EMPTY="], { ...LOCALE, FOO: "a=b", FOX: "2", EMPTY: "" }],
  [["FOO", "gone"], ["FOO=set"], { ...LOCALE, FOO: "set" }],
])("SendEnv %j and SetEnv %j send %j", (sendEnv, setEnv, sent) => {
  expect(sessionEnvironment({ sendEnv, setEnv }, ["LANG", "LC_*"], OURS)).toEqual(sent);
});

test("LANG and LC_* are sent where the system has no file that says so, and -F names none", async () => {
  const folder = await temporaryFolder();
  expect(defaultPatterns(undefined, `${folder}/none`)).toEqual(["LANG", "LC_*"]);
  expect(defaultPatterns(undefined, folder)).toEqual([]);
  expect(defaultPatterns("none", `${folder}/none`)).toEqual([]);
});
