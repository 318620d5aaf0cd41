import { expect, test } from "vitest";
import { sessionEnvironment } from "../src/ssh/environment.ts";

const OURS = { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8", FOO: "1", FOX: "2", gone: undefined };

test.each<[string[], string[], Record<string, string>]>([
  [[], [], { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8" }],
  [["FO?"], [], { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8", FOO: "1", FOX: "2" }],
  [["-LC_*", "FOO"], [], { LANG: "de_DE.UTF-8", FOO: "1" }],
  [["FOO", "-*"], [], {}],
  [["-*"], ["FOO=a=b", "FOO=c", "EMPTY="], { FOO: "a=b", EMPTY: "" }],
  [["FOO", "gone"], ["FOO=set"], { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8", FOO: "set" }],
])("SendEnv %j and SetEnv %j send %j", (sendEnv, setEnv, sent) => {
  expect(sessionEnvironment(sendEnv, setEnv, OURS)).toEqual(sent);
});
