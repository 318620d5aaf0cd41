import { expect, test } from "vitest";
import { type About, ROWS } from "../../src/connect/config-rows.ts";

const homeOf = (user: string): string | undefined => (user === "bob" ? "/b" : undefined);

test("paths may be in the home folder of another user", () => {
  const about = { local: { home: "/h", homeOf }, tokens: { u: "me" }, environment: {} } as unknown as About;
  const row = ROWS.certificateFile!;
  expect(row(["~bob/%u", "/x/~bob/y"], about)).toEqual({ certificateFiles: ["/b/me", "/x/~bob/y"] });
  expect(() => row(["~eve/y"], about)).toThrow("there is no user eve");
});
