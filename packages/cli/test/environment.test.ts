import { expect, test } from "vitest";
import { defaultEnvironment } from "../src/ssh/environment.ts";
import { temporaryFolder } from "./support.ts";

const OURS = { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8", FOO: "1", LANGUAGE: "de", gone: undefined };

test("LANG and LC_* are sent where the system has no file that says so, and -F names none", async () => {
  const folder = await temporaryFolder();
  const none = `${folder}/none`;
  const sent = { LANG: "de_DE.UTF-8", LC_ALL: "C", LC_CTYPE: "C.UTF-8" };
  expect(defaultEnvironment({ setEnv: [] }, undefined, OURS, none)).toEqual(sent);
  expect(defaultEnvironment({ setEnv: ["LC_ALL=x", "LC_CTYPE="] }, undefined, OURS, none)).toEqual({ LANG: sent.LANG });
  expect(defaultEnvironment({ setEnv: [] }, undefined, OURS, folder)).toEqual({});
  expect(defaultEnvironment({ setEnv: [] }, "none", OURS, none)).toEqual({});
});
