import { onSystem, WINDOWS } from "@nacre/testing/windows";
import { describe, expect, test } from "vitest";
import {
  type AccessTools,
  isExposed,
  isWriteAccess,
  restrictAccess,
  windowsExposure,
} from "../../src/windows/access.ts";

const OWN = "S-1-5-21-1-2-3-1001";
const OTHER = "S-1-5-21-1-2-3-1002";
const HOME = "C:\\Users\\alice";
const PRIVATE = `f\r\nD:PAI(A;;FA;;;${OWN})(A;;FA;;;SY)(A;;FA;;;BA)\r\n`;

/** Access lists by path; others are private. Notes the programs that were run. */
function fakeTools(lists: Readonly<Record<string, string>> = {}): AccessTools & { readonly programs: string[] } {
  const programs: string[] = [];
  return {
    programs,
    run: async (program, words) => {
      programs.push([program, ...words].join(" "));
      return program === "whoami.exe" ? `"pc\\alice","${OWN}"\r\n` : "";
    },
    saved: async (path) => lists[path] ?? PRIVATE,
    realpath: async (path) => path,
  };
}

describe("an access list", () => {
  const exposed = (list: string): boolean => isExposed(list, [OWN], isWriteAccess);

  test.each([
    ["of this account, the system and administrators", PRIVATE, false],
    ["with everybody who may read", "D:(A;;FA;;;SY)(A;;0x1200a9;;;WD)(A;;FR;;;BU)(A;;FRFX;;;AU)", false],
    ["with another account that may write", `D:(A;;FA;;;${OWN})(A;ID;0x1301bf;;;${OTHER})`, true],
    ["with another account that may change the list", `D:(A;;WD;;;${OTHER})`, true],
    ["with an account that may write with a condition", `D:(A;;FA;;;${OWN})(XA;;FA;;;${OTHER};(a))`, true],
    ["before a list of what is logged", `D:(A;;FA;;;${OWN})S:(AU;FA;FA;;;WD)`, false],
    ["that denies others everything", `D:(D;;FA;;;WD)(A;;FA;;;${OWN})`, false],
    ["whose entry for others is only for new files", `D:(A;OICIIO;FA;;;${OTHER})(A;;FA;;;${OWN})`, false],
    ["that others inherit with the folder", `D:(A;OICI;FA;;;${OTHER})`, true],
    ["that is missing, so that everybody may do everything", "O:BAG:BA", true],
    ["that is empty in the file", "", true],
  ])("%s", (_, list, expected) => {
    expect(exposed(list)).toBe(expected);
  });
});

describe("a file with a secret on Windows", () => {
  test("is for this account, whose name does not matter", async () => {
    const tools = fakeTools();
    expect(await restrictAccess("C:\\key", tools)).toBeUndefined();
    expect(tools.programs).toEqual([
      "whoami.exe /user /fo csv /nh",
      `icacls.exe C:\\key /inheritance:r /grant:r *${OWN}:F /grant:r *S-1-5-18:F /grant:r *S-1-5-32-544:F`,
    ]);
  });

  test("is not called private unless its list says so", async () => {
    const readable = `f\r\nD:(A;;FA;;;${OWN})(A;;FR;;;BU)`;
    expect(await restrictAccess("C:\\key", fakeTools({ "C:\\key": readable }))).toBe(
      "other accounts still have access to it",
    );
    const failing = { ...fakeTools(), saved: () => Promise.reject(new Error("no such file")) };
    expect(await restrictAccess("C:\\key", failing)).toBe("icacls failed: no such file");
    const nameless = { ...fakeTools(), run: async () => "" };
    expect(await restrictAccess("C:\\key", nameless)).toBe("icacls failed: whoami printed no identifier");
  });
});

describe("a file with commands on Windows", () => {
  const file = `${HOME}\\.ssh\\config`;

  test("may not be written by another account, nor its folders up to the home folder", async () => {
    onSystem(WINDOWS);
    expect(await windowsExposure(file, HOME, fakeTools())).toBeUndefined();
    const writable = `D:(A;;FA;;;${OTHER})`;
    for (const path of [file, `${HOME}\\.ssh`, HOME])
      expect(await windowsExposure(file, HOME, fakeTools({ [path]: writable }))).toBe(
        `other accounts can write ${path}`,
      );
    expect(await windowsExposure(file, HOME, fakeTools({ "C:\\Users": writable }))).toBeUndefined();
  });

  test("is in the home folder", async () => {
    for (const path of ["C:\\ProgramData\\ssh\\ssh_config", `${HOME}2\\config`, HOME])
      expect(await windowsExposure(path, HOME, fakeTools())).toContain("only files in the home folder");
    expect(await windowsExposure("c:\\users\\ALICE\\config", HOME, fakeTools())).toBeUndefined();
  });

  test("is refused if its list cannot be read", async () => {
    const failing = { ...fakeTools(), saved: () => Promise.reject(new Error("denied")) };
    expect(await windowsExposure(file, HOME, failing)).toBe("its access list cannot be read: denied");
  });
});
