import { expect, test } from "vitest";
import { modeText } from "../src/mode-text.ts";

test.each([
  [0o100644, "-rw-r--r--"],
  [0o040755, "drwxr-xr-x"],
  [0o120777, "lrwxrwxrwx"],
  [0o010600, "prw-------"],
  [0o020600, "crw-------"],
  [0o060600, "brw-------"],
  [0o140600, "srw-------"],
  [0o104755, "-rwsr-xr-x"],
  [0o102644, "-rw-r-Sr--"],
  [0o041777, "drwxrwxrwt"],
  [0o041776, "drwxrwxrwT"],
  [0o644, "?rw-r--r--"],
  [0, "?---------"],
])("modeText returns mode %o as `ls -l` prints it", (mode, text) => {
  expect(modeText(mode)).toBe(text);
});
